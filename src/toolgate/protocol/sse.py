"""Server-sent events (WHATWG HTML section 9.2): frames out, and an incremental reader for what comes in."""

from typing import NamedTuple

_BOM = b"\xef\xbb\xbf"
_MOST_DIGITS = 9
"""Of a reconnection time: longer ones are nothing that anybody would wait for."""

COMMENT = b":\n\n"
"""A keep-alive that carries nothing."""

_LONGEST_NAME = 1024
"""Bytes of an event's id or name; longer ones are passed over."""


class Event(NamedTuple):
    """One event. `id` is None unless the stream named one; `data` has no trailing newline."""

    event: str
    data: bytes
    id: str | None
    retry: int | None


def frame(data: bytes, event_id: str | None = None) -> bytes:
    """One `message` event. JSON as we write it holds no raw newline; foreign bytes may: each line is a field then."""
    head = b"" if event_id is None else b"id: " + event_id.encode() + b"\n"
    if b"\n" in data or b"\r" in data:
        lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        return head + b"event: message\n" + b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"
    return b"".join((head, b"event: message\ndata: ", data, b"\n\n"))


class SseReader:
    """Feeds on chunks, gives events. `limit` bounds one event's bytes; beyond it `feed` raises ValueError. `lines`
    counts all that it has read.

    Every byte is looked at once, however small the chunks are that it comes in.
    """

    def __init__(self, limit: int) -> None:
        self.lines = 0
        self._limit = limit
        self._unfinished: list[bytes] = []
        self._pending = 0
        self._after_cr = False
        self._started = False
        self._event = ""
        self._data: list[bytes] = []
        self._size = 0
        self._id: str | None = None
        self._retry: int | None = None

    def feed(self, chunk: bytes) -> list[Event]:
        if not self._started:
            chunk = b"".join((*self._unfinished, chunk))
            self._unfinished.clear()
            if _BOM.startswith(chunk):
                self._unfinished.append(chunk)
                return []
            chunk = chunk.removeprefix(_BOM)
            self._started = True
        if b"\r" in chunk or self._after_cr:
            chunk = self._with_newlines(chunk)
        first, *others = chunk.split(b"\n")
        self._unfinished.append(first)
        self._pending += len(first)
        if self._pending + self._size > self._limit:
            raise ValueError(f"an event exceeds {self._limit} bytes")
        if not others:
            return []
        *lines, rest = (b"".join(self._unfinished), *others)
        self._unfinished = [rest]
        self._pending = len(rest)
        self.lines += len(lines)
        events = [event for line in lines if (event := self._line(line)) is not None]
        if self._pending + self._size > self._limit:
            raise ValueError(f"an event exceeds {self._limit} bytes")
        return events

    def _with_newlines(self, chunk: bytes) -> bytes:
        """CR and CRLF end lines as LF does. A CR ends its line at once; the LF that may still follow is passed over."""
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        self._after_cr = self._after_cr or chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _line(self, line: bytes) -> Event | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._size += len(value) + 1
            if self._size > self._limit:
                raise ValueError(f"an event exceeds {self._limit} bytes")
            self._data.append(value)
        elif name == b"event" and len(value) <= _LONGEST_NAME:
            self._event = value.decode("utf-8", "replace")
        elif name == b"id" and b"\0" not in value and len(value) <= _LONGEST_NAME:
            self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit() and len(value) <= _MOST_DIGITS:
            self._retry = int(value)
        return None

    def _dispatch(self) -> Event | None:
        data, named = self._data, self._event
        self._data, self._event, self._size = [], "", 0
        if not data and self._retry is None:
            return None
        event = Event(named or "message", b"\n".join(data), self._id, self._retry)
        self._retry = None
        return event
