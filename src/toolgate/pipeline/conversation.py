"""A peer once it has been introduced: which era it speaks, and how calls, lists and subscriptions are put to it."""

import asyncio
from contextlib import suppress

import msgspec

from toolgate.model.call import Era, Fields, Outbound, Result
from toolgate.model.errors import UpstreamError, UpstreamFailed
from toolgate.pipeline.announcements import Watch
from toolgate.pipeline.duplex import Exchange, Peer
from toolgate.ports import Caller
from toolgate.protocol import jsonrpc, southbound
from toolgate.protocol.faults import UNSUPPORTED_VERSION
from toolgate.protocol.jsonrpc import Message
from toolgate.protocol.southbound import Introduction

PROBE_SECONDS = 10.0
"""How long a server may be silent after `server/discover` before `initialize` is tried (SPEC-DIGEST 2.14)."""

_ACK_SECONDS = 5.0
_RELISTEN_SECONDS = (1.0, 60.0)
_QUESTIONS = {"elicitation": "elicitation/create", "sampling": "sampling/createMessage", "roots": "roots/list"}


async def introduce(peer: Peer, era: Era | None, capabilities: bytes, *, seconds: float) -> Introduction:
    """Finds out what the peer is. `era` None asks for the modern one first and falls back. `capabilities` are what a
    handshake-era server is shown. `seconds` bounds each answer. Raises UpstreamFailed."""
    if era is Era.LEGACY:
        return southbound.initialized(await _initialize(peer, capabilities, seconds), peer.server)
    asking = asyncio.ensure_future(ask(peer, "server/discover", {}, Era.MODERN, seconds=2 * seconds, cancellable=False))
    try:
        await asyncio.wait({asking}, timeout=seconds if era is Era.MODERN else min(PROBE_SECONDS, seconds))
        found = southbound.discovered(asking.result()) if asking.done() else None
        if found is not None:
            return found
        if era is Era.MODERN:
            raise UpstreamFailed(f"server {peer.server!r} does not speak a revision with server/discover")
        message = await _initialize(peer, capabilities, seconds)
        if _refuses_handshake(message):
            # Modern after all, and slow to start: its answer to the first question is still to come.
            await asyncio.wait({asking}, timeout=seconds)
            found = southbound.discovered(asking.result()) if asking.done() else None
            if found is not None:
                return found
        return southbound.initialized(message, peer.server)
    finally:
        asking.cancel()
        with suppress(asyncio.CancelledError, UpstreamFailed):
            await asking


async def _initialize(peer: Peer, capabilities: bytes, seconds: float) -> Message:
    declared = jsonrpc.fields(capabilities, "capabilities")
    peer.askable = frozenset(method for name, method in _QUESTIONS.items() if name in declared)
    params = jsonrpc.fields(southbound.initialize_params(capabilities))
    # `initialize` is never cancelled (SPEC-DIGEST 3).
    message = await ask(peer, "initialize", params, Era.LEGACY, seconds=seconds, cancellable=False)
    if isinstance(message.result, msgspec.Raw):
        await peer.notify(southbound.INITIALIZED)
    return message


def _refuses_handshake(message: Message) -> bool:
    return isinstance(message.error, msgspec.Raw) and jsonrpc.error_of(message.error).code == UNSUPPORTED_VERSION


async def ask(
    peer: Peer, method: str, params: Fields, era: Era, *, seconds: float, cancellable: bool = True
) -> Message:
    """A request of our own. Raises UpstreamFailed when the peer is lost, or silent for too long."""
    request_id = peer.next_id()
    frame = southbound.own_request(request_id, method, params, era)
    try:
        async with asyncio.timeout(seconds):
            return await peer.exchange(request_id, frame, Exchange(), cancellable=cancellable)
    except TimeoutError:
        raise UpstreamFailed(f"server {peer.server!r} did not answer {method} within {seconds:g} s") from None


class Conversation:
    """One introduced peer. It may serve many calls at once; whose, is decided by whoever keeps it."""

    def __init__(self, peer: Peer, introduction: Introduction, *, seconds: float) -> None:
        self.peer = peer
        self.introduction = introduction
        self._seconds = seconds
        self._level: str | None = None

    async def close(self) -> None:
        await self.peer.close()

    async def call(self, out: Outbound, caller: Caller) -> Result:
        """Raises UpstreamError, UpstreamFailed or NoWayBack (`southbound.outcome`)."""
        peer, found = self.peer, self.introduction
        request_id = peer.next_id()
        token = None if out.envelope.progress_token is None else request_id
        if found.era is Era.MODERN:
            frame = southbound.modern_request(out, request_id, token)
        else:
            await self._raise_level(out.envelope.log_level)
            frame = southbound.legacy_request(out, request_id, token, found.version)
        message = await peer.exchange(request_id, frame, Exchange(caller, out.envelope))
        return southbound.outcome(message, out, found.era, found.server_info)

    async def ask(self, method: str, params: Fields) -> bytes:
        """A request of our own, and its result object. Raises UpstreamError or UpstreamFailed."""
        message = await ask(self.peer, method, params, self.introduction.era, seconds=self._seconds)
        if isinstance(message.error, msgspec.Raw):
            error = jsonrpc.error_of(message.error)
            raise UpstreamError(error.code, error.message)
        if not jsonrpc.is_object(message.result):
            raise UpstreamFailed(f"server {self.peer.server!r} answered {method} with something that is no result")
        return bytes(message.result)  # type: ignore[arg-type]

    async def _raise_level(self, wanted: str | None) -> None:
        level = southbound.level_to_set(self._level, wanted, self.introduction.capabilities)
        if level is None:
            return
        self._level = level
        # A server that will not log is no reason to refuse the call.
        with suppress(UpstreamError):
            await self.ask("logging/setLevel", {"level": jsonrpc.encode_raw(level)})

    async def attend(self, watch: Watch) -> None:
        """Asks for list changes, and for updates of the watched resources as they change, until cancelled or lost. What
        comes goes to the peer's announcements."""
        with suppress(UpstreamFailed):
            if self.introduction.era is Era.MODERN:
                await self._listen(watch)
            else:
                await self._subscribe(watch)

    async def _subscribe(self, watch: Watch) -> None:
        """Handshake era: list changes come unasked, resources are subscribed one by one."""
        resources = jsonrpc.fields(self.introduction.capabilities).get("resources")
        if not jsonrpc.is_object(resources) or jsonrpc.fields(resources).get("subscribe") is None:  # type: ignore[arg-type]
            return
        subscribed: frozenset[str] = frozenset()
        while True:
            wanted, changed = watch.uris, watch.changed
            for method, uris in (
                ("resources/subscribe", wanted - subscribed),
                ("resources/unsubscribe", subscribed - wanted),
            ):
                for uri in sorted(uris):
                    with suppress(UpstreamError):
                        await self.ask(method, {"uri": jsonrpc.encode_raw(uri)})
            subscribed = wanted
            await changed.wait()

    async def _listen(self, watch: Watch) -> None:
        """Modern era: one `subscriptions/listen` with everything; when the wish changes, a new one takes its place
        before the old one ends, so that nothing is missed (SPEC-DIGEST 9.1)."""
        listening: asyncio.Task[Message] | None = None
        pause, longest = _RELISTEN_SECONDS
        try:
            while True:
                changed = asyncio.ensure_future(watch.changed.wait())
                previous, listening = listening, await self._begin_listening(watch.uris)
                await _end(previous)
                try:
                    await asyncio.wait({listening, changed}, return_when=asyncio.FIRST_COMPLETED)
                    if changed.done():
                        continue
                    if isinstance(listening.result().error, msgspec.Raw):
                        return  # it cannot be listened to
                    await asyncio.wait({changed}, timeout=pause)
                    pause = min(longest, 2 * pause)
                finally:
                    await _end(changed)
        finally:
            await _end(listening)

    async def _begin_listening(self, uris: frozenset[str]) -> "asyncio.Task[Message]":
        wish = {"toolsListChanged": True, "promptsListChanged": True, "resourcesListChanged": True}
        params: Fields = {"notifications": jsonrpc.encode_raw({**wish, "resourceSubscriptions": sorted(uris)})}
        request_id, exchange = self.peer.next_id(), Exchange()
        frame = southbound.own_request(request_id, "subscriptions/listen", params, Era.MODERN)
        listening = asyncio.ensure_future(self.peer.exchange(request_id, frame, exchange))
        acknowledged = asyncio.ensure_future(exchange.acknowledged.wait())
        try:
            await asyncio.wait({listening, acknowledged}, timeout=_ACK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await _end(listening)
            raise
        finally:
            acknowledged.cancel()
        return listening


async def _end(task: "asyncio.Task[Message] | asyncio.Task[bool] | None") -> None:
    if task is not None:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()
