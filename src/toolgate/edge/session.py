"""One handshake-era session while something of it is going on in this process: its streams, its running calls, and the
questions that servers put to its client. What must outlive the process is sealed in the id or lies behind
`Sessions`."""

import asyncio
import itertools
import os
from collections import deque
from collections.abc import Callable

from toolgate.edge.exchange import EVENT_STREAM, Exchange
from toolgate.edge.questions import Questions
from toolgate.edge.request import Responder
from toolgate.edge.silence import KEEP_ALIVE, Silence
from toolgate.model.call import Notification
from toolgate.pipeline.listening import Stream
from toolgate.ports import Sessions
from toolgate.protocol import jsonrpc, sse
from toolgate.protocol.handshake import Negotiated

STANDALONE = "get"
BACKLOG = 64
"""Messages held for a session whose GET stream is not open; the oldest make room."""

_START = os.urandom(4).hex()
_STREAMS = itertools.count(1)
"""Streams and questions are named once per process, not per Live: one that was forgotten and met again must not repeat
a name, under which older events may wait for replay, or a late answer may come."""

_PRIMED = frozenset({"2025-11-25"})
_PRIMED_AFTER = 1
"""Seconds after which a call whose client can be primed gets its stream, and with it a place to resume from: a
connection that breaks then loses no answer. Quicker calls are answered in plain JSON."""

_RETRY = b"retry: 1000\n"
"""How many milliseconds a client that was cut off should wait before it comes back."""


class Live:
    """The process-local side of one session."""

    patience = KEEP_ALIVE

    def __init__(
        self, negotiated: Negotiated, sessions: Sessions, silence: Silence, quieted: "Callable[[Live], None]"
    ) -> None:
        self.negotiated = negotiated
        self.envelope = negotiated.envelope()
        self._quieted = quieted
        self.sessions = sessions
        self.silence = silence
        self.silent_for = 0
        self.running: dict[bytes, asyncio.Task[None]] = {}
        self.exchanges: dict[str, SessionExchange] = {}
        self.stream: Stream | None = None
        self.questions = Questions(negotiated)
        self._standalone: Responder | None = None
        self._backlog: deque[bytes] = deque(maxlen=BACKLOG)

    @property
    def uid(self) -> str:
        return self.negotiated.uid

    @property
    def quiet(self) -> bool:
        """No call runs and no stream is open; it may still be subscribed to something."""
        return not (self.running or self.exchanges or self.questions or self._standalone)

    @property
    def idle(self) -> bool:
        """Nothing would be lost by forgetting it."""
        return self.quiet and self.stream is None

    def next_stream(self) -> str:
        return f"{_START}{next(_STREAMS):x}"

    def frame(self, stream: str, message: bytes) -> bytes:
        """The event of one message, remembered for replay under its id."""
        return sse.frame(message, self.sessions.keep(self.uid, stream, message))

    def primed(self) -> bool:
        """Whether this client understands an event that only names where a stream begins (2025-11-25)."""
        return self.negotiated.version in _PRIMED

    def hear(self, notification: Notification) -> None:
        """News that belongs to no call: on the GET stream, or kept until it is opened."""
        message = jsonrpc.notification(notification.method, notification.params)
        if self._standalone is None or self._standalone.paused:
            self._backlog.append(message)
        else:
            self._standalone.write(self.frame(STANDALONE, message))

    def open_standalone(self, responder: Responder, missed: list[tuple[str, bytes]]) -> None:
        """Makes this the session's GET stream; a former one ends."""
        self.close_standalone()
        self._standalone = responder
        responder.watch(self._standalone_gone, self._flush)
        responder.start(200, EVENT_STREAM)
        responder.write(sse.COMMENT)
        for event_id, message in missed:
            responder.write(sse.frame(message, event_id))
        self._flush()
        self.silence.watch(self)

    def close_standalone(self) -> None:
        responder, self._standalone = self._standalone, None
        self.silence.let_go(self)
        if responder is not None:
            responder.watch(None, None)
            responder.end()

    def end(self) -> None:
        """The session is over: its calls are cancelled, its streams end."""
        for task in list(self.running.values()):
            task.cancel()
        self.questions.end()
        self.close_standalone()

    def _standalone_gone(self) -> None:
        self._standalone = None
        self.silence.let_go(self)
        self._quieted(self)

    def _flush(self) -> None:
        while self._backlog and self._standalone is not None and not self._standalone.paused:
            self._standalone.write(self.frame(STANDALONE, self._backlog.popleft()))

    def keep_alive(self) -> None:
        """After 15 s of silence on the GET stream."""
        if self._standalone is not None and not self._standalone.paused:
            self._standalone.write(sse.COMMENT)


class SessionExchange(Exchange):
    """A POST of a session. The session owns the call: a client that goes away only detaches it, the call goes on, and
    what it says is kept for replay. A later GET may take its stream over."""

    def __init__(self, responder: Responder, live: Live) -> None:
        super().__init__(responder, live.silence, None)
        self._live = live
        self._attached = True
        self._stream: str | None = None
        if live.primed():
            self.patience = _PRIMED_AFTER

    @property
    def stream(self) -> str:
        """The name of its stream: given when there first is one, since most answers need none."""
        if self._stream is None:
            self._stream = self._live.next_stream()
            self._live.exchanges[self._stream] = self
        return self._stream

    async def ask(self, method: str, params: bytes, /) -> bytes:
        return await self._live.questions.ask(lambda message: self.send(message, object()), method, params)

    def framed(self, message: bytes) -> bytes:
        return self._live.frame(self.stream, message)

    def gone(self) -> None:
        """The client went away: from now on everything goes to the replay buffer alone."""
        self._silence.let_go(self)
        self._attached = False
        self._streaming = True
        self._responder.watch(None, None)

    def attach(self, responder: Responder, missed: list[tuple[str, bytes]]) -> None:
        """A client that came back by GET: what it missed, then everything that follows. A former connection that was
        not noticed to be dead ends."""
        if self._attached:
            self._responder.watch(None, None)
            self._responder.end()
        self._responder = responder
        self._attached = True
        responder.watch(self.gone, self._drain)
        responder.start(200, EVENT_STREAM)
        for event_id, message in missed:
            responder.write(sse.frame(message, event_id))
        self._drain()
        self._silence.watch(self)

    def finish(self, status: int, message: bytes, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        super().finish(status, message, headers)
        self._forget()

    def drop(self) -> None:
        """Ends without an answer: the client took the call back."""
        if not self._closed:
            if self._streaming:
                self._close()
                self._responder.end()
            else:
                self._close()
                self._responder.reply(202, (), b"")
        self._forget()

    def _forget(self) -> None:
        if self._stream is not None:
            self._live.exchanges.pop(self._stream, None)

    def _commit(self) -> None:
        if not self._streaming:
            super()._commit()
            self.patience = KEEP_ALIVE
            if self._live.primed():
                self._responder.write(_RETRY + self.framed(b""))
