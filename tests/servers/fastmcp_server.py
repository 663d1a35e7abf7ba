"""A small server on FastMCP, for journeys: it adds, waits, fails, logs, grows and tells what it received.

    python tests/servers/fastmcp_server.py [--port N] [--json] [--stateless] [--stdio] [--sse]

FastMCP announces a changed list on the stream of the request that changed it, and on no other.
"""

from __future__ import annotations

import asyncio
from typing import Any, get_args

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.server.dependencies import get_http_headers
from mcp.types import (
    CompletionArgument,
    CompletionContext,
    LoggingLevel,
    PromptReference,
    ResourceTemplateReference,
    ToolListChangedNotification,
)
from serving import SSE_PATH, STREAMABLE_HTTP_PATH, Transports, main

CITIES = {"berlin": "cloudy", "bergen": "rainy", "cairo": "sunny"}


def build() -> FastMCP:
    """The server with all tools, resources and prompts registered."""
    server = FastMCP("fastmcp-server", version="1.0.0", instructions="Use add for sums.")
    register_tools(server)
    register_changes(server)
    register_weather(server)
    return server


def register_tools(server: FastMCP) -> None:
    """Tools that answer, fail, wait, log and tell what they received."""

    @server.tool(annotations={"readOnlyHint": True})
    def add(a: int, b: int) -> int:
        """Adds two integers; the sum also comes as structured content."""
        return a + b

    @server.tool
    def big(size: int) -> str:
        """Returns a text of `size` characters."""
        return "x" * size

    @server.tool
    def fail(message: str) -> str:
        """Always fails, as a result with `isError`."""
        raise ToolError(message)

    @server.tool
    async def slow(steps: int, seconds: float, ctx: Context) -> str:
        """Takes `seconds` in `steps` steps and reports progress after each."""
        for step in range(steps):
            await asyncio.sleep(seconds / steps)
            await ctx.report_progress(step + 1, steps, f"step {step + 1}")
        return f"took {steps} steps"

    @server.tool
    async def log(ctx: Context) -> str:
        """Sends one log message at every level."""
        levels: tuple[LoggingLevel, ...] = get_args(LoggingLevel)
        for level in levels:
            await ctx.log(f"said at {level}", level)
        return f"logged {len(levels)} messages"

    @server.tool
    async def received(ctx: Context) -> dict[str, Any]:
        """Tells the protocol version, `_meta` and HTTP headers that reached this server."""
        request = ctx.request_context
        return {
            "protocol_version": request.protocol_version if request is not None else None,
            "meta": (request.meta or {}) if request is not None else {},
            "headers": get_http_headers(include_all=True),
        }


def register_changes(server: FastMCP) -> None:
    """Tools that change what the server offers, and announce it."""

    @server.tool
    async def grow(name: str, ctx: Context) -> str:
        """Adds a tool called `name` and announces that the list of tools changed."""

        def grown() -> str:
            return f"I am {name}"

        server.tool(grown, name=name, description="Added while the server was running.")
        await ctx.send_notification(ToolListChangedNotification())
        return f"added {name}"

    @server.tool
    async def shrink(name: str, ctx: Context) -> str:
        """Removes the tool called `name` and announces that the list of tools changed."""
        server.local_provider.remove_tool(name)
        await ctx.send_notification(ToolListChangedNotification())
        return f"removed {name}"


def register_weather(server: FastMCP) -> None:
    """A resource, a template, a prompt, and completion of their arguments."""

    @server.resource("weather://cities", mime_type="text/plain")
    def cities() -> str:
        """The names of all cities."""
        return "\n".join(CITIES)

    @server.resource("weather://{city}/now", mime_type="text/plain")
    def weather(city: str) -> str:
        """The weather in a city."""
        return CITIES.get(city, "unknown")

    @server.prompt
    def forecast(city: str) -> str:
        """Asks for a forecast."""
        return f"What will the weather in {city} be?"

    @server.completion
    def complete(
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> list[str]:
        return [city for city in CITIES if city.startswith(argument.value)]


def transports() -> Transports:
    """The server on every transport."""
    server = build()

    def streamable_http(json_response: bool, stateless: bool) -> Any:
        return server.http_app(path=STREAMABLE_HTTP_PATH, json_response=json_response, stateless_http=stateless)

    def sse() -> Any:
        return server.http_app(path=SSE_PATH, transport="sse")

    async def stdio() -> None:
        await server.run_stdio_async(show_banner=False, log_level="WARNING")

    return Transports(streamable_http, sse, stdio)


if __name__ == "__main__":
    main(transports())
