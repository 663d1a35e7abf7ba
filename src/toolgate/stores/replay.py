"""What resumable streams (SPEC-DIGEST 3, `Last-Event-ID`) may still ask for, in memory and bounded in every way."""

from collections import OrderedDict, deque

import msgspec

_OVERHEAD = 256
"""What an event or a stream weighs beside its data, in bytes."""


class Bounds(msgspec.Struct, frozen=True):
    """The most that is kept: events, bytes and streams of one session; sessions, and the bytes of all of them; seconds
    after which a session that has had no new event is forgotten."""

    events: int = 1_000
    session_bytes: int = 4 * 1024 * 1024
    streams: int = 256
    sessions: int = 10_000
    total_bytes: int = 64 * 1024 * 1024
    seconds: float = 600.0


class _Stream:
    """The events of one stream, oldest first, and the number of the last one that was dropped (-1: none)."""

    __slots__ = ("dropped", "events")

    def __init__(self) -> None:
        self.events: deque[tuple[int, bytes]] = deque()
        self.dropped = -1


class _Buffer:
    """The streams of one session, the one written last at the end; `order` names the stream of every kept event."""

    __slots__ = ("last", "order", "size", "streams", "touched")

    def __init__(self, last: int) -> None:
        self.streams: OrderedDict[str, _Stream] = OrderedDict()
        self.order: deque[tuple[str, int]] = deque()
        self.size = 0
        self.last = last
        self.touched = 0.0


class Replay:
    """Events by session. An event's id is `<stream>-<number>`; numbers ascend through the whole session.

    Numbers begin at the microsecond at which the session was first (or again) heard of here, and above every number
    that this process gave: an id from before a restart, or from before the session was forgotten, is then never
    mistaken for a newer one.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._buffers: OrderedDict[str, _Buffer] = OrderedDict()
        self._highest = 0
        self.size = 0

    def keep(self, session: str, stream: str, data: bytes, *, now: float, monotonic: float) -> str:
        """Remembers one event and returns its id. `now` is Unix time, `monotonic` any clock that never goes back."""
        self._forget_idle(monotonic)
        buffer = self._buffers.get(session)
        if buffer is None:
            buffer = self._buffers[session] = _Buffer(max(int(now * 1e6), self._highest))
        else:
            self._buffers.move_to_end(session)
        buffer.touched = monotonic
        buffer.last += 1
        number = buffer.last
        self._highest = max(self._highest, number)
        kept = buffer.streams.get(stream)
        if kept is None:
            kept = buffer.streams[stream] = _Stream()
            self._grow(buffer, _OVERHEAD)
        else:
            buffer.streams.move_to_end(stream)
        kept.events.append((number, data))
        buffer.order.append((stream, number))
        self._grow(buffer, _OVERHEAD + len(data))
        self._trim(buffer)
        return f"{stream}-{number}"

    def replay(self, session: str, event_id: str) -> tuple[str, list[tuple[str, bytes]]] | None:
        """The stream of an event, and its later events; None unless it was sent and all later ones are still kept."""
        stream, _, digits = event_id.rpartition("-")
        buffer = self._buffers.get(session)
        kept = None if buffer is None else buffer.streams.get(stream)
        if kept is None or not (digits.isascii() and digits.isdigit() and len(digits) < 20):
            return None
        number = int(digits)
        if number != kept.dropped and all(number != at for at, _ in kept.events):
            return None
        return stream, [(f"{stream}-{at}", data) for at, data in kept.events if at > number]

    def forget(self, session: str) -> None:
        buffer = self._buffers.pop(session, None)
        if buffer is not None:
            self.size -= buffer.size

    def _grow(self, buffer: _Buffer, size: int) -> None:
        buffer.size += size
        self.size += size

    def _trim(self, buffer: _Buffer) -> None:
        bounds = self._bounds
        while buffer.order and (len(buffer.order) > bounds.events or buffer.size > bounds.session_bytes):
            self._drop_oldest(buffer)
        while len(buffer.streams) > bounds.streams:
            self._drop_stream(buffer)
        while self.size > bounds.total_bytes or len(self._buffers) > bounds.sessions:
            quietest, oldest = next(iter(self._buffers.items()))
            if oldest is not buffer:
                self.forget(quietest)
            elif buffer.order:
                self._drop_oldest(buffer)
            else:
                break

    def _drop_oldest(self, buffer: _Buffer) -> None:
        stream, number = buffer.order.popleft()
        kept = buffer.streams.get(stream)
        if kept is not None and kept.events and kept.events[0][0] == number:
            kept.dropped = number
            self._grow(buffer, -_OVERHEAD - len(kept.events.popleft()[1]))

    def _drop_stream(self, buffer: _Buffer) -> None:
        """Drops the stream that has been quiet for longest. Its entries in `order` are passed over later."""
        _, kept = buffer.streams.popitem(last=False)
        self._grow(buffer, -_OVERHEAD - sum(_OVERHEAD + len(data) for _, data in kept.events))

    def _forget_idle(self, monotonic: float) -> None:
        while self._buffers:
            session, buffer = next(iter(self._buffers.items()))
            if monotonic - buffer.touched < self._bounds.seconds:
                return
            self.forget(session)
