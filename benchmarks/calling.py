"""Many connections that call tools and check every answer, for benchmarks of servers behind a gateway."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.processes import BenchmarkError, Child

CONNECTIONS = 16

Expected = tuple[bytes, bytes]
"""A request, and what its answer must hold."""


@dataclass(frozen=True)
class Load:
    """One window: calls answered right, seconds, and processor time that the gateway used, in microseconds."""

    calls: int
    seconds: float
    cpu_us: float


def request(port: int, key: str, server: str, name: str, arguments: dict[str, Any]) -> bytes:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "benchmark", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": name, "arguments": arguments, "_meta": meta}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
    head = (
        f"POST /servers/{server}/mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
        f"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: {name}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _client(port: int, requests: Sequence[Expected], until: float) -> int:
    """One connection. Each answer must hold what its request expects."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    calls = 0
    try:
        while time.perf_counter() < until:
            sent, expected = requests[calls % len(requests)]
            writer.write(sent)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            body = await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 200") or expected not in body:
                raise BenchmarkError(f"a wrong answer: {head[:200]!r} {body[:300]!r}")
            calls += 1
    finally:
        writer.close()
    return calls


async def _many(port: int, requests: Sequence[Expected], seconds: float) -> int:
    until = time.perf_counter() + seconds
    shares = [requests[place::CONNECTIONS] or requests for place in range(CONNECTIONS)]
    return sum(await asyncio.gather(*(_client(port, share, until) for share in shares)))


def window(gateway: Child, port: int, requests: Sequence[Expected], seconds: float) -> Load:
    """So many seconds of calls over all connections. Raises BenchmarkError for a wrong answer."""
    before, began = gateway.cpu_us(), time.perf_counter()
    calls = asyncio.run(_many(port, requests, seconds))
    return Load(calls, time.perf_counter() - began, gateway.cpu_us() - before)
