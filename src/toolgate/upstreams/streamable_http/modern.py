"""Speaking 2026-07-28: no session, every request complete in itself."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from toolgate.model.call import Era, Fields, Outbound, Result
from toolgate.model.catalog import Change, ChangeKind
from toolgate.model.errors import UpstreamFailed
from toolgate.model.identity import Grant
from toolgate.ports import Caller, HttpAnswer, HttpRoute
from toolgate.protocol import jsonrpc, mirror, relay, southbound
from toolgate.protocol.methods import METHODS
from toolgate.protocol.versions import MODERN
from toolgate.upstreams.streamable_http import replies

_KEPT = 1024
_LONGEST_KEPT = 256

Announce = Callable[[Change], None]


class Modern:
    """The modern side of one server."""

    def __init__(self, server: str, route: HttpRoute, path: str, bounds: replies.Bounds, announce: Announce) -> None:
        self._server = server
        self._route = route
        self._path = path
        self._bounds = bounds
        self._announce = announce
        self._ids = itertools.count(1)
        self._prepared: dict[tuple[str, str | None, tuple[tuple[str, str], ...]], bytes] = {}

    async def call(self, out: Outbound, caller: Caller) -> Result:
        """One call. Cancelling it closes its stream, which is how the server is told (SPEC-DIGEST 2.4)."""
        request_id = next(self._ids)
        token = None if out.envelope.progress_token is None else request_id
        body = southbound.modern_request(out, request_id, token)

        def heard(message: jsonrpc.Message) -> None:
            self._heard(message, out, caller, token)

        answer = await self._post(out.method, self._name(out), self._mirrored(out), body, out.grant)
        try:
            message = await replies.response(answer, request_id, self._server, self._bounds, heard)
        except replies.Broken:
            raise UpstreamFailed(
                f"server {self._server!r} broke off before it answered; whether the call was carried out is not known"
            ) from None
        finally:
            answer.close()
        return southbound.outcome(message, out, Era.MODERN)

    async def ask(self, method: str, params: Fields, grant: Grant) -> jsonrpc.Message:
        """A request of the gateway itself. Raises UpstreamFailed."""
        request_id = next(self._ids)
        body = southbound.own_request(request_id, method, params, Era.MODERN)
        answer = await self._post(method, None, (), body, grant)
        try:
            return await replies.response(answer, request_id, self._server, self._bounds, lambda message: None)
        except replies.Broken:
            raise UpstreamFailed(f"server {self._server!r} broke off before it answered {method}") from None
        finally:
            answer.close()

    async def listen(self, uris: frozenset[str], grant: Grant, acknowledged: asyncio.Event, announce: Announce) -> bool:
        """One `subscriptions/listen`. True when the server ended it, False when it offers none. Raises UpstreamFailed
        when it breaks."""
        wanted: dict[str, object] = dict.fromkeys(
            ("toolsListChanged", "promptsListChanged", "resourcesListChanged"), True
        )
        if uris:
            wanted["resourceSubscriptions"] = sorted(uris)
        request_id = next(self._ids)
        params = {"notifications": jsonrpc.encode_raw(wanted)}
        body = southbound.own_request(request_id, "subscriptions/listen", params, Era.MODERN)
        answer = await self._post("subscriptions/listen", None, (), body, grant)
        try:
            kind = answer.headers.get("content-type", "")
            if kind.startswith("application/json"):
                return False
            if not kind.startswith("text/event-stream"):
                raise replies.refused(answer, self._server)
            async for event in replies.events(answer, self._server, self._bounds):
                message = replies.decode(event.data, self._server) if event.data else None
                if message is None:
                    continue
                if message.method is msgspec.UNSET:
                    break
                if message.method == "notifications/subscriptions/acknowledged":
                    acknowledged.set()
                change = announced(message)
                if change is not None:
                    announce(change)
            return True
        finally:
            answer.close()

    def _heard(self, message: jsonrpc.Message, out: Outbound, caller: Caller, token: int | None) -> None:
        """A notification on a call's own stream. A modern server asks nothing (SPEC-DIGEST 2.4); what it asks is not
        heard."""
        if isinstance(message.method, str) and message.id is msgspec.UNSET:
            notification = relay.for_caller(message.method, jsonrpc.fields(message.params), out.envelope, token)
            if notification is not None:
                caller.notify(notification)
                return
            change = announced(message)
            if change is not None:
                self._announce(change)

    def _name(self, out: Outbound) -> str | None:
        member = METHODS[out.method].member
        if member is None:
            return None
        return out.target.name if member == "name" else jsonrpc.text(out.params[member])

    def _mirrored(self, out: Outbound) -> list[tuple[str, str]] | tuple[()]:
        if not out.target.mirrored or out.method != "tools/call":
            return ()
        return mirror.headers_for(out.target.mirrored, out.params.get("arguments"))

    def _post(
        self, method: str, name: str | None, mirrored: list[tuple[str, str]] | tuple[()], body: bytes, grant: Grant
    ) -> Coroutine[Any, Any, HttpAnswer]:
        key = (method, name, grant.headers)
        prepared = self._prepared.get(key)
        if prepared is None:
            prepared = self._prepare(method, name, grant)
        return self._route.send("POST", self._path, mirrored, body, prepared=prepared, idempotent=METHODS[method].safe)

    def _prepare(self, method: str, name: str | None, grant: Grant) -> bytes:
        """The header block of every request with this method, name and grant; kept, within a bound."""
        headers = [
            ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"),
            ("MCP-Protocol-Version", MODERN),
            ("Mcp-Method", method),
            *grant.headers,
        ]
        if name is not None:
            headers.append(("Mcp-Name", mirror.encode_value(name)))
        block = self._route.prepare(headers)
        if name is None or len(name) <= _LONGEST_KEPT:  # callers choose URIs; few of them are long, and seldom twice
            if len(self._prepared) >= _KEPT:
                self._prepared.clear()
            self._prepared[method, name, grant.headers] = block
        return block


def announced(message: jsonrpc.Message) -> Change | None:
    """The change that a server's notification announces, if any."""
    if message.method in relay.LISTS_CHANGED:
        return Change(ChangeKind.LISTS)
    if message.method == relay.RESOURCE_UPDATED:
        uri = relay.resource_uri(jsonrpc.fields(message.params))
        return None if uri is None else Change(ChangeKind.RESOURCE, uri)
    return None
