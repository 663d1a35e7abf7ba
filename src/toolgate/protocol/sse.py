"""Server-sent events (WHATWG HTML section 9.2): frames out, and an incremental reader for what comes in."""

from typing import NamedTuple

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
    counts all that it has read."""

    def __init__(self, limit: int) -> None:
        self.lines = 0
        self._limit = limit
        self._buffer = bytearray()
        self._event = ""
        self._data: list[bytes] = []
        self._size = 0
        self._id: str | None = None
        self._retry: int | None = None
        self._started = False

    def feed(self, chunk: bytes) -> list[Event]:
        self._buffer += chunk
        if b"\n" not in chunk and b"\r" not in chunk and b"\r" not in self._buffer[-len(chunk) - 1 :]:
            # No line ends here: what waits is not looked at again, however small the pieces in which it comes.
            self._bounded()
            return []
        buffer = bytes(self._buffer)
        if not self._started and buffer:
            buffer = buffer.removeprefix(b"\xef\xbb\xbf")
            self._started = len(buffer) > 2
        # A lone CR at the very end may be the first half of CRLF: it waits for the next chunk.
        held = b"\r" if buffer.endswith(b"\r") else b""
        if b"\r" in buffer:
            buffer = buffer[: len(buffer) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = buffer.split(b"\n")
        self._buffer = bytearray(rest + held)
        self._bounded()
        self.lines += len(lines)
        events: list[Event] = []
        for line in lines:
            event = self._line(line)
            if event is not None:
                events.append(event)
        return events

    def _bounded(self) -> None:
        if len(self._buffer) + self._size > self._limit:
            raise ValueError(f"an event exceeds {self._limit} bytes")

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
        elif name == b"retry" and value.isdigit() and len(value) < 10:
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
