"""Promises of connectors; a part of `tests.promises.PROMISES`."""

from tests.promises_lookups import LOOKUPS

CONNECTORS: dict[str, tuple[str, str]] = {
    **LOOKUPS,
    "connectors.tools": (
        "docs/extend/connectors.md",
        "Every tool of a connector that comes with Toolgate asks and answers as its fixture says.",
    ),
    "connectors.confined": (
        "docs/how-to/connectors.md",
        "No argument, answer or page token leads a request to a path, host, header or repository that is not allowed.",
    ),
    "connectors.secrets": (
        "docs/how-to/connectors.md",
        "A credential is in no parameter, result, error or log, also where the product repeats it.",
    ),
    "connectors.bounded": (
        "docs/how-to/connectors.md",
        "An answer is cut at the border of a row, says so, and the rest can be had; who is busy is asked later.",
    ),
    "connectors.budget": (
        "docs/how-to/connectors.md",
        "What may be looked at and made of one answer is bounded, and large answers are read while others go on.",
    ),
    "connectors.definition": (
        "docs/extend/connectors.md",
        "A connector can stand whole in its server's settings, judged as one in a folder, and told by its fields.",
    ),
    "connectors.search": (
        "docs/extend/connectors.md",
        "In search mode two tools find and call operations, each judged as if it were a tool of its own.",
    ),
    "connectors.told": (
        "docs/extend/connectors.md",
        "What is wrong with a connector is told with file, line, field and reason, before anything of it is served.",
    ),
}
