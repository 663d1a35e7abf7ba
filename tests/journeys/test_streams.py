"""What comes before an answer, and what becomes of a call whose client changes its mind or loses its connection."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.journeys.wire import BOTH, LEGACY, MODERN, PREFIX, SECONDS, Event, Wire

VERSIONS = (*LEGACY, MODERN)
SERVERS = ("newer", "older", "sdk-stdio", "sdk-sse", "local")
PROGRESS = "notifications/progress"
SEVERE = ["error", "critical", "alert", "emergency"]

versions = pytest.mark.parametrize("version", VERSIONS)
legacy_versions = pytest.mark.parametrize("version", LEGACY)
servers = pytest.mark.parametrize("server", SERVERS)


@pytest.mark.promise("calls.progress")
@versions
@servers
async def test_progress_keeps_its_token_and_only_grows(connect: Any, server: str, version: str):
    wire: Wire = await connect(server, version=version)
    for token in ('a tökén "1"', 0, 2**53):
        answer = await wire.call("slow", {"steps": 3, "seconds": 0.03}, meta={"progressToken": token})
        assert answer.result["content"][0]["text"] == "took 3 steps"
        told = answer.said(PROGRESS)
        assert [(one["progressToken"], one["progress"], one["total"]) for one in told] == [
            (token, step, 3) for step in (1, 2, 3)
        ]
        assert told[1]["message"] == "step 2"


@versions
async def test_no_token_no_progress(connect: Any, version: str):
    wire: Wire = await connect("sdk", version=version)
    answer = await wire.call("slow", {"steps": 2, "seconds": 0.02})
    assert answer.before == []
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.promise("calls.logging")
@versions
@servers
async def test_log_messages_come_from_the_level_that_was_asked_for(connect: Any, server: str, version: str):
    wire: Wire = await connect(server, version=version)
    meta: dict[str, Any] = {}
    if wire.modern:
        assert (await wire.call("log")).before == [], "nobody asked for messages"
        meta = {f"{PREFIX}logLevel": "error"}
    else:
        assert (await wire.ask("logging/setLevel", {"level": "error"})).result == {}
    said = (await wire.call("log", meta=meta)).said("notifications/message")
    assert [(one["level"], one["data"]) for one in said] == [(level, {"said": level}) for level in SEVERE]


@versions
async def test_an_unknown_log_level_is_refused(connect: Any, version: str):
    wire: Wire = await connect("sdk", version=version)
    if wire.modern:
        answer = await wire.call("log", meta={f"{PREFIX}logLevel": "loud"})
    else:
        answer = await wire.ask("logging/setLevel", {"level": "loud"})
    assert answer.error["code"] == -32602
    assert "debug" in answer.error["message"]


@pytest.mark.promise("calls.cancelled")
@servers
async def test_a_modern_client_that_closes_its_stream_cancels_the_call(connect: Any, server: str):
    wire: Wire = await connect(server)
    name = uuid.uuid4().hex
    async with wire.streaming(_patient(wire, "hang", name)) as (_, events):
        await _progress(events)
    assert _text(await wire.call("hung", {"name": name, "state": "cancelled"})) == "cancelled"


@pytest.mark.promise("calls.cancelled")
@legacy_versions
@servers
async def test_a_legacy_client_cancels_by_notification(connect: Any, server: str, version: str):
    wire: Wire = await connect(server, version=version)
    name = uuid.uuid4().hex
    message = _patient(wire, "hang", name)
    async with wire.streaming(message) as (_, events):
        await _progress(events)
        assert await wire.notify("notifications/cancelled", {"requestId": message["id"], "reason": "enough"}) == 202
        assert [event async for event in events] == [], "nothing follows a cancellation"
    assert _text(await wire.call("hung", {"name": name, "state": "cancelled"})) == "cancelled"


@pytest.mark.promise("sessions.resume")
@legacy_versions
@servers
async def test_a_legacy_client_that_is_cut_off_resumes(connect: Any, server: str, version: str):
    wire: Wire = await connect(server, version=version)
    name = uuid.uuid4().hex
    async with wire.streaming(_patient(wire, "released", name)) as (_, events):
        last = await _progress(events)
    assert last.id is not None
    assert _text(await wire.call("hung", {"name": name, "state": "cancelled", "seconds": 0.1})) == "running"
    async with wire.listening(last.id, "tools/call") as (answer, events):
        assert answer.status_code == 200
        assert _text(await wire.call("release", {"name": name})) == f"released {name}"
        rest = [event.message for event in [event async for event in events] if event.message is not None]
    assert [message.get("method") for message in rest] == [PROGRESS, None]
    assert rest[1]["result"]["content"][0]["text"] == f"{name} was released"
    # Whatever was sent can be had again, from any event on.
    async with wire.listening(last.id, "tools/call") as (_, events):
        assert [event.message async for event in events] == rest


@legacy_versions
async def test_what_was_answered_while_nobody_listened_is_kept(connect: Any, version: str):
    wire: Wire = await connect("sdk", version=version)
    name = uuid.uuid4().hex
    async with wire.streaming(_patient(wire, "released", name)) as (_, events):
        last = await _progress(events)
    await wire.call("release", {"name": name})
    async with wire.listening(last.id, "tools/call") as (_, events):
        rest = [event.message async for event in events]
    assert rest[-1] is not None
    assert rest[-1]["result"]["content"][0]["text"] == f"{name} was released"


@legacy_versions
async def test_streams_are_resumed_by_their_own_session_alone(connect: Any, version: str):
    wire: Wire = await connect("sdk", version=version)
    other: Wire = await connect("sdk", version=version)
    name = uuid.uuid4().hex
    async with wire.streaming(_patient(wire, "released", name)) as (_, events):
        last = await _progress(events)
    async with other.listening(last.id) as (answer, _):
        assert answer.status_code == 400
    async with wire.listening("get-1") as (answer, _):
        assert answer.status_code == 400
    await wire.call("release", {"name": name})


@pytest.mark.promise("sessions.resume")
async def test_a_stream_of_2025_11_25_begins_with_a_place_to_resume_from(connect: Any):
    wire: Wire = await connect("sdk", version="2025-11-25")
    async with (
        asyncio.timeout(SECONDS),
        wire.streaming(_patient(wire, "hang", "primed", progress=False)) as (_, events),
    ):
        first = await anext(events)
    assert first.id is not None
    assert first.message is None
    assert first.retry is not None
    assert await wire.end() == 200


@pytest.mark.parametrize("version", ["2025-03-26", "2025-06-18"])
async def test_older_clients_are_not_sent_empty_events(connect: Any, version: str):
    wire: Wire = await connect("sdk", version=version)
    async with wire.streaming(_patient(wire, "hang", "unprimed")) as (_, events):
        assert (await anext(events)).message is not None
    assert await wire.end() == 200


@pytest.mark.parametrize("version", ["2025-06-18", MODERN])
async def test_a_server_may_hang_up_in_the_middle(connect: Any, version: str):
    """It says when to come back (SEP-1699); the caller need not know."""
    wire: Wire = await connect("asks-older", version=version)
    assert _text(await wire.call("test_reconnection")) == "Reconnection test completed"


@legacy_versions
async def test_ping_and_the_stand_alone_stream(connect: Any, version: str):
    wire: Wire = await connect("sdk", version=version)
    assert (await wire.ask("ping")).result == {}
    async with wire.listening() as (answer, _):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.headers["x-accel-buffering"] == "no"
    refused = await wire.http.get(wire.url, headers={**wire.headers({}), "Accept": "application/json"})
    assert refused.status_code == 406


async def test_there_is_no_stream_without_a_session(connect: Any):
    wire: Wire = await connect("sdk")
    headers = {"Authorization": f"Bearer {wire.key}", "Accept": BOTH}
    for method in ("GET", "DELETE", "PUT"):
        answer = await wire.http.request(method, wire.url, headers=headers)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@legacy_versions
async def test_an_id_in_use_is_refused(connect: Any, version: str):
    wire: Wire = await connect("sdk", version=version)
    message = _patient(wire, "hang", uuid.uuid4().hex)
    async with wire.streaming(message) as (_, events):
        await _progress(events)
        again = await wire.ask("ping", id=message["id"])
        assert again.status == 400
        assert again.error["code"] == -32600
    assert await wire.end() == 200


def _patient(wire: Wire, tool: str, name: str, *, progress: bool = True) -> dict[str, Any]:
    params = {"name": tool, "arguments": {"name": name}}
    return wire.request("tools/call", params, {"progressToken": name} if progress else None)


async def _progress(events: AsyncIterator[Event]) -> Event:
    """The next progress: the call has reached the server."""
    async with asyncio.timeout(SECONDS):
        async for event in events:
            if event.message is not None:
                assert event.message["method"] == PROGRESS
                return event
    raise AssertionError("the stream ended")


def _text(answer: Any) -> str:
    return answer.result["content"][0]["text"]
