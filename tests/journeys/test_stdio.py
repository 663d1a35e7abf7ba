"""Clients that speak only stdio, of both eras, served by `toolgate stdio` and through `toolgate bridge`."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncGenerator, Generator
from typing import Any

import mcp
import pytest
from mcp.types import ElicitRequestParams, ElicitResult

from tests.journeys.carriers import DEMO, KINDS, Carrier, declared, opened
from tests.journeys.pipes import PREFIX, Pipes

__all__ = ["declared"]

CANCELLED = "notifications/cancelled"
PROGRESS = "notifications/progress"
LISTS = {"toolsListChanged": True}
eras = pytest.mark.parametrize("modern", [False, True], ids=["legacy", "modern"])


@pytest.fixture(scope="module", params=KINDS)
def carrier(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, declared: dict[str, Any]
) -> Generator[Carrier]:
    with opened(request.param, tmp_path_factory.mktemp(request.param), declared) as found:
        yield found


@pytest.fixture(scope="module", params=KINDS)
def plain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Carrier]:
    """With the demo alone, which is there at once."""
    with opened(request.param, tmp_path_factory.mktemp(request.param), DEMO) as found:
        yield found


@pytest.fixture
async def demo(plain: Carrier) -> AsyncGenerator[Pipes]:
    async with plain.pipes() as client:
        yield client


@pytest.fixture
async def pipes(carrier: Carrier) -> AsyncGenerator[Pipes]:
    async with carrier.pipes() as client:
        yield client


def text(response: Any) -> str:
    return response["result"]["content"][0]["text"]


async def begin(pipes: Pipes, *, modern: bool) -> None:
    """What a client of that era does first."""
    if not modern:
        await pipes.initialize()


async def marked_progress(pipes: Pipes, token: str) -> None:
    assert (await pipes.heard(PROGRESS))["progressToken"] == token


@pytest.mark.promise("stdio.eras", "bridge.eras")
@pytest.mark.parametrize("mode", ["legacy", "2026-07-28", "auto"])
async def test_the_sdk_lists_calls_and_is_answered(carrier: Carrier, mode: str):
    async def named(context: Any, params: ElicitRequestParams) -> ElicitResult:
        return ElicitResult(action="accept", content={"name": "Ada"})

    told: list[tuple[float, float | None, str | None]] = []

    async def progressed(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))

    async with carrier.sdk(mode, elicitation_callback=named) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert {"demo__echo", "sdk__add"} <= names
        assert "sdk__crash" not in names
        assert (await client.call_tool("sdk__add", {"a": 2, "b": 40})).structured_content == {"result": 42}
        assert said(await client.call_tool("sdk__greet", {})) == "Hello, Ada!"
        assert (await client.call_tool("sdk__fail", {"message": "no"})).is_error
        slow = await client.call_tool("sdk__slow", {"steps": 2, "seconds": 0.05}, progress_callback=progressed)
        assert said(slow) == "took 2 steps"
        assert told == [(1, 2, "step 1"), (2, 2, "step 2")]
        assert said(await client.call_tool("sdk__place", {"region": "Zürich"})) == "1 in Zürich"
        with pytest.raises(mcp.MCPError, match="may not use tool 'crash'"):
            await client.call_tool("sdk__crash", {})
        assert len((await client.list_resources()).resources) >= 3
        prompt = await client.get_prompt("sdk__review", {"language": "ada", "code": "x"})
        assert "Review this ada code" in str(prompt.messages[0].content)


def said(result: Any) -> str:
    return result.content[0].text


@eras
async def test_ids_come_back_as_they_were(demo: Pipes, modern: bool):
    await begin(demo, modern=modern)
    for request_id in (0, -7, 2**53, "", 'a "tökén"', "1"):
        meta = (
            {"_meta": {f"{PREFIX}protocolVersion": "2026-07-28", f"{PREFIX}clientCapabilities": {}}} if modern else {}
        )
        params = {"name": "demo__echo", "arguments": {"text": "x"}, **meta}
        await demo.ask("tools/call", params, request_id)
        answer = await demo.next()
        assert (type(answer["id"]), answer["id"]) == (type(request_id), request_id)
        assert text(answer) == "x"


@eras
async def test_a_call_that_waits_holds_up_no_other(pipes: Pipes, modern: bool):
    await begin(pipes, modern=modern)
    name = uuid.uuid4().hex
    waiting = await pipes.begin("sdk__released", {"name": name}, modern=modern, progressToken=name)
    await marked_progress(pipes, name)
    for number in range(20):
        assert text(await pipes.call("demo__echo", {"text": str(number)}, modern=modern)) == str(number)
    await pipes.call("sdk__release", {"name": name}, modern=modern)
    assert text(await pipes.answer(waiting)) == f"{name} was released"


@eras
@pytest.mark.promise("calls.cancelled")
async def test_a_call_is_taken_back_by_its_id(pipes: Pipes, modern: bool):
    await begin(pipes, modern=modern)
    name = uuid.uuid4().hex
    hanging = await pipes.begin("sdk__hang", {"name": name}, modern=modern, progressToken=name)
    await marked_progress(pipes, name)
    await pipes.tell(CANCELLED, {"requestId": "never asked"})
    await pipes.tell(CANCELLED, {"requestId": hanging})
    assert text(await pipes.call("sdk__hung", {"name": name, "state": "cancelled"}, modern=modern)) == "cancelled"
    assert text(await pipes.call("demo__echo", {"text": "on"}, modern=modern)) == "on"
    assert not [message for message in pipes.kept if message.get("id") == hanging]


@pytest.mark.promise("changes.lists", "changes.resources")
async def test_an_older_client_hears_of_changes(pipes: Pipes):
    await begin(pipes, modern=False)
    name = f"grown_{uuid.uuid4().hex[:8]}"
    # The stream of news is opened when the handshake is over; the subscription's answer says that it is.
    assert (await pipes.answer(await pipes.ask("resources/subscribe", {"uri": "notes://today"})))["result"] == {}
    await pipes.call("sdk__grow", {"name": name}, modern=False)
    await pipes.heard("notifications/tools/list_changed")
    grown: Any = {}
    for _ in range(100):  # what was heard of may have been somebody else's change
        grown = await pipes.call(f"sdk__{name}", modern=False)
        if "result" in grown:
            break
    assert text(grown) == f"I am {name}"
    await pipes.call("sdk__touch", {"name": "today"}, modern=False)
    assert (await pipes.heard("notifications/resources/updated"))["uri"] == "notes://today"
    await pipes.answer(await pipes.ask("resources/unsubscribe", {"uri": "notes://today"}))
    await pipes.call("sdk__shrink", {"name": name}, modern=False)


@pytest.mark.promise("changes.lists", "changes.resources")
async def test_a_modern_client_listens_until_it_takes_that_back(pipes: Pipes):
    name = f"grown_{uuid.uuid4().hex[:8]}"
    wanted = {"notifications": {**LISTS, "resourceSubscriptions": ["notes://today"]}}
    listen = await pipes.ask_modern("subscriptions/listen", wanted)
    first = await pipes.next()
    assert first["method"] == "notifications/subscriptions/acknowledged"
    assert first["params"]["notifications"] == {**LISTS, "resourceSubscriptions": ["notes://today"]}
    assert first["params"]["_meta"] == {f"{PREFIX}subscriptionId": listen}
    await pipes.call("sdk__grow", {"name": name}, modern=True)
    assert (await pipes.heard("notifications/tools/list_changed"))["_meta"] == {f"{PREFIX}subscriptionId": listen}
    await pipes.call("sdk__touch", {"name": "today"}, modern=True)
    assert (await pipes.heard("notifications/resources/updated"))["uri"] == "notes://today"
    await pipes.tell(CANCELLED, {"requestId": listen})
    await pipes.call("sdk__shrink", {"name": name}, modern=True)
    await pipes.call("demo__echo", {"text": "x"}, modern=True)
    assert not [message for message in pipes.kept if message.get("id") == listen]


async def test_an_older_client_is_asked_and_answers(pipes: Pipes):
    await pipes.initialize(capabilities={"elicitation": {}})
    call = await pipes.begin("sdk__greet", modern=False)
    question = await pipes.until(lambda message: message.get("method") == "elicitation/create")
    assert question["params"]["message"] == "Who are you?"
    answer = {"action": "accept", "content": {"name": "Grace"}}
    await pipes.send({"jsonrpc": "2.0", "id": question["id"], "result": answer})
    assert text(await pipes.answer(call)) == "Hello, Grace!"


async def test_log_messages_come_from_the_level_that_was_set(pipes: Pipes):
    await begin(pipes, modern=False)
    await pipes.answer(await pipes.ask("logging/setLevel", {"level": "critical"}))
    await pipes.call("sdk__log", modern=False)
    levels = [one["params"]["level"] for one in pipes.kept if one.get("method") == "notifications/message"]
    assert levels == ["critical", "alert", "emergency"]


@pytest.mark.promise("sessions.batches")
async def test_a_batch_is_answered_as_one(demo: Pipes):
    await demo.initialize("2025-03-26")
    params = {"name": "demo__echo", "arguments": {"text": "x"}}
    batch = [{"jsonrpc": "2.0", "id": each, "method": "tools/call", "params": params} for each in ("a", "b")]
    await demo.send([*batch, {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}])
    answers = await demo.next()
    assert {answer["id"]: text(answer) for answer in answers} == {"a": "x", "b": "x"}


@pytest.mark.promise("stdio.bounded")
@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":' + b"[" * 100_000 + b"]" * 100_000 + b"}", -32700),
        (b'"a text"', -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}', -32600),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600),
    ],
    ids=["cut", "no UTF-8", "deep", "no object", "version", "id", "no session", "batch"],
)
async def test_what_is_no_message_is_told_and_forgotten(demo: Pipes, line: bytes, code: int):
    await demo.send(b"")
    await demo.send(line)
    answer = await demo.next()
    assert answer["error"]["code"] == code
    assert text(await demo.call("demo__echo", {"text": "on"}, modern=True)) == "on"


@pytest.mark.promise("stdio.bounded")
@eras
async def test_a_message_that_is_too_large_is_refused_and_the_next_is_not(demo: Pipes, modern: bool):
    await begin(demo, modern=modern)
    await demo.begin("demo__echo", {"text": "x" * 5_000_000}, modern=modern)
    assert "too large" in (await demo.next())["error"]["message"]
    assert text(await demo.call("demo__echo", {"text": "x" * 3_000_000}, modern=modern)) == "x" * 3_000_000


@pytest.mark.promise("stdio.bounded")
async def test_an_id_that_is_in_use_is_refused(pipes: Pipes):
    name = uuid.uuid4().hex
    first = await pipes.begin("sdk__released", {"name": name}, modern=True, progressToken=name)
    await marked_progress(pipes, name)
    await pipes.ask_modern("tools/list")
    await pipes.send({"jsonrpc": "2.0", "id": first, "method": "tools/list", "params": {"_meta": META_OF_MODERN}})
    refused = await pipes.until(lambda message: message.get("id") == first)
    assert "in use" in refused["error"]["message"]
    await pipes.call("sdk__release", {"name": name}, modern=True)
    assert text(await pipes.answer(first)) == f"{name} was released"


META_OF_MODERN = {f"{PREFIX}protocolVersion": "2026-07-28", f"{PREFIX}clientCapabilities": {}}


@eras
async def test_a_client_that_reads_late_misses_no_answer(pipes: Pipes, modern: bool):
    """More than every buffer between the two holds: whoever writes has to wait, and nobody loses anything."""
    await begin(pipes, modern=modern)
    size = 40_000
    ids = [await pipes.begin("sdk__big", {"size": size}, modern=modern) for _ in range(300)]
    for request_id in ids:
        assert len(text(await pipes.answer(request_id))) == size


@pytest.mark.promise("stdio.drains")
@eras
async def test_a_client_that_ends_still_gets_its_answers(pipes: Pipes, modern: bool):
    await begin(pipes, modern=modern)
    if modern:
        await pipes.ask_modern("subscriptions/listen", {"notifications": LISTS})
    slow = await pipes.begin("sdk__slow", {"steps": 1, "seconds": 0.5}, modern=modern)
    assert await pipes.end() == 0
    (answer,) = [message for message in pipes.kept if message.get("id") == slow and "result" in message]
    assert text(answer) == "took 1 steps"


async def test_one_process_serves_both_eras_at_once(demo: Pipes):
    assert "tools" in (await demo.initialize())["capabilities"]
    assert text(await demo.call("demo__echo", {"text": "new"}, modern=True)) == "new"
    assert text(await demo.call("demo__echo", {"text": "old"}, modern=False)) == "old"
    discovered = await demo.answer(await demo.ask_modern("server/discover"))
    assert discovered["result"]["resultType"] == "complete"


async def test_unknown_methods_and_versions(demo: Pipes):
    unknown = await demo.answer(await demo.ask_modern("no/such"))
    assert unknown["error"]["code"] == -32601
    future = await demo.answer(await demo.ask_modern("tools/list", None, **{f"{PREFIX}protocolVersion": "2099-01-01"}))
    assert future["error"]["code"] == -32022
    assert "2026-07-28" in json.dumps(future["error"]["data"])
