"""Promises about stored secrets and their data keys; a part of `tests.promises.PROMISES`."""

SECRETS: dict[str, tuple[str, str]] = {
    "secrets.live": (
        "docs/explanation/administration.md",
        "A replaced secret is shown by the calls of a second later; none is refused for it, and those under way go on.",
    ),
    "secrets.rotation-killed": (
        "docs/explanation/administration.md",
        "A process that is killed while it rotates the data key loses no secret, and the next rotation finishes it.",
    ),
    "secrets.rotation-live": (
        "docs/explanation/administration.md",
        "The data key is rotated under a live gateway: values stay, no server is opened anew, and the old key is gone.",
    ),
    "secrets.from-the-file-alone": (
        "docs/reference/configuration.md",
        "`store:NAME` may stand in the file where records are kept, and is refused with `--state none`.",
    ),
}
