"""Servers that die and come back, and come back as others: what the gateway says of them, and when."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest

from tests.journeys.terminal import Terminal
from tests.running import ENDPOINT
from tests.servers.launching import launched_script, script
from toolgate.admin.told import ServerHealth
from toolgate.client.administration import Administration
from toolgate.client.place import Place
from toolgate.control.catalog import DISCOVERY_TIMEOUT
from toolgate.model.entities import Key, Server, ServerState, Team, User
from toolgate.model.errors import NotAllowed, NotFound, Refused
from toolgate.model.health import HealthState
from toolgate.rules.drift import Changed, Drift

WITHIN = 20.0
"""Seconds within which everything that a test waits for must have happened."""

T = TypeVar("T")


@contextmanager
def gateway(folder: Path) -> Generator[tuple[Terminal, str]]:
    """A running `toolgate up` over the records of this folder, and its URL."""
    terminal = Terminal(folder, TOOLGATE_DATA_DIR=str(folder / "data"))
    with terminal.start("up", "--port", "0") as up:
        yield terminal, up.out.wait(ENDPOINT)["url"]
        up.process.terminate()
        assert up.process.wait(20) == 0, up.err.text()


@asynccontextmanager
async def administering(folder: Path, url: str, key: str | None = None) -> AsyncGenerator[Administration]:
    """The API, by the bootstrap key or another."""
    text = key or (folder / "data" / "local.key").read_text(encoding="utf-8").strip()
    async with Administration(Place(url, "", text)) as api:
        yield api


async def until(ask: Callable[[], Awaitable[T]], wanted: Callable[[T], bool]) -> T:
    """Asks again and again until the answer is as wanted."""
    end = time.monotonic() + WITHIN
    while not wanted(found := await ask()):
        assert time.monotonic() < end, f"after {WITHIN:g} s it is still {found}"
    return found


async def in_state(api: Administration, name: str, state: HealthState) -> ServerHealth:
    return await until(lambda: api.health(name), lambda health: health.state is state)


def remote(name: str, url: str, **more: Any) -> Server:
    return Server(name=name, kind="streamable_http", settings={"url": url}, probe_interval=1.0, **more)


def port_of(url: str) -> str:
    return str(urlsplit(url).port)


@pytest.mark.promise("health.known")
@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_server_that_dies_is_known_and_comes_back_by_itself(tmp_path: Path, era: Any):
    with gateway(tmp_path) as (_, url):
        async with administering(tmp_path, url) as api:
            with launched_script("changing") as server:
                await api.register(remote("notes", server.url, era=era))
                well = await until(lambda: api.health("notes"), lambda one: one.smoothed is not None)
                assert (well.state, well.eras, well.reason) == (HealthState.HEALTHY, (era,), "")
                assert well.protocol == ("2026-07-28" if era == "modern" else "2025-11-25")
                assert well.latency is not None
                assert 0 < well.latency < WITHIN
                later = await until(lambda: api.health("notes"), lambda one: one.last_seen != well.last_seen)
                assert later.since == well.since
            gone = await in_state(api, "notes", HealthState.UNREACHABLE)
            assert "cannot connect" in gone.reason
            assert gone.since is not None
            assert well.since is not None
            assert gone.since > well.since
            assert gone.last_seen is not None
            assert gone.last_seen <= gone.since
            with launched_script("changing", "--port", port_of(server.url)):
                back = await in_state(api, "notes", HealthState.HEALTHY)
                assert back.last_seen is not None
                assert back.last_seen > gone.since


@pytest.mark.promise("health.known")
async def test_every_kind_is_asked(tmp_path: Path):
    with gateway(tmp_path) as (_, url):
        async with administering(tmp_path, url) as api:
            await api.register(
                Server(
                    name="child", kind="stdio", settings={"command": script("changing", "--stdio")}, probe_interval=1.0
                )
            )
            (tmp_path / "tools.py").write_text("from mcp.server.mcpserver import MCPServer\n\ntools = MCPServer('t')\n")
            own = {"object": f"{tmp_path / 'tools.py'}:tools"}
            await api.register(Server(name="own", kind="python", settings=own, probe_interval=1.0))

            async def listed() -> list[ServerHealth]:
                return [one async for one in api.each_health("healthy")]

            found = await until(listed, lambda all_: sum(one.smoothed is not None for one in all_) == 3)
            assert [one.name for one in found] == ["child", "demo", "own"]


async def test_what_answers_wrongly_is_failing_and_not_unreachable(tmp_path: Path):
    """A server that hangs up on whoever connects is there, and no use."""
    hanging = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{hanging.sockets[0].getsockname()[1]}/mcp"
    with gateway(tmp_path) as (_, at):
        async with administering(tmp_path, at) as api:
            made, attempt = await api.register(remote("rude", url))
            assert made.state is ServerState.DRAFT
            assert attempt.unreached
            draft = await api.health("rude")
            assert (draft.state, "draft" in draft.reason) == (HealthState.UNKNOWN, True)
            await api.move(Server, "rude", "publish")
            failing = await in_state(api, "rude", HealthState.FAILING)
            assert failing.reason
            assert failing.last_seen is None
    hanging.close()


@pytest.mark.promise("health.apart")
async def test_a_silent_server_holds_up_no_other(tmp_path: Path):
    """It takes connections and says nothing: a change of another server acts at once all the same, and so does a start
    of the gateway."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        at = f"http://127.0.0.1:{silent.getsockname()[1]}/mcp"
        declared = {"version": 1, "servers": {"silent": {"kind": "streamable_http", "url": at}}}
        (tmp_path / "toolgate.yaml").write_text(json.dumps(declared), encoding="utf-8")
        began = time.monotonic()
        with gateway(tmp_path) as (_, url), launched_script("changing") as server:
            async with administering(tmp_path, url) as api:
                await api.register(remote("notes", server.url))
                await in_state(api, "notes", HealthState.HEALTHY)
                assert time.monotonic() - began < DISCOVERY_TIMEOUT
                assert (await api.health("silent")).state is HealthState.UNKNOWN


@pytest.mark.promise("health.drift")
async def test_what_is_other_than_accepted_is_drift_until_it_is_accepted(tmp_path: Path):
    drift = Drift(added=("tool:forget",), removed=(), changed=(Changed("tool:note", ("description",)),))
    with launched_script("changing") as first, gateway(tmp_path) as (_, url):
        async with administering(tmp_path, url) as api:
            _, attempt = await api.register(remote("notes", first.url))
            assert attempt.found is not None
            assert (attempt.found.tools, attempt.found.prompts) == (("note",), ("plan",))
            same = await until(lambda: api.health("notes"), lambda one: one.drift is not None)
            assert (bool(same.drift), same.accepted_by) == (False, "key:local")
            demo = await until(lambda: api.health("demo"), lambda one: one.drift is not None)
            assert demo.accepted_by == "gateway"
    with launched_script("changing", "--changed", "--port", port_of(first.url)), gateway(tmp_path) as (terminal, url):
        async with administering(tmp_path, url) as api:
            changed = await until(lambda: api.health("notes"), lambda one: bool(one.drift))
            assert changed.drift == drift
            shown = terminal.run("server", "health", "notes")
            assert "tool:note has another description" in shown.out, shown
            table = terminal.run("server", "health")
            assert "1 new, 1 changed" in table.out, table
            accepted = terminal.run("server", "accept", "notes")
            assert (accepted.code, "tool:forget is new" in accepted.err) == (0, True), accepted
            assert not (await api.health("notes")).drift
            audit, _ = await api.audit(limit=1000)
            (change,) = [one for one in audit if one.kind == "acceptance" and one.action == "update"]
            assert (change.name, change.actor) == ("notes", "key:local")
            await api.remove(Server, "notes", version=1)
            audit, _ = await api.audit(limit=1000)
            assert [one.kind for one in audit if one.name == "notes"][-2:] == ["server", "acceptance"]


@pytest.mark.promise("health.visible")
async def test_health_is_for_whoever_sees_the_server_and_accepting_for_publishers(tmp_path: Path):
    with launched_script("changing") as server, gateway(tmp_path) as (_, url):
        async with administering(tmp_path, url) as api:
            await api.create(User(name="ann"))
            await api.create(User(name="bea"))
            await api.create(Team(name="red", members=("user:ann",)))
            await api.create(Team(name="blue", members=("user:bea",)))
            await api.register(remote("notes", server.url, owner="red"))
            keys = {name: await api.mint(Key(name=name, digest="", owner=f"user:{name}")) for name in ("ann", "bea")}
            await in_state(api, "notes", HealthState.HEALTHY)
        async with administering(tmp_path, url, keys["ann"].clear) as ann:
            assert [one.name async for one in ann.each_health()] == ["notes"]
            with pytest.raises(NotAllowed):
                await ann.accept("notes")
        async with administering(tmp_path, url, keys["bea"].clear) as bea:
            assert [one.name async for one in bea.each_health()] == []
            for name in ("notes", "demo", "no-such"):
                with pytest.raises(NotFound):
                    await bea.health(name)
                with pytest.raises(NotFound):
                    await bea.accept(name)


@pytest.mark.promise("health.dry-run")
async def test_a_dry_run_finds_and_lints_and_registers_nothing(tmp_path: Path):
    with launched_script("changing") as server, gateway(tmp_path) as (terminal, url):
        tried = terminal.run("server", "add", "notes", server.url, "--dry-run", "-o", "json")
        found = json.loads(tried.out)
        assert (found["state"], found["found"]["tools"], found["found"]["prompts"]) == ("live", ["note"], ["plan"])
        assert any(lint["rule"] == "parameter-description" for lint in found["lints"])
        assert "nothing was registered" in tried.err
        async with administering(tmp_path, url) as api:
            before = await api.audit(limit=1000)
            assert (await api.dry_run(remote("notes", server.url), state=ServerState.DRAFT)).state is ServerState.DRAFT
            dead = remote("dead", "http://127.0.0.1:9/mcp")
            with pytest.raises(Refused, match="as a draft"):
                await api.dry_run(dead, state=ServerState.LIVE)
            assert "cannot connect" in (await api.dry_run(dead)).unreached
            assert [one.name async for one in api.each(Server)] == ["demo"]
            assert [one for one in (await api.audit(limit=1000))[0] if one.kind == "server"] == []
            assert [one for one in before[0] if one.kind == "server"] == []
        added = terminal.run("server", "add", "notes", server.url)
        assert (added.code, "1 tool: note" in added.err) == (0, True), added
        down = terminal.run("server", "add", "down", "http://127.0.0.1:9/mcp")
        assert (down.code, "could not be reached" in down.err) == (0, True), down
        assert "draft" in down.out
