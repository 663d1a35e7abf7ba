"""Two gateways on one PostgreSQL, each a process with a data directory and a port of its own: one installation."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Generator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.databases.fixtures import Place
from tests.journeys.terminal import Started, Terminal
from tests.journeys.test_changes import TOOLS_CHANGED, listening
from tests.journeys.test_company import LIVE_SECONDS
from tests.journeys.wire import LEGACY, MODERN, SECONDS, Wire
from tests.running import ENDPOINT
from toolgate.stores.records.backup import SECRETS


@dataclass(frozen=True)
class Replica:
    """One of them, and a terminal whose commands go to it with its bootstrap key."""

    terminal: Terminal
    url: str
    started: Started

    async def does(self, *arguments: str) -> str:
        said = await asyncio.to_thread(self.terminal.run, *arguments)
        assert said.code == 0, said
        return said.out.strip()

    def wire(self, http: httpx2.AsyncClient, key: str, version: str = MODERN) -> Wire:
        return Wire(http, f"{self.url}/mcp", key, version)


def terminal(folder: Path, place: Place) -> Terminal:
    folder.mkdir(exist_ok=True)
    variables = {"TOOLGATE_DATABASE": "env:RECORDS_URL", "RECORDS_URL": str(place.database)}
    return Terminal(folder, TOOLGATE_DATA_DIR=str(folder / "data"), **variables)


def up(stack: ExitStack, terminal: Terminal) -> Replica:
    started = stack.enter_context(terminal.start("up", "--port", "0"))
    try:
        url = started.out.wait(ENDPOINT)["url"]
    except AssertionError as error:
        error.add_note(started.err.text())
        raise
    return Replica(terminal, url, started)


def share_secrets(one: Path, other: Path) -> None:
    """What the how-to page tells an operator to do for a second data directory."""
    other.mkdir(mode=0o700, parents=True)
    for name in SECRETS:
        if (one / name).exists():
            shutil.copy2(one / name, other / name)


@pytest.fixture
def pair(tmp_path: Path, empty_postgres: Place) -> Generator[tuple[Replica, Replica]]:
    with ExitStack() as stack:
        first = up(stack, terminal(tmp_path / "one", empty_postgres))
        assert first.terminal.run("secret", "put", "token", typed="s3cret\n").code == 0
        share_secrets(tmp_path / "one" / "data", tmp_path / "two" / "data")
        second = up(stack, terminal(tmp_path / "two", empty_postgres))
        assert first.url != second.url
        yield first, second
        for replica in (first, second):
            replica.started.process.terminate()
            assert replica.started.process.wait(20) == 0


async def listed(wire: Wire) -> Any:
    """The names of the tools, or the status of the refusal."""
    answer = await wire.ask("tools/list")
    return [tool["name"] for tool in answer.result["tools"]] if answer.status == 200 else answer.status


async def until(wire: Wire, wanted: Any) -> None:
    """Asks again and again until the list is as wanted, within the promised second."""
    end = time.monotonic() + LIVE_SECONDS
    while (found := await listed(wire)) != wanted:
        assert time.monotonic() < end, f"after {LIVE_SECONDS:g} s it is still {found}"


async def ended(events: AsyncIterator[Any]) -> None:
    async with asyncio.timeout(SECONDS):
        async for _ in events:
            pass


@pytest.mark.promise("replicas.one-installation")
async def test_what_is_changed_at_one_acts_at_the_other_within_a_second(pair: tuple[Replica, Replica]):
    first, second = pair
    await first.does("user", "add", "alice")
    await first.does("user", "add", "bob")
    alice = await first.does("key", "add", "alice-laptop", "owner=user:alice")
    bob = await second.does("key", "add", "bob-laptop", "owner=user:bob")
    await second.does("grant", "add", "bob-echo", "subject=user:bob", "servers=demo", "tools=echo")
    async with httpx2.AsyncClient(timeout=SECONDS) as http:
        there = second.wire(http, alice)
        await until(there, [])
        await until(first.wire(http, bob), ["demo__echo"])
        async with listening(second.wire(http, bob)) as stream:
            await first.does("grant", "add", "alice-demo", "subject=user:alice", "servers=demo", "tools=echo")
            await until(there, ["demo__echo"])
            assert (await there.call("demo__echo", {"text": "hello"})).result["content"][0]["text"] == "hello"
            await first.does("grant", "remove", "alice-demo")
            await until(there, [])
            assert (await there.call("demo__echo", {"text": "hello"})).status != 200
            await first.does("grant", "set", "bob-echo", "tools=echo,add")
            await stream.next(TOOLS_CHANGED)


@pytest.mark.promise("replicas.one-installation")
async def test_a_key_that_one_revokes_is_out_at_the_other_with_its_streams(pair: tuple[Replica, Replica]):
    first, second = pair
    await first.does("user", "add", "alice")
    alice = await first.does("key", "add", "alice-laptop", "owner=user:alice")
    await first.does("grant", "add", "alice-demo", "subject=user:alice", "servers=demo", "tools=echo")
    async with httpx2.AsyncClient(timeout=SECONDS) as http:
        wire = second.wire(http, alice)
        await until(wire, ["demo__echo"])
        message = wire.request("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
        async with wire.streaming(message) as (_, events):
            await anext(events)
            await first.does("key", "revoke", "alice-laptop")
            await until(wire, 401)
            await ended(events)


@pytest.mark.promise("replicas.sessions")
@pytest.mark.parametrize("version", LEGACY)
async def test_a_session_that_one_began_goes_on_at_the_other(pair: tuple[Replica, Replica], version: str):
    first, second = pair
    local = (first.terminal.folder / "data" / "local.key").read_text().strip()
    async with httpx2.AsyncClient(timeout=SECONDS) as http:
        wire = await first.wire(http, local, version).begin()
        there = second.wire(http, local, version)
        there.session = wire.session
        assert await listed(there) == await listed(wire) == ["demo__add", "demo__echo", "demo__now"]
        assert (await there.call("demo__echo", {"text": "hello"})).result["content"][0]["text"] == "hello"


@pytest.mark.promise("replicas.one-installation")
async def test_two_who_change_the_same_at_both_do_not_overwrite_each_other(pair: tuple[Replica, Replica]):
    first, _ = pair
    local = (first.terminal.folder / "data" / "local.key").read_text().strip()
    async with httpx2.AsyncClient(timeout=SECONDS, headers={"Authorization": f"Bearer {local}"}) as http:
        made = await http.post(f"{first.url}/api/v1/teams", json={"name": "sales"})
        assert made.status_code == 201, made.text
        async with asyncio.TaskGroup() as group:
            patches = [
                group.create_task(
                    http.patch(
                        f"{replica.url}/api/v1/teams/sales",
                        json={"description": f"by {replica.url}"},
                        headers={"If-Match": '"1"', "Content-Type": "application/merge-patch+json"},
                    )
                )
                for replica in pair
            ]
        statuses = sorted(patch.result().status_code for patch in patches)
        assert statuses == [200, 412], [patch.result().text for patch in patches]
        kept = [(await http.get(f"{replica.url}/api/v1/teams/sales")).json()["description"] for replica in pair]
        lost = next(patch.result() for patch in patches if patch.result().status_code == 412)
        assert kept[0] == kept[1] == lost.json()["current"]["description"]


@pytest.mark.promise("records.copied")
@pytest.mark.timeout(180)
async def test_an_installation_moves_to_postgresql_and_back_with_its_keys(tmp_path: Path, empty_postgres: Place):
    here = Terminal(tmp_path, TOOLGATE_DATA_DIR=str(tmp_path / "data"))
    with ExitStack() as stack:
        local = up(stack, here)
        await local.does("user", "add", "alice")
        alice = await local.does("key", "add", "alice-laptop", "owner=user:alice")
        await local.does("grant", "add", "alice-demo", "subject=user:alice", "servers=demo", "tools=echo")
        busy = await asyncio.to_thread(here.run, "db", "copy", "--to", "env:RECORDS_URL", RECORDS_URL="unused")
        assert (busy.code, busy.out.strip()) == (3, local.url), busy
    moved = {"RECORDS_URL": str(empty_postgres.database)}
    back = f"sqlite:///{tmp_path / 'back.db'}"
    for database, target in ((None, "env:RECORDS_URL"), ("env:RECORDS_URL", back)):
        setting = {} if database is None else {"TOOLGATE_DATABASE": database}
        copied = await asyncio.to_thread(here.run, "db", "copy", "--to", target, **moved, **setting)
        assert (copied.code, "were copied" in copied.err) == (0, True), copied
        again = await asyncio.to_thread(here.run, "db", "copy", "--to", target, **moved, **setting)
        assert (again.code != 0, "something in it already" in again.err) == (True, True), again
        there = Terminal(tmp_path, TOOLGATE_DATA_DIR=str(tmp_path / "data"), TOOLGATE_DATABASE=target, **moved)
        with ExitStack() as stack:
            replica = up(stack, there)
            async with httpx2.AsyncClient(timeout=SECONDS) as http:
                assert await listed(replica.wire(http, alice)) == ["demo__echo"]
