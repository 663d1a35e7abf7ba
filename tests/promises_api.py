"""Promises of the REST API; a part of `tests.promises.PROMISES`."""

API: dict[str, tuple[str, str]] = {
    "api.networks": (
        "docs/explanation/security.md",
        "A key that is for certain networks is refused at the API from others, as at the MCP endpoints.",
    ),
}
