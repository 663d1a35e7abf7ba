"""A team's file behind a running gateway, to the official SDK's client: rights, deadlines, edits, and sudden ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import mcp
import psutil
import pytest

from tests.files.test_journey import over_stdio
from tests.functions.samples import SOURCE, begun, gone, until, written
from tests.journeys.clients import sdk
from tests.journeys.terminal import Terminal
from tests.journeys.test_changes import TOOLS_CHANGED, listening
from tests.journeys.test_health import administering, gateway
from tests.journeys.test_health import until as asked
from tests.journeys.wire import Wire
from tests.running import ENDPOINT, Gateway, toolgate
from toolgate.model.entities import Key, Server, ServerState, Team, User
from toolgate.model.errors import NotAllowed
from toolgate.model.health import HealthState

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and groups of processes")

MODES = ["legacy", "2026-07-28"]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gateway]:
    folder = tmp_path_factory.mktemp("up")
    server = {"kind": "functions", "path": str(written(folder)), "timeout": 2, "grace": 0.2, "watch": False}
    grant = {
        "key": "alice",
        "allow": {"servers": ["work"], "tools": ["*"]},
        "deny": {"servers": ["*"], "tools": ["die"]},
    }
    declared = {"servers": {"work": server}, "teams": {"red": {}}, "grants": [grant]}
    with toolgate(folder, declared, {"alice": {"teams": ["red"]}}) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Terminal, str]]:
    """A gateway over records, and its URL."""
    with gateway(tmp_path_factory.mktemp("records")) as found:
        yield found


@asynccontextmanager
async def client(up: Gateway, mode: str = MODES[1], who: str = "alice") -> AsyncGenerator[mcp.Client]:
    async with sdk(up.endpoint("work"), up.keys[who], mode) as one:
        yield one


async def text(client: mcp.Client, name: str, **given: Any) -> str:
    found = await client.call_tool(name, given)
    assert not found.is_error, found.content
    block: Any = found.content[0]
    return block.text


def workers(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children() if "worker.py" in " ".join(child.cmdline())]


@pytest.mark.promise("functions.caller")
@pytest.mark.parametrize("mode", MODES)
async def test_a_file_is_a_governed_server(up: Gateway, mode: str):
    heard: list[tuple[float, float | None, str | None]] = []

    async def told(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    async with client(up, mode) as alice:
        tools = {tool.name: tool for tool in (await alice.list_tools()).tools}
        assert "die" not in tools, "not granted"
        assert tools["add"].description == "The sum of two numbers."
        assert tools["add"].annotations is not None
        assert tools["add"].annotations.read_only_hint is True
        assert await text(alice, "add", a=40) == "42"
        known = await alice.call_tool("caller", {}, progress_callback=told)
        assert known.structured_content is not None
        assert known.structured_content["id"] == "key:alice"
        assert known.structured_content["team"] == "red"
        assert known.structured_content["user"] is None
        forged = await alice.call_tool("caller", {"context": {"caller": {"id": "key:root"}}})
        assert forged.is_error
    assert heard == [(1.0, 2.0, "half")]


@pytest.mark.promise("functions.isolated")
async def test_a_deadline_ends_a_stuck_call_and_nothing_beside_it(up: Gateway, tmp_path: Path):
    stuck, beside = tmp_path / "stuck", tmp_path / "beside"
    async with client(up) as alice, client(up) as other:
        never = [asyncio.ensure_future(alice.call_tool("hold", {"flag": f"{stuck}{place}"})) for place in range(2)]
        held = {await begun(Path(f"{stuck}{place}")) for place in range(2)}
        assert await text(other, "add", a=1) == "3"
        for call in never:
            with pytest.raises(mcp.MCPError, match="did not answer within 2 s"):
                await call
        for pid in held:
            await gone(pid)
        beside.touch()
        assert await text(other, "hold", flag=str(beside)) not in {f"held in {pid}" for pid in held}


@pytest.mark.promise("functions.isolated")
async def test_a_worker_killed_in_the_middle(up: Gateway, tmp_path: Path):
    lost, again = tmp_path / "lost", tmp_path / "again"
    async with client(up) as alice:
        first = asyncio.ensure_future(alice.call_tool("hold", {"flag": str(lost)}))
        os.kill(await begun(lost), signal.SIGKILL)
        with pytest.raises(mcp.MCPError, match="the worker was ended by signal SIGKILL while it ran hold: it is not"):
            await first
        second = asyncio.ensure_future(text(alice, "hold_again", flag=str(again)))  # never in the worker that is lost
        killed = await begun(again)
        os.kill(killed, signal.SIGKILL)
        await gone(killed)
        again.touch()
        assert await second != f"held in {killed}", "what is read-only is done once more"
        assert await text(alice, "add", a=1) == "3"
    record = json.loads(
        up.log.wait('.*"tool":"hold".*"status":"upstream_error".*|.*"upstream_error".*"tool":"hold".*')[0]
    )
    assert record["user"] == "key:alice"


@pytest.mark.promise("functions.no-orphans")
async def test_nothing_outlives_a_gateway_that_is_killed(tmp_path: Path):
    terminal = Terminal(tmp_path, TOOLGATE_DATA_DIR=str(tmp_path / "data"))
    path = written(tmp_path)
    with terminal.start("up", "--port", "0", "--functions", str(path)) as started:
        url = started.out.wait(ENDPOINT)["url"]
        key = (tmp_path / "data" / "local.key").read_text().strip()
        async with httpx2.AsyncClient(timeout=20) as http:
            wire = await Wire(http, f"{url}/servers/functions/mcp", key).begin()
            child = int((await wire.ask("tools/call", {"name": "start", "arguments": {}})).result["content"][0]["text"])
            flag = tmp_path / "flag"
            held = asyncio.ensure_future(wire.ask("tools/call", {"name": "hold", "arguments": {"flag": str(flag)}}))
            await begun(flag)
            processes = [child, *workers(started.process.pid)]
            assert len(processes) == 3
            started.process.kill()
            for pid in processes:
                await gone(pid)
            with pytest.raises(httpx2.TransportError):
                await held


@pytest.mark.promise("functions.reload")
async def test_edits_while_it_runs(records: tuple[Terminal, str], tmp_path: Path):
    path = written(tmp_path)
    flag = tmp_path / "flag"
    terminal, url = records
    added = terminal.run("server", "add", "mytools", "--functions", str(path))
    assert added.code == 0, added.err
    key = (terminal.folder / "data" / "local.key").read_text().strip()
    endpoint = f"{url}/servers/mytools/mcp"
    granted = terminal.run("grant", "add", "mine", "subject=key:local", "servers=mytools", "tools=*")
    assert granted.code == 0, granted.err
    async with (
        administering(terminal.folder, url) as api,
        httpx2.AsyncClient(timeout=20) as http,
        sdk(endpoint, key) as one,
    ):
        assert await text(one, "add", a=1) == "3"
        former = asyncio.ensure_future(text(one, "hold", flag=str(flag)))
        pid = await begun(flag)
        wire = await Wire(http, endpoint, key, "2025-11-25").begin()
        async with listening(wire) as listener:
            edited = (
                SOURCE.replace("return str(a + b)", "return str(a * b)")
                + "\n\n@tool\ndef fresh() -> str: return 'new'\n"
            )
            written(tmp_path, edited)
            await listener.next(TOOLS_CHANGED)
            assert await asked(lambda: _names(one), lambda names: "fresh" in names)
        assert await text(one, "add", a=21) == "42"
        assert await text(one, "fresh") == "new"
        flag.touch()
        assert await former == f"held in {pid}", "a call of the former code ends in it"
        await gone(pid)

        written(tmp_path, edited + "\ndef broken(:\n")
        ill = await asked(lambda: api.health("mytools"), lambda health: health.reason != "")
        assert ill.state is HealthState.HEALTHY
        assert "changed code is refused, the former goes on: SyntaxError in work.py, line" in ill.reason
        assert "SyntaxError in work.py" in terminal.run("server", "health", "mytools").out
        assert await text(one, "fresh") == "new"

        written(tmp_path, "import helping\n" + edited)
        await asked(lambda: api.health("mytools"), lambda health: "helping" in health.reason)
        written(tmp_path, "WORD = 'helped'\n", "helping.py")
        await asked(lambda: api.health("mytools"), lambda health: health.reason == "")
        written(tmp_path, "import helping\n" + edited.replace("return 'new'", "return helping.WORD"))
        await until(lambda: _says(one, "helped"))
        written(tmp_path, "WORD = 'edited'\n", "helping.py")
        await until(lambda: _says(one, "edited"))
    assert path.exists()


@pytest.mark.promise("functions.host")
async def test_code_of_members_does_not_run_on_the_gateways_machine(records: tuple[Terminal, str], tmp_path: Path):
    ran = tmp_path / "ran"
    path = written(tmp_path, f"open({str(ran)!r}, 'w')\n" + SOURCE)
    terminal, url = records
    async with administering(terminal.folder, url) as api:
        for owner in ("ann", "otto"):
            await api.create(User(name=owner))
        await api.create(Team(name="red", owners=("user:otto",), members=("user:ann",)))
        keys = [await api.mint(Key(name=name, digest="", owner=f"user:{name}")) for name in ("ann", "otto")]
        theirs = Server(name="theirs", kind="functions", settings={"path": str(path)}, owner="red")
        for key in keys:
            async with administering(terminal.folder, url, key.clear) as member:
                for attempt in (member.register, member.dry_run):
                    with pytest.raises(NotAllowed) as refused:
                        await attempt(theirs, state=ServerState.DRAFT)
                    assert refused.value.permission == "server:host"
        assert not ran.exists()
        assert (await api.dry_run(theirs)).found is not None
        assert ran.exists()


async def _names(client: mcp.Client) -> set[str]:
    return {tool.name for tool in (await client.list_tools()).tools}


async def _says(client: mcp.Client, word: str) -> bool:
    return await text(client, "fresh") == word


async def test_over_stdio_what_is_printed_does_not_reach_the_client(tmp_path: Path):
    async with over_stdio(tmp_path, MODES[1], "--functions", str(written(tmp_path))) as one:
        assert await text(one, "shout", text="hello") == "said"
        assert await text(one, "add", a=1) == "3"
