"""One connection at the hostile server's side: reads requests properly, writes whatever it is told to."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from typing import Any

MODERN = "2026-07-28"


class Line:
    """`upstream` is the server; the rest is about the request that is being answered."""

    def __init__(self, upstream: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.upstream = upstream
        self.method = self.path = ""
        self.headers: dict[str, str] = {}
        self.message: dict[str, Any] = {}
        self._reader = reader
        self._writer = writer

    async def next(self) -> bool:
        """Reads the next request; False at the end of the connection."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        start, *lines = head[:-4].decode("latin-1").split("\r\n")
        self.method, self.path, _ = start.split(" ")
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await self._reader.readexactly(int(self.headers.get("content-length", 0)))
        found = json.loads(body) if body else {}
        self.message = found if isinstance(found, dict) else {}
        return True

    @property
    def asked(self) -> str:
        return str(self.message.get("method", ""))

    @property
    def id(self) -> Any:
        return self.message.get("id")

    @property
    def tool(self) -> str:
        return str(self.message.get("params", {}).get("name", ""))

    async def raw(self, data: bytes) -> None:
        """Writes and waits for room; ConnectionError when the other side hung up."""
        self._writer.write(data)
        await self._writer.drain()

    async def reply(self, body: bytes, *headers: str, status: str = "200 OK", kind: str = "application/json") -> None:
        lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(body)}", *headers, "", ""]
        await self.raw("\r\n".join(lines).encode() + body)

    async def result(self, result: Any, *headers: str, id: Any = None) -> None:
        message = {"jsonrpc": "2.0", "id": self.id if id is None else id, "result": result}
        await self.reply(json.dumps(message).encode(), *headers)

    async def text(self, text: str) -> None:
        """A proper result of a tool."""
        await self.result({"resultType": "complete", "content": [{"type": "text", "text": text}]})

    async def error(self, code: int, message: str, status: str = "200 OK") -> None:
        error = {"jsonrpc": "2.0", "id": self.id, "error": {"code": code, "message": message}}
        await self.reply(json.dumps(error).encode(), status=status)

    async def stream(self) -> None:
        await self.raw(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")

    async def chunk(self, data: bytes) -> None:
        await self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    async def event(self, message: Any, *fields: str) -> None:
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        await self.chunk("".join(f"{field}\n" for field in fields).encode() + b"data: " + data + b"\n\n")

    async def hang(self) -> None:
        """Says nothing more, until the other side hangs up."""
        while await self._reader.read(65536):
            pass
        raise EOFError

    def reset(self) -> None:
        """Ends the connection with a reset."""
        peer = self._writer.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
        raise EOFError

    def hang_up(self) -> None:
        self._writer.close()
        raise EOFError
