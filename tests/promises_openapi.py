"""Promises of the import of OpenAPI documents; a part of `tests.promises.PROMISES`."""

OPENAPI: dict[str, tuple[str, str]] = {
    "openapi.github": (
        "docs/how-to/openapi.md",
        "GitHub's whole document becomes a server of 23 chosen operations, of at most 8,000 tokens, in ten seconds.",
    ),
    "openapi.real": (
        "docs/how-to/openapi.md",
        "Documents as packages hold them, of every version and style, become connectors that pass every lint.",
    ),
    "openapi.hostile": (
        "docs/how-to/openapi.md",
        "No document, however wrong or hostile, does more than to be refused, or to have operations left out.",
    ),
    "openapi.names": (
        "docs/how-to/openapi.md",
        "Names are a verb and what it is about, of one form, and no other operation in the document moves them.",
    ),
    "openapi.arguments": (
        "docs/how-to/openapi.md",
        "Arguments are one flat object, without what shows a credential or a version.",
    ),
    "openapi.chosen": (
        "docs/how-to/openapi.md",
        "Nothing is chosen by itself, and what a choice becomes is shown with its size before it is registered.",
    ),
    "openapi.again": (
        "docs/how-to/openapi.md",
        "A newer document changes nothing before what is different was told and taken.",
    ),
}
