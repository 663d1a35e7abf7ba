"""The one primitive of this kind: opens names beneath an open directory, and nothing else in the world.

Everything that is read, listed, written or asked about goes through `Confinement.open`, relative to a descriptor; what
changes a directory is then done with the `*at` calls on the parent's descriptor and one plain name. No path is ever
resolved a second time, so that nobody can exchange what was judged for something else.

Symbolic links are never followed, in no component; see `links` for those that are resolved first. Names never hold a
slash, and are never `.` or `..`: that is what `places` is for.
"""

import errno
import os
import stat
from collections.abc import Sequence
from typing import Literal, Protocol

from toolgate.upstreams.filesystem import syscalls

O_PATH: int = getattr(os, "O_PATH", 0)
O_NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
O_DIRECTORY: int = getattr(os, "O_DIRECTORY", 0)
O_CLOEXEC: int = getattr(os, "O_CLOEXEC", 0)
O_NONBLOCK: int = getattr(os, "O_NONBLOCK", 0)
O_NOCTTY: int = getattr(os, "O_NOCTTY", 0)

READ = os.O_RDONLY | O_NONBLOCK | O_NOCTTY
"""For files: a pipe or a terminal must neither block the thread nor become ours."""

LIST = os.O_RDONLY | O_DIRECTORY
LOOK = O_PATH or READ
"""To ask about what is there. On Linux that opens nothing, and needs no permission to read."""

SUPPORTED = os.open in os.supports_dir_fd and O_NOFOLLOW != 0
"""Whether names can be opened relative to a directory here: Linux and macOS, not Windows."""


class Confinement(Protocol):
    name: str

    def open(self, directory: int, names: Sequence[str], flags: int) -> int:
        """A descriptor for what has these names beneath the directory. Raises OSError: ELOOP for a symbolic link, EXDEV
        for another file system."""
        ...


class Openat2:
    """`openat2(2)`: the kernel itself resolves the names beneath the directory, or fails."""

    name = "openat2"

    def __init__(self, *, mounts: bool = False) -> None:
        self._resolve = (syscalls.RESOLVE_BENEATH | syscalls.RESOLVE_NO_MAGICLINKS | syscalls.RESOLVE_NO_SYMLINKS) | (
            0 if mounts else syscalls.RESOLVE_NO_XDEV
        )

    def open(self, directory: int, names: Sequence[str], flags: int) -> int:
        path = os.fsencode("/".join(names) or ".")
        return syscalls.openat2(directory, path, flags | O_CLOEXEC, self._resolve)


class Walk:
    """One component after the other, none of them followed: for systems without `openat2`."""

    name = "walk"

    def __init__(self, *, mounts: bool = False) -> None:
        self._mounts = mounts

    def open(self, directory: int, names: Sequence[str], flags: int) -> int:
        home = None if self._mounts else _mount(directory)
        here, opened = directory, -1
        try:
            for place, name in enumerate(names or (".",)):
                last = place >= len(names) - 1
                opened = self._step(here, name, flags if last else LOOK | O_DIRECTORY)
                if O_PATH and flags & O_PATH and stat.S_ISLNK(os.fstat(opened).st_mode):
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                if home is not None and _mount(opened) != home:
                    raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
                if here != directory:
                    os.close(here)
                here, opened = opened, -1
        except BaseException:
            for descriptor in {opened, here} - {directory, -1}:
                os.close(descriptor)
            raise
        return here

    @staticmethod
    def _step(directory: int, name: str, flags: int) -> int:
        try:
            return os.open(name, flags | O_NOFOLLOW | O_CLOEXEC, dir_fd=directory)
        except NotADirectoryError:
            # Linux says this of a symbolic link, too, which is worth another word.
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if stat.S_ISLNK(found.st_mode):
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
            raise


def _mount(descriptor: int) -> tuple[str, int]:
    """What tells one mount from another. Linux knows mounts of one file system at two places apart, by `mnt_id`; where
    that cannot be read, the device number must do."""
    try:
        with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("mnt_id:"):
                    return "mount", int(line.split()[1])
    except (OSError, ValueError):
        pass
    return "device", os.fstat(descriptor).st_dev


def choose(wanted: Literal["auto", "openat2", "walk"], *, mounts: bool) -> Confinement | None:
    """The confinement that was asked for; None where this system has it not."""
    if not SUPPORTED:
        return None
    if wanted != "walk" and syscalls.has_openat2():
        return Openat2(mounts=mounts)
    return None if wanted == "openat2" else Walk(mounts=mounts)
