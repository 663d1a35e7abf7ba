"""What the hostile server says of itself, where that is a lie: one function for each. None of these servers can be
used as it claims; each must be refused, or taken for as much of it as makes sense."""

from __future__ import annotations

import itertools
import json
from collections.abc import Awaitable, Callable
from typing import Any

from tests.hostile.line import MODERN, Line

Lie = Callable[[Line], Awaitable[None]]
Pages = Callable[[str | None], dict[str, Any]]

SCHEMA = {"type": "object"}


def _tool(name: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": SCHEMA, **more}


def _listing(pages: Pages, capabilities: Any = None, method: str = "tools/list") -> Lie:
    """A modern server whose one list is what `pages` says for each cursor."""
    declared = {"tools": {}} if capabilities is None else capabilities

    async def lie(line: Line) -> None:
        if line.asked == "server/discover":
            await line.result({"supportedVersions": [MODERN], "capabilities": declared, "resultType": "complete"})
        elif line.asked == method:
            await line.result(pages(line.message["params"].get("cursor")))
        elif line.asked.endswith("/list"):
            await line.result({line.asked.split("/")[0]: [], "resourceTemplates": []})
        elif line.asked == "tools/call":
            await line.text("called")
        else:
            await line.error(-32601, "no such method", "404 Not Found")

    return lie


def _discovering(result: Any) -> Lie:
    """A server that answers everything with this result."""

    async def lie(line: Line) -> None:
        if line.method == "POST" and "id" in line.message:
            await line.reply(json.dumps({"jsonrpc": "2.0", "id": line.id, "result": result}).encode())
        else:
            await line.reply(b"", status="405 Method Not Allowed")

    return lie


def _many(count: int) -> Pages:
    size = 2000

    def pages(cursor: str | None) -> dict[str, Any]:
        at = int(cursor or 0)
        page: dict[str, Any] = {"tools": [{"name": f"t{n}", "inputSchema": {}} for n in range(at, at + size)]}
        return {**page, "nextCursor": str(at + size)} if at + size < count else page

    return pages


_fresh = itertools.count()

ODD_TOOLS = [
    _tool("good"),
    _tool("good", description="the second of this name"),
    _tool(7),
    _tool(None),
    _tool(""),
    _tool(["list"]),
    {"description": "no name"},
    {"name": "schemaless"},
    {"name": "schema_is_text", "inputSchema": "object"},
    {"name": "schema_is_null", "inputSchema": None},
    _tool("output_is_text", outputSchema="object"),
    _tool("output_root_is_list", outputSchema={"type": ["object", "null"]}),
    _tool("x" * 5000),
    _tool("naïve tool/with spaces\n\x1b[31m"),
    _tool("two_words", annotations="yes", icons=7, execution={"taskSupport": "required"}, _meta=[]),
]

ODD_HEADERS = [
    _tool("kept"),
    *(
        {"name": f"dropped_{n}", "inputSchema": {"type": "object", "properties": {"a": property_}}}
        for n, property_ in enumerate(
            [
                {"type": "string", "x-mcp-header": ""},
                {"type": "string", "x-mcp-header": "two words"},
                {"type": "string", "x-mcp-header": 7},
                {"type": "string", "x-mcp-header": ["a"]},
                {"type": "number", "x-mcp-header": "N"},
                {"type": ["string", "null"], "x-mcp-header": "Listed"},
                {"type": {"a": 1}, "x-mcp-header": "Mapped"},
                {"x-mcp-header": "Untyped"},
                {"type": "array", "items": {"type": "string", "x-mcp-header": "Deep"}},
                {"type": "string", "x-mcp-header": "Evil\r\nX-Injected: 1"},
                {"anyOf": [{"type": "string", "x-mcp-header": "Any"}]},
            ]
        )
    ),
]

LIES: dict[str, Lie] = {
    "cycle": _listing(lambda cursor: {"tools": [_tool("a")], "nextCursor": "same"}),
    "endless": _listing(lambda cursor: {"tools": [], "nextCursor": f"c{next(_fresh)}"}),
    "hoard": _listing(_many(100_000)),
    "templates": _listing(
        lambda cursor: {"resourceTemplates": [{"uriTemplate": f"x{n}://{{a}}", "name": "n"} for n in range(2000)]},
        {"resources": {}},
        "resources/templates/list",
    ),
    "no-list": _listing(lambda cursor: {"tools": {"a": 1}}),
    "list-of-text": _listing(lambda cursor: {"tools": ["a", 1, None]}),
    "no-tools": _listing(lambda cursor: {}),
    "text": _discovering("hello"),
    "empty": _discovering({}),
    "future": _discovering({"supportedVersions": ["2031-01-01"], "capabilities": {}}),
    "versions": _discovering({"supportedVersions": "2026-07-28", "capabilities": []}),
    "initialized": _discovering({"protocolVersion": "1999-01-01", "capabilities": {}, "serverInfo": {}}),
    "odd-version": _discovering({"protocolVersion": 7, "capabilities": 1, "serverInfo": 2}),
}
"""Each of these is not ready, and the gateway says why."""

ODDITIES: dict[str, Lie] = {
    "odd-tools": _listing(lambda cursor: {"tools": ODD_TOOLS}),
    "odd-headers": _listing(lambda cursor: {"tools": ODD_HEADERS}),
    "odd-capabilities": _listing(lambda cursor: {"tools": [_tool("a")]}, {"tools": True, "x": [], "logging": 7}),
    "odd-templates": _listing(
        lambda cursor: {
            "resourceTemplates": [
                {"uriTemplate": template, "name": "n"}
                for template in ("{+a}" * 200 + "!", "{a}" * 300 + "!", "{{{", "}{", "x" * 5000, "{?a}{&b}{;c}{.d}{/e}")
            ]
        },
        {"resources": {"subscribe": 1}},
        "resources/templates/list",
    ),
}
"""These are taken, for as much of them as makes sense."""

LIES_AND_ODDITIES = {**LIES, **ODDITIES}
