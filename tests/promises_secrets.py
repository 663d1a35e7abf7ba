"""Promises about stored secrets and their data keys; a part of `tests.promises.PROMISES`."""

SECRETS: dict[str, tuple[str, str]] = {
    "secrets.live": (
        "docs/explanation/administration.md",
        "A replaced secret is shown by the calls of a second later; none is refused for it, and those under way go on.",
    ),
    "secrets.from-the-file-alone": (
        "docs/reference/configuration.md",
        "`store:NAME` may stand in the file where records are kept, and is refused with `--state none`.",
    ),
}
