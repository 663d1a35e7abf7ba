"""A small server on the official SDK for journeys: it adds, waits, fails, logs, grows, asks, tells what it received.

python tests/servers/sdk_server.py [--port N] [--json] [--stateless] [--stdio] [--sse]
"""

from __future__ import annotations

import json
import os
from typing import Annotated, Any

import anyio
from dual_era import LEVELS, DualEraServer, received_meta
from event_store import MemoryEventStore
from mcp.server.caching import CacheHint
from mcp.server.mcpserver import Context, Elicit, Message, Resolve, UserMessage
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
    TextContent,
    ToolAnnotations,
)
from pydantic import BaseModel, Field
from serving import main
from starlette.requests import Request

NOTES = {"today": "Buy milk.", "tomorrow": "Water the plants.", "someday": "Learn to sail."}
LOGO = bytes(range(256))
LANGUAGES = ("ada", "algol", "python", "prolog")
READ_ONLY = ToolAnnotations(read_only_hint=True)
ANY_CONTEXT = Context[Any, Any]


class Person(BaseModel):
    """What the tool `greet` asks its user for."""

    name: str


class Received(BaseModel):
    """What of a request reached this server, and which process it is."""

    pid: int
    protocol_version: str | None
    meta: dict[str, Any]
    headers: dict[str, str]
    client: dict[str, Any] | None


async def ask_name() -> Elicit[Person]:
    """The question of `greet`. The SDK puts it in the way of the caller's era."""
    return Elicit("Who are you?", Person)


def build() -> DualEraServer:
    """The server with all tools, resources and prompts registered."""
    hint = CacheHint(ttl_ms=5000, scope="public")
    server = DualEraServer(
        "sdk-server",
        title="SDK server",
        instructions="Use add for sums.",
        cache_hints={"tools/list": hint, "resources/list": hint, "prompts/list": hint},
    )
    register_answers(server)
    register_behaviours(server)
    register_patience(server)
    register_changes(server)
    register_notes(server)
    return server


def register_answers(server: DualEraServer) -> None:
    """Tools whose answer depends on the arguments alone."""

    @server.tool(title="Add two numbers", annotations=READ_ONLY)
    def add(a: int, b: int) -> int:
        """Adds two integers; the sum also comes as structured content."""
        return a + b

    @server.tool(annotations=READ_ONLY)
    def echo(value: Any) -> TextContent:
        """Returns its argument as JSON text, in a content block with a `_meta` of its own."""
        text = json.dumps(value, ensure_ascii=False)
        return TextContent(type="text", text=text, _meta={"example.com/echo": {"kept": True}})

    @server.tool(annotations=READ_ONLY)
    def big(size: int) -> TextContent:
        """Returns a text of `size` characters."""
        return TextContent(type="text", text="x" * size)

    @server.tool()
    def fail(message: str) -> str:
        """Always fails, as a result with `isError`."""
        raise ToolError(message)

    @server.tool()
    def crash() -> str:
        """Raises an exception that nobody expects."""
        raise ZeroDivisionError("an unexpected crash")

    @server.tool()
    def place(
        region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})],
        count: Annotated[int, Field(json_schema_extra={"x-mcp-header": "Count"})] = 1,
    ) -> str:
        """Has arguments that are mirrored into the headers `Mcp-Param-Region` and `Mcp-Param-Count`."""
        return f"{count} in {region}"


def register_behaviours(server: DualEraServer) -> None:
    """Tools that take their time, log, ask, or tell what they received."""

    @server.tool()
    async def slow(steps: int, seconds: float, ctx: ANY_CONTEXT) -> str:
        """Takes `seconds` in `steps` steps and reports progress after each."""
        for step in range(steps):
            await anyio.sleep(seconds / steps)
            await ctx.report_progress(step + 1, steps, f"step {step + 1}")
        return f"took {steps} steps"

    @server.tool()
    async def log(ctx: ANY_CONTEXT) -> str:
        """Sends one log message at every level."""
        for level in LEVELS:
            await server.log(ctx, level, {"said": level})
        return f"logged {len(LEVELS)} messages"

    @server.tool()
    async def greet(person: Annotated[Person, Resolve(ask_name)]) -> str:
        """Asks the user for a name, in the way of the caller's era."""
        return f"Hello, {person.name}!"

    @server.tool(annotations=READ_ONLY)
    async def received(ctx: ANY_CONTEXT) -> Received:
        """Tells the protocol version, `_meta`, HTTP headers and client information that reached this server."""
        request = ctx.request_context.request
        headers = dict(request.headers) if isinstance(request, Request) else {}
        client = ctx.session.client_params
        return Received(
            pid=os.getpid(),
            protocol_version=ctx.protocol_version,
            meta=dict(received_meta(ctx)),
            headers=headers,
            client=client.client_info.model_dump(by_alias=True, exclude_none=True) if client is not None else None,
        )


class States:
    """What became of calls, by the name that each was given."""

    def __init__(self) -> None:
        self.of: dict[str, str] = {}
        self.changed = anyio.Condition()

    async def become(self, name: str, state: str) -> None:
        async with self.changed:
            self.of[name] = state
            self.changed.notify_all()


def register_patience(server: DualEraServer) -> None:
    """A tool that never answers, and one that tells what became of its calls."""
    states = States()

    @server.tool()
    async def hang(name: str, ctx: ANY_CONTEXT) -> str:
        """Reports progress once and then waits until it is cancelled."""
        await states.become(name, "running")
        await ctx.report_progress(1, None, "waiting")
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await states.become(name, "cancelled")
        return "nobody waits for ever"

    @server.tool(annotations=READ_ONLY)
    async def hung(name: str, state: str, seconds: float = 10.0) -> str:
        """Waits until the call of `hang` with this name is in this state, at most so many seconds; tells its state."""
        with anyio.move_on_after(seconds):
            async with states.changed:
                while states.of.get(name) != state:
                    await states.changed.wait()
        return states.of.get(name, "never called")

    @server.tool(annotations=READ_ONLY)
    async def released(name: str, ctx: ANY_CONTEXT) -> str:
        """Reports progress once and answers when `release` is called with the same name."""
        await states.become(name, "running")
        await ctx.report_progress(1, 2, "waiting")
        try:
            async with states.changed:
                while states.of.get(name) != "released":
                    await states.changed.wait()
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await states.become(name, "cancelled")
            raise
        await ctx.report_progress(2, 2, "released")
        return f"{name} was released"

    @server.tool()
    async def release(name: str) -> str:
        """Lets the call of `released` with this name go on."""
        await states.become(name, "released")
        return f"released {name}"


def register_changes(server: DualEraServer) -> None:
    """Tools that change what the server offers, and announce it."""

    @server.tool()
    async def grow(name: str, ctx: ANY_CONTEXT) -> str:
        """Adds a tool called `name` and announces that the list of tools changed."""

        def grown() -> str:
            return f"I am {name}"

        server.add_tool(grown, name=name, description="Added while the server was running.")
        await server.announce(ctx, "tools")
        return f"added {name}"

    @server.tool()
    async def shrink(name: str, ctx: ANY_CONTEXT) -> str:
        """Removes the tool called `name` and announces that the list of tools changed."""
        server.remove_tool(name)
        await server.announce(ctx, "tools")
        return f"removed {name}"

    @server.tool()
    async def touch(name: str, ctx: ANY_CONTEXT) -> str:
        """Announces that the resource `notes://<name>` changed."""
        await server.touch(ctx, f"notes://{name}")
        return f"touched {name}"


def register_notes(server: DualEraServer) -> None:
    """Resources, a template, a prompt, and completion of their arguments."""

    @server.resource("notes://today", title="Today", mime_type="text/plain")
    def today() -> str:
        """What to do today."""
        return NOTES["today"]

    @server.resource("notes://logo", mime_type="application/octet-stream")
    def logo() -> bytes:
        """Every byte once."""
        return LOGO

    @server.resource("notes://by-name/{name}", mime_type="text/plain")
    def by_name(name: str) -> str:
        """The note called `name`."""
        return NOTES.get(name, "")

    @server.prompt(title="Review code")
    def review(language: str, code: str) -> list[Message]:
        """Asks for a review."""
        return [UserMessage(f"Review this {language} code:\n{code}")]

    @server.completion()
    async def complete(
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion:
        known = LANGUAGES if isinstance(ref, PromptReference) else tuple(NOTES)
        values = [word for word in known if word.startswith(argument.value)]
        return Completion(values=values, total=len(values), has_more=False)


if __name__ == "__main__":
    main(build().transports(MemoryEventStore()))
