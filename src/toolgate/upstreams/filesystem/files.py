"""The served directories, open: every descriptor that a tool gets is given out here, after every rule was asked."""

import errno
import os
import stat
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from toolgate.rules.names import closest
from toolgate.upstreams.filesystem import confinement
from toolgate.upstreams.filesystem.confinement import LIST, LOOK, READ, Confinement
from toolgate.upstreams.filesystem.failures import Failure, Missing, of_error
from toolgate.upstreams.filesystem.places import Place, Places, Root, is_text, new_name_flaw
from toolgate.upstreams.filesystem.protection import Protection
from toolgate.upstreams.filesystem.settings import Settings

MOST_LINKS = 40
"""Symbolic links that one path may lead through, as in Linux."""

_MOST_SUGGESTED_FROM = 2_000
_NEAR = 0.6


class Opened(msgspec.Struct, frozen=True):
    """A regular file, open for reading. `place` is where it really is."""

    descriptor: int
    found: os.stat_result
    place: Place


class Files:
    """Raises Failure for everything that a caller may have got wrong, and for what the system refuses."""

    def __init__(self, settings: Settings, confined: Confinement, data: Path) -> None:
        self.settings = settings
        self.confinement = confined
        self._data = data
        self._descriptors: dict[str, int] = {}
        self._retired: list[int] = []
        self._refreshing = threading.Lock()
        self.places, self.protection = self._settled()
        with suppress(OSError):  # said by whoever refreshes next
            self.refresh()

    def close(self) -> None:
        for descriptor in (*self._descriptors.values(), *self._retired):
            os.close(descriptor)
        self._descriptors.clear()
        self._retired.clear()

    def refresh(self) -> None:
        """Opens directories that were not there, and those that were replaced by others under their names. Raises
        OSError for one that is not there, and Failure for one that may not be served."""
        with self._refreshing:
            fresh = dict(self._descriptors)
            problem: OSError | None = None
            for one in self.settings.roots:
                try:
                    held = fresh.get(one.alias)
                    if held is None or not os.path.samestat(one.path.stat(), os.fstat(held)):
                        fresh[one.alias] = _directory(one.path)
                except OSError as error:
                    problem = error
            gone = [held for alias, held in self._descriptors.items() if fresh[alias] != held]
            if fresh != self._descriptors:
                # Where they lead may be another place now: what is protected is judged before anything is read there.
                try:
                    self.places, self.protection = self._settled()
                except Failure:
                    for alias, descriptor in fresh.items():
                        if self._descriptors.get(alias) != descriptor:
                            os.close(descriptor)
                    raise
                self._descriptors = fresh
                self._retired += gone  # a thread may be using them
            if problem is not None:
                raise problem

    def _settled(self) -> tuple[Places, Protection]:
        roots = [Root(one.alias, one.path, _paths(one.path), one.writable) for one in self.settings.roots]
        return Places(roots), Protection(self.settings, _inside(roots, self._data))

    def is_open(self, root: Root) -> bool:
        return root.alias in self._descriptors

    def descriptor(self, root: Root) -> int:
        """Raises Missing for a directory that is not there at the moment."""
        descriptor = self._descriptors.get(root.alias)
        if descriptor is None:
            raise Missing(f"the directory `{root.alias}` is not there at the moment")
        return descriptor

    # Reading ---------------------------------------------------------------------------------------------------------

    @contextmanager
    def reading(self, place: Place) -> Generator[Opened]:
        """A regular file that may be read."""
        place, descriptor = self._open(place, READ)
        try:
            yield Opened(descriptor, self.judged(descriptor, place), place)
        finally:
            os.close(descriptor)

    def judged(self, descriptor: int, place: Place) -> os.stat_result:
        """What is open, if it is a file that may be read."""
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            raise Failure(f"`{place.shown}` is a directory; list_directory shows what is in it")
        if not stat.S_ISREG(found.st_mode):
            raise Failure(f"`{place.shown}` is no regular file (a pipe, a socket or a device), and is not opened")
        if self.protection.wrong_type(place.name):
            raise Failure(f"`{place.shown}`: only files of these types are served: {' '.join(self.protection.types)}")
        if found.st_nlink > 1 and self.settings.hard_links == "refuse":
            raise Failure(f"`{place.shown}` has other names elsewhere (hard links), and is not read")
        return found

    @contextmanager
    def directory(self, place: Place) -> Generator[tuple[int, Place]]:
        """A directory that may be listed, and where it really is."""
        place, descriptor = self._open(place, LIST)
        try:
            yield descriptor, place
        finally:
            os.close(descriptor)

    def look(self, place: Place) -> os.stat_result:
        """What is there; a symbolic link that is not followed is itself."""
        try:
            place, descriptor = self._open(place, LOOK)
        except Failure as failure:
            cause = failure.__cause__
            if not (isinstance(cause, OSError) and cause.errno == errno.ELOOP):
                raise
            with self._parent(place) as parent:
                return self._stat(parent, place)
        try:
            return os.fstat(descriptor)
        finally:
            os.close(descriptor)

    def open_in(self, directory: int, name: str, flags: int) -> int:
        """The same primitive, one name beneath a directory that was opened here. Raises OSError."""
        return self.confinement.open(directory, (name,), flags)

    def _open(self, place: Place, flags: int) -> tuple[Place, int]:
        self.refuse_denied(place)
        try:
            return place, self.confinement.open(self.descriptor(place.root), place.names, flags)
        except OSError as error:
            if error.errno != errno.ELOOP or self.settings.symlinks == "refuse":
                raise self._failure(error, place) from error
        real = self._resolved(place)
        self.refuse_denied(real)
        try:
            return real, self.confinement.open(self.descriptor(real.root), real.names, flags)
        except OSError as error:
            raise self._failure(error, place) from error

    def _resolved(self, place: Place) -> Place:
        """Where the links of a path lead. That is only looked up: what is opened then is opened without following any,
        so that a link which is exchanged in between gains nothing."""
        names: list[str] = []
        rest = list(reversed(place.names))
        links = 0
        while rest:
            name = rest.pop()
            if name in ("", "."):
                continue
            if name == "..":
                if not names:
                    raise Failure(f"`{place.shown}` is, or leads through, a symbolic link that leads out of here")
                names.pop()
                continue
            target = self._target(place.root, names, name)
            if target is None:
                names.append(name)
                continue
            links += 1
            if links > MOST_LINKS or target.startswith("/"):
                raise Failure(f"`{place.shown}` is, or leads through, a symbolic link that leads out of here")
            rest.extend(reversed(target.split("/")))
        return self.places.at(place.root, tuple(names))

    def _target(self, root: Root, names: Sequence[str], name: str) -> str | None:
        try:
            parent = self.confinement.open(self.descriptor(root), names, LIST)
        except OSError:
            return None
        try:
            return os.readlink(name, dir_fd=parent)
        except OSError:
            return None
        finally:
            os.close(parent)

    # Writing ---------------------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self, place: Place) -> Generator[int]:
        """The directory in which something is about to be made, replaced or taken away, after every rule was asked."""
        self.refuse_write(place)
        with self._parent(place) as parent:
            yield parent

    def refuse_write(self, place: Place) -> None:
        if not place.root.writable:
            writable = [f"`{root.alias}`" for root in self.places.roots if root.writable]
            others = f"; these may be written: {', '.join(writable)}" if writable else ""
            raise Failure(f"`{place.shown}` is served read-only{others}")
        if not place.names:
            raise Failure(f"`{place.shown}` is a served directory itself, which is not changed")
        self.refuse_denied(place)
        if self.protection.protects(place):
            raise Failure(f"`{place.shown}` is protected by this server's settings: it may be read, not changed")

    def refuse_new_name(self, place: Place) -> None:
        flaw = new_name_flaw(place.name)
        if flaw is not None:
            raise Failure(f"`{place.shown}` {flaw}")

    def existing(self, parent: int, place: Place) -> os.stat_result | None:
        """What has this name in an open directory; None where nothing has. A link is itself."""
        try:
            return self._stat(parent, place)
        except Missing:
            return None

    def _stat(self, parent: int, place: Place) -> os.stat_result:
        try:
            return os.stat(place.names[-1], dir_fd=parent, follow_symlinks=False)
        except OSError as error:
            raise of_error(error, place.shown) from error

    @contextmanager
    def _parent(self, place: Place) -> Generator[int]:
        names = place.names[:-1]
        try:
            descriptor = self.confinement.open(self.descriptor(place.root), names, LIST)
        except OSError as error:
            raise self._failure(error, self.places.at(place.root, names)) from error
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    # What is said ----------------------------------------------------------------------------------------------------

    def refuse_denied(self, place: Place) -> None:
        if self.protection.denies(place):
            raise Failure(f"`{place.shown}` is denied by this server's settings: it is neither read nor written")

    def _failure(self, error: OSError, place: Place) -> Failure:
        failure = of_error(error, place.shown)
        if not isinstance(failure, Missing) or not place.names:
            return failure
        return Missing(f"{failure}{self._instead(place)}")

    def _instead(self, place: Place) -> str:
        """What may have been meant by a path that is not there."""
        for length in range(len(place.names) - 1, -1, -1):
            above = self.places.at(place.root, place.names[:length])
            try:
                directory = self.confinement.open(self.descriptor(place.root), above.names, LIST)
            except OSError:
                continue
            try:
                near = closest(place.names[length], self._names_in(directory, above), _NEAR)
            finally:
                os.close(directory)
            if near:
                return f" (did you mean `{self.places.under(above, near).shown}`?)"
            return "" if length == len(place.names) - 1 else f": there is no such directory in `{above.shown}`"
        return ""

    def _names_in(self, directory: int, place: Place) -> list[str]:
        with os.scandir(directory) as entries:
            names = [entry.name for _, entry in zip(range(_MOST_SUGGESTED_FROM), entries, strict=False)]
        return [name for name in names if is_text(name) and not self.protection.denies(self.places.under(place, name))]


def _directory(path: Path) -> int:
    return os.open(path, LIST | confinement.O_CLOEXEC)


def _paths(path: Path) -> tuple[tuple[str, ...], ...]:
    """The absolute paths by which callers may mean this root: as declared, and as it really is."""
    ways = (Path(os.path.normpath(path)), path.resolve())
    return tuple({way.parts[1:] for way in ways if len(way.parts) > 1})


def _inside(roots: Sequence[Root], data: Path) -> list[tuple[Root, tuple[str, ...]]]:
    """Where the gateway's own data lies in the roots: its keys are nobody's to read. Raises Failure for a root in
    it."""
    own = data.resolve()
    kept: list[tuple[Root, tuple[str, ...]]] = []
    for root in roots:
        real = root.path.resolve()
        if real == own or own in real.parents:
            raise Failure(f"root {root.alias!r} lies in the gateway's data directory, which is not served")
        if real in own.parents:
            kept.append((root, own.relative_to(real).parts))
    return kept
