"""Prompts, resources, completion, virtual servers and mirrored headers, in every era and over every crossing."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from tests.journeys.wire import LEGACY, MODERN, Answer, Wire

VERSIONS = (*LEGACY, MODERN)
SERVERS = ("newer", "older", "sdk-stdio", "sdk-sse", "local")

versions = pytest.mark.parametrize("version", VERSIONS)
servers = pytest.mark.parametrize("server", SERVERS)


@versions
@servers
async def test_prompts(connect: Any, server: str, version: str):
    wire: Wire = await connect(server, version=version)
    listed = (await wire.ask("prompts/list")).result["prompts"]
    assert [(prompt["name"], prompt["description"]) for prompt in listed] == [("review", "Asks for a review.")]
    params = {"name": "review", "arguments": {"language": "ada", "code": "x := 1;"}}
    answer = await wire.ask("prompts/get", params)
    assert answer.result["messages"][0]["content"]["text"] == "Review this ada code:\nx := 1;"
    unknown = await wire.ask("prompts/get", {"name": "nonsense"})
    assert (unknown.error["code"], unknown.error["message"]) == (-32602, "unknown prompt: nonsense")


@versions
@servers
async def test_resources_listed_and_from_templates(connect: Any, server: str, version: str):
    wire: Wire = await connect(server, version=version)
    listed = {resource["uri"] for resource in (await wire.ask("resources/list")).result["resources"]}
    assert listed == {"notes://today", "notes://logo"}
    templates = (await wire.ask("resources/templates/list")).result["resourceTemplates"]
    assert [template["uriTemplate"] for template in templates] == ["notes://by-name/{name}"]
    assert _content(await wire.ask("resources/read", {"uri": "notes://today"}))["text"] == "Buy milk."
    logo = _content(await wire.ask("resources/read", {"uri": "notes://logo"}))
    assert base64.b64decode(logo["blob"]) == bytes(range(256))
    assert _content(await wire.ask("resources/read", {"uri": "notes://by-name/someday"}))["text"] == "Learn to sail."


@versions
@servers
async def test_a_resource_that_is_not_there(connect: Any, server: str, version: str):
    wire: Wire = await connect(server, version=version)
    for uri in ("notes://nowhere/at/all", "other://thing"):
        answer = await wire.ask("resources/read", {"uri": uri})
        assert answer.error["code"] == (-32602 if wire.modern else -32002)
        assert answer.error["data"] == {"uri": uri}


@versions
async def test_everything_together_keeps_the_uris(connect: Any, version: str):
    """A resource keeps its URI; where several servers have the same, the later ones are told apart."""
    wire: Wire = await connect(version=version)
    listed = [resource["uri"] for resource in (await wire.ask("resources/list")).result["resources"]]
    assert len(listed) == len(set(listed))
    assert "demo://about" in listed
    assert sum(uri.endswith("notes://today") for uri in listed) > 1
    for uri in (uri for uri in listed if uri.endswith("notes://today")):
        assert _content(await wire.ask("resources/read", {"uri": uri}))["text"] == "Buy milk."
    prompts = {prompt["name"] for prompt in (await wire.ask("prompts/list")).result["prompts"]}
    assert {"demo__explain", "older__review", "newer__review"} <= prompts


@versions
@servers
async def test_completion(connect: Any, server: str, version: str):
    wire: Wire = await connect(server, version=version)
    asked = {"ref": {"type": "ref/prompt", "name": "review"}, "argument": {"name": "language", "value": "p"}}
    assert (await wire.ask("completion/complete", asked)).result["completion"]["values"] == ["python", "prolog"]
    template = {"type": "ref/resource", "uri": "notes://by-name/{name}"}
    asked = {"ref": template, "argument": {"name": "name", "value": "to"}}
    completion = (await wire.ask("completion/complete", asked)).result["completion"]
    assert completion == {"values": ["today", "tomorrow"], "total": 2, "hasMore": False}
    unknown = {"ref": {"type": "ref/prompt", "name": "nonsense"}, "argument": {"name": "x", "value": ""}}
    assert (await wire.ask("completion/complete", unknown)).error["code"] == -32602


@versions
async def test_unknown_members_and_meta_pass_through(connect: Any, version: str):
    wire: Wire = await connect("sdk", version=version)
    meta = {"example.com/trace": {"deep": [1, None, "ü"]}, "traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"}
    answer = await wire.call("received", meta=meta)
    received = answer.result["structuredContent"]
    assert {key: received["meta"].get(key) for key in meta} == meta
    assert received["protocol_version"] == (MODERN if wire.modern else "2025-11-25")
    assert str(wire.key) not in answer.text, "our keys are not shown to servers"
    value = {"": [1.5, True, None, {"n": "\u2028"}]}
    answer = await wire.call("echo", {"value": value})
    assert answer.result["content"][0]["_meta"] == {"example.com/echo": {"kept": True}}


@pytest.mark.promise("virtual.names")
@versions
async def test_a_virtual_server_offers_what_was_chosen(connect: Any, version: str):
    wire: Wire = await connect("chosen", version=version)
    tools = {tool["name"]: tool for tool in (await wire.ask("tools/list")).result["tools"]}
    assert set(tools) == {"sum", "locate", "received", "slow", "echo"}
    assert tools["sum"]["description"] == "Adds, under another name."
    assert tools["sum"]["title"] == "Add two numbers"
    assert (await wire.call("sum", {"a": 2, "b": 40})).result["content"][0]["text"] == "42"
    assert (await wire.call("echo", {"text": "hi"})).result["content"][0]["text"] == "hi"
    hidden = await wire.call("add", {"a": 2, "b": 40})
    assert hidden.error["message"] == "unknown tool: add"
    assert [prompt["name"] for prompt in (await wire.ask("prompts/list")).result["prompts"]] == ["inspect"]
    params = {"name": "inspect", "arguments": {"language": "c", "code": "y"}}
    assert "Review this c code" in str((await wire.ask("prompts/get", params)).result)
    ref = {"type": "ref/prompt", "name": "inspect"}
    asked = {"ref": ref, "argument": {"name": "language", "value": "py"}}
    assert (await wire.ask("completion/complete", asked)).result["completion"]["values"] == ["python"]
    assert _content(await wire.ask("resources/read", {"uri": "notes://today"}))["text"] == "Buy milk."
    answer = await wire.ask("resources/read", {"uri": "demo://about"})
    assert answer.error["code"] == (-32602 if wire.modern else -32002)


MIRRORED = {"Mcp-Param-Region": "west", "Mcp-Param-Count": "3"}


@pytest.mark.promise("headers.mirrored")
@pytest.mark.parametrize(("server", "tool"), [("sdk", "place"), ("chosen", "locate"), (None, "newer__place")])
async def test_mirrored_headers_agree_and_are_rebuilt(connect: Any, server: str | None, tool: str):
    wire: Wire = await connect(server)
    arguments = {"region": "west", "count": 3}
    answer = await wire.call(tool, arguments, headers=MIRRORED)
    assert answer.result["content"][0]["text"] == "3 in west"
    spaces = {
        "Mcp-Param-Region": "=?base64?" + base64.b64encode("wëst ".encode()).decode() + "?=",
        "Mcp-Param-Count": "3.0",
    }
    answer = await wire.call(tool, {"region": "wëst ", "count": 3}, headers=spaces)
    assert answer.result["content"][0]["text"] == "3 in wëst "


@pytest.mark.promise("headers.mirrored")
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Mcp-Param-Region": "west"},
        {**MIRRORED, "Mcp-Param-Region": "east"},
        {**MIRRORED, "Mcp-Param-Count": "4"},
        {**MIRRORED, "Mcp-Param-Region": "=?base64?d2VzdA?="},
        {**MIRRORED, "Mcp-Name": "add"},
        {**MIRRORED, "Mcp-Method": "tools/list"},
        {**MIRRORED, "MCP-Protocol-Version": "2025-11-25"},
    ],
    ids=str,
)
async def test_headers_that_disagree_are_refused(connect: Any, headers: dict[str, str]):
    wire: Wire = await connect("chosen")
    answer = await wire.call("locate", {"region": "west", "count": 3}, headers=headers)
    assert (answer.status, answer.error["code"]) == (400, -32020)


@pytest.mark.promise("headers.mirrored")
@pytest.mark.parametrize("version", LEGACY)
async def test_an_older_client_needs_no_mirrored_headers(connect: Any, version: str):
    """It knows none; the modern server behind gets them all the same, and would refuse the call without."""
    for server, tool in (("newer", "place"), ("chosen", "locate")):
        wire: Wire = await connect(server, version=version)
        answer = await wire.call(tool, {"region": "wést", "count": 2})
        assert answer.result["content"][0]["text"] == "2 in wést"


@versions
async def test_equal_ids_do_not_meet(connect: Any, version: str):
    """Many clients with the same request ids at once: each answer goes to its owner."""
    wires: list[Wire] = [await connect("sdk", version=version) for _ in range(20)]
    asked = (wire.call("echo", {"value": number}, id="same") for number, wire in enumerate(wires))
    answers: list[Answer] = await asyncio.gather(*asked)
    assert [answer.result["content"][0]["text"] for answer in answers] == [str(number) for number in range(20)]


def _content(answer: Answer) -> dict[str, Any]:
    return answer.result["contents"][0]
