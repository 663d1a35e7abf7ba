"""A POST to an MCP endpoint takes a short way from the parser to the endpoint; with a query in its URL it takes the
ordinary way through ASGI. Raw requests over both: status, headers and body are the same.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.journeys.wire import MODERN, PREFIX
from tests.running import ALL, Gateway, Installation
from tests.servers.launching import SERVERS

SECONDS = 10.0
LARGEST = 16 * 1024
PATH = "/servers/demo/mcp"
QUERY = "?way=asgi"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gateway]:
    declared: dict[str, Any] = {
        "servers": {
            "demo": {"kind": "echo"},
            "sdk": {"kind": "python", "object": "sdk_server:build", "path": str(SERVERS)},
        },
        "grants": [
            {"key": "alice", "allow": ALL, "deny": {"servers": ["*"], "tools": ["now"]}},
        ],
    }
    installation = Installation(tmp_path_factory.mktemp("two-ways"), declared, ("alice",))
    with installation.up("--max-body", str(LARGEST), "--max-headers", "4KiB") as running:
        yield running


@dataclass(frozen=True)
class Raw:
    """One request. `headers` replace those of a good one; None leaves one out."""

    name: str
    body: bytes
    headers: dict[str, str | None]
    path: str = PATH
    version: str = "HTTP/1.1"


def modern(name: str, method: str, params: dict[str, Any] | None = None, **headers: str | None) -> Raw:
    """A modern request; underscores in the names of headers stand for hyphens."""
    meta = {f"{PREFIX}protocolVersion": MODERN, f"{PREFIX}clientCapabilities": {}}
    body = {"jsonrpc": "2.0", "id": name, "method": method, "params": {**(params or {}), "_meta": meta}}
    given = {key.replace("_", "-"): value for key, value in headers.items()}
    named = {"Mcp-Name": str((params or {}).get("name"))} if method == "tools/call" else {}
    own = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method, **named}
    return Raw(name, json.dumps(body).encode(), {**own, **given})


def calls(name: str, **headers: str | None) -> Raw:
    return modern(name, "tools/call", {"name": "echo", "arguments": {"text": "hï"}}, **headers)


def raw(name: str, body: bytes, **headers: str | None) -> Raw:
    return Raw(name, body, {key.replace("_", "-"): value for key, value in headers.items()})


INITIALIZE = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}},
    }
).encode()
PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'

CASES = [
    calls("a call"),
    modern("a list", "tools/list"),
    modern("discovery", "server/discover"),
    modern("an unknown tool", "tools/call", {"name": "nothing"}),
    modern("a denied tool", "tools/call", {"name": "now"}),
    modern("an unknown method", "tools/nothing"),
    modern("a removed method", "ping"),
    calls("no key", Authorization=None),
    calls("a wrong key", Authorization="Bearer tg_wrong"),
    calls("another scheme", Authorization="Basic eDp5"),
    calls("a foreign host", Host="evil.example.com"),
    calls("no host", Host=None),
    calls("a foreign origin", Origin="https://evil.example.com"),
    calls("an own origin", Origin="http://localhost:1234"),
    calls("no content type", Content_Type=None),
    calls("another content type", Content_Type="text/plain"),
    calls("a content type with a parameter", Content_Type="application/json; charset=utf-8"),
    calls("no accept", Accept=None),
    calls("half an accept", Accept="application/json"),
    calls("a header that disagrees", Mcp_Name="now"),
    calls("a missing header", Mcp_Method=None),
    calls("a version that disagrees", MCP_Protocol_Version="2025-11-25"),
    calls("a large head", X_Large="x" * 5000),
    raw("no JSON", b"{nonsense"),
    raw("no object", b'"text"'),
    raw("an empty body", b""),
    raw("too deep", b'{"jsonrpc":"2.0","id":1,"method":"ping","params":' + b'{"a":' * 300 + b"1" + b"}" * 301),
    raw("bad UTF-8", b'{"jsonrpc":"2.0","id":1,"method":"p\xff"}'),
    raw("too large", b"x" * (LARGEST + 1)),
    raw("a batch", b"[" + PING + b"]"),
    raw("no session", PING),
    raw("a forged session", PING, Mcp_Session_Id="nonsense"),
    raw("a notification without a session", b'{"jsonrpc":"2.0","method":"notifications/initialized"}'),
    raw("a handshake", INITIALIZE),
    Raw("an unknown endpoint", INITIALIZE, {}, "/servers/nothing/mcp"),
    Raw("an old HTTP", INITIALIZE, {}, version="HTTP/1.0"),
]


@dataclass(frozen=True)
class Got:
    """The answer: its status line, its headers without Date, its body."""

    status: str
    headers: dict[str, str]
    body: bytes


async def send(gateway: Gateway, case: Raw, query: str, *, chunked: bool = False) -> Got:
    """One request on a connection of its own, read to its end."""
    host = gateway.url.removeprefix("http://")
    headers: dict[str, str | None] = {
        "Host": host,
        "Authorization": f"Bearer {gateway.keys['alice']}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "Connection": "close",
        **case.headers,
    }
    body = case.body
    if chunked:
        middle = len(body) // 2
        parts = [body[:middle], body[middle:], b""]
        headers["Transfer-Encoding"] = "chunked"
        body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    else:
        headers["Content-Length"] = str(len(body))
    lines = [f"POST {case.path}{query} {case.version}", *(f"{k}: {v}" for k, v in headers.items() if v is not None)]
    name, _, port = host.partition(":")
    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection(name, int(port))
        try:
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            return _got(await reader.read())
        finally:
            writer.close()


def _got(answer: bytes) -> Got:
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    headers.pop("date", None)
    if headers.get("transfer-encoding") == "chunked":
        body = _joined(body)
    return Got(status, headers, body)


def _joined(chunked: bytes) -> bytes:
    parts: list[bytes] = []
    while chunked:
        size, _, rest = chunked.partition(b"\r\n")
        parts.append(rest[: int(size, 16)])
        chunked = rest[int(size, 16) + 2 :]
    return b"".join(parts)


@pytest.mark.promise("wire.two-ways")
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
async def test_both_ways_give_the_same_answer(gateway: Gateway, case: Raw):
    short, ordinary = await send(gateway, case, ""), await send(gateway, case, QUERY)
    assert short.status.startswith("HTTP/1.1 ")
    for got in (short, ordinary):
        if "mcp-session-id" in got.headers:
            got.headers["mcp-session-id"] = "each has its own"
    assert short == ordinary


@pytest.mark.promise("wire.two-ways")
async def test_both_ways_stream_the_same(gateway: Gateway):
    params = {"name": "slow", "arguments": {"steps": 3, "seconds": 0.03}}
    case = modern("streamed", "tools/call", params)
    body = json.loads(case.body)
    body["params"]["_meta"]["progressToken"] = "t"
    case = Raw("streamed", json.dumps(body).encode(), case.headers, "/servers/sdk/mcp")
    short, ordinary = await send(gateway, case, ""), await send(gateway, case, QUERY)
    assert short.headers["content-type"] == "text/event-stream"
    assert short.body.count(b"data: ") == 4
    assert short == ordinary


@pytest.mark.promise("wire.two-ways")
@pytest.mark.parametrize("case", [CASES[0], CASES[4]], ids=["a call", "a denied tool"])
async def test_a_chunked_body_is_the_same_body(gateway: Gateway, case: Raw):
    answers = [
        await send(gateway, case, ""),
        await send(gateway, case, "", chunked=True),
        await send(gateway, case, QUERY, chunked=True),
    ]
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("query", ["", QUERY], ids=["short", "ordinary"])
async def test_many_requests_on_one_connection(gateway: Gateway, query: str):
    """Also without waiting for the answers (RFC 9112 section 9.3.2): they come in the order of the requests."""
    host = gateway.url.removeprefix("http://")
    name, _, port = host.partition(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    try:
        for number in range(20):
            case = calls(f"request-{number}")
            headers = {
                "Host": host,
                "Authorization": f"Bearer {gateway.keys['alice']}",
                "Content-Type": "application/json",
                "Accept": "application/json, text/event-stream",
                "Content-Length": str(len(case.body)),
                **case.headers,
            }
            lines = [f"POST {PATH}{query} HTTP/1.1", *(f"{key}: {value}" for key, value in headers.items())]
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + case.body)
        async with asyncio.timeout(SECONDS):
            for number in range(20):
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                assert head.startswith("http/1.1 200")
                size = int(head.partition("content-length: ")[2].partition("\r\n")[0])
                assert json.loads(await reader.readexactly(size))["id"] == f"request-{number}"
    finally:
        writer.close()
