"""The everything server's tools and prompts that ask their caller something.

In the handshake eras a server sends the client a request of its own while the call is running. In 2026-07-28 it
answers `input_required`, and the client calls again with the answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dual_era import DualEraServer, is_modern
from everything_content import ANY_CONTEXT, text
from mcp.server.mcpserver import Message, UserMessage
from mcp.shared.message import ServerMessageMetadata
from mcp.types import (
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    SamplingMessage,
    TextContent,
)

Schema = dict[str, Any]

DEFAULTS: Schema = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "User name", "default": "John Doe"},
        "age": {"type": "integer", "description": "User age", "default": 30},
        "score": {"type": "number", "description": "User score", "default": 95.5},
        "status": {
            "type": "string",
            "description": "User status",
            "enum": ["active", "inactive", "pending"],
            "default": "active",
        },
        "verified": {"type": "boolean", "description": "Verification status", "default": True},
    },
    "required": [],
}

ENUMS: Schema = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
        "titledSingle": {
            "type": "string",
            "oneOf": [
                {"const": "value1", "title": "First Option"},
                {"const": "value2", "title": "Second Option"},
                {"const": "value3", "title": "Third Option"},
            ],
        },
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
        "titledMulti": {
            "type": "array",
            "items": {
                "anyOf": [
                    {"const": "value1", "title": "First Choice"},
                    {"const": "value2", "title": "Second Choice"},
                    {"const": "value3", "title": "Third Choice"},
                ]
            },
        },
    },
    "required": [],
}


def fields(**types: str) -> Schema:
    """A form of required fields, each of a primitive JSON type."""
    properties = {name: {"type": kind} for name, kind in types.items()}
    return {"type": "object", "properties": properties, "required": list(types)}


def form(message: str, schema: Schema) -> ElicitRequest:
    """A request to fill in a form."""
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sample(prompt: str, max_tokens: int) -> CreateMessageRequest:
    """A request to ask the client's model."""
    messages = [SamplingMessage(role="user", content=text(prompt))]
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=messages, max_tokens=max_tokens))


def answers(ctx: ANY_CONTEXT, *keys: str) -> list[Any] | None:
    """What the client answered to these input requests, or None unless all are there."""
    responses: Mapping[str, Any] = ctx.input_responses or {}
    return [responses[key] for key in keys] if all(key in responses for key in keys) else None


def filled(answer: object, name: str) -> Any:
    """A field of a form the client filled in, or None if it declined."""
    return (answer.content or {}).get(name) if isinstance(answer, ElicitResult) else None


def register_handshake_tools(server: DualEraServer) -> None:
    """Tools that send the client a request while they run; from 2026-07-28 on they fail, as the SDK forbids it."""

    async def ask(ctx: ANY_CONTEXT, message: str, schema: Schema) -> str:
        result = await ctx.session.elicit_form(message, schema, related_request_id=ctx.request_id)
        return f"User response: action={result.action}, content={json.dumps(result.content)}"

    @server.tool()
    async def test_sampling(prompt: str, ctx: ANY_CONTEXT) -> str:
        """Asks the client's model."""
        # Tied to this call: otherwise it would travel on the stand-alone stream, which may not be open.
        tie = ServerMessageMetadata(related_request_id=ctx.request_id)
        result = await ctx.session.send_request(sample(prompt, 100), CreateMessageResult, metadata=tie)
        return f"LLM response: {result.content.text if result.content.type == 'text' else ''}"

    @server.tool()
    async def test_elicitation(message: str, ctx: ANY_CONTEXT) -> str:
        """Asks the user for a name and an address."""
        return await ask(ctx, message, fields(username="string", email="string"))

    @server.tool()
    async def test_elicitation_sep1034_defaults(ctx: ANY_CONTEXT) -> str:
        """Asks the user with a default for every primitive type."""
        return await ask(ctx, "Please review and update the form fields with defaults", DEFAULTS)

    @server.tool()
    async def test_elicitation_sep1330_enums(ctx: ANY_CONTEXT) -> str:
        """Asks the user with every form of enumeration."""
        return await ask(ctx, "Please select options from the enum fields", ENUMS)

    @server.tool()
    async def test_streaming_elicitation(ctx: ANY_CONTEXT) -> str | InputRequiredResult:
        """Asks the user in the way of the caller's era."""
        question = "Do you agree?"
        if not is_modern(ctx):
            return await ask(ctx, question, fields(ok="boolean"))
        given = answers(ctx, "confirm")
        if given is None:
            return InputRequiredResult(input_requests={"confirm": form(question, fields(ok="boolean"))})
        return f"agreed: {filled(given[0], 'ok')}"


def register_input_required(server: DualEraServer) -> None:
    """Tools and a prompt that answer `input_required`."""
    _register_single_question(server)
    _register_state(server)

    @server.prompt()
    async def test_input_required_result_prompt(ctx: ANY_CONTEXT) -> list[Message] | InputRequiredResult:
        """Asks the user for the context to use."""
        given = answers(ctx, "user_context")
        if given is None:
            question = form("What context should the prompt use?", fields(context="string"))
            return InputRequiredResult(input_requests={"user_context": question})
        return [UserMessage(f"Use the following context: {filled(given[0], 'context')}")]


def _register_single_question(server: DualEraServer) -> None:
    @server.tool()
    async def test_input_required_result_elicitation(ctx: ANY_CONTEXT) -> str | InputRequiredResult:
        """Asks the user for a name."""
        given = answers(ctx, "user_name")
        if given is None:
            return InputRequiredResult(input_requests={"user_name": form("What is your name?", fields(name="string"))})
        return f"Hello, {filled(given[0], 'name')}!"

    @server.tool()
    async def test_input_required_result_sampling(ctx: ANY_CONTEXT) -> str | InputRequiredResult:
        """Asks the client's model for a capital."""
        given = answers(ctx, "capital_question")
        if given is None:
            return InputRequiredResult(
                input_requests={"capital_question": sample("What is the capital of France?", 100)}
            )
        match given[0]:
            case CreateMessageResult(content=TextContent(text=said)):
                return f"The model said: {said}"
            case _:
                return "The model said nothing."

    @server.tool()
    async def test_input_required_result_list_roots(ctx: ANY_CONTEXT) -> str | InputRequiredResult:
        """Asks the client for its roots."""
        given = answers(ctx, "client_roots")
        if given is None:
            return InputRequiredResult(input_requests={"client_roots": ListRootsRequest()})
        roots = given[0].roots if isinstance(given[0], ListRootsResult) else []
        return "Roots: " + ", ".join(str(root.uri) for root in roots)

    @server.tool()
    async def test_input_required_result_capabilities(ctx: ANY_CONTEXT) -> str | InputRequiredResult:
        """Asks only what the caller declared that it can answer."""
        declared = ctx.client_capabilities
        requests: dict[str, InputRequest] = {}
        if declared is not None and declared.sampling is not None:
            requests["greeting"] = sample("Generate a greeting", 50)
        if declared is not None and declared.elicitation is not None:
            requests["user_name"] = form("What is your name?", fields(name="string"))
        if not requests or ctx.input_responses:
            return f"asked {len(ctx.input_responses or {})} questions"
        return InputRequiredResult(input_requests=requests)


def _register_state(server: DualEraServer) -> None:
    confirm = form("Please confirm", fields(ok="boolean"))

    @server.tool()
    async def test_input_required_result_request_state(ctx: ANY_CONTEXT) -> str | InputRequiredResult:
        """Asks for a confirmation and keeps a state over the round trip."""
        if ctx.request_state is None or answers(ctx, "confirm") is None:
            return InputRequiredResult(input_requests={"confirm": confirm}, request_state="asked")
        return f"state-ok: {ctx.request_state}"

    @server.tool()
    async def test_input_required_result_tampered_state(ctx: ANY_CONTEXT) -> str | InputRequiredResult:
        """Keeps a state over the round trip; the SDK refuses one that it did not seal."""
        if ctx.request_state is None:
            return InputRequiredResult(input_requests={"confirm": confirm}, request_state="asked")
        return f"state-ok: {ctx.request_state}"

    @server.tool()
    async def test_input_required_result_multiple_inputs(ctx: ANY_CONTEXT) -> str | InputRequiredResult:
        """Asks the user, the model and the client at once."""
        if answers(ctx, "user_name", "greeting", "client_roots") is not None:
            return "All inputs received."
        return InputRequiredResult(
            input_requests={
                "user_name": form("What is your name?", fields(name="string")),
                "greeting": sample("Generate a greeting", 50),
                "client_roots": ListRootsRequest(),
            },
            request_state="asked",
        )

    @server.tool()
    async def test_input_required_result_multi_round(ctx: ANY_CONTEXT) -> str | InputRequiredResult:
        """Asks twice, one question after the other."""
        state: dict[str, Any] = json.loads(ctx.request_state) if ctx.request_state else {}
        colour = answers(ctx, "step2")
        if "name" in state and colour is not None:
            return f"{state['name']} likes {filled(colour[0], 'color')}."
        name = answers(ctx, "step1")
        if state.get("round") == 1 and name is not None:
            question = form("Step 2: What is your favorite color?", fields(color="string"))
            state = {"round": 2, "name": filled(name[0], "name")}
            return InputRequiredResult(input_requests={"step2": question}, request_state=json.dumps(state))
        question = form("Step 1: What is your name?", fields(name="string"))
        return InputRequiredResult(input_requests={"step1": question}, request_state=json.dumps({"round": 1}))
