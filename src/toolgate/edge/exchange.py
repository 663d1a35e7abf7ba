"""One POST on its way to an answer: open, then either one JSON body or a stream of events, then closed.

A stream is committed only by the first notification, or after 15 s of silence, so that an early refusal keeps its HTTP
status. This is the modern era's form: the exchange owns its call, and a client that goes away takes the call back.
"""

import asyncio
from collections import OrderedDict

from toolgate.edge.request import JSON, Header, Responder
from toolgate.edge.silence import KEEP_ALIVE, Silence
from toolgate.model.call import Notification
from toolgate.model.errors import NoWayBack
from toolgate.protocol import jsonrpc, sse
from toolgate.protocol.relay import MESSAGE, PROGRESS

QUEUE = 256
QUEUE_BYTES = 1024 * 1024
"""Notifications held for a client that does not read; beyond either bound they are dropped and counted."""

EVENT_STREAM: tuple[Header, ...] = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)


class Exchange:
    """The Caller of a request over HTTP. `dropped` counts what a client that did not read has missed."""

    patience = KEEP_ALIVE

    def __init__(self, responder: Responder, silence: Silence, task: "asyncio.Task[None] | None") -> None:
        self._responder = responder
        self._silence = silence
        self._task = task
        self._streaming = False
        self._closed = False
        self._held: OrderedDict[object, bytes] | None = None
        self._held_bytes = 0
        self.silent_for = 0
        self.dropped = 0
        silence.watch(self)
        responder.watch(self.gone, self._drain)

    def notify(self, notification: Notification, /) -> None:
        self.send(jsonrpc.notification(notification.method, notification.params), self._slot(notification))

    async def ask(self, method: str, params: bytes, /) -> bytes:
        raise NoWayBack(f"{method} cannot be put to a client of the modern era: it takes input_required results")

    def send(self, message: bytes, slot: object) -> None:
        """One message on the stream. While the client does not read, messages of one slot replace each other."""
        if self._closed:
            return
        self._commit()
        self.silent_for = 0
        if not self._responder.paused and not self._held:
            self._responder.write(self.framed(message))
            return
        if self._held is None:
            self._held = OrderedDict()
        size = self._held_bytes + len(message) - len(self._held.get(slot, b""))
        if size <= QUEUE_BYTES and (slot in self._held or len(self._held) < QUEUE):
            self._held[slot] = message
            self._held_bytes = size
        else:
            self.dropped += 1

    def finish(self, status: int, message: bytes, headers: tuple[Header, ...] = ()) -> None:
        """The one response, and the end."""
        if self._closed:
            return
        if not self._streaming:
            self._close()
            self._responder.reply(status, (JSON, *headers), message)
            return
        self._drain(force=True)
        self._responder.write(self.framed(message))
        self._close()
        self._responder.end()

    def framed(self, message: bytes) -> bytes:
        return sse.frame(message)

    def gone(self) -> None:
        """The client went away."""
        self._close()
        if self._task is not None:
            self._task.cancel()

    def _slot(self, notification: Notification) -> object:
        """What the news is about: of progress the latest counts, of one change the fact; each log message is its own.
        A batch has several calls on one exchange, each with a token."""
        if notification.method == MESSAGE:
            return object()
        if notification.method != PROGRESS:
            return (notification.method, notification.params)
        return bytes(jsonrpc.fields(notification.params).get("progressToken", b""))

    def _commit(self) -> None:
        if not self._streaming:
            self._streaming = True
            self._responder.start(200, EVENT_STREAM)

    def keep_alive(self) -> None:
        """After 15 s of silence: the stream is committed, and says that it lives."""
        self._commit()
        if not self._responder.paused:
            self._responder.write(sse.COMMENT)

    def _drain(self, *, force: bool = False) -> None:
        while self._held and (force or not self._responder.paused):
            _, message = self._held.popitem(last=False)
            self._held_bytes -= len(message)
            self._responder.write(self.framed(message))

    def _close(self) -> None:
        self._closed = True
        self._silence.let_go(self)
        self._responder.watch(None, None)
