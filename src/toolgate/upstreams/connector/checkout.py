"""Which commit is checked out in a folder, read from git's own files.

No program is run: what a repository configures for git (hooks, monitors of the file system) is code, and this one may
have been made by others. Source: gitrepository-layout(5).
"""

import re
from pathlib import Path

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REF = re.compile(r"refs/[A-Za-z0-9][A-Za-z0-9._/+@-]{0,250}")
_MOST_BYTES = 4 * 1024 * 1024


def commit_of(folder: Path) -> str:
    """The commit of the checkout that the folder is in; empty where it is in none, or that cannot be read."""
    try:
        git = _git(folder.resolve())
        return "" if git is None else _head(git)
    except (OSError, UnicodeDecodeError):
        return ""


def _git(folder: Path) -> Path | None:
    """The directory of git; of a worktree or submodule its own."""
    for above in (folder, *folder.parents):
        found = above / ".git"
        if found.is_dir():
            return found
        if found.is_file():
            line = _text(found).strip()
            return (above / line.removeprefix("gitdir:").strip()) if line.startswith("gitdir:") else None
    return None


def _head(git: Path) -> str:
    head = _text(git / "HEAD").strip()
    if not head.startswith("ref:"):
        return head if _COMMIT.fullmatch(head) else ""
    name = head.removeprefix("ref:").strip()
    if not _REF.fullmatch(name) or ".." in name:
        return ""
    where = git / "commondir"
    shared = (git / _text(where).strip()) if where.is_file() else git
    for place in (git, shared):
        if (place / name).is_file():
            found = _text(place / name).strip()
            return found if _COMMIT.fullmatch(found) else ""
    packed = shared / "packed-refs"
    lines = _text(packed).splitlines() if packed.is_file() else []
    found = next((line.partition(" ")[0] for line in lines if line.partition(" ")[2] == name), "")
    return found if _COMMIT.fullmatch(found) else ""


def _text(file: Path) -> str:
    with file.open("rb") as opened:
        return opened.read(_MOST_BYTES).decode()
