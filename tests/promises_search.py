"""Promises of search and of the tools in the registry; a part of `tests.promises.PROMISES`."""

SEARCH: dict[str, tuple[str, str]] = {
    "search.seen": (
        "docs/how-to/search.md",
        "A search finds what one may call and what one may see in the registry, as both are at that moment.",
    ),
    "search.no-leak": (
        "docs/how-to/search.md",
        "What one may neither call nor see changes no hit, no order, no count, no near word and no page.",
    ),
    "search.commands": (
        "docs/reference/cli.md",
        "Servers and tools are found by words on the command line, and tools described, labelled and paused.",
    ),
    "tools.described": (
        "docs/how-to/search.md",
        "What the registry says of a tool is what clients are shown, and a paused tool is offered to nobody.",
    ),
    "tools.discovered": (
        "docs/reference/api.md",
        "The API answers what a server was found to offer, word for word, with its eras and protocol versions.",
    ),
}
