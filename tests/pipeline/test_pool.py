"""The pool: one opening for all who wait, a bound, no thing that is used is closed, and none is forgotten open."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.virtual_time import run, settle
from toolgate.model.errors import Limited, UpstreamFailed
from toolgate.pipeline.pool import KeyedPool

IDLE = 60.0


class Thing:
    """Something that can be open."""

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.closed = 0
        self.users = 0

    async def close(self) -> None:
        assert self.users == 0, "closed while in use"
        self.closed += 1


class Maker:
    """Opens things as slowly as it is told, and remembers them all."""

    def __init__(self) -> None:
        self.made: list[Thing] = []
        self.begun = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: Exception | None = None

    async def __call__(self, key: Hashable) -> Thing:
        self.begun += 1
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        thing = Thing(key)
        self.made.append(thing)
        return thing

    def pool(self, bound: int = 10) -> KeyedPool[Hashable, Thing]:
        return KeyedPool(self, bound=bound, idle=IDLE, what="sessions of server 'x'")


@asynccontextmanager
async def leased(pool: KeyedPool[Hashable, Thing], key: Hashable) -> AsyncIterator[Thing]:
    with pool.lease(key) as lease:
        yield lease.thing or await lease.opened()


def test_one_opening_for_all_who_wait():
    async def main() -> None:
        maker = Maker()
        pool = maker.pool()
        maker.gate.clear()

        async def use() -> Thing:
            async with leased(pool, "k") as thing:
                return thing

        users = [asyncio.create_task(use()) for _ in range(10)]
        await settle()
        maker.gate.set()
        assert set(await asyncio.gather(*users)) == set(maker.made)
        assert maker.begun == 1
        async with leased(pool, "k") as again:
            assert again is maker.made[0]
        await pool.close()

    run(main())


def test_a_failure_reaches_all_who_wait_and_is_forgotten():
    async def main() -> None:
        maker = Maker()
        pool = maker.pool()
        maker.gate.clear()
        maker.failure = UpstreamFailed("down")

        async def use() -> str:
            try:
                async with leased(pool, "k"):
                    return "opened"
            except UpstreamFailed as fault:
                return fault.message

        users = [asyncio.create_task(use()) for _ in range(3)]
        await settle()
        maker.gate.set()
        assert await asyncio.gather(*users) == ["down"] * 3
        assert maker.begun == 1
        maker.failure = None
        assert await use() == "opened"
        assert maker.begun == 2
        await pool.close()

    run(main())


def test_who_gives_up_does_not_take_it_from_the_others():
    async def main() -> None:
        maker = Maker()
        pool = maker.pool()
        maker.gate.clear()

        async def use() -> Thing:
            async with leased(pool, "k") as thing:
                return thing

        impatient, patient = asyncio.create_task(use()), asyncio.create_task(use())
        await settle()
        impatient.cancel()
        await settle()
        assert impatient.cancelled()
        maker.gate.set()
        assert await patient is maker.made[0]
        await pool.close()

    run(main())


def test_what_nobody_waits_for_any_more_is_closed_when_idle():
    """Also an opening that never ends."""

    async def main() -> None:
        maker = Maker()
        pool = maker.pool(bound=1)
        maker.gate.clear()

        async def use() -> None:
            async with leased(pool, "k"):
                pass

        user = asyncio.create_task(use())
        await settle()
        user.cancel()
        await asyncio.sleep(2 * IDLE)
        assert len(asyncio.all_tasks()) == 1, "the opening itself was given up"
        maker.gate.set()
        await use()
        await pool.close()

    run(main())


def test_the_longest_idle_one_makes_room_and_none_that_is_used():
    async def main() -> None:
        maker = Maker()
        pool = maker.pool(bound=2)
        async with leased(pool, "a"):
            pass
        async with leased(pool, "b"):
            pass
        async with leased(pool, "a"):
            pass
        async with leased(pool, "c"):
            await settle()
            assert {thing.key: thing.closed for thing in maker.made} == {"a": 0, "b": 1, "c": 0}
            async with leased(pool, "a"):
                with pytest.raises(Limited, match=r"all 2 sessions of server 'x' are in use"):
                    async with leased(pool, "d"):
                        pass
        async with leased(pool, "d"):
            pass
        await pool.close()
        assert all(thing.closed == 1 for thing in maker.made)

    run(main())


def test_idle_ones_are_closed_and_used_ones_are_kept():
    async def main() -> None:
        maker = Maker()
        pool = maker.pool()
        async with leased(pool, "idle"):
            pass
        async with leased(pool, "used"):
            await asyncio.sleep(1.5 * IDLE)
            assert {thing.key: thing.closed for thing in maker.made} == {"idle": 1, "used": 0}
            assert [thing.key for thing in pool.opened()] == ["used"]
        await asyncio.sleep(0.5 * IDLE)
        assert maker.made[1].closed == 0, "it was used a moment ago"
        await asyncio.sleep(IDLE)
        assert maker.made[1].closed == 1
        await pool.close()

    run(main())


def test_a_broken_one_is_forgotten_once():
    async def main() -> None:
        maker = Maker()
        pool = maker.pool()
        async with leased(pool, "k") as first:
            pass
        pool.forget("k", first)
        async with leased(pool, "k") as second:
            assert second is not first
        pool.forget("k", first)
        async with leased(pool, "k") as third:
            assert third is second, "the other was not broken"
        await pool.close()
        assert [thing.closed for thing in maker.made] == [1, 1]

    run(main())


def test_nothing_is_opened_once_it_is_closed():
    async def main() -> None:
        maker = Maker()
        pool = maker.pool()
        async with leased(pool, "k"):
            pass
        await pool.close()
        with pytest.raises(UpstreamFailed, match="being closed"):
            async with leased(pool, "k"):
                pass
        assert maker.begun == 1

    run(main())


def test_who_waits_while_it_is_closed_is_told_so():
    """Nobody has taken that call back: it must not look like a cancellation."""

    async def main() -> None:
        maker = Maker()
        pool = maker.pool()
        maker.gate.clear()

        async def use() -> None:
            async with leased(pool, "k"):
                pass

        user = asyncio.create_task(use())
        await settle()
        await pool.close()
        with pytest.raises(UpstreamFailed, match="being closed"):
            await user
        assert len(asyncio.all_tasks()) == 1

    run(main())


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["use", "use", "use", "leave", "cancel", "break", "wait", "block", "unblock", "fail", "work"]),
        st.integers(0, 3),
    ),
    max_size=30,
)


@pytest.mark.promise("pools.safe")
@given(STEPS, st.integers(1, 3))
@settings(max_examples=150)
def test_whatever_happens(steps: list[tuple[str, int]], bound: int):
    """Many users in any order: never more open than the bound, never two for one key at a time, none closed in use or
    twice, and in the end none open."""

    async def main() -> None:
        maker = Maker()
        pool = maker.pool(bound)
        users: list[tuple[asyncio.Task[None], asyncio.Event]] = []
        broken: set[Thing] = set()

        async def use(key: int, leave: asyncio.Event) -> None:
            async with leased(pool, key) as thing:
                assert not thing.closed or thing in broken
                thing.users += thing not in broken
                try:
                    await leave.wait()
                finally:
                    thing.users = max(0, thing.users - 1)

        for step, number in steps:
            if step == "use":
                leave = asyncio.Event()
                users.append((asyncio.create_task(use(number, leave)), leave))
            elif step in ("leave", "cancel") and users:
                task, leave = users[number % len(users)]
                leave.set() if step == "leave" else task.cancel()
            elif step == "break" and pool.opened():
                thing = pool.opened()[number % len(pool.opened())]
                broken.add(thing)
                thing.users = 0
                pool.forget(thing.key, thing)
            elif step == "wait":
                await asyncio.sleep(IDLE * number)
            elif step in ("block", "unblock"):
                maker.gate.clear() if step == "block" else maker.gate.set()
            elif step in ("fail", "work"):
                maker.failure = UpstreamFailed("down") if step == "fail" else None
            await settle()
            opened = pool.opened()
            assert len(opened) <= bound
            assert len({thing.key for thing in opened}) == len(opened)
        maker.gate.set()
        for _, leave in users:
            leave.set()
        outcomes = await asyncio.gather(*(task for task, _ in users), return_exceptions=True)
        allowed = (UpstreamFailed, Limited, asyncio.CancelledError, type(None))
        assert [outcome for outcome in outcomes if not isinstance(outcome, allowed)] == []
        await pool.close()
        assert [thing for thing in maker.made if thing.closed != 1] == []
        assert len(asyncio.all_tasks()) == 1

    run(main())
