"""The short way for `POST` to an MCP endpoint: from the HTTP parser's callbacks to the endpoint without ASGI in
between.

It subclasses uvicorn's HttpToolsProtocol, whose callbacks are not a public interface: uvicorn is bounded to one minor,
and a test asserts that the ordinary ASGI way gives the same answers. Everything that is not such a POST takes that way.
The limits on heads and on slow senders hold for both.
"""

from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from toolgate.edge.cycle import FastCycle
from toolgate.edge.endpoint import McpEndpoints, endpoint_of
from toolgate.edge.limits import LINGER, MOST_HEADERS, Limits
from toolgate.pipeline.outbox import outbox_of


class McpProtocol(HttpToolsProtocol):
    """One connection. `endpoints`, `limits` and `short` are set by `protocol_class`."""

    parser: Any
    endpoints: McpEndpoints
    limits: Limits
    short: bool

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.outbox = outbox_of(self.loop)
        self.running: Any = None
        self.wire = self.size = 0
        self.head_done = self.offered = False
        self.reading_since: float | None = self.loop.time()
        self.idle_since: float | None = None
        self.refused_since: float | None = None
        self.stuck_since: float | None = None
        self.unsent = 0
        if len(self.connections) > self.limits.connections:
            self._refuse(503, b"Too many connections.\n")

    # uvicorn's own callbacks do more than this way needs, once per header and twice per request: these replace them.

    def data_received(self, data: bytes) -> None:
        if self.refused_since is not None:
            return
        self.idle_since = None
        if self.reading_since is None:
            self.reading_since = self.loop.time()
        self.wire += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self._refuse(400, b"Invalid HTTP request.\n")
        if self.wire > self.limits.head + (9 * self.size if self.head_done else 0):
            self._refuse(431, b"The request's head, or what frames its body, is too large.\n")

    def _parse(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                data = self._declined() + data[upgrade.args[0] :]

    def _declined(self) -> bytes:
        """The head of a request that offers another protocol, without the offer: nothing else is spoken here, and it
        may be passed over (RFC 9110 section 7.8), but this parser would take the body for the other protocol."""
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        for name, value in self.headers:
            if name == b"connection":
                lines.append(b"connection: close" if b"close" in value.lower() else b"connection: keep-alive")
            elif name != b"upgrade":
                lines.append(name + b": " + value)
        self.parser = httptools.HttpRequestParser(self)
        self.offered = False
        return b"\r\n".join((*lines, b"", b""))

    def connection_lost(self, exc: Exception | None) -> None:
        """uvicorn tells the request that came last; the one that is answered may be an earlier one."""
        running = self.running
        super().connection_lost(exc)
        if running is not None and running is not self.cycle and not running.response_complete:
            running.disconnected = True
            running.message_event.set()

    def on_message_begin(self) -> None:
        self.head_done = False
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.head_done:  # a trailer is no header (RFC 9110 section 6.5.1): nothing may be added after the body
            return
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if len(self.headers) > MOST_HEADERS or (self.wire > self.limits.head and self._head_size() > self.limits.head):
            self._refuse(431, b"The request's head is too large.\n")
            raise ValueError("the head is too large")
        self.head_done = True
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise ValueError("this is no proxy")
            self.offered = True  # `_declined` comes next, then this again
            return
        endpoint = self._short_way()
        if endpoint is None:
            self._ordinary_way()
            return
        former: Any = self.cycle
        cycle = FastCycle(self, endpoint)
        self.cycle = cycle  # type: ignore[assignment]
        if former is None or former.response_complete:
            cycle.turn = True
            self.running = cycle
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))  # type: ignore[arg-type]

    def on_response_complete(self) -> None:
        """As uvicorn's, without a loop timer per request: `close_if_slow` looks at idle connections too."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        else:
            self.idle_since = self.loop.time()

    def on_body(self, body: bytes) -> None:
        self.size += len(body)
        cycle: Any = self.cycle
        if not isinstance(cycle, FastCycle):
            super().on_body(body)
        elif not cycle.response_complete:
            cycle.feed(body)

    def on_message_complete(self) -> None:
        if self.offered:
            return
        self.reading_since = None
        self.wire = self.size = 0
        cycle: Any = self.cycle
        if isinstance(cycle, FastCycle):
            cycle.more_body = False
            cycle.begin()
        else:
            super().on_message_complete()

    def shutdown(self) -> None:
        self.outbox.flush()
        super().shutdown()

    def resume_writing(self) -> None:
        super().resume_writing()
        cycle: Any = self.cycle
        if isinstance(cycle, FastCycle):
            cycle.drained()

    def close_if_slow(self, now: float) -> None:
        """Drops a connection whose request did not arrive whole in time, that was idle for too long, that was refused a
        while ago, or that takes nothing of what it asked for."""
        slow = self.reading_since is not None and now - self.reading_since > self.limits.arrival
        idle = self.idle_since is not None and now - self.idle_since > self.timeout_keep_alive
        refused = self.refused_since is not None and now - self.refused_since > LINGER
        if self._stuck(now):
            self.transport.abort()
        elif slow or idle or refused:
            self.transport.close()

    def _stuck(self, now: float) -> bool:
        """Whether nothing was taken of what waits to be sent for as long as a request may take to arrive."""
        before, self.unsent = self.unsent, self.transport.get_write_buffer_size()
        if not self.unsent or self.unsent < before:
            self.stuck_since = None
        elif self.stuck_since is None:
            self.stuck_since = now
        return self.stuck_since is not None and now - self.stuck_since > self.limits.arrival

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self.running = cycle
        if isinstance(cycle, FastCycle):
            cycle.turn = True
            cycle.begin()
        else:
            super()._start_asgi_task(cycle, app)

    def _ordinary_way(self) -> None:
        """Hands this request to uvicorn, which expects to have seen it begin."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        super().on_headers_complete()

    def _short_way(self) -> str | None:
        if not self.short or self.parser.get_method() != b"POST" or self.expect_100_continue:
            return None
        if b"?" in self.url or b"%" in self.url:
            return None
        return endpoint_of(self.url.decode("latin-1"))

    def _refuse(self, status: int, reason: bytes) -> None:
        self.outbox.flush()
        if self.refused_since is not None or self.transport.is_closing():
            return
        running = self.running
        if running is not None and not running.response_complete:
            if running.response_started or running is not self.cycle or not running.more_body:
                self.refused_since = self.loop.time()
                self.transport.close()  # in the middle of another answer there is no place for this one
                return
            running.disconnected = True
            running.message_event.set()
        self.transport.write(
            b"".join(
                (STATUS_LINE[status], b"content-type: text/plain; charset=utf-8\r\ncontent-length: ",
                 b"%d" % len(reason), b"\r\nconnection: close\r\n\r\n", reason)
            )
        )  # fmt: skip
        self.linger()

    def linger(self) -> None:
        """Ends a connection whose client may still be sending: closed at once, it would be reset, the answer lost."""
        self.refused_since = self.loop.time()
        self.reading_since = None
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()


def protocol_class(endpoints: McpEndpoints, limits: Limits, *, short: bool = True) -> type[McpProtocol]:
    """The protocol class of one server. Without `short`, every request takes the ASGI way."""
    return type("BoundMcpProtocol", (McpProtocol,), {"endpoints": endpoints, "limits": limits, "short": short})
