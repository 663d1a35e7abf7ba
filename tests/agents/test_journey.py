"""The official SDK's client in both eras, through a running gateway, to an agent on the official SDK."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import pytest

from tests.agents.serving import SECRET
from tests.journeys.clients import sdk
from tests.ports.speaking import BOUND
from tests.running import ALL, Gateway, toolgate
from toolgate.protocol.sealed import derived_key
from toolgate.upstreams.a2a.handles import Handles


@pytest.fixture(scope="module")
def gateway(agent: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[Gateway]:
    home = tmp_path_factory.mktemp("agents")
    (home / "token").write_text(SECRET, encoding="utf-8")
    (home / "token").chmod(0o600)
    headers = {"Authorization": "Bearer file:./token"}
    servers: dict[str, Any] = {
        "streams": {"kind": "a2a", "url": f"{agent}/v1", "headers": headers},
        "older": {"kind": "a2a", "url": f"{agent}/v03", "headers": headers, "timeout": 2},
    }
    grants = [{"key": name, "allow": ALL} for name in ("ann", "bob")]
    with toolgate(home, {"servers": servers, "grants": grants}, keys=("ann", "bob")) as running:
        yield running


@pytest.mark.promise("agents.skills", "agents.handles", "agents.progress")
@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_an_agent_behind_keys(gateway: Gateway, mode: str):
    heard: list[str] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(message or "")

    url, keys = gateway.endpoint("streams"), gateway.keys
    async with asyncio.timeout(3 * BOUND), sdk(url, keys["ann"], mode) as ann, sdk(url, keys["bob"], mode) as bob:
        tools = [tool.name for tool in (await ann.list_tools()).tools]
        assert tools == ["cancel_task", "get_task", "plan_trip", "skill_get_task"]
        report: Any = await ann.call_tool("plan_trip", {"message": "report"}, progress_callback=hear)
        assert report.structured_content["text"] == "Sales rose by 7 %."
        assert "thinking" in heard
        asking: Any = await ann.call_tool("plan_trip", {"message": "ask"})
        task = asking.structured_content["task"]
        # The key is of the data directory: a restart and every replica have it.
        key = derived_key((gateway.data / "sealing.key").read_bytes(), "a2a/streams")
        assert Handles(key).opened("task", task, "key:ann") is not None
        others: Any = await bob.call_tool("plan_trip", {"message": "Oslo", "task": task})
        assert others.is_error
        answered: Any = await ann.call_tool("plan_trip", {"message": "Oslo", "task": task})
        assert answered.content[0].text == "Booked: Oslo."
        seen: Any = await ann.call_tool("plan_trip", {"message": "seen"})
        assert seen.structured_content["data"]["authorization"] == "Bearer ***"


@pytest.mark.promise("agents.handles")
async def test_a_call_gives_back_its_task_before_its_time_is_over(gateway: Gateway):
    async with asyncio.timeout(BOUND), sdk(gateway.endpoint("older"), gateway.keys["ann"]) as ann:
        stopped: Any = await ann.call_tool("plan_trip", {"message": "slow journey"})
        assert stopped.structured_content["state"] == "working"
        canceled: Any = await ann.call_tool("cancel_task", {"task": stopped.structured_content["task"]})
        assert canceled.structured_content["state"] == "canceled"
    assert SECRET not in gateway.log.text()
