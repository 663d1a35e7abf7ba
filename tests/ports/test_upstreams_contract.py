"""The port Upstream, over every kind of duplex upstream, with the official SDK and FastMCP as the other party."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from tests.ports.speaking import ALL, BOUND, SERVERS, Ear, body, legacy, modern, out, spec, text, tool, toolbox
from tests.servers.launching import launched_script, script
from toolgate.egress.client import HttpClient
from toolgate.model.call import Envelope, Era
from toolgate.model.catalog import Change, ChangeKind, OfferKind
from toolgate.model.errors import UpstreamError
from toolgate.ports import Upstream
from toolgate.upstreams import legacy_sse, python, stdio

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # The SDK's own: logging is deprecated, and still part of what a server may do.
    pytest.mark.filterwarnings("ignore:The logging capability is deprecated"),
]

FORM = b'{"elicitation":{"form":{}}}'
BOTH = frozenset({"modern", "legacy"})


@dataclass(frozen=True)
class Side:
    """One upstream under test, and which server it is."""

    upstream: Upstream
    server: str
    eras: frozenset[str]


def opened(kind: str, server: str, data: Path, url: str) -> AbstractAsyncContextManager[Upstream]:
    box = toolbox(data, HttpClient())
    if kind == "stdio":
        return stdio.open(spec(kind=kind), stdio.Settings(script(server, "--stdio")), box)
    if kind == "python":
        return python.open(spec(kind=kind), python.Settings(f"{server}.py:build", str(SERVERS)), box)
    return legacy_sse.open(spec(kind=kind), legacy_sse.Settings(url), box)


SDK = [(kind, "sdk_server") for kind in ("stdio", "python", "sse")]
ALL_SIDES = [*SDK, *((kind, "fastmcp_server") for kind, _ in SDK)]
of_sdk = pytest.mark.parametrize("side", SDK, ids="-".join, indirect=True)
"""Where only our server on the SDK does what is tested: FastMCP's asks nobody, and announces nothing over a pipe."""
modern_of_sdk = pytest.mark.parametrize("side", SDK[:2], ids="-".join, indirect=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=ALL_SIDES, ids="-".join)
async def side(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Side]:
    kind, server = request.param
    async with AsyncExitStack() as stack:
        url = stack.enter_context(launched_script(server, "--sse")).url if kind == "sse" else ""
        upstream = await stack.enter_async_context(opened(kind, server, tmp_path_factory.mktemp("data"), url))
        yield Side(upstream, server, frozenset({"legacy"}) if kind == "sse" else BOTH)


ENVELOPES = [modern(), *(legacy(version) for version in ("2025-11-25", "2025-03-26"))]


@pytest.fixture(params=ENVELOPES, ids=lambda envelope: envelope.version)
def envelope(request: pytest.FixtureRequest) -> Envelope:
    return request.param


async def test_discovery_finds_the_eras_and_every_offer(side: Side):
    found = await side.upstream.discover(ALL)
    assert found.eras == side.eras
    names = {kind: {offer.name for offer in found.offers if offer.kind is kind} for kind in OfferKind}
    assert {"add", "slow", "fail", "received", "grow"} <= names[OfferKind.TOOL]
    assert all(names.values()), names
    assert found.server_info is not None
    assert json.loads(found.server_info)["name"] == side.server.replace("_", "-")
    add = next(offer for offer in found.offers if offer.name == "add")
    assert msgspec.json.decode(add.definition["inputSchema"])["required"] == ["a", "b"]


async def test_a_call_is_answered_in_the_shape_that_its_era_says(side: Side, envelope: Envelope):
    result = await side.upstream.call(tool("add", envelope, a=2, b=40), Ear())
    assert body(result)["structuredContent"] == {"result": 42}
    assert not result.is_error
    assert result.era is (Era.MODERN if envelope.era is Era.MODERN else Era.LEGACY)
    assert ("resultType" in body(result)) == (result.era is Era.MODERN)


async def test_a_failing_tool_is_a_result(side: Side, envelope: Envelope):
    result = await side.upstream.call(tool("fail", envelope, message="no luck"), Ear())
    assert result.is_error
    assert "no luck" in text(result)


async def test_prompts_resources_and_completion(side: Side, envelope: Envelope):
    sdk = side.server == "sdk_server"
    call = side.upstream.call
    name, arguments = ("review", {"language": "ada", "code": "x"}) if sdk else ("forecast", {"city": "Oslo"})
    prompt = await call(out("prompts/get", {"name": name, "arguments": arguments}, envelope), Ear())
    assert body(prompt)["messages"]
    uri = "notes://today" if sdk else "weather://cities"
    read = await call(out("resources/read", {"uri": uri}, envelope), Ear())
    assert body(read)["contents"][0]["text"]
    if envelope.era is Era.MODERN:
        assert "ttlMs" in body(read)
    ref = {"type": "ref/prompt", "name": name}
    asked = {"ref": ref, "argument": {"name": next(iter(arguments)), "value": ""}}
    completion = await call(out("completion/complete", asked, envelope), Ear())
    assert body(completion)["completion"]["values"]


async def test_an_unknown_resource_is_the_error_of_the_callers_era(side: Side, envelope: Envelope):
    with pytest.raises(UpstreamError) as caught:
        await side.upstream.call(out("resources/read", {"uri": "unknown://it"}, envelope), Ear())
    assert caught.value.code == (-32002 if envelope.era is Era.LEGACY else -32602)


async def test_progress_arrives_under_the_callers_own_token(side: Side, envelope: Envelope):
    ear = Ear()
    asked = msgspec.structs.replace(envelope, progress_token=msgspec.Raw(b'"mine"'))
    await side.upstream.call(tool("slow", asked, steps=3, seconds=0.03), ear)
    said = ear.said("notifications/progress")
    assert [step["progress"] for step in said] == [1, 2, 3]
    assert {step["progressToken"] for step in said} == {"mine"}


async def test_no_progress_without_a_token(side: Side, envelope: Envelope):
    ear = Ear()
    await side.upstream.call(tool("slow", envelope, steps=2, seconds=0.02), ear)
    assert ear.said("notifications/progress") == []


async def test_log_messages_from_the_level_on_that_was_asked_for(side: Side, envelope: Envelope):
    ear = Ear()
    asked = msgspec.structs.replace(envelope, log_level="error")
    await side.upstream.call(tool("log", asked), ear)
    assert [said["level"] for said in ear.said("notifications/message")] == ["error", "critical", "alert", "emergency"]


async def test_a_modern_caller_that_asked_for_no_log_gets_none(side: Side):
    ear = Ear()
    await side.upstream.call(tool("log", modern()), ear)
    assert ear.heard == []


async def test_meta_of_the_caller_is_passed_on_and_ours_is_our_own(side: Side, envelope: Envelope):
    meta = {"example.com/trace": msgspec.Raw(b'{"deep":[1,2.50]}')}
    asked = msgspec.structs.replace(envelope, meta=meta, progress_token=msgspec.Raw(b'"mine"'))
    result = await side.upstream.call(tool("received", asked), Ear())
    received = json.loads(text(result))
    assert received["meta"]["example.com/trace"] == {"deep": [1, 2.5]}
    assert isinstance(received["meta"]["progressToken"], int)
    if envelope.era is Era.MODERN and "modern" in side.eras:
        assert received["meta"]["io.modelcontextprotocol/clientInfo"]["name"] == "toolgate"


async def test_a_cancelled_call_leaves_the_server_usable(side: Side, envelope: Envelope):
    ear = Ear()
    asked = msgspec.structs.replace(envelope, progress_token=msgspec.Raw(b"1"))
    call = asyncio.ensure_future(side.upstream.call(tool("slow", asked, steps=600, seconds=60), ear))
    async with asyncio.timeout(BOUND):
        await ear.something.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert text(await side.upstream.call(tool("add", envelope, a=1, b=1), Ear())) == "2"


async def test_many_calls_at_once_each_get_their_own_answer(side: Side):
    envelopes = [modern(), legacy()]
    calls = [side.upstream.call(tool("add", envelopes[i % 2], a=i, b=0), Ear()) for i in range(100)]
    async with asyncio.timeout(BOUND):
        results = await asyncio.gather(*calls)
    assert [text(result) for result in results] == [str(i) for i in range(100)]


@of_sdk
async def test_a_legacy_question_reaches_its_caller(side: Side):
    ear = Ear(elicitation_create={"action": "accept", "content": {"name": "Ann"}})
    result = await side.upstream.call(tool("greet", legacy(capabilities=FORM)), ear)
    assert text(result) == "Hello, Ann!"
    assert [method for method, _ in ear.asked] == ["elicitation/create"]


@of_sdk
async def test_a_legacy_caller_that_cannot_be_asked_is_not(side: Side):
    ear = Ear(elicitation_create={"action": "accept", "content": {"name": "Ann"}})
    try:
        result = await side.upstream.call(tool("greet", legacy()), ear)
        assert result.is_error
    except UpstreamError:
        pass
    assert ear.asked == []


@modern_of_sdk
async def test_a_modern_question_is_the_result(side: Side):
    caller = modern(capabilities=FORM)
    result = await side.upstream.call(tool("greet", caller), Ear())
    assert result.input_required
    asked = body(result)
    (key,) = asked["inputRequests"]
    params: dict[str, Any] = {"name": "greet", "arguments": {}, "requestState": asked.get("requestState")}
    params["inputResponses"] = {key: {"action": "accept", "content": {"name": "Ann"}}}
    again = await side.upstream.call(out("tools/call", params, caller), Ear())
    assert text(again) == "Hello, Ann!"


async def heard(changes: AsyncIterator[Change], wanted: Change) -> None:
    async with asyncio.timeout(BOUND):
        async for change in changes:
            if change == wanted:
                return
    raise AssertionError(f"the upstream ended without saying {wanted}")


@of_sdk
async def test_changes_of_lists_and_watched_resources_are_announced(side: Side):
    await side.upstream.watch(frozenset({"notes://today"}))
    changes = side.upstream.changes(ALL)
    caller = modern() if "modern" in side.eras else legacy()
    following = asyncio.ensure_future(heard(changes, Change(ChangeKind.LISTS)))
    try:
        async with asyncio.timeout(BOUND):
            number = 0
            while not following.done():
                # Whether the server has taken note of the listener yet cannot be seen from here: so it is told again.
                number += 1
                await side.upstream.call(tool("grow", caller, name=f"grown_{number}"), Ear())
        await following
        updated = asyncio.ensure_future(heard(changes, Change(ChangeKind.RESOURCE, "notes://today")))
        async with asyncio.timeout(BOUND):
            while not updated.done():
                await side.upstream.call(tool("touch", caller, name="today"), Ear())
        await updated
    finally:
        await changes.aclose()  # type: ignore[attr-defined]
