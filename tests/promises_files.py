"""Promises of the file server; a part of `tests.promises.PROMISES`."""

FILES: dict[str, tuple[str, str]] = {
    "files.confined": (
        "docs/reference/filesystem.md",
        "Nothing outside a served directory is read or written, whatever a path, a link or another process does.",
    ),
}
