"""Paths as callers write them, and what they mean: a root, and names beneath it. Nothing here touches a disk."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

import msgspec

from toolgate.upstreams.filesystem.failures import Failure

LONGEST_PATH = 4096
LONGEST_NAME = 255
"""Bytes, as everywhere."""

_IGNORABLE = dict.fromkeys((0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF, *range(0x202A, 0x202F)))
"""Characters that some file systems pass over when they compare names."""


class Root(msgspec.Struct, frozen=True):
    """One directory that is served. `paths` are the absolute paths, in names, that lead to it."""

    alias: str
    path: Path
    paths: tuple[tuple[str, ...], ...]
    writable: bool


class Place(msgspec.Struct, frozen=True):
    """Something in a root, whether it exists or not. `shown` is how it is written here; `.` is the root alone."""

    root: Root
    names: tuple[str, ...]
    shown: str

    @property
    def name(self) -> str:
        return self.names[-1] if self.names else self.root.alias


class Places:
    """The roots, and the reading of paths into them. With one root, paths are relative to it; with several, they begin
    with its name. An absolute path is taken where it leads into a root."""

    def __init__(self, roots: Sequence[Root]) -> None:
        self.roots = tuple(roots)
        self._by_alias = {root.alias: root for root in roots}

    def read(self, text: str) -> Place:
        """Raises Failure."""
        names = self._names(text)
        if text.startswith("/"):
            return self._absolute(text, names)
        if len(self.roots) == 1:
            return self.at(self.roots[0], names)
        root = self._by_alias.get(names[0]) if names else None
        if root is None:
            raise Failure(f"`{text[:200]}`: a path begins with the name of a root here: {self._aliases()}")
        return self.at(root, names[1:])

    def starts(self, text: str) -> Sequence[Place]:
        """The same, where `.` may mean all roots. Raises Failure."""
        if len(self.roots) > 1 and not text.startswith("/") and not self._names(text):
            return tuple(self.at(root, ()) for root in self.roots)
        return (self.read(text),)

    def at(self, root: Root, names: tuple[str, ...]) -> Place:
        shown = "/".join(names if len(self.roots) == 1 else (root.alias, *names))
        return Place(root, names, shown or ".")

    def of(self, alias: str, names: tuple[str, ...]) -> Place | None:
        root = self._by_alias.get(alias)
        return None if root is None else self.at(root, names)

    def under(self, place: Place, name: str) -> Place:
        return self.at(place.root, (*place.names, name))

    def _absolute(self, text: str, names: tuple[str, ...]) -> Place:
        leads = [
            (len(path), root) for root in self.roots for path in root.paths if names[: len(path)] == path
        ]  # fmt: skip
        if not leads:
            raise Failure(f"`{text[:200]}` is outside of what is served here; {self._advice()}")
        length, root = max(leads, key=lambda lead: lead[0])
        return self.at(root, names[length:])

    def _names(self, text: str) -> tuple[str, ...]:
        """The names of a path, with `.` left out and each `..` taking one away. Raises Failure."""
        flaw = path_flaw(text)
        if flaw is not None:
            raise Failure(f"`{_printable(text)}`: {flaw}")
        names: list[str] = []
        for name in text.split("/"):
            if name == "..":
                if not names:
                    raise Failure(f"`{text[:200]}` leads out of what is served here; {self._advice()}")
                names.pop()
            elif name not in ("", "."):
                names.append(name)
        return tuple(names)

    def _aliases(self) -> str:
        return ", ".join(f"`{root.alias}`" for root in self.roots)

    def _advice(self) -> str:
        if len(self.roots) == 1:
            return "write paths relative to the directory that is, as `notes/today.md`"
        return f"begin with one of {self._aliases()}"


def path_flaw(text: str) -> str | None:
    """Why this text is no path that can be looked for; None when it is one."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "is no text in Unicode"
    if any(unicodedata.category(character) == "Cc" for character in text):
        return "a path holds no control characters"
    if text == "~" or text.startswith("~/"):
        return "`~` is not the home directory here: write the path relative to what is served"
    if size > LONGEST_PATH or any(len(name.encode()) > LONGEST_NAME for name in text.split("/")):
        return f"is too long: a path has at most {LONGEST_PATH} bytes, each name in it {LONGEST_NAME}"
    return None


def new_name_flaw(name: str) -> str | None:
    """Why nothing new may get this name, although it may be read where it exists."""
    if "\\" in name:
        return "has a backslash in its name: directories are separated by `/` here"
    if name != name.strip() or name.translate(_IGNORABLE) != name:
        return "has a name that begins or ends with a blank, or holds characters that cannot be seen"
    return None


def compared(name: str) -> str:
    """A name as the least particular file system compares it, for rules that must not be got round by spelling."""
    if name.isascii():
        return name.lower().rstrip(". ")
    return unicodedata.normalize("NFKC", name.translate(_IGNORABLE)).casefold().rstrip(". ")


def listed_name(name: str) -> str:
    """A name from a directory as it can be said; names that are no text are shown with their bytes."""
    if name.isascii():
        return name
    try:
        name.encode()
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return name


def is_text(name: str) -> bool:
    """Whether a name from a directory can be written by a caller."""
    return listed_name(name) == name


def _printable(text: str) -> str:
    return text[:200].encode("utf-8", "backslashreplace").decode().encode("unicode_escape").decode("ascii")
