"""Searches by name and by content. Patterns are RE2: no pattern and no file can make one run for long."""

import os
import stat
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import msgspec
import re2  # pyright: ignore[reportMissingTypeStubs] # it has none

from toolgate.rules import patterns
from toolgate.upstreams.filesystem import contents
from toolgate.upstreams.filesystem.confinement import READ
from toolgate.upstreams.filesystem.failures import Failure
from toolgate.upstreams.filesystem.files import Files
from toolgate.upstreams.filesystem.globs import GlobError, Rule, lenient, matcher
from toolgate.upstreams.filesystem.globs import ignored as excluded
from toolgate.upstreams.filesystem.ignoring import Ignoring
from toolgate.upstreams.filesystem.listing import Found, walk
from toolgate.upstreams.filesystem.places import Place, is_text
from toolgate.upstreams.filesystem.workers import Pulse

LONGEST_LINE = 300
"""Characters of a line that are shown."""

MOST_IN_FILE = 50
"""Lines of one file that are shown; the rest is counted."""

DEEPEST = 64
"""Levels of directories that are searched."""

_RE2: Any = re2


class Wanted(msgspec.Struct, frozen=True):
    """`pattern` is over paths relative to the beginning; `text`, if given, is looked for in files."""

    pattern: str
    text: str | None
    regex: bool
    case_sensitive: bool
    exclude: tuple[str, ...]
    include_ignored: bool
    most: int


class Hit(msgspec.Struct, frozen=True, omit_defaults=True):
    """One result: a path, or a line in it. `more` is how many other lines of the file match and are not shown."""

    path: str
    line: int | None = None
    text: str | None = None
    more: int = 0


class Outcome(msgspec.Struct, frozen=True):
    """`cut` says why it is not everything; None when it is. `searched` counts the files that were read."""

    hits: tuple[Hit, ...]
    searched: int
    cut: str | None


def search(files: Files, starts: Sequence[Place], wanted: Wanted, pulse: Pulse) -> Outcome:
    """Raises Failure for a pattern that cannot be used, and a beginning that is no directory."""
    matches = _glob(wanted.pattern)
    excludes = lenient(wanted.exclude)
    finder = None if wanted.text is None else _finder(wanted)
    began = time.perf_counter()
    hits: list[Hit] = []
    searched = 0
    skips = None if wanted.include_ignored else partial(Ignoring, files)
    with closing(_all(files, starts, pulse, skips)) as everything:
        for found in everything:
            if pulse.late(began, files.settings.search_time):
                return Outcome(tuple(hits), searched, f"time was up after {files.settings.search_time:g} s")
            relative = found.relative
            if not is_text(relative) or not matches(relative):
                continue
            if excludes and is_excluded(excludes, relative, found.entry.type == "directory"):
                continue
            if finder is None:
                hits.append(Hit(files.places.under(found.within, found.entry.name).shown))
            elif found.entry.type == "file":
                data = _content(files, found)
                if data is not None:
                    searched += 1
                    hits += _in_file(files, found, data, finder)
            if len(hits) >= wanted.most:
                return Outcome(tuple(hits[: wanted.most]), searched, f"these are the first {wanted.most}")
    return Outcome(tuple(hits), searched, None)


def _all(files: Files, starts: Sequence[Place], pulse: Pulse, skips: Any) -> Generator[Found]:
    for start in starts:
        yield from walk(files, start, DEEPEST, pulse, skips)


def _glob(pattern: str) -> Any:
    try:
        return matcher(pattern)
    except GlobError as error:
        raise Failure(f"`pattern`: {error}") from None


def is_excluded(rules: Sequence[Rule], path: str, directory: bool) -> bool:
    """Whether a path, or a directory that it lies in, is excluded."""
    names = path.split("/")
    steps = range(1, len(names) + 1)
    return any(excluded(rules, "/".join(names[:step]), directory or step < len(names)) for step in steps)


def _finder(wanted: Wanted) -> Any:
    """What looks for the text in a file's bytes. Raises Failure."""
    text = wanted.text or ""
    if not text:
        raise Failure("`text` is empty: leave it out to search by name only")
    flaw = patterns.flaw(text) if wanted.regex else None
    if flaw is None and len(text) > patterns.LONGEST_PATTERN:
        flaw = f"has at most {patterns.LONGEST_PATTERN} characters"
    if flaw is not None:
        raise Failure(f"`text` {flaw}")
    options: Any = _RE2.Options()
    options.log_errors = False
    options.case_sensitive = wanted.case_sensitive
    options.literal = not wanted.regex
    expression = f"(?m){text}" if wanted.regex else text
    try:
        return _RE2.compile(expression.encode(), options)
    except (_RE2.error, UnicodeEncodeError):
        raise Failure("`text` is no pattern that can be read") from None


def _in_file(files: Files, found: Found, data: bytes, finder: Any) -> list[Hit]:
    hits: list[Hit] = []
    more = 0
    shown = files.places.under(found.within, found.entry.name).shown
    for line, text in _lines(data, finder):
        if len(hits) < MOST_IN_FILE:
            hits.append(Hit(shown, line, text))
        else:
            more += 1
            if more > 1_000:
                break
    if more:
        hits[-1] = msgspec.structs.replace(hits[-1], more=more)
    return hits


def _content(files: Files, found: Found) -> bytes | None:
    """The bytes of a text file, as UTF-8; None for what is none, is too large, or may not be read."""
    if files.protection.wrong_type(found.entry.name):
        return None
    try:
        descriptor = files.open_in(found.directory, found.entry.name, READ)
    except OSError:
        return None
    try:
        known = os.fstat(descriptor)
        linked = known.st_nlink > 1 and files.settings.hard_links == "refuse"
        if not stat.S_ISREG(known.st_mode) or linked or known.st_size > files.settings.max_search:
            return None
        data = os.read(descriptor, files.settings.max_search)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    kind = contents.kind(data[: contents.HEAD], found.entry.name)
    if kind.mime is not None:
        return None
    if kind.encoding == "utf-8":
        return data
    return data.decode(kind.encoding, "replace").encode()


def _lines(data: bytes, finder: Any) -> Iterator[tuple[int, str]]:
    """Each line in which something is found, once."""
    at, line, counted = 0, 1, 0
    while at <= len(data):
        match = finder.search(data, at)
        if match is None:
            return
        start = match.start()
        line += data.count(b"\n", counted, start)
        counted = start
        begin = data.rfind(b"\n", 0, start) + 1
        end = data.find(b"\n", start)
        end = len(data) if end == -1 else end
        yield line, _shown(data, begin, end, start)
        at = end + 1


def _shown(data: bytes, begin: int, end: int, start: int) -> str:
    """The line, or of a long one what is around the find."""
    if end - begin > 4 * LONGEST_LINE:
        begin, end = max(begin, start - LONGEST_LINE // 2), min(end, start + 2 * LONGEST_LINE)
    return data[begin:end].decode("utf-8", "replace").rstrip("\r")[:LONGEST_LINE]
