"""What the hostile server does when a tool of it is called: one function for each way to misbehave."""

from __future__ import annotations

import itertools
import json
from collections.abc import Awaitable, Callable
from typing import Any

from tests.hostile.line import MODERN, Line

LEGACY = "2025-11-25"
LARGE = 512 * 1024
"""Bytes; more than Toolgate is told to take from these servers."""

Deed = Callable[[Line], Awaitable[None]]
_SESSIONS = itertools.count(1)


def _note(text: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "error", "data": text}}


def _answer(line: Line, id: Any, text: str = "whose is this?") -> dict[str, Any]:
    result = {"resultType": "complete", "content": [{"type": "text", "text": text}]}
    return {"jsonrpc": "2.0", "id": id, "result": result}


async def fine(line: Line) -> None:
    text = str(line.message["params"].get("arguments", {}).get("text", "fine"))
    line.upstream.heard.append(text)
    await line.text(text)


async def heard(line: Line) -> None:
    """What `fine` was told, by anybody."""
    await line.text(json.dumps(list(line.upstream.heard)))


async def reset(line: Line) -> None:
    line.reset()


async def hang_up(line: Line) -> None:
    line.hang_up()


async def hang(line: Line) -> None:
    await line.hang()


async def half_a_head(line: Line) -> None:
    await line.raw(b"HTTP/1.1 200 OK\r\ncontent-ty")
    line.hang_up()


async def half_a_body(line: Line) -> None:
    await line.raw(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"jsonrpc"')
    line.hang_up()


async def hang_in_body(line: Line) -> None:
    await line.raw(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"jsonrpc"')
    await line.hang()


async def no_http(line: Line) -> None:
    await line.raw(b"SSH-2.0-OpenSSH_9.9\r\n")
    await line.hang()


async def two_lengths(line: Line) -> None:
    await line.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}}")
    await line.hang()


async def endless_head(line: Line) -> None:
    await line.raw(b"HTTP/1.1 200 OK\r\n")
    while True:
        await line.raw(b"x-more: " + b"a" * 4096 + b"\r\n")


async def endless_body(line: Line) -> None:
    await line.raw(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        await line.chunk(b" " * 65536)


async def compressed(line: Line) -> None:
    await line.reply(b"\x1f\x8b\x08\x00" + b"\0" * 100, "content-encoding: gzip")


async def wrong_id(line: Line) -> None:
    await line.reply(json.dumps(_answer(line, 424242)).encode())


async def id_as_text(line: Line) -> None:
    await line.reply(json.dumps(_answer(line, str(line.id))).encode())


async def id_null(line: Line) -> None:
    await line.reply(json.dumps(_answer(line, None)).encode())


async def id_list(line: Line) -> None:
    await line.reply(json.dumps(_answer(line, [line.id])).encode())


async def two_answers(line: Line) -> None:
    """The second one waits on the connection for the next request."""
    body = json.dumps(_answer(line, line.id, "the first")).encode()
    other = json.dumps(_answer(line, line.id + 1, "the second")).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    await line.raw(head % len(body) + body + head % len(other) + other)


async def wrong_id_on_stream(line: Line) -> None:
    await line.stream()
    await line.event(_answer(line, 424242))
    await line.hang()


async def stream_without_answer(line: Line) -> None:
    await line.stream()
    await line.chunk(b"0\r\n\r\n")
    await line.raw(b"0\r\n\r\n")


async def endless_stream(line: Line) -> None:
    await line.stream()
    while True:
        await line.event(_note("again"))


async def endless_comments(line: Line) -> None:
    await line.stream()
    while True:
        await line.chunk(b": still here\n" * 1000)


async def giant_event(line: Line) -> None:
    await line.stream()
    await line.event(b'"' + b"a" * LARGE + b'"')
    await line.hang()


async def giant_event_in_drips(line: Line) -> None:
    await line.stream()
    await line.chunk(b"data: " + b"a" * (LARGE // 3))
    while True:
        await line.chunk(b"a")


async def giant_json(line: Line) -> None:
    await line.text("a" * LARGE)


async def deep_json(line: Line) -> None:
    await line.reply(b'{"jsonrpc":"2.0","id":%d,"result":{"content":%s}}' % (line.id, b"[" * 9999 + b"]" * 9999))


async def quoted_depth(line: Line) -> None:
    """What a careless scanner of strings would look at for hours."""
    await line.reply(b"[[" * 50 + b'"' + b'\\"' * 100_000)


async def invalid_utf8(line: Line) -> None:
    await line.reply(b'{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":"\xff\xfe"}]}}' % line.id)


async def surrogate(line: Line) -> None:
    await line.reply(rb'{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":"\ud800"}]}}' % line.id)


async def not_json(line: Line) -> None:
    await line.reply(b"<html>502 Bad Gateway</html>")


async def empty_json(line: Line) -> None:
    await line.reply(b"")


async def a_list(line: Line) -> None:
    await line.reply(b"[]")


async def neither(line: Line) -> None:
    await line.reply(b'{"jsonrpc":"2.0","id":%d}' % line.id)


async def result_is_text(line: Line) -> None:
    await line.reply(b'{"jsonrpc":"2.0","id":%d,"result":"done"}' % line.id)


async def odd_result_type(line: Line) -> None:
    await line.result({"resultType": "later", "content": []})


async def error_is_text(line: Line) -> None:
    await line.reply(b'{"jsonrpc":"2.0","id":%d,"error":"no"}' % line.id)


async def error_with_text_code(line: Line) -> None:
    await line.reply(b'{"jsonrpc":"2.0","id":%d,"error":{"code":"no","message":1}}' % line.id)


async def huge_error_code(line: Line) -> None:
    await line.reply(b'{"jsonrpc":"2.0","id":%d,"error":{"code":%s,"message":"no"}}' % (line.id, b"9" * 5000))


async def html(line: Line) -> None:
    await line.reply(b"<html></html>", kind="text/html")


async def redirect(line: Line) -> None:
    await line.reply(b"", "location: http://169.254.169.254/latest/meta-data/", status="302 Found")


async def other_era(line: Line) -> None:
    await line.error(-32022, "only 2031-01-01 is spoken here", "400 Bad Request")


async def server_request(line: Line) -> None:
    """A modern server asks nothing; whatever it asks is not heard."""
    await line.stream()
    await line.event({"jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage", "params": {}})
    await line.hang()


async def request_flood(line: Line) -> None:
    await line.stream()
    for number in itertools.count():
        await line.event({"jsonrpc": "2.0", "id": number, "method": "ping"})


async def long_retry(line: Line) -> None:
    await line.stream()
    await line.event(_note("x"), "retry: " + "9" * 4000, "id: 7")
    line.hang_up()


async def cookies(line: Line) -> None:
    await line.result({"resultType": "complete", "content": []}, *(f"set-cookie: a{n}=b" for n in range(50)))


def _status(status: str, body: bytes, kind: str) -> Deed:
    async def deed(line: Line) -> None:
        await line.reply(body, status=status, kind=kind)

    return deed


STATUSES = {
    f"status_{code}_{name}": _status(f"{code} No", body, kind)
    for code in (204, 400, 401, 403, 404, 405, 418, 429, 500, 502, 503)
    for name, body, kind in (("bare", b"", "text/plain"), ("html", b"<html>tg_no</html>", "text/html"))
}

MISDEEDS: dict[str, Deed] = {
    **{
        deed.__name__: deed
        for deed in (
            reset, hang_up, hang, half_a_head, half_a_body, hang_in_body, no_http, two_lengths, endless_head,
            endless_body, compressed, wrong_id, id_as_text, id_null, id_list, wrong_id_on_stream,
            stream_without_answer, endless_stream, endless_comments, giant_event, giant_event_in_drips,
            giant_json, deep_json, quoted_depth, invalid_utf8, surrogate, not_json, empty_json, a_list, neither,
            result_is_text, odd_result_type, error_is_text, error_with_text_code, huge_error_code, html,
            redirect, other_era, server_request, request_flood, long_retry,
        )
    },
    **STATUSES,
}  # fmt: skip
"""Each of these is an error for its caller."""

GOOD_DEEDS: dict[str, Deed] = {"fine": fine, "heard": heard, "two_answers": two_answers, "cookies": cookies}
"""Odd or not, these answer what they were asked."""


def tools(names: Any) -> list[dict[str, Any]]:
    region = {"type": "string", "x-mcp-header": "Region"}
    number = {"type": "integer", "x-mcp-header": "Number"}
    schema = {"type": "object", "properties": {"text": {"type": "string"}, "region": region, "number": number}}
    return [{"name": name, "inputSchema": schema} for name in names]


async def modern(line: Line, deeds: dict[str, Deed]) -> None:
    """A server of 2026-07-28 that says the truth about itself."""
    capabilities = {"tools": {}}
    if line.asked == "server/discover":
        await line.result({"supportedVersions": [MODERN], "capabilities": capabilities, "resultType": "complete"})
    elif line.asked == "tools/list":
        await line.result({"tools": tools({**GOOD_DEEDS, **deeds}), "resultType": "complete"})
    elif line.asked == "tools/call":
        await {**GOOD_DEEDS, **deeds}[line.tool](line)
    elif line.asked == "subscriptions/listen":
        await line.stream()
        await line.event({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": {}})
        await line.hang()
    else:
        await line.error(-32601, "no such method", "404 Not Found")


async def older(line: Line) -> None:
    """A server of the handshake era. Its tool `forget` ends its session, `always_forget` every one of them."""
    known = line.headers.get("mcp-session-id")
    if line.method == "DELETE":
        await line.reply(b"", status="204 No Content")
    elif line.method == "GET":
        await line.reply(b"", status="405 Method Not Allowed")
    elif line.asked == "server/discover":
        await line.error(-32601, "no such method", "400 Bad Request")
    elif line.asked == "initialize":
        session = f"s{next(_SESSIONS)}"
        line.upstream.sessions.add(session)
        info = {"name": "older", "version": "1"}
        result = {"protocolVersion": LEGACY, "capabilities": {"tools": {}}, "serverInfo": info}
        await line.result(result, f"mcp-session-id: {session}")
    elif known not in line.upstream.sessions or line.tool == "always_forget":
        await line.reply(b"", status="404 Not Found")
    elif line.tool == "forget":
        line.upstream.sessions.discard(known)
        await line.reply(b'{"jsonrpc":"2.0","id":%d,"result":{"content":[]}}' % line.id)
    elif "id" not in line.message:
        await line.reply(b"", status="202 Accepted")
    elif line.asked == "tools/list":
        await line.result({"tools": tools([*GOOD_DEEDS, *MISDEEDS, "forget", "always_forget"])})
    else:
        await {**GOOD_DEEDS, **MISDEEDS}[line.tool](line)
