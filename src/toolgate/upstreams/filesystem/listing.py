"""What is in a directory, and beneath it: read from open descriptors, never by path, and always bounded."""

import os
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
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


class Entry(msgspec.Struct, frozen=True):
    """`name` is as the directory has it, which need not be text."""

    name: str
    type: EntryType

    @property
    def shown(self) -> str:
        return listed_name(self.name)


class Found(msgspec.Struct, frozen=True):
    """An entry met on a walk: `directory` is open while the walk stands at it."""

    place: Place
    entry: Entry
    directory: int
    depth: int

    @property
    def relative(self) -> str:
        """Its path from the beginning of the walk."""
        return "/".join(self.place.names[-self.depth :])


def entries(files: Files, directory: int, place: Place) -> list[Entry]:
    """All that is not denied, by name."""
    found: list[Entry] = []
    with os.scandir(directory) as scanned:
        for number, one in enumerate(scanned):
            if number >= MOST_IN_DIRECTORY:
                break
            kind = _type(one)
            if not files.protection.denies(files.places.under(place, one.name), kind == "directory"):
                found.append(Entry(one.name, kind))
    found.sort(key=lambda entry: entry.name)
    return found


def facts(directory: int, name: str) -> os.stat_result | None:
    with suppress(OSError):
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    return None


def walk(
    files: Files, start: Place, depth: int, pulse: Pulse, skips: Callable[[Place], Ignoring] | None
) -> Generator[Found]:
    """Everything beneath a place, a directory before what is in it, `depth` levels deep. `skips` makes the judge of
    what is passed over with all that lies in it; None passes over nothing."""
    with files.directory(start) as (directory, real):
        ignoring = None if skips is None else skips(real)
        yield from _beneath(files, directory, real, (1, depth), pulse, ignoring)


def _beneath(
    files: Files, directory: int, place: Place, levels: tuple[int, int], pulse: Pulse, ignoring: Ignoring | None
) -> Iterator[Found]:
    level, depth = levels
    pulse.check()
    listed = entries(files, directory, place)
    if ignoring is not None:
        ignoring.enter(directory, level - 1, any(entry.name == ".gitignore" for entry in listed))
    for entry in listed:
        path = (*place.names, entry.name)
        if ignoring is not None and ignoring.skips(path, entry.type == "directory"):
            continue
        below = files.places.at(place.root, path)
        yield Found(below, entry, directory, level)
        if entry.type == "directory" and level < depth:
            try:
                opened = files.open_in(directory, entry.name, LIST)
            except OSError:
                continue  # gone, a mount, or not ours to read
            try:
                yield from _beneath(files, opened, below, (level + 1, depth), pulse, ignoring)
            except OSError as error:
                raise of_error(error, below.shown) from error
            finally:
                os.close(opened)
    if ignoring is not None:
        ignoring.leave(level - 1)


def _type(entry: "os.DirEntry[str]") -> EntryType:
    if entry.is_symlink():
        return "link"
    if entry.is_dir(follow_symlinks=False):
        return "directory"
    return "file" if entry.is_file(follow_symlinks=False) else "other"


def type_of(found: os.stat_result) -> EntryType:
    if stat.S_ISREG(found.st_mode):
        return "file"
    if stat.S_ISDIR(found.st_mode):
        return "directory"
    return "link" if stat.S_ISLNK(found.st_mode) else "other"
