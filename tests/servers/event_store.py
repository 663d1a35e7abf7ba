"""An event store in memory, so that clients of 2025-11-25 can leave a stream and resume it with `Last-Event-ID`."""

from __future__ import annotations

from collections import deque

from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.types import JSONRPCMessage

MAX_EVENTS = 4096


class MemoryEventStore(EventStore):
    """The last `MAX_EVENTS` events of all streams, numbered in one sequence.

    The SDK names a stream by its request id alone, so two sessions that resume streams of equal ids at the same time
    would see each other's events: a limit of this fixture, not of the protocol.
    """

    def __init__(self) -> None:
        self._events: deque[tuple[int, str, JSONRPCMessage | None]] = deque(maxlen=MAX_EVENTS)
        self._last = 0

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        self._last += 1
        self._events.append((self._last, stream_id, message))
        return str(self._last)

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        if not last_event_id.isdecimal():
            return None
        last = int(last_event_id)
        stream = next((stream for number, stream, _ in self._events if number == last), None)
        if stream is None:
            return None
        # A priming event has no message: it gave the client a place to resume from and is not sent twice.
        later = [
            EventMessage(message, str(number))
            for number, origin, message in self._events
            if origin == stream and number > last and message is not None
        ]
        for event in later:
            await send_callback(event)
        return stream
