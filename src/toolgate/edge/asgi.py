"""The ordinary way: an ASGI application for everything that is not a POST on the short way. No framework: a handful of
routes, and the same endpoints behind them."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Protocol

from toolgate.edge.answering import Answered
from toolgate.edge.endpoint import McpEndpoints, endpoint_of
from toolgate.edge.limits import UNKNOWN_BODY, Limits
from toolgate.edge.request import Header, Request, Responder

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

Route = Callable[[Request, Responder, str], Awaitable[None]]
"""Serves one path that is no MCP endpoint; the third argument is the query string."""


class Area(Protocol):
    """Serves every path that begins with `prefix`, and refuses bodies in its own words. `limit` is in bytes."""

    prefix: str
    limit: int
    too_large: Answered

    def refusal(self, request: Request) -> Answered | None:
        """Why nothing more may be read from whoever sends this, judged by the head alone; None when it may go on."""
        ...

    async def __call__(self, request: Request, responder: Responder, query: str) -> None: ...


_WAITING = 64
_TEXT: Header = (b"content-type", b"text/plain; charset=utf-8")
_TOO_LARGE: Answered = (413, b"The body is too large.\n", (_TEXT,))


class App:
    """The ASGI application. `routes` are exact paths, and come before `areas`."""

    def __init__(
        self, endpoints: McpEndpoints, routes: dict[str, Route], limits: Limits, areas: Sequence[Area] = ()
    ) -> None:
        self._endpoints = endpoints
        self._routes = routes
        self._limits = limits
        self._areas = areas

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1003})
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        responder = AsgiResponder()
        client = scope.get("client")
        request = Request(
            scope["method"],
            scope["path"],
            scope["headers"],
            b"",
            client[0] if client else "",
            secure=scope.get("scheme") == "https",
        )
        try:
            request.body = await self._body(request, receive)
        except _Gone:
            return
        except _Refused as refused:
            status, body, headers = refused.answer
            responder.reply(status, headers, body)
            await responder.pump(receive, send)
            return
        work = asyncio.ensure_future(self._serve(request, responder, scope["query_string"].decode("latin-1")))
        try:
            await responder.pump(receive, send)
        finally:
            if not work.done():
                await asyncio.wait({work}, timeout=0)
            if responder.abandoned:
                work.add_done_callback(_observed)
            else:
                await work

    async def _body(self, request: Request, receive: Receive) -> bytes:
        """The whole body. Raises _Refused when it is too large, or large and from somebody unknown, and _Gone when the
        client went away before its end."""
        body = bytearray()
        known = False
        area = self._area(request.path)
        judge = self._endpoints.refusal if area is None else area.refusal
        most, too_large = (self._limits.body, _TOO_LARGE) if area is None else (area.limit, area.too_large)
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            body += message.get("body", b"")
            if len(body) > UNKNOWN_BODY and not known:
                known = True
                refusal = judge(request)
                if refusal is not None:
                    raise _Refused(refusal)
            if len(body) > most:
                raise _Refused(too_large)
            if not message.get("more_body", False):
                return bytes(body)

    async def _serve(self, request: Request, responder: Responder, query: str) -> None:
        endpoint = endpoint_of(request.path)
        if endpoint is not None:
            task = asyncio.current_task()
            assert task is not None
            await self._endpoints.serve(request, responder, endpoint, task)
            return
        route = self._routes.get(request.path) or self._area(request.path)
        if route is None:
            responder.reply(404, (_TEXT,), b"Not found. MCP is served at /mcp and /servers/NAME/mcp.\n")
        else:
            await route(request, responder, query)

    def _area(self, path: str) -> Area | None:
        if path in self._routes:
            return None
        return next((area for area in self._areas if path.startswith(area.prefix)), None)


class AsgiResponder:
    """A Responder over ASGI's `send`: what is written waits here until the server takes it."""

    def __init__(self) -> None:
        self._out: deque[MutableMapping[str, Any]] = deque()
        self._wake = asyncio.Event()
        self._gone: Callable[[], None] | None = None
        self._drained: Callable[[], None] | None = None
        self._started = False
        self._ended = False
        self.abandoned = False

    @property
    def paused(self) -> bool:
        return len(self._out) >= _WAITING

    def watch(self, gone: Callable[[], None] | None, drained: Callable[[], None] | None) -> None:
        self._gone = gone
        self._drained = drained

    def reply(self, status: int, headers: Sequence[Header], body: bytes) -> None:
        if not self._started:
            self.start(status, (*headers, (b"content-length", b"%d" % len(body))))
            self._put({"type": "http.response.body", "body": body, "more_body": False})
            self._ended = True

    def start(self, status: int, headers: Sequence[Header]) -> None:
        if not self._started:
            self._started = True
            self._put({"type": "http.response.start", "status": status, "headers": list(headers)})

    def write(self, data: bytes) -> None:
        if not self._ended:
            self._put({"type": "http.response.body", "body": data, "more_body": True})

    def end(self) -> None:
        if not self._ended:
            self._ended = True
            self._put({"type": "http.response.body", "body": b"", "more_body": False})

    async def pump(self, receive: Receive, send: Send) -> None:
        """Sends until the end; notices when the client goes away."""
        listening = asyncio.ensure_future(self._disconnected(receive))
        try:
            while True:
                while self._out:
                    full = self.paused
                    await send(self._out.popleft())
                    if full and not self.paused and self._drained is not None:
                        self._drained()
                if self._ended or self.abandoned:
                    return
                self._wake.clear()
                await self._wake.wait()
        finally:
            listening.cancel()

    def _put(self, message: MutableMapping[str, Any]) -> None:
        if not self.abandoned:
            self._out.append(message)
            self._wake.set()

    async def _disconnected(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        if not self._ended:
            self.abandoned = True
            self._out.clear()
            self._wake.set()
            if self._gone is not None:
                gone, self._gone = self._gone, None
                gone()


class _Gone(Exception):
    """The client went away in the middle of its request: half of one is none."""


class _Refused(Exception):
    def __init__(self, answer: Answered) -> None:
        super().__init__()
        self.answer = answer


def _observed(work: "asyncio.Future[None]") -> None:
    if not work.cancelled():
        work.exception()
