"""What a walk passes over: the version control's own directory, and what the `.gitignore` files on the way say.

Only those from the beginning of the walk downwards and those above it within the root count; a user's global rules and
`.git/info/exclude` are not read.
"""

import os
from collections.abc import Sequence

from toolgate.upstreams.filesystem.confinement import READ
from toolgate.upstreams.filesystem.files import Files
from toolgate.upstreams.filesystem.globs import Rule, ignored, lenient
from toolgate.upstreams.filesystem.places import Place, Root

LARGEST = 256 * 1024
MOST_LINES = 2_000
OWN = (".git", ".hg", ".svn")


class Ignoring:
    """The rules that hold where a walk stands, those of the nearest directory last."""

    def __init__(self, files: Files, start: Place) -> None:
        self._files = files
        self._levels: list[tuple[int, int, tuple[Rule, ...]]] = []
        """(level of the walk, how many names lead to it, rules); those above the beginning are at level -1."""
        self._base = len(start.names)
        for length in range(len(start.names)):
            self._above(start.root, start.names[:length])

    def enter(self, directory: int, level: int, has_rules: bool) -> None:
        if has_rules:
            self._levels.append((level, self._base + level, self._read(directory)))

    def leave(self, level: int) -> None:
        if self._levels and self._levels[-1][0] == level:
            self._levels.pop()

    def skips(self, names: Sequence[str], name: str, directory: bool) -> bool:
        """Whether what has this name in the directory with these names is passed over."""
        if directory and name in OWN:
            return True
        for _, length, rules in reversed(self._levels):
            said = ignored(rules, "/".join((*names[length:], name)), directory)
            if said is not None:
                return said
        return False

    def _above(self, root: Root, names: Sequence[str]) -> None:
        try:
            descriptor = self._files.confinement.open(self._files.descriptor(root), (*names, ".gitignore"), READ)
        except OSError:
            return
        self._levels.append((-1, len(names), _rules(descriptor)))

    def _read(self, directory: int) -> tuple[Rule, ...]:
        try:
            return _rules(self._files.open_in(directory, ".gitignore", READ))
        except OSError:
            return ()


def _rules(descriptor: int) -> tuple[Rule, ...]:
    try:
        data = os.read(descriptor, LARGEST)
    except OSError:
        return ()
    finally:
        os.close(descriptor)
    return lenient(data.decode("utf-8", "replace").splitlines()[:MOST_LINES])
