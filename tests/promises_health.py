"""Promises of health, drift and registration; a part of `tests.promises.PROMISES`."""

HEALTH: dict[str, tuple[str, str]] = {
    "health.known": (
        "docs/how-to/health.md",
        "Every server that is served is asked how it is; a dead one is known as such, and comes back by itself.",
    ),
    "health.apart": (
        "docs/how-to/health.md",
        "A server that is dead or silent holds up neither the start nor a change of another.",
    ),
    "health.drift": (
        "docs/how-to/health.md",
        "What is offered otherwise than accepted is named, also after a restart, until somebody accepts it.",
    ),
    "health.visible": (
        "docs/how-to/health.md",
        "Health and drift are told to whoever may see the server; accepting takes the right to publish.",
    ),
    "health.discovery": (
        "docs/how-to/health.md",
        "What a server offers is asked by its own named credential, never a caller's; callers see that or less.",
    ),
    "health.dry-run": (
        "docs/how-to/add-a-server.md",
        "A dry run finds and lints what a registration does, and changes nothing.",
    ),
}
