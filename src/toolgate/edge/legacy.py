"""The handshake era over HTTP (SPEC-DIGEST 3): initialize, sessions, GET stream, DELETE, batches, replay."""

import asyncio
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import msgspec

from toolgate.edge.answering import fault_answer
from toolgate.edge.arriving import initialize_arrival, session_arrival
from toolgate.edge.exchange import EVENT_STREAM, Exchange
from toolgate.edge.modern import HANDSHAKE, VERSION
from toolgate.edge.request import Request, Responder
from toolgate.edge.session import STANDALONE, Live, SessionExchange
from toolgate.edge.silence import Silence
from toolgate.model.call import Arrival, Era, Fields
from toolgate.model.errors import BadRequest, Limited, UnknownSession, UnsupportedVersion
from toolgate.model.identity import Credential, Principal
from toolgate.pipeline.listening import LISTS, Hub, Stream
from toolgate.ports import Caller, Clock, Sessions, SessionState
from toolgate.protocol import faults, jsonrpc, sse
from toolgate.protocol.handshake import Negotiated, negotiated, open_session, seal_session
from toolgate.protocol.jsonrpc import Message
from toolgate.protocol.sealed import Seal
from toolgate.protocol.versions import LEGACY_VERSIONS, WITH_BATCHES

SESSION = b"mcp-session-id"
MOST_LIVE = 10_000
"""Sessions with something going on in this process; idle ones make room."""

MOST_IN_BATCH = 100
MOST_RUNNING = 256
"""Calls of one session at a time: those of a client that went away go on, so connections do not bound them."""

_KEPT = 1_000
"""Sessions whose local side is kept although nothing goes on in them."""

_OPENED = 4096

Answer = Callable[
    [Arrival, Caller, "asyncio.Task[None]"], Awaitable[tuple[int, bytes, tuple[tuple[bytes, bytes], ...]]]
]
"""Takes an Arrival through the front door: HTTP status, response message, headers. Never raises a Fault."""


class Legacy:
    """Everything that an endpoint does for clients of the handshake era."""

    def __init__(
        self, seal: Seal, sessions: Sessions, hub: Hub, silence: Silence, clock: Clock, answer: Answer
    ) -> None:
        self._seal = seal
        self._sessions = sessions
        self._hub = hub
        self._silence = silence
        self._clock = clock
        self._answer = answer
        self._live: OrderedDict[str, Live] = OrderedDict()
        self._opened: OrderedDict[tuple[bytes, str, str], Negotiated] = OrderedDict()

    # Sessions -------------------------------------------------------------------------------------------------------

    def open(self, request: Request, principal: Principal, endpoint: str) -> tuple[Negotiated, SessionState]:
        """The session that a request names, and its state. Raises BadRequest without one, UnknownSession (404) for one
        that is foreign, ended or expired, UnsupportedVersion for a version header that contradicts."""
        sealed = request.headers.get(SESSION)
        if sealed is None:
            raise BadRequest("the Mcp-Session-Id header is missing: send `initialize` first")
        key = (sealed, principal.id, endpoint)
        now = self._clock.now()
        session = self._opened.get(key)
        if session is None or session.until < now:
            text = sealed.decode("latin-1")
            session = open_session(self._seal, text, principal=principal.id, endpoint=endpoint, now=now)
            if session is None:
                raise UnknownSession("this session is not known here: send `initialize` again")
            self._opened[key] = session
            if len(self._opened) > _OPENED:
                self._opened.popitem(last=False)
        state = self._sessions.state(session.uid)
        if state is None:
            raise UnknownSession("this session was ended: send `initialize` again")
        version = request.headers.get(VERSION)
        if version is not None and version.strip(b" \t") not in HANDSHAKE:
            asked = version[:40].decode("latin-1")
            raise UnsupportedVersion(f"protocol version {asked!r} is not served", {"supported": LEGACY_VERSIONS})
        return session, state

    def live(self, session: Negotiated) -> Live:
        """The process-local side of a session. Raises Limited when too many are busy."""
        live = self._live.get(session.uid)
        if live is None:
            if len(self._live) >= MOST_LIVE:
                self._make_room()
            live = self._live[session.uid] = Live(session, self._sessions, self._silence, self._quieted)
        self._live.move_to_end(session.uid)
        return live

    def forget_idle(self, live: Live) -> None:
        """A few idle ones are kept: their next call is quicker."""
        if len(self._live) > _KEPT and live.idle:
            self._live.pop(live.uid, None)

    def close(self) -> None:
        """Ends every stream: the process is about to stop. Sessions themselves go on elsewhere, or after a restart."""
        for live in list(self._live.values()):
            live.close_standalone()

    # One message ----------------------------------------------------------------------------------------------------

    async def initialize(
        self, request: Request, responder: Responder, message: Message, params: Fields, endpoint: str,
        principal: Principal, credential: Credential, task: "asyncio.Task[None]",
    ) -> None:  # fmt: skip
        """The handshake: what it settles is the session id."""
        exchange = Exchange(responder, self._silence, task)
        session = negotiated(
            params, uid=os.urandom(12).hex(), principal=principal.id, endpoint=endpoint, now=self._clock.now()
        )
        arrival = initialize_arrival(session, message, params, credential, len(request.body), request.client)
        status, body, headers = await self._answer(arrival, exchange, task)
        if status == 200:
            headers = (*headers, (SESSION, seal_session(self._seal, session).encode()))
        exchange.finish(status, body, headers)

    async def message(
        self, request: Request, responder: Responder, message: Message, params: Fields, principal: Principal,
        endpoint: str, credential: Credential, task: "asyncio.Task[None]",
    ) -> None:  # fmt: skip
        """One request, notification or response of a session."""
        session, state = self.open(request, principal, endpoint)
        live = self.live(session)
        if not isinstance(message.method, str):
            live.questions.answered(message)
            responder.reply(202, (), b"")
        elif message.id is msgspec.UNSET:
            self._notified(live, message)
            responder.reply(202, (), b"")
        else:
            size = len(request.body)
            arrival = session_arrival(endpoint, live.envelope, state, message, params, credential, size, request.client)
            exchange = SessionExchange(responder, live)
            outcome = await self._run(live, arrival, exchange, task)
            exchange.drop() if outcome is None else exchange.finish(*outcome)
        self.forget_idle(live)

    async def batch(
        self, request: Request, responder: Responder, bodies: list[bytes], principal: Principal, endpoint: str,
        credential: Credential,
    ) -> None:  # fmt: skip
        """A batch (2025-03-26): its requests run side by side, their answers come as one array, or one event each."""
        session, state = self.open(request, principal, endpoint)
        if session.version not in WITH_BATCHES:
            raise BadRequest(f"batches are not part of {session.version}")
        if not 0 < len(bodies) <= MOST_IN_BATCH:
            raise BadRequest(f"a batch holds 1 to {MOST_IN_BATCH} messages")
        messages = [jsonrpc.decode(body) for body in bodies]
        live = self.live(session)
        arrivals = [
            session_arrival(
                endpoint,
                live.envelope,
                state,
                asked,
                jsonrpc.fields(asked.params),
                credential,
                len(request.body),
                request.client,
            )
            for asked in messages
            if _asks(asked)
        ]
        for message in messages:
            if not isinstance(message.method, str):
                live.questions.answered(message)
            elif message.id is msgspec.UNSET:
                self._notified(live, message)
        if not arrivals:
            responder.reply(202, (), b"")
        else:
            exchange = SessionExchange(responder, live)
            answers = await asyncio.gather(*(self._run_in_batch(live, arrival, exchange) for arrival in arrivals))
            exchange.finish(200, b"[" + b",".join(answer[1] for answer in answers if answer is not None) + b"]")
        self.forget_idle(live)

    def get(self, request: Request, responder: Responder, principal: Principal, endpoint: str) -> None:
        """The stand-alone stream, or the rest of a stream that broke off (Last-Event-ID)."""
        session, _ = self.open(request, principal, endpoint)
        live = self.live(session)
        missed: list[tuple[str, bytes]] = []
        last = request.header(b"last-event-id")
        if last is not None:
            replayed = self._sessions.replay(session.uid, last)
            if replayed is None:
                raise BadRequest("this Last-Event-ID is not known any more: repeat the request")
            stream, missed = replayed
            if stream != STANDALONE:
                self._resume(live, responder, stream, missed)
                return
        self._subscribe_lists(live, principal, endpoint)
        live.open_standalone(responder, missed)

    def delete(self, request: Request, responder: Responder, principal: Principal, endpoint: str) -> None:
        """The client ends its session."""
        session, _ = self.open(request, principal, endpoint)
        self._sessions.end(session.uid, session.until)
        live = self._live.pop(session.uid, None)
        if live is not None:
            self._unhear(live)
            live.end()
        responder.reply(200, (), b"")

    # Subscriptions --------------------------------------------------------------------------------------------------

    def subscribe(self, session_uid: str, principal: Principal, endpoint: str, uri: str) -> bool:
        """Whether updates of this resource will be heard on the session's stream. Raises Limited when there are too
        many."""
        live = self._live.get(session_uid)
        state = self._sessions.state(session_uid)
        if live is None or state is None:
            return False
        stream = self._stream(live, principal, endpoint)
        known = uri in state.subscriptions
        state.subscriptions.add(uri)  # first, because it may refuse
        if self._hub.subscribe(stream, uri):
            return True
        if not known:
            state.subscriptions.discard(uri)
        return False

    def unsubscribe(self, session_uid: str, uri: str) -> None:
        live = self._live.get(session_uid)
        state = self._sessions.state(session_uid)
        if state is not None:
            state.subscriptions.discard(uri)
        if live is not None and live.stream is not None:
            self._hub.unsubscribe(live.stream, uri)

    # Private --------------------------------------------------------------------------------------------------------

    async def _run(
        self, live: Live, arrival: Arrival, exchange: SessionExchange, task: "asyncio.Task[None]"
    ) -> tuple[int, bytes, tuple[tuple[bytes, bytes], ...]] | None:
        """Runs one call as a task of its own, so that its client can cancel it by id; None when it did."""
        if len(live.running) >= MOST_RUNNING:
            many = f"{MOST_RUNNING} calls of this session still run: wait for some, or cancel them"
            return fault_answer(Limited(many, retry_after=1.0), arrival.wire_id, Era.LEGACY)
        if arrival.wire_id in live.running:
            taken = "this request id is in use by a call that still runs"
            return 400, jsonrpc.error_response(arrival.wire_id, faults.INVALID_REQUEST, taken), ()
        live.running[arrival.wire_id] = task
        try:
            return await self._answer(arrival, exchange, task)
        except asyncio.CancelledError:
            task.uncancel()
            return None
        finally:
            live.running.pop(arrival.wire_id, None)

    async def _run_in_batch(
        self, live: Live, arrival: Arrival, exchange: SessionExchange
    ) -> tuple[int, bytes, tuple[tuple[bytes, bytes], ...]] | None:
        """`_run` where each call of a batch has a task of its own."""
        task = asyncio.current_task()
        assert task is not None
        return await self._run(live, arrival, exchange, task)

    def _notified(self, live: Live, message: Message) -> None:
        """`notifications/cancelled` takes a call back; `initialized` and `roots/list_changed` need nothing done
        here."""
        if message.method != "notifications/cancelled":
            return
        target = jsonrpc.fields(message.params).get("requestId")
        task = None if target is None else live.running.get(bytes(target))
        if task is not None:
            task.cancel()

    def _resume(self, live: Live, responder: Responder, stream: str, missed: list[tuple[str, bytes]]) -> None:
        exchange = live.exchanges.get(stream)
        if exchange is not None:
            exchange.attach(responder, missed)
            return
        responder.start(200, EVENT_STREAM)
        for event_id, message in missed:
            responder.write(sse.frame(message, event_id))
        responder.end()

    def _subscribe_lists(self, live: Live, principal: Principal, endpoint: str) -> None:
        self._stream(live, principal, endpoint).lists = frozenset(LISTS)

    def _stream(self, live: Live, principal: Principal, endpoint: str) -> Stream:
        if live.stream is None:
            stream = Stream(principal, endpoint, frozenset(), live.hear, lambda: self._lost(live))
            self._hub.add(stream)
            live.stream = stream
        return live.stream

    def _lost(self, live: Live) -> None:
        """The principal or the endpoint is gone: what is still open ends now."""
        live.stream = None
        live.end()

    def _quieted(self, live: Live) -> None:
        """The GET stream closed: without subscriptions, there is nothing to listen for."""
        if live.stream is not None and not live.stream.uris:
            self._unhear(live)
        self.forget_idle(live)

    def _unhear(self, live: Live) -> None:
        if live.stream is not None:
            self._hub.remove(live.stream)
            live.stream = None

    def _make_room(self) -> None:
        for live in list(self._live.values()):
            if live.quiet:
                self._unhear(live)
                del self._live[live.uid]
                return
        raise Limited(f"all {MOST_LIVE} sessions of this process are busy", retry_after=5.0)


def _asks(message: Message) -> bool:
    return isinstance(message.method, str) and message.id is not msgspec.UNSET
