"""What is in a directory, and beneath it: read from open descriptors, never by path, and always bounded."""

import os
import stat
from collections.abc import Callable, Generator, Iterator
from operator import attrgetter
from typing import Literal

import msgspec

from toolgate.upstreams.filesystem.confinement import LIST
from toolgate.upstreams.filesystem.failures import of_error
from toolgate.upstreams.filesystem.files import Files
from toolgate.upstreams.filesystem.ignoring import Ignoring
from toolgate.upstreams.filesystem.places import Place, listed_name
from toolgate.upstreams.filesystem.workers import Pulse

EntryType = Literal["file", "directory", "link", "other"]

MOST_IN_DIRECTORY = 200_000
"""Entries that are looked at in one directory; the rest is not there for anybody."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """`name` is as the directory has it, which need not be text."""

    name: str
    type: EntryType

    @property
    def shown(self) -> str:
        return listed_name(self.name)


class Found(msgspec.Struct, frozen=True, gc=False):
    """An entry met on a walk: `directory` is open while the walk stands at it, and is `within`. `relative` is the
    entry's path from the beginning of the walk."""

    entry: Entry
    within: Place
    directory: int
    depth: int
    relative: str


def entries(files: Files, directory: int, place: Place) -> list[Entry]:
    """All that is not denied, by name."""
    found: list[Entry] = []
    denies = files.protection.denier(place)
    with os.scandir(directory) as scanned:
        for number, one in enumerate(scanned):
            if number >= MOST_IN_DIRECTORY:
                break
            kind = _type(one)
            if not denies(one.name, kind == "directory"):
                found.append(Entry(one.name, kind))
    found.sort(key=_name)
    return found


def facts(directory: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except OSError:
        return None


def walk(
    files: Files, start: Place, depth: int, pulse: Pulse, skips: Callable[[Place], Ignoring] | None
) -> Generator[Found]:
    """Everything beneath a place, a directory before what is in it, `depth` levels deep. `skips` makes the judge of
    what is passed over with all that lies in it; None passes over nothing."""
    with files.directory(start) as (directory, real):
        ignoring = None if skips is None else skips(real)
        yield from _beneath(_Walk(files, depth, pulse, ignoring), directory, real, 1, "")


class _Walk(msgspec.Struct, frozen=True):
    """What stays the same on one walk."""

    files: Files
    depth: int
    pulse: Pulse
    ignoring: Ignoring | None


def _beneath(walk: _Walk, directory: int, place: Place, level: int, above: str) -> Iterator[Found]:
    files, ignoring = walk.files, walk.ignoring
    walk.pulse.check()
    listed = entries(files, directory, place)
    if ignoring is not None:
        ignoring.enter(directory, level - 1, any(entry.name == ".gitignore" for entry in listed))
    for entry in listed:
        if ignoring is not None and ignoring.skips(place.names, entry.name, entry.type == "directory"):
            continue
        relative = above + entry.name
        yield Found(entry, place, directory, level, relative)
        if entry.type == "directory" and level < walk.depth:
            try:
                opened = files.open_in(directory, entry.name, LIST)
            except OSError:
                continue  # gone, a mount, or not ours to read
            below = files.places.under(place, entry.name)
            try:
                yield from _beneath(walk, opened, below, level + 1, f"{relative}/")
            except OSError as error:
                raise of_error(error, below.shown) from error
            finally:
                os.close(opened)
    if ignoring is not None:
        ignoring.leave(level - 1)


_name = attrgetter("name")


def _type(entry: "os.DirEntry[str]") -> EntryType:
    if entry.is_file(follow_symlinks=False):
        return "file"
    if entry.is_dir(follow_symlinks=False):
        return "directory"
    return "link" if entry.is_symlink() else "other"


def type_of(found: os.stat_result) -> EntryType:
    if stat.S_ISREG(found.st_mode):
        return "file"
    if stat.S_ISDIR(found.st_mode):
        return "directory"
    return "link" if stat.S_ISLNK(found.st_mode) else "other"
