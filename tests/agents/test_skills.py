"""Skills of an agent on the official SDK as tools, in every version of A2A that it speaks, with streams and without."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.agents.serving import BOB, GRANT, asked, serving
from tests.ports.speaking import BOUND, Ear, modern, spec
from toolgate.model.call import Envelope
from toolgate.model.errors import UpstreamFailed

ALL = ("v1", "both", "polled", "v03", "polled03", "v02")
BOTH = ("v1", "v03")
SENT = {"v1": "1.0", "both": "1.0", "polled": "1.0", "v03": "0.3", "polled03": "0.3", "v02": ""}

every = pytest.mark.parametrize("version", ALL)
in_both = pytest.mark.parametrize("version", BOTH)


@every
@pytest.mark.promise("agents.skills")
async def test_skills_are_tools(agent: str, version: str, tmp_path: Path):
    async with serving(f"{agent}/{version}", tmp_path) as served:
        found = await served.upstream.discover(GRANT)
        assert [offer.name for offer in found.offers] == ["plan_trip", "skill_get_task", "get_task", "cancel_task"]
        tool = {name: msgspec.json.decode(raw) for name, raw in found.offers[0].definition.items()}
        assert tool["title"] == "Plan a trip"
        assert tool["description"] == (
            "Plans a trip to a city and books it. For example: “Plan two days in Oslo”, “Book the cheapest way to Rome”"
        )
        assert tool["inputSchema"]["required"] == ["message"]
        assert set(tool["inputSchema"]["properties"]) == {"message", "data", "task", "context"}
        assert found.instructions == "Travel agent: Plans and books trips."
        seen = await served.call("plan_trip", message="seen it", data={"days": 2})
        assert seen.told["data"] == {
            "authorization": "Bearer ***", "version": SENT[version], "metadata": {"skillId": "planTrip"},
            "data": [{"days": 2}],
        }  # fmt: skip
        assert seen.texts[0] == "it"


@every
@pytest.mark.promise("agents.skills")
async def test_what_an_agent_makes_is_told_as_text_data_and_files(agent: str, version: str, tmp_path: Path):
    async with serving(f"{agent}/{version}", tmp_path) as served:
        reply = await served.call("plan_trip", message="report on sales")
    text, rest = reply.texts
    assert text == reply.told["text"] == "Sales rose by 7 %."
    assert json.loads(rest) == {key: value for key, value in reply.told.items() if key != "text"}
    assert reply.told["state"] == "completed"
    assert reply.told["data"] == {"rise": 7}
    image, table, link = reply.result["content"][2:]
    assert base64.b64decode(image["data"]).startswith(b"\x89PNG")
    assert (image["type"], image["mimeType"]) == ("image", "image/png")
    assert table["resource"] == {"uri": "a2a:///t.csv", "mimeType": "text/csv", "text": "a,b\n"}
    assert link == {
        "type": "resource_link", "uri": "https://files.example/all.pdf", "name": "all.pdf",
        "mimeType": "application/pdf",
    }  # fmt: skip


@every
@pytest.mark.promise("agents.handles")
async def test_an_agent_asks_and_is_answered(agent: str, version: str, tmp_path: Path):
    async with serving(f"{agent}/{version}", tmp_path) as served:
        question = await served.call("plan_trip", message="ask me")
        assert not question.failed
        assert question.texts[0] == "Which city?"
        assert question.told["state"] == "input-required"
        assert "call again with this `task`" in question.told["note"]
        answer = await served.call("plan_trip", message="Oslo", task=question.told["task"])
        assert (answer.texts[0], answer.told["state"]) == ("Booked: Oslo.", "completed")
        again = await served.call("plan_trip", message="echo more", context=answer.told["context"])
        assert again.texts[0] == "more"
        assert "the agent says: " in await served.wrong("plan_trip", message="More", task=answer.told["task"])


@pytest.mark.parametrize("version", ["v1", "polled", "v03"])
@pytest.mark.promise("agents.handles")
async def test_what_takes_longer_is_gone_on_with(agent: str, version: str, tmp_path: Path):
    async with serving(f"{agent}/{version}", tmp_path, wait=0.2) as served, asyncio.timeout(BOUND):
        stopped = await served.call("plan_trip", message=f"slow {version} one")
        assert stopped.told["state"] in ("working", "submitted")
        assert "get_task" in stopped.told["note"]
        canceled = await served.call("cancel_task", task=stopped.told["task"])
        assert (canceled.told["state"], canceled.failed) == ("canceled", False)
        assert "has ended already" in await served.wrong("cancel_task", task=stopped.told["task"])
    # Another gateway with the same key goes on with the task, as a replica or one that was started anew.
    async with serving(f"{agent}/{version}", tmp_path, wait=0.2) as served:
        task = (await served.call("plan_trip", message=f"slow {version} two")).told["task"]
    async with serving(f"{agent}/{version}", tmp_path) as served, asyncio.timeout(BOUND):
        now = await served.call("get_task", task=task)
        assert now.told["state"] in ("working", "submitted")
        await served.call("plan_trip", message=f"go {version} two")
        ended = await served.call("get_task", task=task, wait=BOUND)
        assert (ended.texts[0], ended.told["state"]) == ("At last.", "completed")


@in_both
@pytest.mark.promise("agents.handles")
async def test_a_handle_is_for_who_got_it(agent: str, version: str, tmp_path: Path):
    async with serving(f"{agent}/{version}", tmp_path) as served:
        asking = await served.call("plan_trip", message="ask me")
        done = await served.call("plan_trip", message="report")
    other = spec(kind="a2a", name="other")
    task, context = asking.told["task"], done.told["context"]
    async with serving(f"{agent}/{version}", tmp_path) as served:
        for name, arguments in (
            ("get_task", {"task": task}),
            ("cancel_task", {"task": task}),
            ("plan_trip", {"message": "Oslo", "task": task}),
        ):
            told = await served.wrong(name, who=BOB, **arguments)
            assert told == f"{name}: task: is no handle that this agent gave you: use it as it was, or leave it out"
        assert "context: is no handle" in await served.wrong("plan_trip", who=BOB, message="x", context=context)
        for handle in (context, task[:-4] + "AAAA", "", "x" * 10_000, "task-1"):
            assert "task: is no handle" in await served.wrong("get_task", task=handle)
        assert "and not both" in await served.wrong("plan_trip", message="x", task=task, context=context)
    async with serving(f"{agent}/{version}", tmp_path, other) as served:
        assert "task: is no handle" in await served.wrong("get_task", task=task)


@in_both
@pytest.mark.promise("agents.told")
async def test_what_fails_says_so(agent: str, version: str, tmp_path: Path):
    async with serving(f"{agent}/{version}", tmp_path) as served:
        failed = await served.call("plan_trip", message="fail please")
        assert (failed.failed, failed.texts[0], failed.told["state"]) == (True, "No luck.", "failed")
        rejected = await served.call("plan_trip", message="reject please")
        assert (rejected.failed, rejected.texts[0]) == (True, "Not my business.")
        assert await served.wrong("plan_trip") == "plan_trip: arguments: object missing required field `message`"
        assert "unknown field `city`" in await served.wrong("plan_trip", message="x", city="Oslo")


async def steps(served: Any, envelope: Envelope) -> list[Any]:
    ear = Ear()
    await served.upstream.call(asked("plan_trip", envelope, message="report"), ear)
    return ear.said("notifications/progress")


@in_both
@pytest.mark.promise("agents.progress")
async def test_streaming_is_progress_for_who_asked(agent: str, version: str, tmp_path: Path):
    async with serving(f"{agent}/{version}", tmp_path) as served:
        assert await steps(served, modern()) == []
        told = await steps(served, modern(progress_token=msgspec.Raw(b'"mine"')))
    assert {one["progressToken"] for one in told} == {"mine"}
    assert [one["progress"] for one in told] == sorted({one["progress"] for one in told})
    messages = [one["message"] for one in told]
    assert [one for one in messages if one in ("reading", "thinking", "writing")] == ["reading", "thinking", "writing"]
    assert "Sales rose" in messages


async def test_only_chosen_skills_are_offered(agent: str, tmp_path: Path):
    async with serving(f"{agent}/v1", tmp_path, skills=("plan*",)) as served:
        names = [offer.name for offer in (await served.upstream.discover(GRANT)).offers]
        assert names == ["plan_trip", "get_task", "cancel_task"]
    async with serving(f"{agent}/v1", tmp_path, skills=("buy*",)) as served:
        with pytest.raises(UpstreamFailed, match="none of the agent's skills is chosen by `skills`; it has planTrip"):
            await served.upstream.discover(GRANT)


async def test_the_card_itself_may_be_named(agent: str, tmp_path: Path):
    async with serving(f"{agent}/v1/.well-known/agent-card.json", tmp_path) as served:
        assert (await served.call("plan_trip", message="echo hello")).texts[0] == "hello"
    async with serving(f"{agent}/nothing", tmp_path) as served:
        with pytest.raises(UpstreamFailed, match=r"no agent card at /nothing/.well-known/agent-card.json \(HTTP 404\)"):
            await served.upstream.discover(GRANT)
