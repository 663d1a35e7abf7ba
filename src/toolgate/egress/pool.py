"""The kept-alive connections of one origin, and the way of one request through them.

The connection used last is used next, so that few stay warm and the rest run out. Where all are busy, requests wait in
line, first come first served; the line is bounded.

A request that dies on a reused connection before one byte of an answer may have been carried out, so it is sent again
(once) only if that is harmless: GET, PUT, DELETE and OPTIONS (RFC 9110 section 9.2.2), what the caller calls
`idempotent`, and what the socket refused to take at all. A `tools/call` is never sent twice. To keep such deaths rare,
connections are kept for less time than servers keep them, and a doubtful one is looked at before it is used.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from toolgate.egress.answer import Answer
from toolgate.egress.connection import Connection
from toolgate.egress.dialling import Destination, dial
from toolgate.egress.request import RequestWriter
from toolgate.model.errors import Limited, UpstreamFailed

CONNECTIONS = 256  # open at once per route
LINE = 1024  # requests waiting for one of them
_SWEEP = 1.0  # seconds between looks at the idle ones
_LAST_WORDS = 1.0  # seconds that `close` waits for sockets to be closed
_REPEATABLE = frozenset(("DELETE", "GET", "OPTIONS", "PUT"))


class Route:
    """`HttpRoute` over a pool. Not for use from several event loops."""

    def __init__(
        self, to: Destination, host: str, limit: int, *, connections: int = CONNECTIONS, line: int = LINE
    ) -> None:
        self._to = to
        self._limit = limit
        self._most = connections
        self._line_limit = line
        self._writer = RequestWriter(to.server, host)
        self._idle: list[Connection] = []
        self._line: deque[asyncio.Future[Connection | None]] = deque()
        self._slots = 0  # connections that may be used, and dials under way
        self._live: set[Connection] = set()  # connections whose socket is not closed yet
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False
        self._emptied: asyncio.Event | None = None

    @property
    def idle(self) -> int:
        """Connections that wait for a request."""
        return len(self._idle)

    def prepare(self, headers: Sequence[tuple[str, str]], /) -> bytes:
        """Headers that many requests share, checked and written once, for `send(..., prepared=...)`."""
        return self._writer.block(headers)

    async def send(
        self,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes = b"",
        /,
        *,
        prepared: bytes = b"",
        idempotent: bool = False,
    ) -> Answer:
        """One request; `prepared` goes before `headers`. No redirect is followed. The deadline is the caller's: whoever
        cancels the wait drops the connection. Raises UpstreamFailed, or Limited when too many wait for a connection."""
        request = self._writer.request(method, path, prepared, headers, body)
        repeated = False
        while True:
            connection = self._take() or await self._acquire()
            waiter = connection.start(request)
            try:
                return await waiter
            except asyncio.CancelledError:
                connection.cancelled(waiter)
                raise
            except UpstreamFailed:
                harmless = idempotent or connection.unsent or method in _REPEATABLE
                if repeated or not (connection.stale and harmless):
                    raise
                repeated = True
                self._drop_idle()  # its siblings are as old: most likely the server was restarted

    async def close(self) -> None:
        """Closes every connection; requests under way and in line end with UpstreamFailed."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        while self._line:
            _give(self._line.popleft(), None)
        if self._live:
            self._emptied = asyncio.Event()
            for connection in tuple(self._live):
                connection.fail("it was removed or changed while this call was under way")
            try:
                async with asyncio.timeout(_LAST_WORDS):
                    await self._emptied.wait()
            except TimeoutError:
                pass

    # What connections report.

    def released(self, connection: Connection, /) -> None:
        while self._line:
            if _give(self._line.popleft(), connection):
                return
        self._idle.append(connection)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(_SWEEP, self._sweep)

    def lost(self, connection: Connection, /) -> None:
        if connection in self._live:
            if connection in self._idle:
                self._idle.remove(connection)
            self._free_slot()

    def gone(self, connection: Connection, /) -> None:
        self._live.discard(connection)
        if not self._live and self._emptied is not None:
            self._emptied.set()

    # Getting one.

    def _take(self) -> Connection | None:
        idle = self._idle
        if idle:
            now = asyncio.get_running_loop().time()
            while idle:
                connection = idle.pop()
                if connection.usable(now):
                    return connection
                connection.close()
        return None

    async def _acquire(self) -> Connection:
        """Waits in line for a connection or for the right to open one, and opens it."""
        while True:
            if self._closed:
                raise self._removed()
            if self._slots < self._most:
                self._slots += 1
            else:
                connection = await self._stand_in_line()
                if connection is not None:
                    if connection.closed:  # it broke between being given and being taken
                        continue
                    return connection
            return await self._open()

    async def _stand_in_line(self) -> Connection | None:
        """A connection, or None: the right to open one."""
        if len(self._line) >= self._line_limit:
            raise Limited(
                f"server {self._to.server!r}: {self._most} requests under way, {self._line_limit} waiting; try later",
                retry_after=1.0,
            )
        place: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._line.append(place)
        try:
            return await place
        except asyncio.CancelledError:
            if place.cancelled():
                with suppress(ValueError):  # it was passed over in the very moment of being cancelled
                    self._line.remove(place)
            else:  # served in the very moment of being cancelled: pass it on
                connection = place.result()
                if connection is None:
                    self._free_slot()
                elif not connection.closed:
                    self.released(connection)
            raise

    async def _open(self) -> Connection:
        """Opens a connection with a slot already counted for it."""
        try:
            connection = await dial(self._to, self._make)
        except BaseException:
            self._free_slot()
            raise
        if connection.closed:
            self._free_slot()
            connection.drop()
            raise UpstreamFailed(f"server {self._to.server!r}: it closed the connection at once")
        self._live.add(connection)
        if self._closed:
            connection.drop()
            raise self._removed()
        return connection

    def _removed(self) -> UpstreamFailed:
        return UpstreamFailed(f"server {self._to.server!r}: it was removed or changed; try again")

    def _make(self) -> Connection:
        return Connection(self, self._to.server, self._limit)

    def _free_slot(self) -> None:
        while self._line:
            if _give(self._line.popleft(), None):
                return
        self._slots -= 1

    # Running out.

    def _sweep(self) -> None:
        self._sweeper = None
        now = asyncio.get_running_loop().time()
        for connection in [connection for connection in self._idle if connection.expires <= now]:
            connection.close()
        if self._idle:
            self._sweeper = asyncio.get_running_loop().call_later(_SWEEP, self._sweep)

    def _drop_idle(self) -> None:
        for connection in tuple(self._idle):
            connection.close()


def _give(place: "asyncio.Future[Connection | None]", connection: Connection | None) -> bool:
    if place.done():
        return False
    place.set_result(connection)
    return True
