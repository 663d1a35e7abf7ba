"""A server with more tools than one page holds, on the SDK's lower level, for the kind `python`: `many_tools:build`.

It pages its own list, too. Each tool answers with its name.
"""

from __future__ import annotations

from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
)

TOOLS = 1200
PAGE = 500
Handled = ServerRequestContext[Any]

_SCHEMA: dict[str, Any] = {"type": "object", "additionalProperties": False}


def build() -> Server[Any]:
    """The server."""
    names = [f"tool-{number:04}" for number in range(TOOLS)]

    async def list_tools(ctx: Handled, params: PaginatedRequestParams | None) -> ListToolsResult:
        start = int(params.cursor) if params is not None and params.cursor else 0
        tools = [Tool(name=name, input_schema=_SCHEMA) for name in names[start : start + PAGE]]
        end = start + PAGE
        return ListToolsResult(tools=tools, next_cursor=str(end) if end < TOOLS else None)

    async def call_tool(ctx: Handled, params: CallToolRequestParams) -> CallToolResult:
        return CallToolResult(content=[TextContent(type="text", text=params.name)])

    return Server("many-tools", version="1.0.0", on_list_tools=list_tools, on_call_tool=call_tool)
