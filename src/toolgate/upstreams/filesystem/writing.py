"""Changes to directories. At every moment there is the whole old file or the whole new one, also when the power goes; a
file that nothing was there before reaches the disk when the system takes it there, as with other programs."""

import errno
import os
import secrets
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager, suppress

from toolgate.upstreams.filesystem.confinement import LIST, O_CLOEXEC, O_NOFOLLOW
from toolgate.upstreams.filesystem.failures import Failure, of_error
from toolgate.upstreams.filesystem.files import Files
from toolgate.upstreams.filesystem.places import Place
from toolgate.upstreams.filesystem.syscalls import rename_new

TRASH = ".toolgate-trash"

_to_disk = getattr(os, "fdatasync", os.fsync)

_STALE_SECONDS = 3600.0
_MOST_SWEPT = 512
_LOCKS = 64


class Writer:
    """Writes of one server. Two calls that change the same path follow each other."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._locks = tuple(threading.Lock() for _ in range(_LOCKS))
        self._swept: OrderedDict[tuple[int, int], None] = OrderedDict()

    @contextmanager
    def alone(self, place: Place) -> Generator[None]:
        """Held from reading a file until it is written, so that no edit is lost between two callers of this gateway."""
        with self._locks[hash((place.root.alias, place.names)) % _LOCKS]:
            yield

    def write(self, place: Place, data: bytes, *, replace: bool = True, seen: os.stat_result | None = None) -> bool:
        """Makes the file, or replaces it in one step. `seen` is what it was when it was read: another one now is
        refused. Returns whether there was one before."""
        if self._files.protection.wrong_type(place.name):
            raise Failure(
                f"`{place.shown}`: only files of these types are written: {' '.join(self._files.protection.types)}"
            )
        with self._files.writing(place) as parent:
            before = self._files.existing(parent, place)
            if before is None:
                self._files.refuse_new_name(place)
            else:
                self._judge(before, place, replace=replace)
            if seen is not None and (before is None or _differs(before, seen)):
                raise Failure(f"`{place.shown}` was changed by somebody else meanwhile; read it again")
            self._sweep(parent)
            try:
                self._put(parent, place, data, before, new=before is None)
            except FileExistsError:
                raise Failure(f"`{place.shown}` was made by somebody else meanwhile; read it again") from None
            except OSError as error:
                raise of_error(error, place.shown) from error
            return before is not None

    def make_directory(self, place: Place) -> bool:
        """With all that it lies in. Returns whether anything was made."""
        if not place.names:
            return False
        self._files.refuse_write(place)
        made = False
        for length in range(1, len(place.names) + 1):
            part = self._files.places.at(place.root, place.names[:length])
            with self._files.writing(part) as parent:
                found = self._files.existing(parent, part)
                if found is None:
                    self._files.refuse_new_name(part)
                    made = _make_directory(parent, part) or made
                elif not stat.S_ISDIR(found.st_mode):
                    raise Failure(f"`{part.shown}` is there already, and is {_what(found)}")
        return made

    def move(self, source: Place, target: Place) -> None:
        """Never replaces anything."""
        self._files.refuse_new_name(target)
        with self._files.writing(source) as parent, self._files.writing(target) as new_parent:
            found = self._files.existing(parent, source)
            if found is None:
                raise Failure(f"`{source.shown}` does not exist")
            for place in (source, target) if stat.S_ISREG(found.st_mode) else ():
                if self._files.protection.wrong_type(place.name):
                    raise Failure(f"`{place.shown}`: only files of other types are moved here")
            if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
                raise Failure(f"`{source.shown}` is {_what(found)}, and is not moved")
            self._refuse_taking(source, found)
            try:
                rename_new(parent, source.names[-1], new_parent, target.names[-1])
                _sync(parent)
                _sync(new_parent)
            except OSError as error:
                raise _moving_failure(error, source, target) from error

    def delete(self, place: Place) -> Place | None:
        """Takes a file, or an empty directory, away; or anything into the trash of its root. Returns where it is then,
        None when it is gone."""
        with self._files.writing(place) as parent:
            found = self._files.existing(parent, place)
            if found is None:
                raise Failure(f"`{place.shown}` does not exist")
            self._refuse_taking(place, found)
            try:
                if self._files.settings.delete == "trash":
                    return self._to_trash(parent, place)
                if stat.S_ISDIR(found.st_mode):
                    os.rmdir(place.names[-1], dir_fd=parent)
                else:
                    os.unlink(place.names[-1], dir_fd=parent)
                _sync(parent)
            except OSError as error:
                raise of_error(error, place.shown) from error
        return None

    # Steps -----------------------------------------------------------------------------------------------------------

    def _judge(self, found: os.stat_result, place: Place, *, replace: bool) -> None:
        if not replace:
            raise Failure(f"`{place.shown}` exists already, and was not to be replaced")
        if not stat.S_ISREG(found.st_mode):
            raise Failure(f"`{place.shown}` is {_what(found)}, and is not written")
        if found.st_nlink > 1:
            raise Failure(f"`{place.shown}` has other names elsewhere (hard links), and is not written")
        if not found.st_mode & 0o222:
            raise Failure(f"`{place.shown}` is marked read-only, and is not written")
        self._files.look(place)  # what is mounted over the name is another file system's

    def _refuse_taking(self, place: Place, found: os.stat_result) -> None:
        """What may not be moved or deleted. What is mounted over a name belongs to another file system."""
        if stat.S_ISDIR(found.st_mode) and self._files.protection.speaks_of_within(place):
            raise Failure(f"`{place.shown}` holds what is protected by this server's settings, and stays where it is")
        if stat.S_ISREG(found.st_mode) and found.st_nlink > 1 and self._files.settings.hard_links == "refuse":
            raise Failure(f"`{place.shown}` has other names elsewhere (hard links), and is left alone")
        if stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode):
            self._files.look(place)

    def _put(self, parent: int, place: Place, data: bytes, before: os.stat_result | None, *, new: bool) -> None:
        """The new content under a name of its own, and then under the file's; on the disk first where it replaces what
        must not be lost. Raises OSError."""
        temporary = f".toolgate-{secrets.token_hex(8)}.tmp"
        mode = 0o666 if before is None else 0o600
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | O_NOFOLLOW | O_CLOEXEC
        descriptor = os.open(temporary, flags, mode, dir_fd=parent)
        try:
            try:
                _write_all(descriptor, data)
                if before is not None:
                    _keep(descriptor, before)
                    _to_disk(descriptor)
            finally:
                os.close(descriptor)
            if new:
                rename_new(parent, temporary, parent, place.names[-1])
            else:
                os.replace(temporary, place.names[-1], src_dir_fd=parent, dst_dir_fd=parent)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=parent)
            raise

    def _to_trash(self, parent: int, place: Place) -> Place:
        """Its path from the root is kept in the trash, under the time."""
        stamp = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(3)}"
        here = os.dup(self._files.descriptor(place.root))
        try:
            for name in (TRASH, stamp, *place.names[:-1]):
                with suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=here)
                below = self._files.open_in(here, name, LIST)
                os.close(here)
                here = below
            rename_new(parent, place.names[-1], here, place.names[-1])
            _sync(here)
            _sync(parent)
        finally:
            os.close(here)
        return self._files.places.at(place.root, (TRASH, stamp, *place.names))

    def _sweep(self, parent: int) -> None:
        """Takes away what a process that was killed left in this directory, once for each directory."""
        found = os.fstat(parent)
        key = (found.st_dev, found.st_ino)
        if key in self._swept:
            return
        self._swept[key] = None
        while len(self._swept) > _MOST_SWEPT:
            self._swept.popitem(last=False)
        with suppress(OSError), os.scandir(parent) as entries:
            for entry in entries:
                if entry.name.startswith(".toolgate-") and entry.name.endswith(".tmp"):
                    made = os.stat(entry.name, dir_fd=parent, follow_symlinks=False)
                    if stat.S_ISREG(made.st_mode) and time.time() - made.st_mtime > _STALE_SECONDS:
                        os.unlink(entry.name, dir_fd=parent)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _keep(descriptor: int, before: os.stat_result) -> None:
    """Mode and owner of the file that is replaced. An owner that we may not give stays ours."""
    own = os.fstat(descriptor)
    change_owner = getattr(os, "fchown", None)
    if change_owner is not None and (own.st_uid, own.st_gid) != (before.st_uid, before.st_gid):
        with suppress(OSError):
            change_owner(descriptor, before.st_uid, before.st_gid)
    os.chmod(descriptor, stat.S_IMODE(before.st_mode) & 0o777)


def _sync(directory: int) -> None:
    with suppress(OSError):  # not every file system can
        os.fsync(directory)


def _differs(now: os.stat_result, seen: os.stat_result) -> bool:
    return (now.st_ino, now.st_dev, now.st_size, now.st_mtime_ns) != (
        seen.st_ino, seen.st_dev, seen.st_size, seen.st_mtime_ns,
    )  # fmt: skip


def _make_directory(parent: int, place: Place) -> bool:
    try:
        os.mkdir(place.names[-1], dir_fd=parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise of_error(error, place.shown) from error
    return True


def _what(found: os.stat_result) -> str:
    kinds = ((stat.S_ISDIR, "a directory"), (stat.S_ISREG, "a file"), (stat.S_ISLNK, "a symbolic link"))
    return next((name for test, name in kinds if test(found.st_mode)), "a pipe, a socket or a device")


def _moving_failure(error: OSError, source: Place, target: Place) -> Failure:
    if error.errno == errno.EEXIST:
        return Failure(f"`{target.shown}` exists already, and is not replaced: choose another name")
    if error.errno == errno.EINVAL:
        return Failure(f"`{source.shown}` cannot be moved into itself")
    if error.errno == errno.EXDEV:
        return Failure(f"`{source.shown}` and `{target.shown}` are on different file systems: write the copy instead")
    return of_error(error, source.shown)
