"""One HTTP/1.1 connection: one request at a time, parsed by llhttp (httptools) as the bytes come.

The path of an ordinary answer is kept short on purpose: one `transport.write`, one future, no task, no
timer. Everything that a hostile server can do ends in UpstreamFailed for this one request and in a dropped connection.
"""

import asyncio
import select
import sys
from typing import Protocol, cast

from httptools import HttpParserError, HttpResponseParser

from toolgate.egress.answer import Answer, StreamedAnswer, WholeAnswer
from toolgate.model.errors import UpstreamFailed
from toolgate.pipeline.outbox import outbox_of

HEAD_LIMIT = 64 * 1024  # bytes of status line and headers, interim answers, chunk headers and trailers together
IDLE = 4.0  # seconds; common servers close after 5
_DOUBTFUL = 0.5  # seconds idle after which the socket is asked whether the peer hung up
_REPEATS = 100  # headers of one answer that have the name of an earlier one
_LARGE = 64 * 1024  # bytes from which a request may outlive its answer


class Keeper(Protocol):
    """Who owns connections. `lost` is said once, `gone` once when the socket is closed."""

    def released(self, connection: "Connection", /) -> None: ...

    def lost(self, connection: "Connection", /) -> None: ...

    def gone(self, connection: "Connection", /) -> None: ...


class _Names(dict[bytes, str]):
    """Header names in lower case, remembered: servers use few. Bounded, because a server invents them."""

    def __missing__(self, name: bytes) -> str:
        lower = name.decode("latin-1").lower()
        if len(self) < 1024 and len(name) <= 64:
            self[name] = lower
        return lower


_names = _Names()


class Connection(asyncio.Protocol):
    """`limit` is the most bytes of one body. `closed` says that it must not be used again; `expires` is loop time."""

    __slots__ = (
        "_body", "_done", "_failure", "_head_done", "_headers", "_keep", "_keeper", "_large", "_limit", "_loop",
        "_outbox", "_parser", "_repeats", "_server", "_size", "_status", "_stream", "_transport", "_waiter", "_wire",
        "closed", "expires", "idle_since", "unsent", "uses",
    )  # fmt: skip

    def __init__(self, keeper: Keeper, server: str, limit: int) -> None:
        self._keeper = keeper
        self._server = server
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._outbox = outbox_of(self._loop)
        self._transport: asyncio.Transport | None = None
        self._parser = HttpResponseParser(self)
        self._waiter: asyncio.Future[Answer] | None = None
        self._stream: StreamedAnswer | None = None
        self._headers: dict[str, str] = {}
        self._repeats = 0
        self._body: bytes | bytearray = b""
        self._status = 0
        self._size = 0
        self._wire = 0
        self._head_done = False
        self._done = True
        self._keep = False
        self._large = False
        self._failure: str | None = None
        self.closed = False
        self.expires = 0.0
        self.idle_since = 0.0
        self.unsent = False
        self.uses = 0

    # The owner's side.

    def start(self, request: bytes) -> asyncio.Future[Answer]:
        """Sends one request; only for an idle connection. The future gets the answer or UpstreamFailed.

        When the future is cancelled, `cancelled` must be called.
        """
        waiter = self._waiter = self._loop.create_future()
        self._stream = None
        self._headers = {}
        self._body = b""
        self._size = self._wire = 0
        self._head_done = self._done = False
        self._large = len(request) > _LARGE
        self.uses += 1
        self.unsent = True
        self._outbox.write(self, request)
        return waiter

    def write(self, data: bytes, /) -> None:
        """Called by the outbox, at the end of the loop's turn."""
        transport = cast(asyncio.Transport, self._transport)
        transport.write(data)
        self.unsent = transport.is_closing()

    def is_closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def cancelled(self, waiter: asyncio.Future[Answer]) -> None:
        """The one who awaited `waiter` was cancelled: drops the connection unless the answer is already complete."""
        if waiter is self._waiter:
            self.abandon()
        elif waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            waiter.result().close()

    def abandon(self) -> None:
        """Drops the connection in the middle of an answer that nobody wants any more."""
        self._waiter = self._stream = None
        self._done = True
        self.drop()

    @property
    def stale(self) -> bool:
        """The request was not the first here, and not one byte of an answer came."""
        return self.uses > 1 and self._wire == 0

    def usable(self, now: float) -> bool:
        """Whether an idle connection may take a request; a peer that hung up unheard is found out here."""
        if self.closed or now >= self.expires:
            return False
        return now - self.idle_since < _DOUBTFUL or not self._readable()

    def drop(self) -> None:
        """Closes at once; what was not sent is not sent. A request under way must have been ended before."""
        self._retire()
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Closes an idle connection politely."""
        self._retire()
        if self._transport is not None:
            self._transport.close()

    def fail(self, what: str) -> None:
        """Ends the request under way with UpstreamFailed, if there is one, and drops the connection."""
        waiter, self._waiter, stream, self._stream = self._waiter, None, self._stream, None
        self._done = True
        if waiter is not None and not waiter.done():
            waiter.set_exception(self.failed(what))
        elif stream is not None:
            stream.fail(self.failed(what))
        self.drop()

    def failed(self, what: str) -> UpstreamFailed:
        return UpstreamFailed(f"server {self._server!r}: {what}")

    def pause(self) -> None:
        if not self.closed and self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        if not self.closed and self._transport is not None:
            self._transport.resume_reading()

    # The socket's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._done:  # bytes that nobody asked for
            self.drop()
            return
        self._wire += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            if self._done:  # garbage behind a complete answer
                self._finish(reusable=False)
            else:
                self.fail(self._failure or f"a malformed HTTP answer ({error})")
            return
        if self._done:
            self._finish(reusable=self._keep)
        else:
            self._unfinished()

    def eof_received(self) -> None:
        self._retire()

    def connection_lost(self, exc: Exception | None) -> None:
        self._retire()
        if not self._done:
            until_close = self._head_done and not ({"content-length", "transfer-encoding"} & self._headers.keys())
            if until_close and exc is None:
                self._done = True
                self._finish(reusable=False)
            elif self._wire:
                self.fail("the connection broke in the middle of an answer")
            else:
                self.fail("the connection was closed before an answer came")
        self._keeper.gone(self)

    # The parser's side.

    def on_message_begin(self) -> None:
        if self._done:
            raise self._refuse("more than one answer to one request")
        self._repeats = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_done:  # trailers; nothing in MCP uses them
            return
        key = _names[name]
        text = value.decode("latin-1")
        if key in self._headers:
            self._repeats += 1  # joining costs the square of their number
            if self._repeats > _REPEATS:
                raise self._refuse(f"more than {_REPEATS} repeated headers in its answer")
            text = f"{self._headers[key]}, {text}"
        self._headers[key] = text

    def on_headers_complete(self) -> None:
        headers = self._headers
        status = self._status = self._parser.get_status_code()
        if self._wire > HEAD_LIMIT and sum(len(name) + len(value) for name, value in headers.items()) > HEAD_LIMIT:
            raise self._refuse(f"the head of its answer is larger than {HEAD_LIMIT} bytes")
        if status < 200:
            if status == 101:
                raise self._refuse("it switched protocols, which was not asked for")
            return
        self._head_done = True
        if "content-encoding" in headers and headers["content-encoding"].lower() != "identity":
            raise self._refuse(f"a compressed answer ({headers['content-encoding'][:40]!r}), which was not asked for")
        if "transfer-encoding" in headers and headers["transfer-encoding"].lower() != "chunked":
            raise self._refuse(f"an answer in transfer-encoding {headers['transfer-encoding'][:40]!r}")
        if "content-type" in headers and headers["content-type"][:17].lower() == "text/event-stream":
            self._stream = StreamedAnswer(self, status, headers)

    def on_body(self, data: bytes) -> None:
        self._size += len(data)
        if self._stream is not None:
            self._stream.feed(data)
        elif self._size > self._limit:
            raise self._refuse(f"its answer is larger than the limit of {self._limit} bytes")
        elif not self._body:
            self._body = data
        elif isinstance(self._body, bytearray):
            self._body += data
        else:  # not a list of parts: many tiny chunks would cost far more memory than they hold
            self._body = bytearray(self._body) + data

    def on_message_complete(self) -> None:
        if self._head_done:
            self._done = True
            self._keep = self._parser.should_keep_alive()  # the parser forgets it right after
        else:  # an interim answer (100, 103): the final one follows
            self._headers = {}

    # Between them.

    def _finish(self, *, reusable: bool) -> None:
        """The answer is complete: gives it out, then the connection back."""
        waiter, self._waiter, stream, self._stream = self._waiter, None, self._stream, None
        if stream is not None:
            stream.end()
        if waiter is not None and not waiter.done():
            waiter.set_result(stream or WholeAnswer(self._status, self._headers, bytes(self._body)))
        self._body = b""
        if self.unsent:
            reusable = False  # answered before it was asked
        elif self._large and self._transport is not None:
            reusable = reusable and self._transport.get_write_buffer_size() == 0
        if not reusable or self.closed:
            self.drop()
            return
        now = self.idle_since = self._loop.time()
        hint = self._headers.get("keep-alive")
        self.expires = now + (IDLE if hint is None else _idle(hint))
        if self.expires <= now:
            self.close()
            return
        self._keeper.released(self)

    def _unfinished(self) -> None:
        """More must come: bounds what is not body, and gives out the head of a stream."""
        if self._wire > HEAD_LIMIT + 9 * self._size:
            self.fail(f"more than {HEAD_LIMIT} bytes of headers or chunk headers in its answer")
        elif self._head_done and self._waiter is not None:
            if self._stream is not None:
                waiter, self._waiter = self._waiter, None
                if waiter.done():  # cancelled a moment ago
                    self.abandon()
                else:
                    waiter.set_result(self._stream)
            elif int(self._headers.get("content-length") or 0) > self._limit:
                self.fail(f"its answer is larger than the limit of {self._limit} bytes")

    def _refuse(self, what: str) -> Exception:
        self._failure = what
        return ValueError(what)

    def _retire(self) -> None:
        if not self.closed:
            self.closed = True
            self._keeper.lost(self)

    def _readable(self) -> bool:
        """An idle connection with something to read was closed by the peer, or holds what nobody asked for."""
        socket = cast(asyncio.Transport, self._transport).get_extra_info("socket")
        if socket is None or socket.fileno() < 0:
            return True
        if sys.platform == "win32":
            return bool(select.select([socket.fileno()], [], [], 0)[0])
        poll = select.poll()
        poll.register(socket.fileno(), select.POLLIN)
        return bool(poll.poll(0))


def _idle(hint: str) -> float:
    """Seconds to keep a connection under `Keep-Alive: timeout=N`: one less than the server does, at most IDLE."""
    for item in hint.split(","):
        name, _, value = item.strip().partition("=")
        if name.lower() == "timeout" and value.isascii() and value.isdigit():
            return min(IDLE, float(value[:9]) - 1)
    return IDLE
