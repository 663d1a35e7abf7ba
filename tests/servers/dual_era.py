"""`MCPServer` of the official SDK, completed for both eras.

The SDK serves 2026-07-28 in full. In the handshake eras it leaves three things to the application, which this class
adds: `logging/setLevel` with its filter, `resources/subscribe`, and change notifications pushed to open sessions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

import anyio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.session import ServerSession
from mcp.server.streamable_http import EventStore
from mcp.types import (
    LOG_LEVEL_META_KEY,
    EmptyResult,
    LoggingLevel,
    LoggingMessageNotification,
    LoggingMessageNotificationParams,
    SetLevelRequestParams,
    SubscribeRequestParams,
    UnsubscribeRequestParams,
)
from mcp.types.version import MODERN_PROTOCOL_VERSIONS
from serving import Transports
from starlette.requests import Request

Change = Literal["tools", "prompts", "resources"]
Handled = ServerRequestContext[Any, Any]

LEVELS: tuple[LoggingLevel, ...] = get_args(LoggingLevel)
STDIO_PEER = "stdio"
MAX_PEERS = 256


@dataclass
class Peer:
    """One handshake-era session: its push channel, its log level and the resources it subscribed to."""

    session: ServerSession
    level: LoggingLevel = "debug"
    uris: set[str] = field(default_factory=set[str])


class DualEraServer(MCPServer[Any]):
    """An `MCPServer` that also does its part of the handshake eras. Options are those of `MCPServer`."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, version="1.0.0", log_level="WARNING", middleware=[self._observe], **options)
        self._peers: dict[str, Peer] = {}
        server = self._lowlevel_server
        server.add_request_handler("logging/setLevel", SetLevelRequestParams, self._set_level)
        server.add_request_handler("resources/subscribe", SubscribeRequestParams, self._subscribe)
        server.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, self._unsubscribe)

    def transports(self, event_store: EventStore | None = None, retry_milliseconds: int | None = None) -> Transports:
        """This server on every transport; with an event store its streams can be left and resumed (2025-11-25)."""

        def streamable_http(json_response: bool, stateless: bool) -> Any:
            return self.streamable_http_app(
                json_response=json_response,
                stateless_http=stateless,
                event_store=None if json_response or stateless else event_store,
                retry_interval=retry_milliseconds,
            )

        return Transports(streamable_http, self.sse_app, self.run_stdio_async)

    async def log(self, ctx: Context[Any, Any], level: LoggingLevel, data: Any) -> None:
        """Send one log message on this request's stream, if the caller asked for that level."""
        if is_modern(ctx):
            threshold = received_meta(ctx).get(LOG_LEVEL_META_KEY)
        else:
            peer = self._peers.get(_peer_key(ctx.request_context) or "")
            threshold = peer.level if peer is not None else LEVELS[0]
        if threshold not in LEVELS or LEVELS.index(level) < LEVELS.index(threshold):
            return
        params = LoggingMessageNotificationParams(level=level, data=data, logger=self.name)
        await ctx.session.send_notification(LoggingMessageNotification(params=params), ctx.request_id)

    async def announce(self, ctx: Context[Any, Any], change: Change) -> None:
        """Tell listeners of the modern era and every handshake-era session that a list changed."""
        match change:
            case "tools":
                await ctx.notify_tools_changed()
            case "prompts":
                await ctx.notify_prompts_changed()
            case "resources":
                await ctx.notify_resources_changed()
        for key, peer in list(self._peers.items()):
            try:
                match change:
                    case "tools":
                        await peer.session.send_tool_list_changed()
                    case "prompts":
                        await peer.session.send_prompt_list_changed()
                    case "resources":
                        await peer.session.send_resource_list_changed()
            except (anyio.ClosedResourceError, anyio.BrokenResourceError):
                self._peers.pop(key, None)

    async def touch(self, ctx: Context[Any, Any], uri: str) -> None:
        """Tell subscribers of both eras that the resource `uri` changed."""
        await ctx.notify_resource_updated(uri)
        for key, peer in list(self._peers.items()):
            if uri not in peer.uris:
                continue
            try:
                await peer.session.send_resource_updated(uri)
            except (anyio.ClosedResourceError, anyio.BrokenResourceError):
                self._peers.pop(key, None)

    async def _observe(self, ctx: Handled, call_next: CallNext) -> HandlerResult:
        """Remember handshake-era sessions, and declare in `initialize` that their lists may change."""
        if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
            return await call_next(ctx)
        key = _peer_key(ctx)
        if key is not None and key not in self._peers:
            self._peers[key] = Peer(ctx.session)
            if len(self._peers) > MAX_PEERS:
                self._peers.pop(next(iter(self._peers)))
        result = await call_next(ctx)
        if ctx.method == "initialize" and isinstance(result, dict):
            capabilities = cast("dict[str, dict[str, Any]]", result["capabilities"])
            for kind in get_args(Change):
                if kind in capabilities:
                    capabilities[kind]["listChanged"] = True
        return result

    async def _set_level(self, ctx: Handled, params: SetLevelRequestParams) -> EmptyResult:
        peer = self._peers.get(_peer_key(ctx) or "")
        if peer is not None:
            peer.level = params.level
        return EmptyResult()

    async def _subscribe(self, ctx: Handled, params: SubscribeRequestParams) -> EmptyResult:
        peer = self._peers.get(_peer_key(ctx) or "")
        if peer is not None:
            peer.uris.add(str(params.uri))
        return EmptyResult()

    async def _unsubscribe(self, ctx: Handled, params: UnsubscribeRequestParams) -> EmptyResult:
        peer = self._peers.get(_peer_key(ctx) or "")
        if peer is not None:
            peer.uris.discard(str(params.uri))
        return EmptyResult()


def is_modern(ctx: Context[Any, Any]) -> bool:
    """Whether this request speaks 2026-07-28 or later, where a server may not send requests."""
    return ctx.protocol_version in MODERN_PROTOCOL_VERSIONS


def received_meta(ctx: Context[Any, Any]) -> Mapping[str, Any]:
    """The request's `_meta` as it came over the wire."""
    params = ctx.request_context.params or {}
    return cast("Mapping[str, Any]", params.get("_meta") or {})


def _peer_key(ctx: Handled) -> str | None:
    """What tells this session from others: its id over HTTP or HTTP+SSE, a constant over stdio, None without one."""
    request = ctx.request
    if request is None:
        return STDIO_PEER
    if not isinstance(request, Request):
        return None
    return request.headers.get("mcp-session-id") or request.query_params.get("session_id")
