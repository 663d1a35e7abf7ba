"""A gateway with records in trouble: its database dies, its disk is full, it is killed. Clients notice nothing."""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.databases.postgres import Postgres
from tests.journeys.terminal import Started, Terminal
from tests.journeys.wire import SECONDS, Wire
from tests.running import ENDPOINT

if sys.platform != "win32":
    import resource

BACK_S = 10.0
"""Within which a database that is back must be in use again."""
KILLS = 4
WRITERS = 4
LARGE = "x" * 4000


@dataclass
class Api:
    """The API of a running gateway, asked with the bootstrap key."""

    url: str
    http: httpx2.AsyncClient
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def make_team(self, description: str = "") -> httpx2.Response:
        body = {"name": f"team-{next(self.numbers)}", "description": description}
        return await self.http.post(f"{self.url}/api/v1/teams", json=body)

    async def teams(self) -> list[str]:
        answer = await self.http.get(f"{self.url}/api/v1/teams?limit=1000")
        assert answer.status_code == 200, answer.text
        return [team["name"] for team in answer.json()["items"]]

    async def ready(self) -> tuple[int, list[str]]:
        """The status of readiness, and the warnings that it names to an observer."""
        answer = await self.http.get(f"{self.url}/readyz?verbose")
        return answer.status_code, [one["reason"] for one in answer.json()["warnings"]]


@asynccontextmanager
async def api(started: Started, data: Path) -> AsyncGenerator[Api]:
    url = started.out.wait(ENDPOINT)["url"]
    key = (data / "local.key").read_text().strip()
    async with httpx2.AsyncClient(timeout=SECONDS, headers={"Authorization": f"Bearer {key}"}) as http:
        yield Api(url, http)


@asynccontextmanager
async def calling(one: Api) -> AsyncGenerator[Callable[[], Awaitable[None]]]:
    """A client that calls all the time, and a way to wait until it was answered a few times more. Every call must go
    well until the block is left."""
    wire = Wire(one.http, f"{one.url}/mcp", one.http.headers["authorization"].removeprefix("Bearer "))
    answered = 0
    turn = asyncio.Condition()

    async def call() -> None:
        nonlocal answered
        while True:
            answer = await wire.call("demo__echo", {"text": "hello"})
            assert answer.status == 200, answer
            async with turn:
                answered += 1
                turn.notify_all()

    task = asyncio.create_task(call())

    async def more() -> None:
        enough = answered + 20
        async with asyncio.timeout(SECONDS), turn:
            while answered < enough:
                waiting = asyncio.ensure_future(turn.wait())
                await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
                if task.done():
                    task.result()

    try:
        yield more
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def refusal(answer: httpx2.Response, *words: str) -> None:
    """A problem that says why, where, and what to do."""
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == "urn:toolgate:problem:store-failed"
    for word in words:
        assert word in problem["detail"], problem


async def until_made(one: Api, description: str = "") -> str:
    """Tries until a change is taken again; what it made."""
    async with asyncio.timeout(BACK_S):
        while (answer := await one.make_team(description)).status_code != 201:
            assert answer.status_code == 503, answer.text
    return answer.json()["name"]


async def until_ready(one: Api) -> None:
    async with asyncio.timeout(BACK_S):
        while await one.ready() != (200, []):
            pass


@pytest.mark.promise("faults.database")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
async def test_calls_go_on_while_the_database_is_away(own_postgres: Postgres, tmp_path: Path, how: signal.Signals):
    name = f"live_{how.name.lower()}"
    await own_postgres.run(f"CREATE DATABASE {name}")
    variables = {"TOOLGATE_DATABASE": "env:RECORDS_URL", "RECORDS_URL": own_postgres.url(name)}
    terminal = Terminal(tmp_path, TOOLGATE_DATA_DIR=str(tmp_path / "data"), **variables)
    with terminal.start("up", "--port", "0") as up:
        async with api(up, tmp_path / "data") as one, calling(one) as more:
            before = (await one.make_team()).json()["name"]
            await asyncio.to_thread(own_postgres.stop, how)
            try:
                for _ in range(3):
                    refusal(await one.make_team(), "PostgreSQL", f"database {name}", ": ")
                    await more()
                listed = await one.http.get(f"{one.url}/api/v1/teams")
                refusal(listed, "PostgreSQL")
                up.err.wait("what was in force stays", seconds=BACK_S)
                status, warnings = await one.ready()
                assert status == 200, "a gateway that serves is not taken out of service"
                assert any(name in warning for warning in warnings), warnings
                other = Terminal(tmp_path / "other", TOOLGATE_DATA_DIR=str(tmp_path / "data2"), **variables)
                (tmp_path / "other").mkdir()
                refused = await asyncio.to_thread(other.run, "up", "--port", "0")
                assert refused.code not in (0, None), refused
                assert "cannot be reached" in refused.err, refused
                assert "Traceback" not in refused.err
            finally:
                await asyncio.to_thread(own_postgres.start)
            await until_ready(one)
            after = await until_made(one)
            await more()
            assert await one.teams() == sorted([before, after])
        up.process.terminate()
        assert up.process.wait(20) == 0


def limit_files(pid: int, size: int) -> None:
    """No file of this process may grow beyond `size` bytes: to it, the disk is full."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@pytest.mark.promise("faults.full-disk")
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can set another process's limits")
async def test_calls_go_on_while_the_disk_is_full(tmp_path: Path):
    data = tmp_path / "data"
    terminal = Terminal(tmp_path, TOOLGATE_DATA_DIR=str(data))
    with terminal.start("up", "--port", "0") as up:
        async with api(up, data) as one, calling(one) as more:
            before = (await one.make_team()).json()["name"]
            limit_files(up.process.pid, (data / "records.db-wal").stat().st_size)
            for _ in range(3):
                refusal(await one.make_team(LARGE), "records.db", "full", "free some space")
                await more()
            assert await one.teams() == [before]
            limit_files(up.process.pid, resource.RLIM_INFINITY)
            after = await until_made(one, LARGE)
            await more()
            assert await one.teams() == sorted([before, after])
            assert (await one.ready())[0] == 200
        up.process.terminate()
        assert up.process.wait(20) == 0


async def write_until_killed(one: Api, writer: str, acknowledged: set[str], news: asyncio.Event) -> str:
    """The name of what was under way when the gateway was gone."""
    for number in itertools.count():
        name = f"{writer}-{number}"
        try:
            answer = await one.http.post(f"{one.url}/api/v1/teams", json={"name": name, "description": LARGE})
        except httpx2.TransportError:
            return name
        assert answer.status_code == 201, answer.text
        acknowledged.add(name)
        news.set()
    raise AssertionError("nothing ends this")


@pytest.mark.promise("faults.killed")
async def test_no_acknowledged_change_is_lost_when_it_is_killed(tmp_path: Path):
    data = tmp_path / "data"
    terminal = Terminal(tmp_path, TOOLGATE_DATA_DIR=str(data))
    acknowledged: set[str] = set()
    doubtful: set[str] = set()
    chance = random.Random()
    for life in range(KILLS + 1):
        with terminal.start("up", "--port", "0") as up:
            async with api(up, data) as one:
                there = set(await one.teams())
                assert acknowledged <= there, f"lost: {acknowledged - there}"
                assert there <= acknowledged | doubtful, f"made by nobody: {there - acknowledged - doubtful}"
                changes = (await one.http.get(f"{one.url}/api/v1/audit?limit=1000")).json()["items"]
                assert [change["seq"] for change in changes] == list(range(1, len(changes) + 1))
                assert {change["name"] for change in changes} == there, "each change with its audit, or neither"
                if life == KILLS:
                    break
                news = asyncio.Event()
                writers = [
                    asyncio.create_task(write_until_killed(one, f"t{life}-{writer}", acknowledged, news))
                    for writer in range(WRITERS)
                ]
                for _ in range(chance.randrange(1, 20)):
                    await news.wait()
                    news.clear()
                up.process.kill()
                doubtful |= set(await asyncio.gather(*writers))
    assert len(acknowledged) >= KILLS
