"""Agents that fail, flood, hang and lie; and what becomes of a call then."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from tests.agents.crooked import Asked, Crooked, Says, crooked, task, update
from tests.agents.serving import GRANT, SECRET, asked, serving
from tests.ports.speaking import BOUND, Ear, modern, spec
from toolgate.model.catalog import ChangeKind
from toolgate.model.errors import UpstreamFailed
from toolgate.model.identity import Grant

LARGE = 200_000
"""The most bytes that an agent may say here."""

WORKING, DONE = "TASK_STATE_WORKING", "TASK_STATE_COMPLETED"


@pytest_asyncio.fixture
async def agent() -> AsyncGenerator[Crooked]:
    async with asyncio.timeout(3 * BOUND), crooked() as made:
        yield made


def small(**members: Any):
    return spec(kind="a2a", max_bytes=LARGE, **members)


async def discovered(agent: Crooked, data: Path, **members: Any) -> list[str]:
    async with serving(agent.url, data, small(), **members) as served:
        return [offer.name for offer in (await served.upstream.discover(GRANT)).offers]


async def failing(agent: Crooked, data: Path, **members: Any) -> str:
    with pytest.raises(UpstreamFailed) as caught:
        await discovered(agent, data, **members)
    assert SECRET not in caught.value.message
    return caught.value.message


def leading(agent: Crooked, url: str, **members: Any) -> dict[str, Any]:
    return agent.modern(
        supportedInterfaces=[{"url": url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}], **members
    )


@pytest.mark.promise("agents.confined")
async def test_a_card_cannot_send_messages_elsewhere(agent: Crooked, tmp_path: Path):
    async with crooked() as other:
        other.answer = lambda asked: {"message": {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "mine"}]}}
        agent.card = leading(agent, f"{other.url}/rpc")
        told = await failing(agent, tmp_path)
        assert told == (
            f"server 'it': its agent card sends messages to {other.url}, not to where the card is:"
            " allow that host in `allow_hosts`, or say in `endpoint` where messages go"
        )
        assert other.asked == []
        async with serving(agent.url, tmp_path, allow_hosts=("127.0.0.1",)) as served:
            assert (await served.call("work", message="x")).texts[0] == "mine"
        agent.card = leading(agent, "http://0.0.0.0:1/rpc")
        async with serving(agent.url, tmp_path, endpoint=f"{other.url}/there") as served:
            assert (await served.call("work", message="x")).texts[0] == "mine"
        assert [one.path for one in other.asked] == ["/rpc", "/there"]
    for url in ("ftp://x/", "http://user:word@127.0.0.1/", "http://[::1", "//elsewhere.example/x"):
        agent.card = leading(agent, url)
        assert "its agent card" in await failing(agent, tmp_path)


@pytest.mark.promise("agents.confined")
async def test_redirects_are_not_followed(agent: Crooked, tmp_path: Path):
    async with crooked() as other:
        agent.card = Says(status=302, headers={"location": f"{other.url}/card.json"})
        assert "it has been moved: put its new URL into `url`" in await failing(agent, tmp_path)
        agent.card = agent.modern()
        agent.answer = lambda asked: Says(status=307, headers={"location": f"{other.url}/rpc"})
        async with serving(agent.url, tmp_path) as served:
            with pytest.raises(UpstreamFailed, match="redirect"):
                await served.call("work", message="x")
        assert other.asked == []


@pytest.mark.promise("agents.told")
async def test_cards_that_are_none(agent: Crooked, tmp_path: Path):
    deep = json.loads("[" * 60 + "]" * 60)
    skills = [{"id": f"s{n}", "name": "n", "description": "d"} for n in range(201)]
    for card, reason in (
        (Says(b"<html>"), "cannot be read"),
        (Says(b"[" * 100_000), "cannot be read"),
        (Says({"name": "x", "skills": [{"id": 7}]}), "Expected `str`, got `int` - at `$.skills[0].id`"),
        (Says(status=401), "it refused the gateway's credential: set `headers`"),
        (agent.modern(skills=skills), "201 skills, more than 200"),
        (agent.modern(supportedInterfaces=[]), "names no JSON-RPC interface of A2A 0.2, 0.3 or 1.0; it has none"),
        (
            agent.modern(
                supportedInterfaces=[
                    {"url": agent.url, "protocolBinding": "GRPC", "protocolVersion": "1.0"},
                    {"url": agent.url, "protocolBinding": "JSONRPC", "protocolVersion": "2.0"},
                ]
            ),
            "it has GRPC 1.0, JSONRPC 2.0",
        ),
        (agent.modern(description="x" * LARGE), f"{LARGE} bytes"),
        (Says(events=[], ends=False), "no agent card at"),
    ):
        agent.card = card
        assert reason in await failing(agent, tmp_path)
    agent.card = agent.modern(skills=[{"id": "  ", "name": deep and "a\x1b[2Jb", "description": "x\u202ey" * 3000}])
    async with serving(agent.url, tmp_path) as served:
        offer = (await served.upstream.discover(GRANT)).offers[0]
    assert offer.name == "skill"
    told = {name: msgspec.json.decode(raw) for name, raw in offer.definition.items()}
    assert told["title"] == "a\\x1b[2Jb"
    assert "\u202e" not in told["description"]
    assert len(told["description"]) == 1000


async def test_names_of_skills_are_names_of_tools(agent: Crooked, tmp_path: Path):
    ids = ["Find-Flights!", "find flights", "2fast", "cancel_task", "x" * 90, "überholen", "findFlights"]
    agent.card = agent.modern(skills=[{"id": one, "name": "n", "description": "d"} for one in ids])
    names = await discovered(agent, tmp_path)
    assert names[0] == "find_flights"
    assert names[1].startswith("find_flights_")
    assert names[2:4] == ["skill_2fast", "skill_cancel_task"]
    assert len(names[4]) == 40
    assert len(set(names)) == len(ids) + 2
    agent.card = agent.modern(skills=[])
    assert await discovered(agent, tmp_path) == ["send_message", "get_task", "cancel_task"]


@pytest.mark.promise("agents.told")
async def test_answers_that_are_none(agent: Crooked, tmp_path: Path):
    agent.card = agent.modern(capabilities={"streaming": False})
    long = {"id": "x" * 1000, "status": {"state": WORKING}}
    async with serving(agent.url, tmp_path, small()) as served:
        for said, reason in (
            (Says(b"nothing"), "answered SendMessage with"),
            (Says({"jsonrpc": "2.0", "id": 999, "result": {}}), "the id of another request"),
            (Says({"jsonrpc": "2.0", "id": None}), "neither result nor error"),
            ({"task": {"status": 7}}, "something that is not A2A"),
            ({"task": long}, "something that is not A2A"),
            ({"what": 1}, "something that is not A2A"),
            ({"artifactUpdate": {"artifact": {"artifactId": "a", "parts": []}}}, "ended without an answer"),
            (Says(events=[]), "with a stream of events"),
            (Says(status=500, body=b"secret stack trace"), "with HTTP 500"),
            ({"task": task(DONE, "x" * LARGE)}, f"{LARGE} bytes"),
        ):
            agent.answer = lambda asked, said=said: said
            with pytest.raises(UpstreamFailed) as caught:
                await served.call("work", message="x")
            assert reason in caught.value.message
            assert "stack trace" not in caught.value.message


def error(asked: Asked, code: int, message: str) -> Says:
    return Says({"jsonrpc": "2.0", "id": asked.call["id"], "error": {"code": code, "message": message}})


@pytest.mark.promise("agents.told")
async def test_refusals_say_what_to_do(agent: Crooked, tmp_path: Path):
    scheme = {"httpAuthSecurityScheme": {"scheme": "Bearer"}}
    agent.card = agent.modern(capabilities={}, securitySchemes={"b": scheme})
    async with serving(agent.url, tmp_path) as served:
        for answer, told in (
            (lambda asked: Says(status=401), "it asks for the header Authorization with the scheme Bearer"),
            (lambda asked: Says(status=429, headers={"retry-after": "7"}), "ask again in 7 seconds"),
            (lambda asked: Says(status=503), "the agent is busy (status 503): ask again later"),
            (lambda asked: error(asked, -32001, "no such task"), "no such task (-32001); the agent does not know"),
            (lambda asked: error(asked, -32005, "no JSON"), "leave `data` out"),
            (lambda asked: error(asked, -32603, f"I saw {SECRET}\nand failed."), "I saw *** and failed (-32603)"),
        ):
            agent.answer = answer
            assert told in await served.wrong("work", message="x")


@pytest.mark.promise("agents.told")
async def test_floods_end_and_silence_ends(agent: Crooked, tmp_path: Path):
    async with serving(agent.url, tmp_path, small(), wait=0.5) as served:
        event = b"data: " + json.dumps({"jsonrpc": "2.0", "id": 2, "result": update(WORKING, "x" * 500)}).encode()
        for flood, reason in (
            (b"data: " + b"x" * 1000, f"exceeds {LARGE} bytes"),
            (event + b"\n\n", f"exceeds {LARGE} bytes"),
            (b": still here\n\n", "did not answer in time"),
        ):
            agent.answer = lambda asked, flood=flood: Says(flood=flood)
            with pytest.raises(UpstreamFailed) as caught:
                await served.call("work", message="x")
            assert reason in caught.value.message
        agent.answer = lambda asked: Says(events=[], ends=False)
        began = time.monotonic()
        with pytest.raises(UpstreamFailed, match="did not answer in time"):
            await served.call("work", message="x")
        assert time.monotonic() - began < BOUND
        agent.answer = lambda asked: Says(events=[update(WORKING, "on it")], ends=False)
        stopped = await served.call("work", message="x")
        assert (stopped.texts[0], stopped.told["state"]) == ("on it", "working")
        agent.answer = lambda asked: Says(events=[])
        with pytest.raises(UpstreamFailed, match="ended without an answer"):
            await served.call("work", message="x")


async def test_a_stream_that_breaks_off_is_followed_by_asking(agent: Crooked, tmp_path: Path):
    said = iter([Says(events=[update(WORKING)]), Says(status=503), task(DONE, "done")])
    agent.answer = lambda asked: next(said)
    async with serving(agent.url, tmp_path) as served:
        assert (await served.call("work", message="x")).texts[0] == "done"
        assert agent.methods() == ["SendStreamingMessage", "GetTask", "GetTask"]
        agent.answer = lambda asked: (
            Says(events=[update(WORKING)]) if "Send" in asked.call["method"] else error(asked, -32001, "gone")
        )
        assert "begin anew, without `task`" in await served.wrong("work", message="x")


async def test_an_agent_without_the_streams_that_its_card_promises(agent: Crooked, tmp_path: Path):
    agent.answer = lambda asked: (
        error(asked, -32601, "unknown") if "Streaming" in asked.call["method"] else {"task": task(DONE, "done")}
    )
    async with serving(agent.url, tmp_path) as served:
        assert (await served.call("work", message="x")).texts[0] == "done"
    assert agent.methods() == ["SendStreamingMessage", "SendMessage"]


@pytest.mark.promise("agents.progress")
async def test_a_call_that_is_taken_back_is_canceled_at_the_agent(agent: Crooked, tmp_path: Path):
    agent.answer = lambda asked: (
        {"task": task("TASK_STATE_CANCELED")}
        if asked.call["method"] == "CancelTask"
        else Says(events=[update(WORKING, "on it")], ends=False)
    )
    async with serving(agent.url, tmp_path) as served:
        ear = Ear()
        out = asked("work", modern(progress_token=msgspec.Raw(b"1")), message="x")
        call = asyncio.ensure_future(served.upstream.call(out, ear))
        await ear.something.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        told = await agent.heard("CancelTask")
    assert told.call["params"] == {"id": "task-1"}
    assert told.headers["authorization"] == f"Bearer {SECRET}"
    assert told.headers["a2a-version"] == "1.0"


async def test_large_answers_are_cut_and_files_left_out(agent: Crooked, tmp_path: Path):
    parts = [
        {"text": "é" * 5000}, {"data": {"a": 1}}, {"data": "y" * 5000},
        {"raw": "QUJD" * 100, "filename": "big.bin"}, {"raw": "?", "filename": "bad.bin"},
        {"url": "file:///etc/passwd", "filename": "local"},
    ]  # fmt: skip
    agent.answer = lambda asked: {"task": task(DONE, artifacts=[{"artifactId": "a", "parts": parts}])}
    agent.card = agent.modern(capabilities={})
    async with serving(agent.url, tmp_path, result_bytes=2000, file_bytes=100) as served:
        reply = await served.call("work", message="x")
    assert reply.texts[0].endswith("é... (cut, 5000 characters)")
    assert len(reply.texts[0].encode()) < 2100
    assert reply.told["data"] == {"a": 1}
    assert "1 of 2 pieces of data do not fit" in reply.told["note"]
    for name in ("big.bin (300 bytes", "bad.bin (it is not base64)", "local (its address is no http or https URL)"):
        assert name in reply.told["note"]
    assert [one["type"] for one in reply.result["content"]] == ["text", "text"]


async def test_a_card_that_changes_is_announced(agent: Crooked, tmp_path: Path):
    async with serving(agent.url, tmp_path) as served:
        await served.upstream.discover(GRANT)
        changes = served.upstream.changes(GRANT)
        probe = msgspec.structs.replace(asked("", modern()), method="server/discover")
        await served.upstream.call(probe, Ear())
        agent.card = agent.modern(skills=[{"id": "rest", "name": "Rest", "description": "Rests."}])
        await served.upstream.call(probe, Ear())
        change = await anext(changes)
        assert change.kind is ChangeKind.LISTS
        names = [offer.name for offer in (await served.upstream.discover(GRANT)).offers]
        assert names == ["rest", "get_task", "cancel_task"]
        agent.card = Says(status=500)
        with pytest.raises(UpstreamFailed, match="HTTP 500"):
            await served.upstream.call(probe, Ear())


async def test_who_signs_in_sees_the_extended_card(agent: Crooked, tmp_path: Path):
    agent.card = agent.modern(capabilities={"extendedAgentCard": True})
    more = agent.modern(skills=[{"id": "secret_work", "name": "n", "description": "d"}])
    agent.answer = lambda asked: more if asked.call["method"] == "GetExtendedAgentCard" else Says(status=500)
    assert (await discovered(agent, tmp_path))[0] == "secret_work"
    async with serving(agent.url, tmp_path) as served:
        plain = await served.upstream.discover(Grant("all"))
        assert plain.offers[0].name == "work"
    agent.answer = lambda asked: Says(status=500)
    assert (await discovered(agent, tmp_path))[0] == "work"
