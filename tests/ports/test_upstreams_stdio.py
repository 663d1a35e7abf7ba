"""Child processes that misbehave hurt only their own calls."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.ports.hostility import LIMIT, ME, SECRET, begun, call, hostile
from tests.ports.speaking import ALL, Ear, body, legacy, modern, text, tool
from toolgate.model.errors import Limited, UpstreamError, UpstreamFailed
from toolgate.model.identity import Grant
from toolgate.ports import Upstream
from toolgate.protocol import jsonrpc


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HOSTILE_SECRET", SECRET)
    return SECRET


# Answers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["banner", "string_id", "batch"])
async def test_what_is_merely_sloppy_is_understood(tmp_path: Path, name: str):
    async with hostile(tmp_path) as upstream:
        assert body(await upstream.call(tool(name, ME), Ear())) == {"content": []}


@pytest.mark.parametrize(
    "name", ["broken", "not_utf8", "binary", "number", "neither", "old_rpc", "odd_flag"]
)  # fmt: skip
async def test_a_bad_answer_fails_its_own_call_and_no_other(tmp_path: Path, name: str):
    async with hostile(tmp_path) as upstream:
        process = await call(upstream, "process")
        with pytest.raises(UpstreamFailed, match="server 'it'"):
            await call(upstream, name)
        assert await call(upstream, "process") == process


@pytest.mark.parametrize("levels", [100, 100_000])
async def test_a_deep_answer_fails_its_call(tmp_path: Path, levels: int):
    async with hostile(tmp_path, max_bytes=10 * LIMIT) as upstream:
        other = await begun(upstream, "silent")
        deep = asyncio.ensure_future(call(upstream, "deep", levels=levels))
        if levels == 100:
            with pytest.raises(UpstreamFailed, match="deeper than"):
                await deep
        else:
            # Whose answer it was cannot be told; the call ends with its own deadline.
            assert await call(upstream, "fine") == "fine"
            deep.cancel()
        assert not other.done()
        other.cancel()


@pytest.mark.parametrize(("name", "arguments"), [("huge", {"size": 2 * LIMIT}), ("endless", {})])
async def test_a_message_beyond_the_limit_ends_the_child(tmp_path: Path, name: str, arguments: dict[str, Any]):
    async with hostile(tmp_path) as upstream:
        process = await call(upstream, "process")
        with pytest.raises(UpstreamFailed, match=f"server 'it' sent a message of more than {LIMIT} bytes"):
            await call(upstream, name, **arguments)
        assert await call(upstream, "process") != process, "the child was not replaced"


async def test_an_answer_goes_to_its_own_call_alone(tmp_path: Path):
    async with hostile(tmp_path) as upstream:
        assert await call(upstream, "doubled") == "first"
        assert await call(upstream, "fine") == "fine"


async def test_a_flood_is_read_slowly_and_ends(tmp_path: Path):
    async with hostile(tmp_path) as upstream:
        ear = Ear()
        assert await call(upstream, "flood", ear, times=12_000) == "flooded"
        assert len(ear.said("notifications/message")) == 12_000


async def test_the_servers_own_error_is_passed_on(tmp_path: Path):
    async with hostile(tmp_path) as upstream:
        with pytest.raises(UpstreamError) as caught:
            await call(upstream, "own_error")
    assert (caught.value.code, caught.value.message) == (-31999, "mine")
    assert jsonrpc.encode(caught.value.data) == b'{"k":1}'


async def test_progress_of_others_is_dropped(tmp_path: Path):
    ear = Ear()
    asked = msgspec.structs.replace(ME, progress_token=msgspec.Raw(b'"p"'))
    async with hostile(tmp_path) as upstream:
        await upstream.call(tool("progress", asked), ear)
        await call(upstream, "progress", silent := Ear())
    assert [said["progressToken"] for said in ear.said("notifications/progress")] == ["p"]
    assert silent.heard == []


async def test_messages_that_may_be_anybodys_reach_nobody(tmp_path: Path):
    ear, other = Ear(), Ear()
    async with hostile(tmp_path) as upstream:
        running = await begun(upstream, "silent")
        await upstream.call(tool("flood", legacy(session="another"), times=3), other)
        await call(upstream, "flood", ear, times=3)
        running.cancel()
    assert other.heard == []
    assert len(ear.said("notifications/message")) == 3, "calls of one session share what it is told"


# Cancelling ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["silent", "late"])
async def test_the_server_is_told_of_a_cancelled_call_and_its_late_answer_is_dropped(tmp_path: Path, name: str):
    async with hostile(tmp_path) as upstream:
        running = await begun(upstream, name)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        told: list[Any] = []
        while not told:
            told = json.loads(await call(upstream, "cancelled"))
        assert len(told) == 1
        assert await call(upstream, "fine") == "fine"


# Questions -----------------------------------------------------------------------------------------------------------


FORM = msgspec.structs.replace(ME, capabilities=b'{"elicitation":{},"roots":{}}')


async def asked(upstream: Upstream, ear: Ear, method: str, envelope: Any = FORM) -> Any:
    return json.loads(text(await upstream.call(tool("ask", envelope, method=method, params={"n": 1}), ear)))


async def test_a_question_is_put_to_the_caller(tmp_path: Path):
    ear = Ear(roots_list={"roots": []})
    async with hostile(tmp_path) as upstream:
        answer = await asked(upstream, ear, "roots/list")
    assert answer["result"] == {"roots": []}
    assert ear.asked == [("roots/list", {"n": 1})]


@pytest.mark.parametrize(
    ("method", "envelope"),
    [
        ("tools/list", FORM),
        ("sampling/createMessage", FORM),
        ("elicitation/create", ME),
        ("elicitation/create", modern(capabilities=b'{"elicitation":{}}')),
        ("roots/list", msgspec.structs.replace(FORM, capabilities=b'{"roots":{},"elicitation":{"x":1}}')),
    ],
)
async def test_what_nobody_can_be_asked_is_no_method(tmp_path: Path, method: str, envelope: Any):
    ear = Ear()
    async with hostile(tmp_path) as upstream:
        answer = await asked(upstream, ear, method, envelope)
    assert answer["error"]["code"] == -32601
    assert len(ear.asked) == (method == "roots/list")


async def test_ping_is_answered_here(tmp_path: Path):
    ear = Ear()
    async with hostile(tmp_path) as upstream:
        assert (await asked(upstream, ear, "ping"))["result"] == {}
    assert ear.asked == []


async def test_a_caller_that_thinks_long_keeps_nobody_waiting(tmp_path: Path):
    never = asyncio.Event()
    ear = Ear(roots_list=never)
    async with hostile(tmp_path) as upstream:
        running = asyncio.ensure_future(asked(upstream, ear, "roots/list"))
        await ear.something.wait()
        assert text(await upstream.call(tool("fine", FORM), Ear())) == "fine"
        never.set()
        assert (await running)["result"] == {}


async def test_the_log_level_is_raised_once_and_never_lowered(tmp_path: Path):
    async with hostile(tmp_path) as upstream:
        for level in ("warning", "error", "debug", "info"):
            await upstream.call(tool("fine", msgspec.structs.replace(ME, log_level=level)), Ear())
        assert json.loads(await call(upstream, "levels")) == ["warning", "debug"]


# Eras and children ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("discover", "eras"), [("error", {"legacy"}), ("silent", {"legacy"}), ("die", {"legacy"}), ("late", {"modern"})]
)
async def test_the_era_is_found_out(tmp_path: Path, discover: str, eras: set[str]):
    quick = 20.0 if discover in {"error", "die"} else 1.0
    async with hostile(tmp_path, "--discover", discover, start_timeout=quick) as upstream:
        found = await upstream.discover(ALL)
        assert found.eras == eras
        assert "fine" in {offer.name for offer in found.offers}
        for envelope in (modern(), ME):
            assert text(await upstream.call(tool("fine", envelope), Ear())) == "fine"


async def test_a_declared_era_is_not_asked_for(tmp_path: Path):
    async with hostile(tmp_path, "--discover", "die", era="legacy") as upstream:
        assert (await upstream.discover(ALL)).eras == {"legacy"}
    async with hostile(tmp_path, era="modern") as upstream:
        with pytest.raises(UpstreamFailed, match="server/discover"):
            await upstream.discover(ALL)


async def test_each_scope_and_set_of_capabilities_has_its_own_child(tmp_path: Path):
    async def process(envelope: Any, scope: str) -> str:
        return text(await upstream.call(tool("process", envelope, grant=Grant(scope)), Ear()))

    async with hostile(tmp_path) as upstream:
        mine = await process(ME, "key:me")
        assert await process(legacy(session="another"), "key:me") == mine
        assert await process(modern(), "key:me") == mine
        assert len({mine, await process(ME, "key:you"), await process(FORM, "key:me")}) == 3


async def test_children_are_bounded(tmp_path: Path):
    async with hostile(tmp_path, max_children=1) as upstream:
        first = await call(upstream, "process")
        other = tool("process", ME, grant=Grant("other"))
        assert text(await upstream.call(other, Ear())) != first, "an idle child makes room"
        running = await begun(upstream, "silent")
        with pytest.raises(Limited, match="child processes of server 'it'"):
            await upstream.call(other, Ear())
        running.cancel()
