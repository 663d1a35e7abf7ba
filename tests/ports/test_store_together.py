"""The contract of `ports.Store` with several writers and readers at once, in one process and in several."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from tests.databases.fixtures import Place
from toolgate.model.entities import Change, Team
from toolgate.model.errors import Conflict
from toolgate.stores.records import Records

ROOT = Path(__file__).resolve().parents[2]
AT_ONCE_S = 1.0
"""Within which a change must be known everywhere (issue: revocation acts in under one second)."""


@asynccontextmanager
async def several(place: Place, count: int) -> AsyncGenerator[list[Records]]:
    """The same database, opened as by several processes."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(place.open()) for _ in range(count)]


async def add_one(store: Records, name: str) -> None:
    async with store.transaction("user:jane") as transaction:
        team = await transaction.get(Team, name) or Team(name=name, description="0")
        after = msgspec.structs.replace(team, description=str(int(team.description) + 1))
        await transaction.put(after, expected=team.stamp.version)


@pytest.mark.promise("records.order")
async def test_writers_come_one_after_another(place: Place):
    async with several(place, 3) as stores:
        await asyncio.gather(*(add_one(store, "counter") for store in stores for _ in range(10)))
        _, (counter,) = await stores[0].load()
    assert isinstance(counter, Team)
    assert (counter.description, counter.stamp.version) == ("30", 30)


async def test_what_was_judged_in_a_transaction_still_holds_when_it_commits(place: Place):
    """No write skew: each of many makes a team only if there is none yet."""

    async def make_the_only_one(store: Records, name: str) -> None:
        async with store.transaction("user:jane") as transaction:
            if not await transaction.find(Team):
                await transaction.put(Team(name=name), expected=0)

    async with several(place, 3) as stores:
        await asyncio.gather(
            *(make_the_only_one(store, f"t{n}-{i}") for n, store in enumerate(stores) for i in range(4))
        )
        _, records = await stores[0].load()
    assert len(records) == 1


async def test_of_two_who_saw_the_same_version_one_wins(place: Place):
    async with several(place, 2) as stores:
        async with stores[0].transaction("user:jane") as transaction:
            seen = await transaction.put(Team(name="a"), expected=0)

        async def edit(store: Records, description: str) -> Team:
            async with store.transaction("user:jane") as transaction:
                return await transaction.put(msgspec.structs.replace(seen, description=description), expected=1)

        done = await asyncio.gather(edit(stores[0], "x"), edit(stores[1], "y"), return_exceptions=True)
    won = [result for result in done if isinstance(result, Team)]
    lost = [result for result in done if isinstance(result, Conflict)]
    assert (len(won), len(lost)) == (1, 1)
    assert lost[0].current == won[0]


@pytest.mark.promise("records.order")
async def test_a_reader_of_the_feed_misses_nothing(place: Place):
    """Whoever asks for what comes after the last `seq` it saw gets every change, in order, while others write."""
    writers, each = 3, 12

    async def follow(store: Records) -> list[Change]:
        seen: list[Change] = []
        while len(seen) < writers * each:
            last = seen[-1].seq if seen else 0
            assert await store.wait(last) > last
            seen.extend(await store.changes(last, limit=5))
        return seen

    async def write(store: Records, writer: int) -> None:
        for n in range(each):
            async with store.transaction(f"user:{writer}") as transaction:
                await transaction.put(Team(name=f"{writer}-{n}"), expected=0)

    async with several(place, writers + 1) as stores, asyncio.timeout(30):
        following = asyncio.create_task(follow(stores[-1]))
        await asyncio.gather(*(write(store, n) for n, store in enumerate(stores[:-1])))
        seen = await following
    assert [change.seq for change in seen] == list(range(1, writers * each + 1))
    for writer in range(writers):
        names = [change.name for change in seen if change.actor == f"user:{writer}"]
        assert names == [f"{writer}-{n}" for n in range(each)]


@pytest.mark.promise("records.whole")
async def test_readers_see_one_moment_and_never_wait_for_the_writer(place: Place):
    async with several(place, 2) as (writer, reader):
        for name in ("a", "b"):
            await add_one(writer, name)
        async with writer.transaction("user:jane") as transaction:
            for name in ("a", "b"):
                team = await transaction.get(Team, name)
                assert team is not None
                await transaction.put(msgspec.structs.replace(team, description="2"), expected=1)
            for store in (writer, reader):
                async with asyncio.timeout(5):
                    seq, records = await store.load()
                assert (seq, [record.stamp.version for record in records]) == (2, [1, 1])
                assert len(await store.changes(0, limit=10)) == 2
        for store in (writer, reader):
            seq, records = await store.load()
            assert (seq, [record.stamp.version for record in records]) == (4, [2, 2])


@pytest.mark.promise("records.whole")
async def test_what_is_loaded_is_of_one_moment_while_others_write(place: Place):
    async with several(place, 2) as (writer, reader):

        async def write() -> None:
            while True:
                await add_one(writer, "a")
                await add_one(writer, "b")

        writing = asyncio.create_task(write())
        try:
            async with asyncio.timeout(30):
                seq = 0
                while seq < 60:
                    seq, records = await reader.load()
                    assert seq == sum(record.stamp.version for record in records)
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)


@pytest.mark.promise("records.told")
async def test_who_waits_is_woken_by_a_change_of_the_same_process(store: Records):
    looks_every = store.database.poll_s
    store.database.poll_s = 600.0  # nobody looks: they are told
    waiting = [asyncio.create_task(store.wait(0)) for _ in range(3)]
    await asyncio.wait(waiting, timeout=0.1)  # by now they wait
    async with store.transaction("user:jane") as transaction:
        await transaction.put(Team(name="a"), expected=0)
        await transaction.put(Team(name="b"), expected=0)
    async with asyncio.timeout(AT_ONCE_S):
        assert await asyncio.gather(*waiting) == [2, 2, 2]
        assert await store.wait(1) == 2  # already there
    store.database.poll_s = looks_every
    still = asyncio.create_task(store.wait(2))
    async with store.transaction("user:jane"):
        pass  # changes nothing
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(still, 0.7)  # longer than either database is looked at


@pytest.mark.promise("records.told")
async def test_who_waits_is_woken_by_another_process(store: Records, place: Place):
    other = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.databases.writer", "once", str(place.data), place.database or "-"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert other.stdin is not None
    assert other.stdout is not None
    try:
        async with asyncio.timeout(40):
            assert await other.stdout.readline() == b"ready\n"
            waiting = asyncio.create_task(store.wait(0))
            other.stdin.write(b"\n")
            assert await other.stdout.readline() == b"written\n"
        async with asyncio.timeout(AT_ONCE_S):
            assert await waiting == 1
        async with asyncio.timeout(20):
            assert await other.wait() == 0
    finally:
        if other.returncode is None:
            other.kill()
            await other.wait()
    _, records = await store.load()
    assert [record.name for record in records] == ["from-elsewhere"]
