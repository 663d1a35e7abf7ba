"""Promises of the catalogue; a part of `tests.promises.PROMISES`."""

CATALOG: dict[str, tuple[str, str]] = {
    "catalog.vendors": (
        "docs/how-to/catalog.md",
        "Each vendor's own server is in the catalogue with its address, and with headers or a sign-in that it takes.",
    ),
    "catalog.tried": (
        "docs/how-to/catalog.md",
        "A credential that does not work is saved nowhere, and none is in an output, a log or a file in clear.",
    ),
    "catalog.rights": (
        "docs/how-to/catalog.md",
        "Who may not publish gets a draft, and nothing of theirs reaches a private network or shows a stored secret.",
    ),
    "catalog.own": (
        "docs/how-to/catalog.md",
        "A server made of an organisation's entry has all of it in its record, and a broken entry costs no other.",
    ),
}
