"""The built-in demo server, as the official SDK's types see it."""

import json
import re
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from mcp import types

from tests.ports.speaking import ALL, Ear, body, legacy, modern, out, spec, text, tool, toolbox
from toolgate.model.catalog import OfferKind
from toolgate.model.errors import UpstreamError
from toolgate.ports import Upstream
from toolgate.protocol import jsonrpc
from toolgate.upstreams import echo


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Upstream]:
    async with echo.open(spec(kind="echo"), echo.Settings(), toolbox(tmp_path)) as upstream:
        yield upstream


async def test_every_offer_is_one_that_the_sdk_knows(demo: Upstream):
    shapes = {
        OfferKind.TOOL: types.Tool,
        OfferKind.PROMPT: types.Prompt,
        OfferKind.RESOURCE: types.Resource,
        OfferKind.TEMPLATE: types.ResourceTemplate,
    }
    found = await demo.discover(ALL)
    assert {offer.kind for offer in found.offers} == set(shapes)
    for offer in found.offers:
        shapes[offer.kind].model_validate_json(jsonrpc.encode(offer.definition))
        if offer.kind is OfferKind.TOOL:
            definition = json.loads(jsonrpc.encode(offer.definition))
            Draft202012Validator.check_schema(definition["inputSchema"])
            assert definition["annotations"]["readOnlyHint"] is True


async def test_echo_says_what_it_was_told(demo: Upstream):
    result = await demo.call(tool("echo", modern(), text="Grüße\n\u2028"), Ear())
    assert text(result) == "Grüße\n\u2028"
    assert body(result)["resultType"] == "complete"
    types.CallToolResult.model_validate_json(result.body)


@pytest.mark.parametrize(("a", "b", "total"), [(1, 2, 3), (0.5, 0.25, 0.75), (-1, 1, 0), (2**62, 2**61, 2**62 + 2**61)])
async def test_add(demo: Upstream, a: float, b: float, total: float):
    result = await demo.call(tool("add", legacy(), a=a, b=b), Ear())
    assert body(result)["structuredContent"] == {"sum": total}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
async def test_now_is_now(demo: Upstream, zone: str):
    result = await demo.call(tool("now", modern(), zone=zone), Ear())
    said = datetime.fromisoformat(text(result))
    assert abs((datetime.now(said.tzinfo) - said).total_seconds()) < 30
    assert said.tzinfo is not None


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("echo", {}, "missing required field `text`"),
        ("echo", {"text": 5}, r"Expected `str`, got `int` - at `\$.text`"),
        ("echo", {"text": "x", "loud": True}, "unknown field `loud`"),
        ("add", {"a": "1", "b": 2}, "got `str`"),
        ("add", {"a": True, "b": 2}, "got `bool`"),
        ("add", {"a": 1e308, "b": 1e308}, "too large"),
        ("add", {"a": 2**63 - 1, "b": 1}, "too large"),
        ("now", {"zone": "Mars/Olympus"}, "no time zone"),
        ("now", {"zone": "../../etc/passwd"}, "no time zone"),
        ("now", {"zone": "\x00"}, "no time zone"),
    ],
)
async def test_bad_arguments_are_explained_to_the_model(demo: Upstream, name: str, arguments: Any, reason: str):
    result = await demo.call(tool(name, modern(), **arguments), Ear())
    assert result.is_error
    assert body(result)["isError"] is True
    assert text(result).startswith(f"{name}: ")
    assert re.search(reason, text(result)), text(result)


async def test_resources(demo: Upstream):
    about = await demo.call(out("resources/read", {"uri": "demo://about"}, modern()), Ear())
    greeting = await demo.call(out("resources/read", {"uri": "demo://greeting/Gr%C3%A4ce"}, modern()), Ear())
    assert "demo server" in body(about)["contents"][0]["text"]
    assert body(greeting)["contents"][0]["text"] == "Hello, Gräce!"
    for result in (about, greeting):
        types.ReadResourceResult.model_validate_json(result.body)
        assert body(result)["cacheScope"] == "public"


@pytest.mark.parametrize(("envelope", "code"), [(modern(), -32602), (legacy(), -32002)])
@pytest.mark.parametrize("uri", ["demo://nothing", "demo://greeting/", "demo://greeting/a/b"])
async def test_an_unknown_resource_is_the_error_of_its_era(demo: Upstream, uri: str, envelope: Any, code: int):
    with pytest.raises(UpstreamError) as caught:
        await demo.call(out("resources/read", {"uri": uri}, envelope), Ear())
    assert caught.value.code == code
    assert json.loads(jsonrpc.encode(caught.value.data)) == {"uri": uri}


async def test_prompt_and_completion(demo: Upstream):
    asked = {"name": "explain", "arguments": {"topic": "grants"}}
    prompt = await demo.call(out("prompts/get", asked, modern()), Ear())
    assert "grants" in body(prompt)["messages"][0]["content"]["text"]
    types.GetPromptResult.model_validate_json(prompt.body)
    ref = {"type": "ref/prompt", "name": "explain"}
    argument = {"name": "topic", "value": "K"}
    completion = await demo.call(out("completion/complete", {"ref": ref, "argument": argument}, modern()), Ear())
    assert body(completion)["completion"]["values"] == ["keys"]


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {"name": "rm"}),
        ("prompts/get", {"name": "rm"}),
        ("prompts/get", {"name": "explain"}),
    ],
)
async def test_what_is_not_there_is_invalid(demo: Upstream, method: str, params: Any):
    with pytest.raises(UpstreamError) as caught:
        await demo.call(out(method, params, modern()), Ear())
    assert caught.value.code == -32602


async def test_it_never_changes_and_its_followers_end_with_it(tmp_path: Path):
    async with echo.open(spec(), echo.Settings(), toolbox(tmp_path)) as demo:
        changes = demo.changes(ALL)
    assert [change async for change in changes] == []
