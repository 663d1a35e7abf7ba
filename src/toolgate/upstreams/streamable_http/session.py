"""Speaking the handshake era (2025-03-26 to 2025-11-25): one negotiated session, shared by the callers of one scope."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from typing import Any

import msgspec

from toolgate.model.call import Era, Fields, Outbound, Result
from toolgate.model.catalog import Change
from toolgate.model.errors import Fault, NoWayBack, UpstreamFailed
from toolgate.model.identity import Grant
from toolgate.ports import Caller, HttpAnswer, HttpRoute
from toolgate.protocol import faults, jsonrpc, relay, southbound
from toolgate.protocol.methods import METHODS
from toolgate.protocol.southbound import Introduction
from toolgate.upstreams.streamable_http import replies
from toolgate.upstreams.streamable_http.modern import Announce, announced

_FAREWELL = 2.0
"""Seconds that telling a server of a cancellation or the end of a session may take."""

_MOST_BESIDE = 64
"""Messages that nobody waits for, and questions to callers, at the same time; more are dropped."""

_RESUMES = 5
_RETRY = 1.0
_LONGEST_RETRY = 30.0


class Session:
    """One `Mcp-Session-Id` (or none, where the server keeps no sessions). Made by `initialize`, ended by `close`."""

    def __init__(
        self, server: str, route: HttpRoute, path: str, bounds: replies.Bounds, prepared: bytes, announce: Announce
    ) -> None:
        self._server = server
        self._route = route
        self._path = path
        self._bounds = bounds
        self._prepared = prepared
        self._announce = announce
        self._ids = itertools.count(1)
        self._level: str | None = None
        self._subscribed: frozenset[str] = frozenset()
        self._subscribing = asyncio.Lock()
        self._aside: set[asyncio.Task[Any]] = set()
        self._has_id = False
        self.introduction: Introduction

    async def initialize(self, capabilities: bytes, grant: Grant) -> None:
        """The handshake. Raises UpstreamFailed."""
        request_id = next(self._ids)
        body = jsonrpc.request(request_id, "initialize", southbound.initialize_params(capabilities))
        answer = await self._post(body, idempotent=True)
        try:
            message = await self._response(answer, request_id)
        finally:
            answer.close()
        self.introduction = southbound.initialized(message, self._server)
        headers = [("MCP-Protocol-Version", self.introduction.version)]
        session_id = answer.headers.get("mcp-session-id")
        if session_id is not None:
            headers.append(("Mcp-Session-Id", session_id))
            self._has_id = True
        self._prepared = self._prepared + self._route.prepare(headers)
        (await self._post(southbound.INITIALIZED, idempotent=True)).close()

    async def call(self, out: Outbound, caller: Caller) -> Result:
        """One call. Raises replies.Lost when the session is gone; then nothing was carried out."""
        if out.envelope.log_level is not None:
            await self._ensure_level(out.envelope.log_level)
        request_id = next(self._ids)
        token = None if out.envelope.progress_token is None else request_id
        body = southbound.legacy_request(out, request_id, token, self.introduction.version)

        try:
            answer = await self._post(body, idempotent=METHODS[out.method].safe)
            message = replies.whole(answer, request_id, self._server)
            if message is None:
                message = await self._told(answer, request_id, out, caller, token)
        except asyncio.CancelledError:
            self._beside(self._cancel(request_id))
            raise
        return southbound.outcome(message, out, Era.LEGACY, self.introduction.server_info)

    async def ask(self, method: str, params: Fields) -> jsonrpc.Message:
        """A request of the gateway itself. Raises UpstreamFailed or replies.Lost."""
        request_id = next(self._ids)
        answer = await self._post(southbound.own_request(request_id, method, params, Era.LEGACY), idempotent=True)
        return await self._complete(answer, request_id, lambda message: None)

    async def subscribe(self, uris: frozenset[str]) -> None:
        """Makes the subscribed resources those of `uris`; what the server refuses is left out."""
        async with self._subscribing:  # one wish after the other: the last one counts
            for uri in uris - self._subscribed:
                await self.ask("resources/subscribe", {"uri": jsonrpc.encode_raw(uri)})
            for uri in self._subscribed - uris:
                await self.ask("resources/unsubscribe", {"uri": jsonrpc.encode_raw(uri)})
            self._subscribed = uris

    async def changes(self) -> AsyncIterator[Change]:
        """The stand-alone GET stream, re-opened when the server hangs up; ends when the server offers none.
        Raises replies.Lost when the session is gone."""
        last_event: str | None = None
        delay = _RETRY
        while True:
            answer = await self._get(last_event)
            try:
                if self._has_id and answer.status == 404:
                    raise replies.Lost
                if answer.status != 200 or not answer.headers.get("content-type", "").startswith("text/event-stream"):
                    return
                async for event in replies.events(answer, self._server, self._bounds):
                    last_event = event.id or last_event
                    delay = _RETRY if event.retry is None else min(event.retry / 1000, _LONGEST_RETRY)
                    change = self._unrelated(event.data)
                    if change is not None:
                        yield change
            finally:
                answer.close()
            await asyncio.sleep(delay)

    async def close(self) -> None:
        """Ends the session at the server, within a bound; the server may already have forgotten it."""
        for task in list(self._aside):
            task.cancel()
        if self._has_id:
            with suppress(Fault, TimeoutError):
                async with asyncio.timeout(_FAREWELL):
                    (await self._route.send("DELETE", self._path, (), prepared=self._prepared)).close()

    async def _told(
        self, answer: HttpAnswer, request_id: int, out: Outbound, caller: Caller, token: int | None
    ) -> jsonrpc.Message:
        """The response, after whatever the server says to the caller before it."""
        asked: list[asyncio.Task[None]] = []

        def heard(message: jsonrpc.Message) -> None:
            question = self._heard(message, out, caller, token)
            if question is not None:
                asked.append(question)

        try:
            return await self._complete(answer, request_id, heard)
        finally:
            for question in asked:  # whose call has ended, nobody waits for
                question.cancel()

    async def _complete(self, answer: HttpAnswer, request_id: int, heard: replies.OnMessage) -> jsonrpc.Message:
        """The response, resumed by GET where the server hung up before it (SPEC-DIGEST 3, resumption). A server may do
        so as often as it likes, as long as something comes in between; the call's deadline ends that."""
        last_event: str | None = None
        idle = 0
        while idle < _RESUMES:
            try:
                return await self._response(answer, request_id, heard)
            except replies.Broken as broken:
                retry, reached = broken.retry, broken.last_event or last_event
            except replies.Lost:
                if last_event is None:
                    raise
                break  # the call itself was taken before: it must not be put again
            finally:
                answer.close()
            if reached is None:
                break
            idle = idle + 1 if reached == last_event else 0
            last_event = reached
            await asyncio.sleep(_RETRY if retry is None else min(retry / 1000, _LONGEST_RETRY))
            answer = await self._get(last_event)
        answer.close()
        raise UpstreamFailed(
            f"server {self._server!r} broke off before it answered; whether the call was carried out is not known"
        )

    async def _response(
        self, answer: HttpAnswer, request_id: int, heard: replies.OnMessage = lambda message: None
    ) -> jsonrpc.Message:
        if self._has_id and answer.status == 404:
            raise replies.Lost
        message = await replies.response(answer, request_id, self._server, self._bounds, heard)
        if self._has_id and answer.status == 400 and _forgotten(message):
            raise replies.Lost
        return message

    def _heard(
        self, message: jsonrpc.Message, out: Outbound, caller: Caller, token: int | None
    ) -> "asyncio.Task[None] | None":
        """What the server says on a call's stream: notifications for its caller, and questions to it."""
        if not isinstance(message.method, str):
            return None
        if message.id is msgspec.UNSET:
            notification = relay.for_caller(message.method, jsonrpc.fields(message.params), out.envelope, token)
            change = announced(message)
            if notification is not None:
                caller.notify(notification)
            elif change is not None:
                self._announce(change)
            return None
        params = b"{}" if message.params is msgspec.UNSET else bytes(message.params)
        return self._beside(self._relay(message.method, bytes(message.id), params, caller, out))

    async def _relay(self, method: str, request_id: bytes, params: bytes, caller: Caller, out: Outbound) -> None:
        """Puts the server's question to the caller, and posts the answer. A caller of the other era has no way back."""
        if method == "ping":
            reply = jsonrpc.response(request_id, b"{}")
        else:
            try:
                if out.envelope.era is not Era.LEGACY:
                    raise NoWayBack(
                        f"server {self._server!r} asks {method[:100]}, which cannot be put to a client of "
                        f"{out.envelope.version}: use a client of an older revision for this"
                    )
                reply = jsonrpc.response(request_id, await caller.ask(method, params))
            except Fault as fault:
                reply = jsonrpc.error_response(request_id, faults.wire(fault).code, fault.message, fault.data)
        await self._say(reply)

    def _unrelated(self, data: bytes) -> Change | None:
        """A message on the stand-alone stream: a change, or a question that belongs to nobody and is refused."""
        if not data:
            return None
        message = replies.decode(data, self._server)
        if isinstance(message.method, str) and isinstance(message.id, msgspec.Raw):
            request_id = bytes(message.id)
            refusal = jsonrpc.error_response(
                request_id, faults.METHOD_NOT_FOUND, "no client is attached to this session"
            )
            reply = jsonrpc.response(request_id, b"{}") if message.method == "ping" else refusal
            self._beside(self._say(reply))
            return None
        return announced(message)

    async def _ensure_level(self, wanted: str | None) -> None:
        level = southbound.level_to_set(self._level, wanted, self.introduction.capabilities)
        if level is not None:
            self._level = level
            await self.ask("logging/setLevel", {"level": jsonrpc.encode_raw(level)})

    async def _cancel(self, request_id: int) -> None:
        await self._say(jsonrpc.notification("notifications/cancelled", b'{"requestId":%d}' % request_id))

    async def _say(self, body: bytes) -> None:
        with suppress(Fault, TimeoutError):
            async with asyncio.timeout(_FAREWELL):
                (await self._post(body)).close()

    def _beside(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None] | None":
        if len(self._aside) >= _MOST_BESIDE:
            work.close()
            return None
        task = asyncio.create_task(work)
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)
        return task

    def _post(self, body: bytes, *, idempotent: bool = False) -> Coroutine[Any, Any, HttpAnswer]:
        return self._route.send("POST", self._path, (), body, prepared=self._prepared, idempotent=idempotent)

    async def _get(self, last_event: str | None) -> HttpAnswer:
        headers = () if last_event is None else (("Last-Event-ID", last_event),)
        return await self._route.send("GET", self._path, headers, prepared=self._prepared)


def _forgotten(message: jsonrpc.Message) -> bool:
    """Whether a 400 speaks of the session: some servers answer so instead of with 404 (SPEC-DIGEST 11)."""
    return isinstance(message.error, msgspec.Raw) and "session" in jsonrpc.error_of(message.error).message.lower()
