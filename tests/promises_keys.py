"""Promises of keys, and of what a file declares among the records; a part of `tests.promises.PROMISES`."""

KEYS: dict[str, tuple[str, str]] = {
    "keys.last-use": (
        "docs/how-to/a-company.md",
        "When a key was last used is told with it, by whichever gateway, and is no change of it.",
    ),
    "keys.one-pepper": (
        "docs/how-to/postgresql.md",
        "A gateway whose key.pepper is another than the one that the keys of its database were made with does not"
        " start, and says what to do.",
    ),
    "registry.filed": (
        "docs/how-to/keys-and-grants.md",
        "What the file declares is shown among the records to whoever may see it, and a change of it is refused with"
        " the file and the line.",
    ),
}
