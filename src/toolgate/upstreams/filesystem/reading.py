"""The text of a file, whole or by lines, and the bytes of one: bounded, and honest about encodings."""

import os
from collections.abc import Callable
from typing import cast

import msgspec

from toolgate.upstreams.filesystem import contents
from toolgate.upstreams.filesystem.diffs import lines_of
from toolgate.upstreams.filesystem.failures import Failure
from toolgate.upstreams.filesystem.files import Opened
from toolgate.upstreams.filesystem.workers import Pulse

CHUNK = 256 * 1024

_pread = cast("Callable[[int, int, int], bytes]", getattr(os, "pread", None))  # Windows has none, and never comes here
_FARTHEST = 512 * 1024 * 1024
"""Bytes that are passed over to reach a line: files are read by few threads, and one must not be held for long."""

_LARGEST_WIDE = 32 * 1024 * 1024


class Lines(msgspec.Struct, frozen=True):
    """Which lines are wanted: `first` counts from 1; `count` None is all from there; `last` is the number of lines from
    the end, and stands alone."""

    first: int = 1
    count: int | None = None
    last: int | None = None

    @property
    def all(self) -> bool:
        return self.first == 1 and self.count is None and self.last is None


WHOLE = Lines()


class Text(msgspec.Struct, frozen=True):
    """`notes` say what the text alone does not: that it is not the whole file, or that its encoding was guessed."""

    text: str
    notes: tuple[str, ...] = ()


class _Cut(msgspec.Struct, frozen=True):
    """Lines of a file. `more` says whether others follow; `broken` that the last one is not whole."""

    data: bytes
    first: int
    more: bool
    broken: bool = False


def read_head(opened: Opened) -> bytes:
    return _pread(opened.descriptor, contents.HEAD, 0)


def read_bytes(opened: Opened, most: int) -> bytes:
    """The whole file. Raises Failure for one that is larger; what grows while it is read is cut there."""
    shown = opened.place.shown
    if opened.found.st_size > most:
        raise Failure(f"`{shown}` has {opened.found.st_size:,} bytes; at most {most:,} are read at once")
    data = _read(opened.descriptor, most + 1, 0)
    if len(data) > most:
        raise Failure(f"`{shown}` has more than {most:,} bytes, the most that are read at once")
    return data


def read_text(opened: Opened, most: int, lines: Lines, encoding: str, pulse: Pulse) -> Text:
    """Raises Failure: beyond the end, or not in the encoding that was named."""
    named = encoding if encoding != "utf-8-sig" else "utf-8"
    if named.startswith(contents.WIDE):
        return _read_wide(opened, most, lines, encoding)
    if lines.all and opened.found.st_size <= most:
        data = _read(opened.descriptor, most + 1, 0)
        if len(data) <= most:
            return _decoded(data, encoding, (), opened)
    cut = _last(opened, most, lines.last, pulse) if lines.last else _forward(opened, most, lines, pulse)
    return _decoded(cut.data, encoding, (_said(cut),), opened)


def _read(descriptor: int, most: int, position: int) -> bytes:
    """Up to `most` bytes from a position, to the end of the file."""
    data = _pread(descriptor, most, position)
    if not data or len(data) == most:
        return data
    parts = [data]
    size = len(data)
    while size < most and (more := _pread(descriptor, most - size, position + size)):
        parts.append(more)
        size += len(more)
    return b"".join(parts)


def _forward(opened: Opened, most: int, lines: Lines, pulse: Pulse) -> _Cut:
    position, line, ended = 0, 1, True
    while line < lines.first:
        pulse.check()
        chunk = _pread(opened.descriptor, CHUNK, position)
        if not chunk:
            break
        ended = chunk.endswith(b"\n")
        if position >= _FARTHEST:
            raise Failure(
                f"`{opened.place.shown}` has line {lines.first:,} after more than {_FARTHEST:,} bytes, which is too "
                "far: `tail` reads from the end, and search_files finds lines by what is in them"
            )
        newlines = chunk.count(b"\n")
        if line + newlines < lines.first:
            line += newlines
            position += len(chunk)
            continue
        at = 0
        while line < lines.first:
            at = chunk.index(b"\n", at) + 1
            line += 1
        position += at
    data = _read(opened.descriptor, most + 1, position)
    if not data and lines.first > 1:
        has = line - 1 if ended else line
        raise Failure(f"`{opened.place.shown}` has {has:,} lines: there is no line {lines.first:,}")
    return _within(data, lines, most)


def _within(data: bytes, lines: Lines, most: int) -> _Cut:
    """As many whole lines as were asked for and fit."""
    more = len(data) > most
    broken = False
    if more:
        end = data.rfind(b"\n", 0, most) + 1
        broken = end == 0
        data = data[: end or most]
    if lines.count is not None:
        parts = data.split(b"\n", lines.count)
        if len(parts) > lines.count and parts[-1]:
            data, more, broken = data[: len(data) - len(parts[-1])], True, False
    return _Cut(data, lines.first, more, broken)


def _last(opened: Opened, most: int, count: int, pulse: Pulse) -> _Cut:
    end = os.fstat(opened.descriptor).st_size
    position, parts, newlines, size = end, list[bytes](), 0, 0
    # One more than the lines: what ends the file is not the beginning of a line.
    while position > 0 and newlines <= count and size < most:
        pulse.check()
        step = min(CHUNK, position, most - size)
        position -= step
        parts.insert(0, _pread(opened.descriptor, step, position))
        newlines += parts[0].count(b"\n")
        size += step
    data = b"".join(parts)
    lines = data.split(b"\n")
    ended = lines[-1] == b""
    wanted = lines[-(count + 1) :] if ended else lines[-count:]
    cut = position > 0 and len(wanted) == len(lines)
    if cut and len(wanted) > 1:
        wanted = wanted[1:]  # the first of them is not whole
    return _Cut(b"\n".join(wanted), -1, cut, cut and len(lines) == 1)


def _read_wide(opened: Opened, most: int, lines: Lines, encoding: str) -> Text:
    data = read_bytes(opened, _LARGEST_WIDE)
    text, notes = _decode(data, encoding, opened)
    if lines.all and len(data) <= most:
        return Text(text, notes)
    all_lines = lines_of(text)
    first = max(1, len(all_lines) - lines.last + 1) if lines.last else lines.first
    if first > max(1, len(all_lines)):
        raise Failure(f"`{opened.place.shown}` has {len(all_lines):,} lines: there is no line {first:,}")
    end = len(all_lines) if lines.count is None else first - 1 + lines.count
    chosen = "".join(all_lines[first - 1 : end]).encode()
    cut = _within(chosen, Lines(first), most)
    cut = msgspec.structs.replace(cut, more=cut.more or end < len(all_lines))
    return Text(_ended(cut.data.decode("utf-8", "ignore")), (*notes, _said(cut)))


def _said(cut: _Cut) -> str:
    if cut.first < 0:
        return f"(the last {_count(cut.data):,} lines{'; the ones before did not fit' if cut.more else ''})"
    last = cut.first + _count(cut.data) - 1
    if cut.broken:
        return f"(the beginning of line {cut.first:,}, which is too long to be shown whole)"
    if cut.more:
        return f"(lines {cut.first:,} to {last:,}; the file goes on, next is offset={last + 1})"
    return f"(lines {cut.first:,} to {last:,}, the last one)"


def _count(data: bytes) -> int:
    return data.count(b"\n") + (0 if data.endswith(b"\n") or not data else 1)


def _ended(text: str) -> str:
    """Lines as they are asked for: without the break that ends the last of them."""
    return text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")


def _decoded(data: bytes, encoding: str, notes: tuple[str, ...], opened: Opened) -> Text:
    if notes:  # a part of the file: it may be cut within a character
        data = _whole_characters(data)
    text, said = _decode(data, encoding, opened)
    return Text(_ended(text) if notes else text, (*notes, *said))


def _whole_characters(data: bytes) -> bytes:
    """UTF-8 without a beginning of a character at its end."""
    for length in range(1, min(4, len(data)) + 1):
        byte = data[-length]
        if byte >= 0xC0:
            wanted = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return data[:-length] if wanted > length else data
        if byte < 0x80:
            break
    return data


def _decode(data: bytes, encoding: str, opened: Opened) -> tuple[str, tuple[str, ...]]:
    """The text, and what must be said of it. `encoding` is what the file itself says, or a caller."""
    try:
        return data.decode(encoding), ()
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise Failure(
                f"`{opened.place.shown}` is not {encoding}: byte {error.start:,} cannot be read as that"
            ) from None
        place = error.start
    try:
        guessed, text = "windows-1252", data.decode("windows-1252")
    except UnicodeDecodeError:
        guessed, text = "latin-1", data.decode("latin-1")
    note = f"(not UTF-8 from byte {place:,} on: shown as {guessed}, which is a guess; `encoding` says another)"
    return text, (note,)
