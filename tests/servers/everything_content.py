"""The everything server's tools, resources and prompts that need nothing from the caller but arguments."""

from __future__ import annotations

import base64
import json
from typing import Annotated, Any

import anyio
from dual_era import DualEraServer, is_modern, received_meta
from mcp.server.mcpserver import Context, Message, UserMessage
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.prompts import Prompt
from mcp.server.mcpserver.tools import Tool
from mcp.shared.exceptions import MCPError
from mcp.types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    Completion,
    CompletionArgument,
    CompletionContext,
    EmbeddedResource,
    ImageContent,
    PromptReference,
    ResourceTemplateReference,
    TextContent,
    TextResourceContents,
)
from pydantic import Field

# One red pixel, and a WAV file without samples.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
WAV = base64.b64encode(
    b"RIFF" + (36).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    + b"\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00" + b"data" + bytes(4)
).decode()  # fmt: skip
STEP_SECONDS = 0.05
RECONNECT_SECONDS = 2.1
"""Long enough for a gateway in front, too, to give its client a stream for a call that lasts."""


ANY_CONTEXT = Context[Any, Any]

# Keywords a gateway must carry through `tools/list` untouched.
SCHEMA_2020_12: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


def text(value: str) -> TextContent:
    """A text content block."""
    return TextContent(type="text", text=value)


def image() -> ImageContent:
    """An image content block of one pixel."""
    return ImageContent(type="image", data=PNG, mime_type="image/png")


def embedded(uri: str, value: str, mime_type: str = "text/plain") -> EmbeddedResource:
    """An embedded text resource."""
    contents = TextResourceContents(uri=uri, mime_type=mime_type, text=value)
    return EmbeddedResource(type="resource", resource=contents)


def schema_tool() -> Tool:
    """A tool whose input schema uses the vocabulary of JSON Schema 2020-12."""

    def json_schema_2020_12_tool() -> str:
        """Has an input schema with keywords of JSON Schema 2020-12."""
        return "called"

    tool = Tool.from_function(json_schema_2020_12_tool)
    return tool.model_copy(update={"parameters": SCHEMA_2020_12})


def register_tools(server: DualEraServer) -> None:
    """Tools that answer, log, report progress, fail, and change the lists."""
    _register_contents(server)
    _register_behaviours(server)
    _register_refusals(server)
    _register_changes(server)


def _register_contents(server: DualEraServer) -> None:
    @server.tool()
    def test_simple_text() -> str:
        """Returns one text."""
        return "This is a simple text response for testing."

    @server.tool()
    def test_image_content() -> list[ImageContent]:
        """Returns one image."""
        return [image()]

    @server.tool()
    def test_audio_content() -> list[AudioContent]:
        """Returns one sound."""
        return [AudioContent(type="audio", data=WAV, mime_type="audio/wav")]

    @server.tool()
    def test_embedded_resource() -> list[EmbeddedResource]:
        """Returns one embedded resource."""
        return [embedded("test://embedded-resource", "This is an embedded resource content.")]

    @server.tool()
    def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
        """Returns a text, an image and a resource."""
        data = json.dumps({"test": "data", "value": 123})
        return [
            text("Multiple content types test:"),
            image(),
            embedded("test://mixed-content-resource", data, "application/json"),
        ]

    @server.tool()
    def test_custom_header(
        region: Annotated[str, Field(description="Where to run", json_schema_extra={"x-mcp-header": "Region"})] = "",
    ) -> str:
        """Has an argument that is mirrored into the header `Mcp-Param-Region`."""
        return f"region={region}"


def _register_behaviours(server: DualEraServer) -> None:
    @server.tool()
    async def test_tool_with_logging(ctx: ANY_CONTEXT) -> str:
        """Sends three log messages while it runs."""
        await server.log(ctx, "info", "Tool execution started")
        await anyio.sleep(STEP_SECONDS)
        await server.log(ctx, "info", "Tool processing data")
        await anyio.sleep(STEP_SECONDS)
        await server.log(ctx, "info", "Tool execution completed")
        return "logged three messages"

    @server.tool()
    async def test_logging_tool(ctx: ANY_CONTEXT) -> str:
        """Sends one log message, which a caller of 2026-07-28 gets only if it asked for the level."""
        await server.log(ctx, "info", "A log message")
        return "logged one message"

    @server.tool()
    async def test_tool_with_progress(ctx: ANY_CONTEXT) -> str:
        """Reports progress three times, if the caller sent a progress token."""
        await ctx.report_progress(0, 100, "started")
        await anyio.sleep(STEP_SECONDS)
        await ctx.report_progress(50, 100, "half way")
        await anyio.sleep(STEP_SECONDS)
        await ctx.report_progress(100, 100, "finished")
        return f"reported to {received_meta(ctx).get('progressToken')}"

    @server.tool()
    async def test_reconnection(ctx: ANY_CONTEXT) -> str:
        """Hangs up its stream in the middle; the answer waits for a client that resumes."""
        await ctx.close_sse_stream()
        await anyio.sleep(RECONNECT_SECONDS)
        return "Reconnection test completed"


def _register_refusals(server: DualEraServer) -> None:
    @server.tool()
    def test_error_handling() -> str:
        """Always fails."""
        raise ToolError("This tool intentionally returns an error for testing")

    @server.tool()
    async def test_missing_capability(ctx: ANY_CONTEXT) -> str:
        """Refuses callers that do not declare the capability `sampling`."""
        capabilities = ctx.client_capabilities
        if capabilities is not None and capabilities.sampling is not None:
            return "The caller can sample."
        if not is_modern(ctx):
            raise ToolError("This tool needs a client with the capability sampling.")
        raise MCPError(
            code=MISSING_REQUIRED_CLIENT_CAPABILITY,
            message="This tool needs a client with the capability sampling.",
            data={"requiredCapabilities": {"sampling": {}}},
        )


def _register_changes(server: DualEraServer) -> None:
    def dynamic() -> str:
        return "dynamic"

    @server.tool()
    async def test_trigger_tool_change(ctx: ANY_CONTEXT) -> str:
        """Adds a tool, takes it away again, and announces the change."""
        server.add_tool(dynamic, name="test_dynamic_tool", description="There for a moment.")
        server.remove_tool("test_dynamic_tool")
        await server.announce(ctx, "tools")
        return "tools changed"

    @server.tool()
    async def test_trigger_prompt_change(ctx: ANY_CONTEXT) -> str:
        """Adds a prompt, takes it away again, and announces the change."""
        server.add_prompt(Prompt.from_function(dynamic, name="test_dynamic_prompt", description="There for a moment."))
        server.remove_prompt("test_dynamic_prompt")
        await server.announce(ctx, "prompts")
        return "prompts changed"

    @server.tool()
    async def test_trigger_resource_update(ctx: ANY_CONTEXT) -> str:
        """Announces that the watched resource changed."""
        await server.touch(ctx, "test://watched-resource")
        return "resource updated"


def register_resources(server: DualEraServer) -> None:
    """Text, binary, templated and watched resources."""

    @server.resource("test://static-text", mime_type="text/plain")
    def static_text() -> str:
        """A text that never changes."""
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    def static_binary() -> bytes:
        """An image that never changes."""
        return base64.b64decode(PNG)

    @server.resource("test://watched-resource", mime_type="text/plain")
    def watched() -> str:
        """A text whose changes can be subscribed to."""
        return "Watched resource content"

    @server.resource("test://template/{id}/data", mime_type="application/json")
    def templated(id: str) -> str:
        """Data for an id."""
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


def register_prompts(server: DualEraServer) -> None:
    """Prompts without and with arguments, and completion of these arguments."""

    @server.prompt()
    def test_simple_prompt() -> list[Message]:
        """A prompt without arguments."""
        return [UserMessage("This is a simple prompt for testing.")]

    @server.prompt()
    def test_prompt_with_arguments(arg1: str, arg2: str) -> list[Message]:
        """A prompt with two arguments."""
        return [UserMessage(f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'")]

    @server.prompt()
    def test_prompt_with_embedded_resource(resourceUri: str) -> list[Message]:
        """A prompt that carries a resource."""
        return [
            UserMessage(embedded(resourceUri, "Embedded resource content for testing.")),
            UserMessage("Please process the embedded resource above."),
        ]

    @server.prompt()
    def test_prompt_with_image() -> list[Message]:
        """A prompt that carries an image."""
        return [UserMessage(image()), UserMessage("Please analyze the image above.")]

    @server.completion()
    async def complete(
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion:
        values = [word for word in ("paris", "park", "party") if word.startswith(argument.value)]
        return Completion(values=values, total=len(values), has_more=False)

    del complete
