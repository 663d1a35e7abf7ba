"""Servers that ask their caller something while they work: both ways of asking, and the plain refusal where caller and
server are of different eras. And the state that such a server hands out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.journeys.wire import LEGACY, MODERN, Answer, Wire

ABLE: dict[str, Any] = {"elicitation": {}, "sampling": {}, "roots": {}}
PERSON = {"username": "ada", "email": "ada@example.com"}
SAMPLED = {"role": "assistant", "content": {"type": "text", "text": "Paris"}, "model": "a-model"}
STATEFUL = "test_input_required_result_request_state"

older_servers = pytest.mark.parametrize("server", ["asks", "asks-older"])
newer_servers = pytest.mark.parametrize("server", ["asks", "asks-newer"])


@pytest.mark.promise("questions.same-era")
@older_servers
@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25"])
@pytest.mark.parametrize("action", ["accept", "decline"])
async def test_an_older_client_is_asked_on_the_stream_of_its_call(connect: Any, server: str, version: str, action: str):
    wire: Wire = await connect(server, version=version, capabilities=ABLE)
    message = wire.request("tools/call", {"name": "test_elicitation", "arguments": {"message": "Who are you?"}})
    answer = {"action": action, **({"content": PERSON} if action == "accept" else {})}
    asked, result = await _dialogue(wire, message, answer)
    assert asked["method"] == "elicitation/create"
    assert asked["params"]["message"] == "Who are you?"
    assert f"action={action}" in result["content"][0]["text"]
    assert ("ada@example.com" in result["content"][0]["text"]) == (action == "accept")


@pytest.mark.promise("questions.same-era")
@older_servers
@pytest.mark.parametrize("version", LEGACY)
async def test_an_older_clients_model_is_asked(connect: Any, server: str, version: str):
    wire: Wire = await connect(server, version=version, capabilities=ABLE)
    message = wire.request("tools/call", {"name": "test_sampling", "arguments": {"prompt": "The capital of France?"}})
    asked, result = await _dialogue(wire, message, SAMPLED)
    assert asked["method"] == "sampling/createMessage"
    assert result["content"][0]["text"] == "LLM response: Paris"


@pytest.mark.promise("questions.same-era")
@newer_servers
async def test_a_modern_client_is_asked_in_the_result(connect: Any, server: str):
    wire: Wire = await connect(server, capabilities=ABLE)
    tool = "test_input_required_result_elicitation"
    asked = (await wire.call(tool)).result
    assert asked["resultType"] == "input_required"
    assert asked["inputRequests"]["user_name"]["params"]["message"] == "What is your name?"
    answers = {"user_name": {"action": "accept", "content": {"name": "Ada"}}}
    answered = await wire.ask("tools/call", {"name": tool, "arguments": {}, "inputResponses": answers})
    assert answered.result["content"][0]["text"] == "Hello, Ada!"


@newer_servers
async def test_a_prompt_may_ask_too(connect: Any, server: str):
    wire: Wire = await connect(server, capabilities=ABLE)
    params = {"name": "test_input_required_result_prompt"}
    assert (await wire.ask("prompts/get", params)).result["resultType"] == "input_required"
    answers = {"user_context": {"action": "accept", "content": {"context": "the sea"}}}
    answered = await wire.ask("prompts/get", {**params, "inputResponses": answers})
    assert "the sea" in str(answered.result["messages"])


@pytest.mark.promise("questions.refused")
@pytest.mark.parametrize("tool", ["test_elicitation", "test_streaming_elicitation"])
async def test_an_older_server_cannot_ask_a_modern_client(connect: Any, tool: str):
    wire: Wire = await connect("asks-older", capabilities=ABLE)
    arguments = {"message": "Who?"} if tool == "test_elicitation" else {}
    answer = await wire.call(tool, arguments)
    assert answer.error["code"] == -32601
    assert "server 'asks-older' asks elicitation/create" in answer.error["message"]
    assert MODERN in answer.error["message"]


@pytest.mark.promise("questions.refused")
@pytest.mark.parametrize("version", LEGACY)
@pytest.mark.parametrize("tool", ["test_input_required_result_elicitation", "test_streaming_elicitation"])
async def test_a_modern_server_cannot_ask_an_older_client(connect: Any, version: str, tool: str):
    wire: Wire = await connect("asks-newer", version=version, capabilities=ABLE)
    answer = await wire.call(tool)
    assert (answer.status, answer.error["code"]) == (200, -32601)
    assert "server 'asks-newer' asks for input" in answer.error["message"]
    assert f"use a {MODERN} client" in answer.error["message"]


@older_servers
async def test_a_client_that_takes_no_questions_is_not_asked(connect: Any, server: str):
    wire: Wire = await connect(server, version="2025-11-25")
    answer = await wire.call("test_elicitation", {"message": "Who?"})
    assert answer.error["code"] == -32601
    assert answer.before == []


@pytest.mark.promise("state.sealed")
@newer_servers
async def test_a_state_comes_back_to_its_server_unread(connect: Any, server: str):
    wire: Wire = await connect(server, capabilities=ABLE)
    state = (await wire.call(STATEFUL)).result["requestState"]
    assert "asked" not in state
    assert (await _retry(wire, STATEFUL, state)).result["content"][0]["text"].startswith("state-ok")


@pytest.mark.promise("state.sealed")
async def test_a_state_serves_no_other_caller_tool_or_server(connect: Any):
    wire: Wire = await connect("asks", capabilities=ABLE)
    state = (await wire.call(STATEFUL)).result["requestState"]
    other_principal: Wire = await connect("asks", key="carol", capabilities=ABLE)
    other_server: Wire = await connect("asks-newer", capabilities=ABLE)
    refusals = [
        await _retry(other_principal, STATEFUL, state),
        await _retry(other_server, STATEFUL, state),
        await _retry(wire, "test_input_required_result_tampered_state", state),
        await _retry(wire, STATEFUL, state[:-4] + ("AAAA" if not state.endswith("AAAA") else "BBBB")),
        await _retry(wire, STATEFUL, "x" + state),
        await _retry(wire, STATEFUL, ""),
        await _retry(wire, STATEFUL, "ünsealed"),
    ]
    for refused in refusals:
        assert (refused.status, refused.error["code"]) == (400, -32602)
        assert refused.error["data"] == {"reason": "invalid_request_state"}
    assert (await _retry(wire, STATEFUL, state)).result["content"], "it still serves its owner"


async def _retry(wire: Wire, tool: str, state: str) -> Answer:
    answers = {"confirm": {"action": "accept", "content": {"ok": True}}}
    params = {"name": tool, "arguments": {}, "inputResponses": answers, "requestState": state}
    return await wire.ask("tools/call", params)


async def _dialogue(wire: Wire, message: dict[str, Any], answer: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """The question that came on the stream of a call, and the call's result once it was answered."""
    asked: dict[str, Any] | None = None
    async with wire.streaming(message) as (_, events):
        async for event in events:
            if event.message is None:
                continue
            if "method" in event.message:
                asked = event.message
                assert await wire.respond(asked["id"], answer) == 202
            else:
                assert asked is not None
                return asked, event.message["result"]
    raise AssertionError("the stream ended")
