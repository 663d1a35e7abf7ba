"""A server that answers out of order: it keeps what it is asked until it has a handful, or a moment has passed, and
answers in any order. One tool, `echo`, says the text that it was told. Both eras, over HTTP or stdio; fast.

python tests/servers/shuffling.py [--stdio]
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable
from typing import Any

import msgspec

HANDFUL = 24
MOMENT = 0.002
MODERN, LEGACY = "2026-07-28", "2025-11-25"


class Message(msgspec.Struct):
    method: str = ""
    id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    params: msgspec.Raw = msgspec.Raw(b"{}")


class Arguments(msgspec.Struct):
    text: str = ""


class Call(msgspec.Struct):
    arguments: Arguments = msgspec.field(default_factory=Arguments)


_message = msgspec.json.Decoder(Message).decode
_call = msgspec.json.Decoder(Call).decode
_encode = msgspec.json.Encoder().encode

RESULTS: dict[str, dict[str, Any]] = {
    "server/discover": {"supportedVersions": [MODERN, LEGACY], "capabilities": {"tools": {}}, "resultType": "complete"},
    "initialize": {
        "protocolVersion": LEGACY,
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "shuffling", "version": "1"},
    },
    "tools/list": {
        "tools": [{"name": "echo", "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}}}],
        "resultType": "complete",
        "ttlMs": 0,
        "cacheScope": "private",
    },
}

Say = Callable[[bytes], None]


class Shuffler:
    """Holds answers, and gives them out in any order."""

    def __init__(self) -> None:
        self._held: list[tuple[Say, bytes]] = []
        self._timer: asyncio.TimerHandle | None = None

    def hold(self, say: Say, answer: bytes) -> None:
        self._held.append((say, answer))
        if len(self._held) >= HANDFUL:
            self.give()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(MOMENT, self.give)

    def give(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        held, self._held = self._held, []
        random.shuffle(held)
        for say, answer in held:
            say(answer)


def answer(body: bytes) -> tuple[bytes | None, bool]:
    """The answer to one message (None for none), and whether it is a call, which may wait."""
    message = _message(body)
    if message.id is msgspec.UNSET:
        return None, False
    if message.method == "tools/call":
        text = _encode(_call(message.params).arguments.text)
        result = b'{"resultType":"complete","content":[{"type":"text","text":%b}]}' % text
        return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (message.id, result), True
    known = RESULTS.get(message.method)
    if known is None:
        return b'{"jsonrpc":"2.0","id":%b,"error":{"code":-32601,"message":"no such method"}}' % message.id, False
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (message.id, _encode(known)), False


class Http(asyncio.Protocol):
    """One connection; its client waits for each answer before it asks again."""

    def __init__(self, shuffler: Shuffler) -> None:
        self._shuffler = shuffler
        self._buffer = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, mark, rest = self._buffer.partition(b"\r\n\r\n")
        if not mark:
            return
        lower = head.lower()
        at = lower.find(b"content-length:")
        size = 0 if at < 0 else int(lower[at + 15 :].split(b"\r\n", 1)[0])
        if len(rest) < size:
            return
        self._buffer = rest[size:]
        if not head.startswith(b"POST"):
            self._say(b"", b"405 Method Not Allowed")
            return
        found, waits = answer(rest[:size])
        if found is None:
            self._say(b"", b"202 Accepted")
        elif waits:
            self._shuffler.hold(self._say, found)
        else:
            self._say(found)

    def _say(self, body: bytes, status: bytes = b"200 OK") -> None:
        head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self._transport.write(head % (status, len(body)) + body)


async def http() -> None:
    shuffler = Shuffler()
    server = await asyncio.get_running_loop().create_server(lambda: Http(shuffler), "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"READY http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp\n")
    sys.stdout.flush()
    await server.serve_forever()


async def stdio() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    transport, _ = await loop.connect_write_pipe(asyncio.Protocol, sys.stdout.buffer)
    shuffler = Shuffler()

    def say(found: bytes) -> None:
        transport.write(found + b"\n")

    while line := await reader.readline():
        found, waits = answer(line)
        if found is None:
            continue
        if waits:
            shuffler.hold(say, found)
        else:
            say(found)


if __name__ == "__main__":
    asyncio.run(stdio() if "--stdio" in sys.argv else http())
