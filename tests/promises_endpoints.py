"""Promises of single endpoints as servers; a part of `tests.promises.PROMISES`."""

ENDPOINTS: dict[str, tuple[str, str]] = {
    "endpoints.typed": (
        "docs/how-to/one-endpoint.md",
        "A method and a URL are a server with one tool; what stands in braces, and what is named, are its arguments.",
    ),
    "endpoints.curl": (
        "docs/how-to/one-endpoint.md",
        "A pasted curl command is read without being run, and what cannot be taken of it is told with its reason.",
    ),
    "endpoints.secrets": (
        "docs/how-to/one-endpoint.md",
        "Secrets of a request come into no record, file, message or repr: they are sealed apart, and named.",
    ),
    "endpoints.operations": (
        "docs/how-to/one-endpoint.md",
        "A grant can allow single operations of a large API, by the condition on its argument.",
    ),
}
