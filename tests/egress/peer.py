"""The other party: a raw server that answers whatever a test tells it to, byte by byte."""

import asyncio
import socket
import ssl
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from toolgate.egress.client import HttpClient
from toolgate.egress.pool import Route
from toolgate.ports import HttpAnswer

BOUND = 10.0  # seconds that anything may take which must happen

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"

Handler = Callable[["Line"], Awaitable[None]]


def answer(body: bytes = b"{}", *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", "content-type: application/json", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def read(reply: HttpAnswer) -> bytes:
    return reply.body or b"".join([part async for part in reply.chunks()])


class Line:
    """One connection at the peer's side."""

    def __init__(self, peer: "Peer", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peer = peer
        self._reader = reader
        self._writer = writer

    async def request(self) -> bytes:
        """The head of the next request with its body; EOFError when the client hung up."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise EOFError from error
        length = next((line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b"0")
        request = head + await self._reader.readexactly(int(length))
        self.peer.requests.append(request)
        return request

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def send(self, data: bytes) -> None:
        """Writes and waits for room; EOFError when the client hung up."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except ConnectionError as error:
            raise EOFError from error

    async def hung_up(self) -> None:
        """Returns when the client has closed the connection."""
        try:
            while await self._reader.read(65536):
                pass
        except ConnectionError:
            pass

    def close(self) -> None:
        self._writer.close()

    def reset(self) -> None:
        """Closes so that the client hears of a reset (RST), not of an end (FIN)."""
        linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()


class Peer:
    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0
        self.requests: list[bytes] = []
        self.errors: list[BaseException] = []
        self.port = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._handler(Line(self, reader, writer))
        except EOFError:
            pass
        except Exception as error:  # noqa: BLE001 - the test that owns this peer looks at it
            self.errors.append(error)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def end(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def serving(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    """A peer on a free port of 127.0.0.1."""
    peer = Peer(handler)
    server = await asyncio.start_server(peer.accept, "127.0.0.1", 0, ssl=context, limit=1 << 20)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        async with asyncio.timeout(BOUND):
            yield peer
    finally:
        server.close()
        await peer.end()
    assert not peer.errors, peer.errors


@asynccontextmanager
async def talking(handler: Handler, *, limit: int = 1 << 20) -> AsyncIterator[tuple[Route, Peer]]:
    """A plain route to a peer."""
    async with serving(handler) as peer:
        route = HttpClient().route(f"http://127.0.0.1:{peer.port}", server="weather", limit=limit)
        try:
            yield route, peer
        finally:
            await route.close()


async def until(holds: Callable[[], bool]) -> None:
    """Lets the loop run until `holds`; the bound of `serving` ends it."""
    while not holds():  # noqa: ASYNC110 - what is waited for happens in the socket and sets no event
        await asyncio.sleep(0)


def replying(data: bytes) -> Handler:
    """A peer that gives every request the same bytes."""

    async def handler(line: Line) -> None:
        while True:
            await line.request()
            await line.send(data)

    return handler
