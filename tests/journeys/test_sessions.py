"""Sessions of the handshake era: whose they are, how they end, what outlives a restart; and batches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.journeys.wire import LEGACY, MODERN, Wire
from tests.running import ALL, Installation
from tests.schemas import schemas

DEMO: dict[str, Any] = {
    "servers": {"demo": {"kind": "echo"}},
    "grants": [{"everyone": True, "allow": ALL}],
}
HI = {"text": "hi"}

versions = pytest.mark.parametrize("version", LEGACY)


@pytest.mark.promise("sessions.ended")
@versions
async def test_a_deleted_session_is_gone(connect: Any, version: str):
    wire: Wire = await connect("demo", version=version)
    other: Wire = await connect("demo", version=version)
    assert await wire.end() == 200
    assert (await wire.call("echo", HI)).status == 404
    assert (
        await wire.http.get(wire.url, headers={**wire.headers({}), "Accept": "text/event-stream"})
    ).status_code == 404
    assert await wire.notify("notifications/initialized") == 404
    assert await wire.end() == 404
    assert (await other.call("echo", HI)).status == 200, "others do not notice"
    await wire.initialize()
    assert (await wire.call("echo", HI)).status == 200


@pytest.mark.promise("sessions.ended")
@versions
async def test_a_session_is_its_keys_and_endpoints_own(connect: Any, version: str):
    mine: Wire = await connect("demo", version=version)
    for key, server in (("carol", "demo"), ("bob", None), ("bob", "sdk")):
        thief: Wire = await connect(server, key=key, version=version, begin=False)
        thief.session = mine.session
        answer = await thief.call("echo", HI)
        assert (answer.status, answer.error["code"]) == (404, 404)
        assert await thief.end() == 404
    assert (await mine.call("echo", HI)).status == 200


@versions
async def test_ids_that_are_none(connect: Any, version: str):
    wire: Wire = await connect("demo", version=version)
    good = wire.session
    assert good is not None
    for forged in ("nonsense", good[:-6] + "AAAAAA", good + "A", good[::-1]):
        wire.session = forged
        assert (await wire.call("echo", HI)).status == 404
    wire.session = None
    answer = await wire.call("echo", HI)
    assert (answer.status, answer.error["code"]) == (400, -32600)
    assert "send `initialize` first" in answer.error["message"]


@versions
async def test_a_version_that_is_not_served_is_named(connect: Any, version: str):
    wire: Wire = await connect("demo", version=version)
    body = wire.request("ping")
    headers = {**wire.headers(body), "MCP-Protocol-Version": "1999-01-01"}
    answer = await wire.http.post(wire.url, json=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32602, "a version that no handshake has is a modern client's"


async def test_an_unknown_version_is_answered_with_the_latest(connect: Any):
    wire: Wire = await connect("demo", version="2025-11-25", begin=False)
    for asked in ("2024-10-07", MODERN, "2099-01-01"):
        params = {"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "wire", "version": "1"}}
        assert (await wire.ask("initialize", params)).result["protocolVersion"] == "2025-11-25"


@pytest.mark.promise("sessions.restart", "sessions.ended")
async def test_a_restart_is_not_noticed(tmp_path: Path, http: httpx2.AsyncClient):
    installation = Installation(tmp_path, DEMO, ("alice",))
    key = installation.keys["alice"]
    with installation.up() as gateway:
        kept, ended = [Wire(http, gateway.endpoint("demo"), key, "2025-11-25") for _ in range(2)]
        for wire in (kept, ended):
            await wire.initialize()
        assert (await kept.ask("logging/setLevel", {"level": "error"})).status in (200, 404)
        assert await ended.end() == 200
    with installation.up() as gateway:
        kept.url = ended.url = gateway.endpoint("demo")
        assert (await kept.call("echo", HI)).result["content"][0]["text"] == "hi"
        async with kept.listening() as (answer, _):
            assert answer.status_code == 200
        assert (await ended.call("echo", HI)).status == 404
        kept.key = installation.local
        assert (await kept.call("echo", HI)).status == 404


async def test_another_installation_does_not_know_the_session(tmp_path: Path, http: httpx2.AsyncClient, connect: Any):
    foreign: Wire = await connect("demo", version="2025-11-25")
    with Installation(tmp_path, DEMO).up() as gateway:
        wire = Wire(http, gateway.endpoint("demo"), gateway.local, "2025-11-25")
        wire.session = foreign.session
        assert (await wire.call("echo", HI)).status == 404


# Batches ------------------------------------------------------------------------------------------------------------


async def _batch(wire: Wire, *messages: dict[str, Any]) -> httpx2.Response:
    return await wire.http.post(wire.url, json=list(messages), headers=wire.headers({}))


@pytest.mark.promise("sessions.batches")
async def test_a_batch_is_answered_whole(connect: Any):
    wire: Wire = await connect("sdk", key="alice", version="2025-03-26")
    answer = await _batch(
        wire,
        wire.request("tools/call", {"name": "add", "arguments": {"a": 2, "b": 40}}, id="sum"),
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        wire.request("ping", id=0),
        wire.request("tools/call", {"name": "crash", "arguments": {}}, id="denied"),
        wire.request("nonsense", id="unknown"),
    )
    assert answer.status_code == 200
    schemas("2025-03-26").check(answer.json(), "JSONRPCBatchResponse")
    found = {message["id"]: message for message in answer.json()}
    assert set(found) == {"sum", 0, "denied", "unknown"}
    assert found["sum"]["result"]["content"][0]["text"] == "42"
    assert found[0]["result"] == {}
    assert found["denied"]["error"]["code"] == 403
    assert found["unknown"]["error"]["code"] == -32601


@pytest.mark.promise("sessions.batches")
async def test_a_batch_may_report_progress(connect: Any):
    wire: Wire = await connect("sdk", version="2025-03-26")
    params = {"name": "slow", "arguments": {"steps": 2, "seconds": 0.05}}
    requests = [wire.request("tools/call", params, {"progressToken": token}, id=token) for token in ("a", "b")]
    answer = await _batch(wire, *requests)
    assert answer.headers["content-type"] == "text/event-stream"
    *told, last = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert sorted((one["params"]["progressToken"], one["params"]["progress"]) for one in told) == [
        ("a", 1), ("a", 2), ("b", 1), ("b", 2),
    ]  # fmt: skip
    schemas("2025-03-26").check(last, "JSONRPCBatchResponse")
    assert {one["id"]: one["result"]["content"][0]["text"] for one in last} == dict.fromkeys("ab", "took 2 steps")


@pytest.mark.promise("sessions.batches")
async def test_a_batch_without_requests_is_accepted(connect: Any):
    wire: Wire = await connect("sdk", version="2025-03-26")
    answer = await _batch(
        wire,
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": "nobody-asked", "result": {}},
    )
    assert (answer.status_code, answer.content) == (202, b"")


@pytest.mark.promise("sessions.batches")
@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}],
        [1],
        [[]],
        [{"jsonrpc": "2.0", "id": 1, "method": "ping"}] * 101,
    ],
    ids=["empty", "initialize", "number", "nested", "too-many"],
)
async def test_a_malformed_batch_is_refused(connect: Any, messages: list[Any]):
    wire: Wire = await connect("sdk", version="2025-03-26")
    answer = await _batch(wire, *messages)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32600
    assert (await wire.ask("ping")).status == 200


@pytest.mark.promise("sessions.batches")
@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25", MODERN])
async def test_other_revisions_have_no_batches(connect: Any, version: str):
    wire: Wire = await connect("sdk", version=version)
    headers = wire.headers(wire.request("ping"))
    answer = await wire.http.post(wire.url, json=[wire.request("ping")], headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32600
