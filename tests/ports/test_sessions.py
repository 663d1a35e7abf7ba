"""The contract of `ports.Sessions`, held by every implementation."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from toolgate.model.errors import Limited
from toolgate.ports import Sessions, Toolbox
from toolgate.stores import sessions
from toolgate.stores.sessions import Config

NOW = 1_790_000_000.0


class FrozenClock:
    """Time that moves when a test says so."""

    def __init__(self) -> None:
        self.seconds = NOW

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds


class House:
    """An installation: `start` opens the store over the same data as before, as a restart would."""

    def __init__(self, start: Callable[["House"], Awaitable[Sessions]]) -> None:
        self.clock = FrozenClock()
        self.config = Config()
        self._start = start

    async def start(self) -> Sessions:
        return await self._start(self)


@pytest.fixture(params=["local"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    async with AsyncExitStack() as running:

        async def start(house: House) -> Sessions:
            await running.aclose()
            toolbox = Toolbox(cast(Any, None), cast(Any, None), house.clock, tmp_path)
            return await running.enter_async_context(sessions.open(house.config, toolbox))

        yield House(start)


async def test_a_session_is_fresh_and_then_remembered(house: House):
    store = await house.start()
    state = store.state("a")
    assert state is not None
    assert (state.log_level, state.subscriptions) == (None, set())
    state.log_level = "debug"
    state.subscriptions.add("file:///a")
    again = store.state("a")
    assert again is not None
    assert (again.log_level, again.subscriptions) == ("debug", {"file:///a"})
    other = store.state("b")
    assert other is not None
    assert (other.log_level, other.subscriptions) == (None, set())


async def test_an_ended_session_stays_ended_and_others_do_not_notice(house: House):
    store = await house.start()
    store.state("a")
    event = store.keep("a", "s", b"1")
    store.end("a", NOW + 3600)
    assert store.state("a") is None
    assert store.replay("a", event) is None
    store.keep("a", "s", b"2")
    assert store.state("a") is None
    assert store.state("b") is not None


async def test_an_ended_session_stays_ended_after_restarts(house: House):
    store = await house.start()
    store.end("never-seen", NOW + 3600)
    for _ in range(3):
        store = await house.start()
        assert store.state("never-seen") is None
        assert store.state("other") is not None


async def test_what_was_ended_is_forgotten_when_its_time_is_over(house: House):
    store = await house.start()
    store.end("short", NOW + 10)
    store.end("long", NOW + 1000)
    house.clock.seconds = NOW + 100
    store = await house.start()
    assert store.state("short") is not None, "its id has expired by itself, so nothing needs to be remembered"
    assert store.state("long") is None


async def test_event_ids_are_unique_and_name_the_stream(house: House):
    store = await house.start()
    ids = [store.keep("a", stream, b"x") for stream in ("get", "1", "get", "with-dash", "1")]
    assert len(set(ids)) == 5
    assert [event_id.rpartition("-")[0] for event_id in ids] == ["get", "1", "get", "with-dash", "1"]
    assert all(0x21 <= ord(char) <= 0x7E for event_id in ids for char in event_id)


async def test_replay_gives_the_later_events_of_that_stream_only(house: House):
    store = await house.start()
    first = store.keep("a", "one", b"1")
    store.keep("a", "two", b"other stream")
    store.keep("b", "one", b"other session")
    second = store.keep("a", "one", b"2")
    third = store.keep("a", "one", b"3")
    assert store.replay("a", first) == ("one", [(second, b"2"), (third, b"3")])
    assert store.replay("a", third) == ("one", [])


@pytest.mark.parametrize(
    "event_id", ["", "-", "one", "one-", "one-0", "one-99999999999999999999", "one-x", "one-²", "q-1"]
)
async def test_an_id_that_was_never_given_is_not_known(house: House, event_id: str):
    store = await house.start()
    store.keep("a", "one", b"1")
    assert store.replay("a", event_id) is None
    assert store.replay("stranger", event_id) is None


async def test_ids_from_before_a_restart_are_never_taken_for_newer_ones(house: House):
    store = await house.start()
    old = [store.keep("a", "one", b"old") for _ in range(5)]
    house.clock.seconds += 1
    store = await house.start()
    new = [store.keep("a", "one", b"new") for _ in range(10)]
    assert not set(old) & set(new)
    assert all(store.replay("a", event_id) is None for event_id in old)


async def test_a_session_may_subscribe_to_so_much(house: House):
    house.config = Config(subscriptions=3, subscribed_text=100)
    store = await house.start()
    state, other = store.state("a"), store.state("b")
    assert state is not None
    assert other is not None
    state.subscriptions.update(["1", "2", "3", "3"])
    with pytest.raises(Limited):
        state.subscriptions.add("4")
    state.subscriptions.discard("1")
    state.subscriptions.add("4")
    with pytest.raises(Limited):
        other.subscriptions.add("x" * 98)
    other.subscriptions.add("x" * 97)
    other.subscriptions.clear()
    del other
    store.end("b", NOW + 10)
    third = store.state("c")
    assert third is not None
    third.subscriptions.add("x" * 97)


async def test_memory_is_bounded_and_what_somebody_holds_is_not_torn_from_it(house: House):
    house.config = Config(sessions=10)
    store = await house.start()
    held = store.state("held")
    assert held is not None
    held.subscriptions.add("file:///a")
    forgotten = store.state("forgotten")
    assert forgotten is not None
    forgotten.log_level = "debug"
    del forgotten
    for number in range(100):
        store.state(f"other{number}")
    assert store.state("held") is held
    again = store.state("forgotten")
    assert again is not None
    assert again.log_level is None


async def test_the_end_of_many_is_written_while_others_go_on(house: House):
    house.config = Config(ended=50)
    store = await house.start()
    for number in range(400):
        store.end(f"s{number}", NOW + 3600)
        await asyncio.sleep(0)
    store = await house.start()
    assert [store.state(f"s{number}") is None for number in (0, 349, 350, 399)] == [False, False, True, True]
