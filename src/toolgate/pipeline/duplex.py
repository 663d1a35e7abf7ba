"""One JSON-RPC peer at the other end of one duplex channel: who asked what, and to whom each message belongs.

Nothing that the peer says is trusted. A message that belongs to nobody is dropped; one that cannot be read ends at most
the call that it was meant for; a peer that floods is read more slowly, which only its own calls notice.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import msgspec

from toolgate.model.call import Envelope
from toolgate.model.catalog import Change, ChangeKind
from toolgate.model.errors import Fault, Invalid, UpstreamFailed
from toolgate.pipeline.announcements import Announcements
from toolgate.ports import Caller
from toolgate.protocol import envelope, faults, jsonrpc, relay
from toolgate.protocol.jsonrpc import Message

log = logging.getLogger(__name__)

POST_SECONDS = 5.0
"""How long a message that nobody waits for (a cancellation, an answer to the server) may take to be taken."""

MOST_BYSTANDERS = 64
"""Such messages, and questions of the server to callers, at the same time; more are dropped."""

NOTICES_A_SECOND = 5_000
"""Messages other than answers that are taken within a second; then reading pauses."""

CANCELLED = "notifications/cancelled"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"


class Channel(Protocol):
    """Carries whole messages to the peer. What comes back is given to `Peer.receive`, its end to `Peer.fail`."""

    async def send(self, frame: bytes, /) -> None:
        """One message, in order. May wait until there is room. Raises UpstreamFailed."""
        ...

    async def close(self) -> None:
        """Never raises, and ends within a bound."""
        ...


class Exchange:
    """One request of ours that the peer has not answered yet. `caller` and `envelope` are None for our own requests.

    `acknowledged` is set when the peer has confirmed a `subscriptions/listen`.
    """

    __slots__ = ("acknowledged", "answer", "caller", "envelope", "questions")

    def __init__(self, caller: Caller | None = None, envelope: Envelope | None = None) -> None:
        self.answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self.caller = caller
        self.envelope = envelope
        self.questions: dict[bytes, asyncio.Task[None]] = {}
        self.acknowledged = asyncio.Event()


class _IdOnly(msgspec.Struct):
    """What can still be read of a message that as a whole cannot."""

    id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decode_id = msgspec.json.Decoder(_IdOnly).decode


class Peer:
    """`server` names the upstream in errors. `askable` are the methods that the peer may put to callers: those of the
    capabilities that it was shown. `on_lost` is called once, when the peer can no longer be spoken to."""

    def __init__(self, server: str, channel: Channel, announcements: Announcements) -> None:
        self.server = server
        self.askable: frozenset[str] = frozenset()
        self.closing = False
        self._channel = channel
        self._announcements = announcements
        self._exchanges: dict[int, Exchange] = {}
        self._last_id = 0
        self._failure: str | None = None
        self._on_lost: dict[Callable[[], None], None] = {}
        self._bystanders: set[asyncio.Task[None]] = set()
        self._notices = 0
        self._second = 0.0
        self._warned = False

    # Ours to the peer ------------------------------------------------------------------------------------------------

    @property
    def lost(self) -> bool:
        return self._failure is not None

    def next_id(self) -> int:
        """A fresh request id; it serves as the progress token, too."""
        self._last_id += 1
        return self._last_id

    async def exchange(self, request_id: int, frame: bytes, exchange: Exchange, *, cancellable: bool = True) -> Message:
        """Sends one request and waits for its answer. Raises UpstreamFailed when the peer is lost. When the waiting
        task is cancelled, the peer is told so, and a late answer is dropped."""
        if self._failure is not None:
            raise UpstreamFailed(self._failure)
        self._exchanges[request_id] = exchange
        try:
            await self._channel.send(frame)
            return await exchange.answer
        except asyncio.CancelledError:
            if cancellable and request_id in self._exchanges:
                self._post(jsonrpc.notification(CANCELLED, b'{"requestId":%d}' % request_id))
            raise
        finally:
            self._exchanges.pop(request_id, None)
            for question in exchange.questions.values():
                question.cancel()
            if exchange.answer.done() and not exchange.answer.cancelled():
                exchange.answer.exception()  # seen, even if the waiting task was cancelled at the same moment

    async def notify(self, frame: bytes) -> None:
        await self._channel.send(frame)

    def when_lost(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls back once, now if it is lost already. Answers what takes the wish back."""
        if self._failure is not None:
            callback()
        else:
            self._on_lost[callback] = None
        return lambda: self._on_lost.pop(callback, None)

    def fail(self, reason: str) -> None:
        """The channel is broken: every open call ends with `server NAME REASON`. Later calls of this do nothing."""
        if self._failure is not None:
            return
        self._failure = f"server {self.server!r} {reason}"
        for exchange in self._exchanges.values():
            if not exchange.answer.done():
                exchange.answer.set_exception(UpstreamFailed(self._failure))
        callbacks, self._on_lost = list(self._on_lost), {}
        for callback in callbacks:
            callback()

    async def close(self) -> None:
        """Ends what is open, and the channel. Never raises, and ends within a bound."""
        self.closing = True
        self.fail("is being closed")
        for task in list(self._bystanders):
            task.cancel()
        await self._channel.close()

    # The peer's to us ------------------------------------------------------------------------------------------------

    def receive(self, frame: bytes, related: int | None = None) -> None:
        """One message, or a batch of them (2025-03-26). Never raises and never waits. `related` is the request that it
        belongs to, where the channel knows."""
        try:
            if frame[:1] == b"[":
                for part in jsonrpc.split_batch(frame):
                    self._take(jsonrpc.decode(part), related)
            else:
                self._take(jsonrpc.decode(frame), related)
        except Invalid as flaw:
            self._unreadable(frame, flaw)

    def pause(self) -> float:
        """Seconds for which the reader of the channel must rest: 0 unless the peer floods."""
        now = asyncio.get_running_loop().time()
        if now - self._second >= 1.0:
            self._second, self._notices = now, 0
        return 0.0 if self._notices < NOTICES_A_SECOND else self._second + 1.0 - now

    def _take(self, message: Message, related: int | None) -> None:
        if message.method is msgspec.UNSET:
            self._answered(message)
            return
        self._notices += 1
        if message.id is msgspec.UNSET:
            self._noticed(message.method, message, related)
        else:
            self._asked(message.method, message, related)

    def _answered(self, message: Message) -> None:
        exchange = self._exchanges.get(_our_id(message.id))
        if exchange is None or exchange.answer.done():
            self._notices += 1  # late, doubled, or never asked for
        else:
            exchange.answer.set_result(message)

    def _noticed(self, method: str, message: Message, related: int | None) -> None:
        params = jsonrpc.fields(message.params)
        if method in relay.LISTS_CHANGED:
            self._announcements.announce(Change(ChangeKind.LISTS))
        elif method == relay.RESOURCE_UPDATED:
            uri = relay.resource_uri(params)
            if uri is not None:
                self._announcements.announce(Change(ChangeKind.RESOURCE, uri))
        elif method == relay.PROGRESS:
            self._pass_on(method, message, _our_id(params.get("progressToken")))
        elif method == relay.MESSAGE:
            self._pass_on(method, message, self._speaker(related, logging=True))
        elif method == CANCELLED:
            self._taken_back(bytes(params.get("requestId", b"")))
        elif method == ACKNOWLEDGED:
            self._acknowledged(params)

    def _pass_on(self, method: str, message: Message, request_id: int) -> None:
        exchange = self._exchanges.get(request_id)
        if exchange is None or exchange.caller is None or exchange.envelope is None:
            return
        notification = relay.for_caller(method, jsonrpc.fields(message.params), exchange.envelope, request_id)
        if notification is not None:
            exchange.caller.notify(notification)

    def _speaker(self, related: int | None, *, logging: bool = False) -> int:
        """The call that a message without an address belongs to: the only one that runs, or any of one session; else 0.
        A modern server logs for those calls alone that asked for it."""
        if related is not None:
            return related
        found, session = 0, None
        for request_id, exchange in self._exchanges.items():
            caller = exchange.envelope
            if caller is None or (logging and caller.session is None and caller.log_level is None):
                continue
            if found and (session is None or caller.session != session):
                return 0
            found, session = request_id, caller.session
        return found

    def _asked(self, method: str, message: Message, related: int | None) -> None:
        raw_id = jsonrpc.request_id(message)
        if raw_id is None:
            return
        exchange = self._exchanges.get(self._speaker(related)) if method in self.askable else None
        if method == "ping":
            self._post(jsonrpc.response(raw_id, b"{}"))
        elif exchange is None or exchange.caller is None:
            self._post(jsonrpc.error_response(raw_id, faults.METHOD_NOT_FOUND, f"{method[:100]}: nobody to ask here"))
        elif raw_id not in exchange.questions:
            params = jsonrpc.encode(jsonrpc.fields(message.params))
            task = self._aside(self._put(raw_id, method, params, exchange.caller))
            if task is not None:
                exchange.questions[raw_id] = task
                task.add_done_callback(lambda _: exchange.questions.pop(raw_id, None))

    async def _put(self, raw_id: bytes, method: str, params: bytes, caller: Caller) -> None:
        """Puts the server's question to the caller, in its own task: who thinks long keeps nobody else waiting."""
        try:
            frame = jsonrpc.response(raw_id, await caller.ask(method, params))
        except Fault as fault:
            frame = jsonrpc.error_response(raw_id, faults.wire(fault).code, fault.message)
        await self._send_soon(frame)

    def _taken_back(self, raw_id: bytes) -> None:
        """The server takes back a question of its own, or ends a `subscriptions/listen` of ours (SPEC-DIGEST 12.1)."""
        for exchange in self._exchanges.values():
            question = exchange.questions.get(raw_id)
            if question is not None:
                question.cancel()
                return
        exchange = self._exchanges.get(_our_id(msgspec.Raw(raw_id)))
        if exchange is not None and exchange.envelope is None and not exchange.answer.done():
            exchange.answer.set_result(Message(jsonrpc="2.0", result=msgspec.Raw(b"{}")))

    def _acknowledged(self, params: dict[str, msgspec.Raw]) -> None:
        meta = params.get("_meta")
        if meta is not None and jsonrpc.is_object(meta):
            exchange = self._exchanges.get(_our_id(jsonrpc.fields(meta).get(envelope.SUBSCRIPTION_ID)))
            if exchange is not None:
                exchange.acknowledged.set()

    def _unreadable(self, frame: bytes, flaw: Invalid) -> None:
        """Ends the call that the message was meant for, if that can be told. A line of plain text (many servers print
        one by mistake) is no message at all."""
        self._notices += 1
        if not self._warned:
            self._warned = True
            log.warning("server %r wrote %d bytes that are no message: %s", self.server, len(frame), flaw.message)
        if frame[:1] not in (b"{", b"["):
            return
        try:
            request_id = _our_id(_decode_id(frame).id)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            request_id = 0
        exchange = self._exchanges.get(request_id)
        if exchange is None and len(self._exchanges) == 1:
            exchange = next(iter(self._exchanges.values()))
        if exchange is not None and not exchange.answer.done():
            exchange.answer.set_exception(UpstreamFailed(f"server {self.server!r} answered with {flaw.message[:200]}"))

    # Beside the calls ------------------------------------------------------------------------------------------------

    def _post(self, frame: bytes) -> None:
        self._aside(self._send_soon(frame))

    async def _send_soon(self, frame: bytes) -> None:
        try:
            async with asyncio.timeout(POST_SECONDS):
                await self._channel.send(frame)
        except (UpstreamFailed, TimeoutError):
            log.debug("server %r did not take a message that nobody waits for", self.server)

    def _aside(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None] | None":
        if len(self._bystanders) >= MOST_BYSTANDERS or self._failure is not None:
            work.close()
            return None
        task = asyncio.ensure_future(work)
        self._bystanders.add(task)
        task.add_done_callback(self._bystanders.discard)
        return task


def _our_id(raw: msgspec.Raw | msgspec.UnsetType | None) -> int:
    """The request id of ours that this is; 0 (nobody's) for anything else. Some servers answer with strings."""
    if not isinstance(raw, msgspec.Raw):
        return 0
    digits = bytes(raw).strip(b'"')
    return int(digits) if digits.isdigit() and len(digits) < 19 else 0
