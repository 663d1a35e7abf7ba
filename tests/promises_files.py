"""Promises of the file server; a part of `tests.promises.PROMISES`."""

FILES: dict[str, tuple[str, str]] = {
    "files.confined": (
        "docs/reference/filesystem.md",
        "Nothing outside a served directory is read or written, whatever a path, a link or another process does.",
    ),
    "files.whole": (
        "docs/reference/filesystem.md",
        "A file is there whole, old or new, also when the process is killed while it writes.",
    ),
    "files.read-only": (
        "docs/how-to/files.md",
        "Nothing is written unless a directory is said to be writable, and nothing that is denied or protected then.",
    ),
    "files.alone": (
        "docs/how-to/files.md",
        "One command serves a directory: over stdio, and over HTTP with a key.",
    ),
    "files.told": (
        "docs/reference/filesystem.md",
        "Whoever subscribes to a file is told when it changes, goes, or comes back.",
    ),
    "files.as-npm": (
        "docs/reference/filesystem.md",
        "Ordinary work gives what the npm server gives, where both have the tool.",
    ),
}
