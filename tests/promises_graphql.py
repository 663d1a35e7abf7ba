"""Promises of GraphQL APIs as servers; a part of `tests.promises.PROMISES`."""

GRAPHQL: dict[str, tuple[str, str]] = {
    "graphql.persisted": (
        "docs/how-to/graphql.md",
        "Nothing but the administrator's operations is sent, to the byte; what a model gives stays a variable's value.",
    ),
    "graphql.judged": (
        "docs/how-to/graphql.md",
        "An operation is judged against the schema and the limits, its fragments put in, before anything is served.",
    ),
    "graphql.typed": (
        "docs/how-to/graphql.md",
        "Variables are told as JSON Schema made of their types, and values are held to it before anything is sent.",
    ),
    "graphql.told": (
        "docs/how-to/graphql.md",
        "Errors are told so that a model can act; where a part is missing, the data is shown with a note.",
    ),
    "graphql.confined": (
        "docs/how-to/graphql.md",
        "Requests and credentials go to the one endpoint; a credential that is repeated is hidden.",
    ),
    "graphql.paged": (
        "docs/how-to/graphql.md",
        "Long answers are cut between rows, and a list goes on by a sealed token for the arguments it was given for.",
    ),
    "graphql.recorded": (
        "docs/how-to/graphql.md",
        "What is added by files holds them in its record, with the part of the schema that its operations use.",
    ),
}
