"""HTTP+SSE servers that break the rules of their transport hurt only themselves."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.ports.speaking import ALL, BOUND, Ear, legacy, out, spec, toolbox
from toolgate.egress.client import HttpClient
from toolgate.model.errors import ConfigError, UpstreamFailed
from toolgate.model.identity import Grant
from toolgate.upstreams import legacy_sse

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Get = Callable[[asyncio.StreamWriter], Awaitable[None]]

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
ENDPOINT = b"event: endpoint\ndata: /messages?session=1\n\n"


class Server:
    """Answers every GET with `get`. What is posted is kept, answered with `status`, and put into `posted`."""

    def __init__(self, get: Get, status: int = 202) -> None:
        self.url = ""
        self.requests: list[bytes] = []
        self.posted: asyncio.Queue[tuple[bytes, dict[str, object]]] = asyncio.Queue()
        self._get = get
        self._status = status

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head)
                if head.startswith(b"GET"):
                    await self._get(writer)
                    return
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                self.posted.put_nowait((head, json.loads(await reader.readexactly(length))))
                writer.write(b"HTTP/1.1 %d OK\r\ncontent-length: 0\r\n\r\n" % self._status)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(get: Get, status: int = 202) -> AsyncIterator[Server]:
    server = Server(get, status)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/sse"
    async with listener:
        yield server


def opened(url: str, tmp_path: Path, **members: object):
    return legacy_sse.open(
        spec(kind="legacy_sse", **members), legacy_sse.Settings(url), toolbox(tmp_path, HttpClient())
    )


def saying(*parts: bytes, then: Callable[[], Awaitable[object]] | None = None) -> Get:
    async def get(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
        await writer.drain()
        if then is not None:
            await then()

    return get


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ((b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",), "HTTP status 404"),
        ((b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n",), "wants a credential"),
        ((b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi",), "text/html"),
        ((HEAD,), "closed its event stream"),
        ((HEAD, b"event: endpoint\ndata: http://127.0.0.2:1/messages\n\n"), "leads to another origin"),
        ((HEAD, b"event: endpoint\ndata: //elsewhere.example/messages\n\n"), "leads to another origin"),
        ((HEAD, b"event: endpoint\ndata: \xff\xfe\n\n"), "sent a bad event"),
        ((HEAD, ENDPOINT), "closed its event stream"),
        ((HEAD, ENDPOINT, b"data: " + b"x" * 20_000), "sent a bad event: an event exceeds 10000 bytes"),
        ((b"\x00\xffgarbage\r\n\r\n",), "server 'it'"),
    ],
)
async def test_a_broken_stream_is_explained(tmp_path: Path, parts: tuple[bytes, ...], reason: str):
    async with serving(saying(*parts)) as server, opened(server.url, tmp_path, max_bytes=10_000) as upstream:
        async with asyncio.timeout(BOUND):
            with pytest.raises(UpstreamFailed, match=reason):
                await upstream.discover(ALL)
        assert not any(request.startswith(b"POST http") for request in server.requests)


async def test_a_refused_message_is_explained(tmp_path: Path):
    get = saying(HEAD, ENDPOINT, then=asyncio.Event().wait)
    async with serving(get, status=404) as server, opened(server.url, tmp_path) as upstream:
        with pytest.raises(UpstreamFailed, match="refused a message with HTTP status 404"):
            await upstream.discover(ALL)


async def test_credentials_and_address_are_used_for_every_message(tmp_path: Path):
    seen = asyncio.Event()
    grant = Grant("key:me", (("authorization", "Bearer sesame"),))
    get = saying(HEAD, ENDPOINT, then=seen.wait)
    async with serving(get) as server, opened(server.url, tmp_path) as upstream:
        asked = asyncio.ensure_future(upstream.discover(grant))
        head, message = await server.posted.get()
        seen.set()
        with pytest.raises(UpstreamFailed):
            await asked
    assert message["method"] == "initialize"
    assert head.startswith(b"POST /messages?session=1 HTTP/1.1")
    assert all(b"authorization: Bearer sesame" in request for request in server.requests)


async def test_a_stream_that_breaks_in_mid_call_fails_it_and_the_next_call_opens_another(tmp_path: Path):
    broken = asyncio.Event()
    sessions: list[asyncio.StreamWriter] = []

    async def get(writer: asyncio.StreamWriter) -> None:
        sessions.append(writer)
        writer.write(HEAD + ENDPOINT)
        mine = broken if len(sessions) == 1 else asyncio.Event()
        await mine.wait()

    def say(message: dict[str, object]) -> None:
        sessions[-1].write(b"data: " + json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n\n")

    async def shake_hands() -> None:
        _, hello = await server.posted.get()
        info = {"name": "s", "version": "1"}
        say({"id": hello["id"], "result": {"protocolVersion": "2024-11-05", "capabilities": {}, "serverInfo": info}})
        assert (await server.posted.get())[1]["method"] == "notifications/initialized"

    call = out("tools/call", {"name": "t"}, legacy())
    async with asyncio.timeout(BOUND), serving(get) as server, opened(server.url, tmp_path) as upstream:
        running = asyncio.ensure_future(upstream.call(call, Ear()))
        await shake_hands()
        assert (await server.posted.get())[1]["method"] == "tools/call"
        broken.set()
        with pytest.raises(UpstreamFailed, match="closed its event stream"):
            await running
        again = asyncio.ensure_future(upstream.call(call, Ear()))
        await shake_hands()
        _, asked = await server.posted.get()
        say({"id": asked["id"], "result": {"content": []}})
        assert (await again).body == b'{"content": []}'
        assert len(sessions) == 2


@pytest.mark.parametrize("url", ["ftp://host/sse", "http://user:secret@host/sse", "host:80/sse", ""])
async def test_a_bad_address_is_refused_without_being_repeated(tmp_path: Path, url: str):
    with pytest.raises(ConfigError) as caught:
        async with opened(url, tmp_path):
            pass
    assert "secret" not in str(caught.value)


async def test_this_transport_has_no_modern_era(tmp_path: Path):
    with pytest.raises(ConfigError, match="handshake era only"):
        async with opened("http://localhost/sse", tmp_path, era="modern"):
            pass
