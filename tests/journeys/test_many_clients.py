"""Two hundred clients at the same time, all with the same JSON-RPC ids, and servers that answer in any order: each
answer goes to its owner, 100,000 times, in both eras, over HTTP and over the one pipe of a child process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any
from urllib.parse import urlsplit

import msgspec
import psutil
import pytest

from tests.running import ALL, Gateway, Installation
from tests.servers.launching import launched_script, script

CLIENTS = 200
MODERN, LEGACY = "2026-07-28", "2025-11-25"
MIB = 1024 * 1024

CALLS = {("http", MODERN): 30_000, ("http", LEGACY): 30_000, ("pipe", MODERN): 20_000, ("pipe", LEGACY): 20_000}
"""100,000 in all."""

LAST_CHUNK = b"0\r\n\r\n"
_META = b'{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'
_INITIALIZE = (
    b'{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},'
    b'"clientInfo":{"name":"many","version":"1"}}}'
)


class _Content(msgspec.Struct):
    text: str


class _Result(msgspec.Struct):
    content: list[_Content]


class _Response(msgspec.Struct):
    id: int
    result: _Result | None = None


_decode = msgspec.json.Decoder(_Response).decode


class Client(asyncio.Protocol):
    """One client on one connection: asks, waits for the answer, checks it, and asks again. Its ids are 1, 2, 3, ...,
    as everybody's. `done` is the number of its good answers, or the first one that was not."""

    def __init__(self, name: str, gateway: Gateway, server: str, version: str, calls: int) -> None:
        self.done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._name = name
        self._calls = calls
        self._modern = version == MODERN
        self._asked = 0
        self._buffer = b""
        lines = [
            f"POST /servers/{server}/mcp HTTP/1.1",
            f"Host: {urlsplit(gateway.url).netloc}",
            f"Authorization: Bearer {gateway.keys['many']}",
            "Content-Type: application/json",
            "Accept: application/json, text/event-stream",
        ]
        if self._modern:
            lines += [f"MCP-Protocol-Version: {version}", "Mcp-Method: tools/call", "Mcp-Name: echo"]
        self._head = "\r\n".join((*lines, "")).encode()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        if self._modern:
            self._ask()
        else:
            self._send(_INITIALIZE)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, mark, rest = self._buffer.partition(b"\r\n\r\n")
        if not mark or self.done.done():
            return
        if b"content-type: text/event-stream" in head:
            if not rest.endswith(LAST_CHUNK):
                return
            body = next(line[6:] for line in rest.split(b"\n") if line.startswith(b"data: {"))
            self._buffer = b""
        else:
            size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            if len(rest) < size:
                return
            body, self._buffer = rest[:size], rest[size:]
        try:
            self._answered(head, body)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this client's finding
            self.done.set_exception(error)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError(f"{self._name}: the connection was lost after {self._asked} calls"))

    def _answered(self, head: bytes, body: bytes) -> None:
        if not head.startswith(b"HTTP/1.1 200"):
            raise AssertionError(f"{self._name}: {head!r} {body!r}")
        if not self._modern and not self._asked:
            session = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"mcp-session-id:"))
            self._head += session + b"\r\n"
        else:
            response = _decode(body)
            said = None if response.result is None else response.result.content[0].text
            if (response.id, said) != (self._asked, f"{self._name}, {self._asked}"):
                raise AssertionError(f"{self._name} asked {self._asked} and got {body!r}")
        if self._asked == self._calls:
            self.done.set_result(self._asked)
            self._transport.close()
        else:
            self._ask()

    def _ask(self) -> None:
        self._asked += 1
        meta = b',"_meta":' + _META if self._modern else b""
        self._send(
            b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"echo","arguments":{"text":"%b, %d"}%b}}'
            % (self._asked, self._name.encode(), self._asked, meta)
        )

    def _send(self, body: bytes) -> None:
        self._transport.write(b"%bContent-Length: %d\r\n\r\n%b" % (self._head, len(body), body))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gateway]:
    with launched_script("shuffling") as server:
        declared = {
            "servers": {
                "http": {"kind": "streamable_http", "url": server.url},
                "pipe": {"kind": "stdio", "command": script("shuffling", "--stdio")},
            },
            "grants": [{"key": "many", "allow": ALL}],
        }
        with Installation(tmp_path_factory.mktemp("many"), declared, {"many": {}}).up() as running:
            yield running


def run(gateway: Gateway, server: str, version: str, calls: int, beside: Callable[[], None] = lambda: None) -> int:
    """The good answers of all clients together."""

    async def all_of_them() -> int:
        loop = asyncio.get_running_loop()
        parts = urlsplit(gateway.url)
        clients = [Client(f"client {number}", gateway, server, version, calls // CLIENTS) for number in range(CLIENTS)]
        for client in clients:
            await loop.create_connection(lambda one=client: one, parts.hostname or "", parts.port or 0)
        beside()
        async with asyncio.timeout(50):
            return sum(await asyncio.gather(*(client.done for client in clients)))

    return asyncio.run(all_of_them())


@pytest.mark.promise("answers.owners")
@pytest.mark.parametrize(("server", "version"), CALLS)
def test_each_answer_goes_to_its_owner(gateway: Gateway, server: str, version: str):
    calls = CALLS[server, version]
    process = psutil.Process(gateway.process.pid)
    before = process.memory_info().rss
    assert run(gateway, server, version, calls) == calls
    assert process.memory_info().rss - before < 64 * MIB
