"""One POST on the short way: what uvicorn needs to know of its cycles, and our Responder, in one object."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from toolgate.edge.endpoint import McpEndpoints
from toolgate.edge.limits import UNKNOWN_BODY, Limits
from toolgate.edge.request import Header, Request
from toolgate.pipeline.outbox import Outbox

_MOST_HEADS = 64


class Connection(Protocol):
    """What a cycle needs of the connection that it is on (`edge.fast.McpProtocol`)."""

    endpoints: McpEndpoints
    limits: Limits
    outbox: Outbox
    parser: Any
    transport: Any
    loop: asyncio.AbstractEventLoop
    flow: Any
    server_state: Any
    tasks: set[asyncio.Task[None]]
    client: tuple[str, int] | None
    scheme: Any
    url: bytes
    headers: list[tuple[bytes, bytes]]

    def linger(self) -> None: ...

    def on_response_complete(self) -> None: ...


class _Heads:
    """Heads of answers. Most are the same until uvicorn, which puts the date into its headers once a second, has new
    ones; those are another list then."""

    __slots__ = ("_common", "_known")

    def __init__(self) -> None:
        self._common: list[Header] | None = None
        self._known: dict[tuple[int, tuple[Header, ...]], bytes] = {}

    def head(self, common: list[Header], status: int, headers: tuple[Header, ...]) -> bytes:
        if common is not self._common:
            self._common = common
            self._known.clear()
        known = self._known.get((status, headers))
        if known is None:
            lines = [name + b": " + value + b"\r\n" for name, value in (*common, *headers)]
            known = b"".join((STATUS_LINE[status], *lines))
            if len(self._known) < _MOST_HEADS:
                self._known[status, headers] = known
        return known


_heads = _Heads()


class FastCycle:
    """One POST on the short way: what uvicorn needs to know of its cycles, and our Responder."""

    __slots__ = (
        "_body", "_chunked", "_drained", "_endpoint", "_gone", "_known", "_protocol", "_size", "_task", "_url",
        "disconnected", "headers", "http_version", "keep_alive", "more_body", "response_complete", "response_started",
        "turn",
    )  # fmt: skip

    def __init__(self, protocol: Connection, endpoint: str) -> None:
        self._protocol = protocol
        self._endpoint = endpoint
        self._url = protocol.url
        self.headers = protocol.headers
        self.http_version = protocol.parser.get_http_version()
        self.keep_alive = self.http_version != "1.0" and protocol.parser.should_keep_alive()
        self._body: bytes | bytearray = b""
        self._size = 0
        self._known = False
        self._gone: Callable[[], None] | None = None
        self._drained: Callable[[], None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._chunked = False
        self.turn = False
        self.more_body = True
        self.disconnected = False
        self.response_started = False
        self.response_complete = False

    # What uvicorn asks of a cycle ----------------------------------------------------------------------------------

    @property
    def message_event(self) -> "FastCycle":
        """uvicorn sets this event when the connection is lost."""
        return self

    def set(self) -> None:
        if self.disconnected and self._gone is not None:
            gone, self._gone = self._gone, None
            gone()

    # Reading --------------------------------------------------------------------------------------------------------

    def feed(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > UNKNOWN_BODY and not self._known:
            self._known = True
            refusal = self._protocol.endpoints.refusal(self._request(b""))
            if refusal is not None:
                status, reason, headers = refusal
                self._refuse(status, headers, reason)
                return
        if self._size > self._protocol.limits.body:
            self._refuse(413, ((b"content-type", b"text/plain; charset=utf-8"),), b"The body is too large.\n")
        elif not self._body:
            self._body = body
        elif isinstance(self._body, bytearray):
            self._body += body
        else:  # not a list of parts: many tiny chunks would cost far more memory than they hold
            self._body = bytearray(self._body) + body

    def _refuse(self, status: int, headers: Sequence[Header], reason: bytes) -> None:
        """Answers before the body is complete."""
        self.keep_alive = False
        self._body = b""
        if self.turn:
            self.reply(status, headers, reason)
        else:
            self._protocol.transport.close()

    def begin(self) -> None:
        """Runs the request once it is whole and its turn has come."""
        if self.more_body or not self.turn or self.response_started or self._task is not None:
            return
        protocol = self._protocol
        request = self._request(bytes(self._body))
        self._body = b""
        self._task = task = protocol.loop.create_task(self._run(request))
        protocol.tasks.add(task)

    def _request(self, body: bytes) -> Request:
        protocol = self._protocol
        client = protocol.client[0] if protocol.client else ""
        path = self._url.decode("latin-1")
        return Request("POST", path, self.headers, body, client, secure=protocol.scheme == "https")

    async def _run(self, request: Request) -> None:
        """The request's one task. What ends it without an answer ends the connection."""
        protocol, task = self._protocol, self._task
        assert task is not None
        try:
            await protocol.endpoints.serve(request, self, self._endpoint, task)
        finally:
            protocol.tasks.discard(task)
            if task.cancelling() and not self.response_complete:
                protocol.transport.close()

    # Responder ------------------------------------------------------------------------------------------------------

    @property
    def paused(self) -> bool:
        return self._protocol.flow.write_paused

    def watch(self, gone: Callable[[], None] | None, drained: Callable[[], None] | None) -> None:
        self._gone = gone
        self._drained = drained

    def drained(self) -> None:
        if self._drained is not None:
            self._drained()

    def reply(self, status: int, headers: Sequence[Header], body: bytes) -> None:
        if self.disconnected or self.response_started:
            return
        self.response_started = True
        protocol = self._protocol
        head = self._head(status, headers)
        protocol.outbox.write(protocol.transport, b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body))
        self._complete()

    def start(self, status: int, headers: Sequence[Header]) -> None:
        if self.disconnected or self.response_started:
            return
        self.response_started = True
        self._chunked = self.http_version != "1.0"
        rest = b"transfer-encoding: chunked\r\n\r\n" if self._chunked else b"\r\n"
        self._protocol.outbox.flush()
        self._protocol.transport.write(self._head(status, headers) + rest)

    def write(self, data: bytes) -> None:
        if self.disconnected or self.response_complete:
            return
        self._protocol.transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def end(self) -> None:
        if self.disconnected or self.response_complete:
            return
        if self._chunked:
            self._protocol.transport.write(b"0\r\n\r\n")
        self._complete()

    def _head(self, status: int, headers: Sequence[Header]) -> bytes:
        head = _heads.head(self._protocol.server_state.default_headers, status, tuple(headers))
        return head if self.keep_alive else head + b"connection: close\r\n"

    def _complete(self) -> None:
        self.response_complete = True
        self._gone = self._drained = None
        if not self.keep_alive:
            self._protocol.outbox.flush()
            self._protocol.linger() if self.more_body else self._protocol.transport.close()
        self._protocol.on_response_complete()
