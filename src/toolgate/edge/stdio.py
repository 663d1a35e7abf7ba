"""One local client over stdin and stdout, in both eras: what HTTP says with headers, streams and sessions is said here
with messages alone (SPEC-DIGEST 4)."""

import asyncio
import logging
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from toolgate.edge.answering import Answered, fault_answer
from toolgate.edge.arriving import initialize_arrival, needed_id, new_id, session_arrival
from toolgate.edge.lines import TOO_LONG, Lines
from toolgate.edge.questions import Questions
from toolgate.model.call import Arrival, Era, Notification
from toolgate.model.errors import BadRequest, Fault, Limited, NoWayBack
from toolgate.model.identity import Credential, Principal
from toolgate.pipeline.listening import LISTS, Hub, Stream
from toolgate.ports import Caller, Clock, Sessions
from toolgate.protocol import envelope as envelopes
from toolgate.protocol import jsonrpc
from toolgate.protocol.handshake import Negotiated, negotiated
from toolgate.protocol.jsonrpc import Message
from toolgate.protocol.relay import PROGRESS
from toolgate.protocol.versions import WITH_BATCHES

logger = logging.getLogger(__name__)

MOST_RUNNING = 512
"""Requests under way at a time; one more is refused."""

MOST_IN_BATCH = 100
MOST_HELD = 256
"""Notifications held for a client that does not read; beyond it they are dropped and counted."""

CANCELLED = "notifications/cancelled"
LISTEN = "subscriptions/listen"

_LAST_WORDS = 2.0
"""Seconds that a client may take to read the last of it."""

T = TypeVar("T")

Answer = Callable[[Arrival, Caller, "asyncio.Task[Any]"], Awaitable[Answered]]


class Client(msgspec.Struct, frozen=True):
    """Who is at the other end: the endpoint that it is served, and its credential, which is nobody else's to give."""

    principal: Principal
    credential: Credential
    endpoint: str = ""


class Outgoing:
    """What goes to the client. Responses and questions always do; notifications wait while it does not read, those of
    one slot replacing each other. `dropped` counts those for which there was no room."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._held: OrderedDict[object, bytes] = OrderedDict()
        self.dropped = 0
        lines.drained = self.flush

    def notify(self, notification: Notification, slot: object) -> None:
        message = jsonrpc.notification(notification.method, notification.params)
        if not self._held and not self._lines.paused:
            self._lines.write(message)
        elif slot in self._held or len(self._held) < MOST_HELD:
            self._held[slot] = message
        else:
            self.dropped += 1

    def send(self, message: bytes) -> None:
        """A response or a question: what was said before it goes before it."""
        self.flush(force=True)
        self._lines.write(message)

    def flush(self, *, force: bool = False) -> None:
        while self._held and (force or not self._lines.paused):
            self._lines.write(self._held.popitem(last=False)[1])


class StdioCaller:
    """The way back to the client from one of its calls."""

    def __init__(self, out: Outgoing, questions: Questions | None) -> None:
        self._out = out
        self._questions = questions

    def notify(self, notification: Notification, /) -> None:
        # Progress of one call replaces itself; everything else has a slot of its own.
        self._out.notify(notification, self if notification.method == PROGRESS else object())

    async def ask(self, method: str, params: bytes, /) -> bytes:
        if self._questions is None:
            raise NoWayBack(f"{method} cannot be put to a client of the modern era: it takes input_required results")
        return await self._questions.ask(self._out.send, method, params)


class StdioEdge:
    """Serves one client. `serve` runs until it ends its side, or `stop` is called; `malformed` counts what never became
    an Arrival."""

    def __init__(
        self, lines: Lines, client: Client, answer: Answer, hub: Hub, sessions: Sessions, clock: Clock
    ) -> None:
        self._lines = lines
        self._client = client
        self._answer = answer
        self._hub = hub
        self._sessions = sessions
        self._clock = clock
        self._out = Outgoing(lines)
        self._running: dict[bytes, asyncio.Task[Any]] = {}
        self._together: set[asyncio.Task[None]] = set()
        self._listening: set[bytes] = set()
        self._session: Negotiated | None = None
        self._questions: Questions | None = None
        self._stream: Stream | None = None
        self._stopping = False
        self.malformed = 0

    async def serve(self, drain: float) -> None:
        """Until the client is gone. Its calls that still run may end, for at most `drain` seconds."""
        try:
            while (line := await self._lines.next()) is not None:
                await self._take(line)
                await self._lines.room()
        finally:
            await self._end(drain)

    def stop(self) -> None:
        """Takes no more requests; what listens is told that it ends."""
        self._stopping = True
        self._lines.end_reading()

    # Subscriptions (edge.arriving.Subscriber) -----------------------------------------------------------------------

    def subscribe(self, session_uid: str, principal: Principal, endpoint: str, uri: str, /) -> bool:
        state = self._sessions.state(session_uid)
        if state is None:
            return False
        known = uri in state.subscriptions
        state.subscriptions.add(uri)  # first, because it may refuse
        if self._hub.subscribe(self._hearing(), uri):
            return True
        if not known:
            state.subscriptions.discard(uri)
        return False

    def unsubscribe(self, session_uid: str, uri: str, /) -> None:
        state = self._sessions.state(session_uid)
        if state is not None:
            state.subscriptions.discard(uri)
        if self._stream is not None:
            self._hub.unsubscribe(self._stream, uri)

    # One line -------------------------------------------------------------------------------------------------------

    async def _take(self, line: bytes) -> None:
        if not line.strip():
            return
        request_id: bytes | None = None
        try:
            if line is TOO_LONG:
                raise BadRequest("the message is too large")
            if line.lstrip()[:1] == b"[":
                self._batch(line)
                return
            message = jsonrpc.decode(line)
            if isinstance(message.method, str):
                request_id = jsonrpc.request_id(message)
            await self._message(message, len(line))
        except Fault as fault:
            self.malformed += 1
            self._out.send(fault_answer(fault, request_id, Era.LEGACY if self._session else Era.MODERN)[1])

    async def _message(self, message: Message, size: int) -> None:
        if not isinstance(message.method, str):
            if self._questions is not None:
                self._questions.answered(message)
        elif message.id is msgspec.UNSET:
            self._notified(message)
        elif message.method == "initialize":
            # Whatever comes next may count on the session: so nothing comes next before it is there.
            await asyncio.ensure_future(self._initialize(message, size))
        else:
            arrival = self._arrival(message, size)
            self._check([arrival.wire_id])
            self._begin(arrival.wire_id, self._respond(arrival), listens=arrival.method == LISTEN)

    def _batch(self, line: bytes) -> None:
        """A batch (2025-03-26): its requests run side by side, their answers come as one array."""
        session = self._session
        if session is None or session.version not in WITH_BATCHES:
            raise BadRequest("one message a line: batches exist only in sessions of 2025-03-26")
        bodies = jsonrpc.split_batch(line)
        if not 0 < len(bodies) <= MOST_IN_BATCH:
            raise BadRequest(f"a batch holds 1 to {MOST_IN_BATCH} messages")
        messages = [jsonrpc.decode(body) for body in bodies]
        asked = [each for each in messages if isinstance(each.method, str) and each.id is not msgspec.UNSET]
        credential = self._client.credential
        state, envelope = self._sessions.state(session.uid), session.envelope()
        arrivals = [
            session_arrival(session.endpoint, envelope, state, each, jsonrpc.fields(each.params), credential, len(line))
            for each in asked
        ]
        self._check([arrival.wire_id for arrival in arrivals])
        for message in messages:
            if not isinstance(message.method, str) and self._questions is not None:
                self._questions.answered(message)
            elif message.id is msgspec.UNSET:
                self._notified(message)
        outcomes = [self._begin(arrival.wire_id, self._outcome(arrival)) for arrival in arrivals]
        if outcomes:
            whole = asyncio.ensure_future(self._respond_together(outcomes))
            self._together.add(whole)
            whole.add_done_callback(self._together.discard)

    def _arrival(self, message: Message, size: int) -> Arrival:
        params = jsonrpc.fields(message.params)
        client = self._client
        if envelopes.claimed_version(params) is not None:
            request_id, method = needed_id(message), message.method
            assert isinstance(method, str)
            read = envelopes.read(params)
            envelopes.check_version(read)
            return Arrival(new_id(), request_id, client.endpoint, method, params, read, client.credential, None, size)
        session = self._session
        if session is None:
            raise BadRequest(
                f"send `initialize` first, or put {envelopes.VERSION} and {envelopes.CAPABILITIES} into `_meta`"
            )
        state = self._sessions.state(session.uid)
        return session_arrival(session.endpoint, session.envelope(), state, message, params, client.credential, size)

    def _check(self, wire_ids: list[bytes]) -> None:
        """Raises a Fault unless these requests may begin now."""
        if len(set(wire_ids)) < len(wire_ids) or not self._running.keys().isdisjoint(wire_ids):
            raise BadRequest("this request id is in use by a call that still runs")
        if len(self._running) + len(wire_ids) > MOST_RUNNING:
            raise Limited(f"{MOST_RUNNING} requests are under way already", retry_after=1.0)

    def _begin(self, wire_id: bytes, work: Coroutine[Any, Any, T], *, listens: bool = False) -> "asyncio.Task[T]":
        """Runs a request as a task of its own, so that the client can take it back by its id."""
        task = asyncio.ensure_future(work)
        self._running[wire_id] = task
        if listens:
            self._listening.add(wire_id)
        task.add_done_callback(lambda done: self._done(wire_id, done))
        return task

    def _done(self, wire_id: bytes, task: "asyncio.Task[Any]") -> None:
        del self._running[wire_id]
        self._listening.discard(wire_id)
        if not task.cancelled() and task.exception() is not None:
            logger.error("a request failed unexpectedly", exc_info=task.exception())

    async def _outcome(self, arrival: Arrival) -> bytes:
        task = asyncio.current_task()
        assert task is not None
        questions = self._questions if arrival.envelope.era is Era.LEGACY else None
        return (await self._answer(arrival, StdioCaller(self._out, questions), task))[1]

    async def _respond(self, arrival: Arrival) -> None:
        self._out.send(await self._outcome(arrival))
        if arrival.method == LISTEN:
            # A listen that ends says so in both of the ways that the specification names (SPEC-DIGEST 12, point 1).
            ended = {"requestId": msgspec.Raw(arrival.wire_id), "reason": "this subscription has ended"}
            self._out.send(jsonrpc.notification(CANCELLED, jsonrpc.encode(ended)))

    async def _respond_together(self, outcomes: list["asyncio.Task[bytes]"]) -> None:
        await asyncio.wait(outcomes)
        answers = [done.result() for done in outcomes if not done.cancelled() and done.exception() is None]
        if answers:
            self._out.send(b"[" + b",".join(answers) + b"]")

    async def _initialize(self, message: Message, size: int) -> None:
        """The handshake; a second one begins anew."""
        client = self._client
        params = jsonrpc.fields(message.params)
        session = negotiated(
            params, uid=os.urandom(12).hex(), principal=client.principal.id, endpoint=client.endpoint,
            now=self._clock.now(),
        )  # fmt: skip
        arrival = initialize_arrival(session, message, params, client.credential, size)
        task = asyncio.current_task()
        assert task is not None
        status, body, _ = await self._answer(arrival, StdioCaller(self._out, None), task)
        if status == 200:
            self._end_session()
            self._session = session
            self._questions = Questions(session)
        self._out.send(body)

    def _notified(self, message: Message) -> None:
        if message.method == "notifications/initialized" and self._session is not None:
            self._hearing().lists = frozenset(LISTS)
        elif message.method == CANCELLED:
            target = jsonrpc.fields(message.params).get("requestId")
            task = None if target is None else self._running.get(bytes(target))
            if task is not None:
                task.cancel()

    # The session's news, and its end --------------------------------------------------------------------------------

    def _hearing(self) -> Stream:
        if self._stream is None:
            client = self._client
            stream = Stream(client.principal, client.endpoint, frozenset(), self._heard, self._deaf)
            self._hub.add(stream)
            self._stream = stream
        return self._stream

    def _heard(self, notification: Notification) -> None:
        self._out.notify(notification, (notification.method, notification.params))

    def _deaf(self) -> None:
        self._stream = None

    def _end_session(self) -> None:
        if self._questions is not None:
            self._questions.end()
        if self._stream is not None:
            self._hub.remove(self._stream)
            self._stream = None

    async def _end(self, drain: float) -> None:
        if self._stopping:
            self._hub.close()
        else:
            for wire_id in self._listening:
                self._running[wire_id].cancel()
        self._end_session()
        await self._settled(drain)
        for task in self._running.values():
            task.cancel()
        await self._settled(_LAST_WORDS)
        self._out.flush(force=True)
        await self._lines.close(_LAST_WORDS)

    async def _settled(self, seconds: float) -> None:
        """Waits until nothing runs any more, or nobody is left to be answered; at most so long."""
        running = [*self._running.values(), *self._together]
        if running:
            done = asyncio.ensure_future(asyncio.wait(running))
            lost = asyncio.ensure_future(self._lines.lost.wait())
            await asyncio.wait((done, lost), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            done.cancel()
            lost.cancel()
