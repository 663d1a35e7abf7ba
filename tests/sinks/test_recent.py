"""Recent records: who sees which, and who follows."""

import asyncio

import pytest

from tests.records import record
from toolgate.model.errors import Limited, Outcome
from toolgate.model.identity import Principal
from toolgate.model.records import CallRecord
from toolgate.sinks.recent import Config, Following, Recent, Seen, Wanted

ALICE = Principal("key:alice", "alice")
BOB = Principal("key:bob", "bob")
WATCHER = Principal("key:watcher", "watcher", observer=True)


def ids(records: tuple[CallRecord, ...]) -> list[str]:
    return [entry.id for entry in records]


def filled(config: Config | None = None) -> Recent:
    recent = Recent(config or Config())
    recent.write([record(id="a1"), record(id="b1", principal="key:bob"), record(id="x1", principal="")])
    recent.write([record(id="a2", outcome=Outcome.DENIED, server="mail"), record(id="a3", method="tools/list")])
    return recent


async def step(following: Following) -> Seen:
    return await asyncio.wait_for(anext(following), 5)


def test_a_principal_sees_its_own_and_an_observer_all():
    recent = filled()
    assert ids(recent.snapshot(ALICE)) == ["a1", "a2", "a3"]
    assert ids(recent.snapshot(BOB)) == ["b1"]
    assert ids(recent.snapshot(Principal("", ""))) == []
    assert ids(recent.snapshot(WATCHER)) == ["a1", "b1", "x1", "a2", "a3"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(server="mail"), ["a2"]),
        (Wanted(target="read", method="tools/list"), ["a3"]),
        (Wanted(principal="key:bob"), ["b1"]),
        (Wanted(outcomes=frozenset({Outcome.DENIED, Outcome.TIMEOUT})), ["a2"]),
        (Wanted(server="none"), []),
    ],
)
def test_only_what_is_wanted(wanted: Wanted, expected: list[str]):
    assert ids(filled().snapshot(WATCHER, wanted)) == expected


def test_the_latest_are_kept_and_given_oldest_first():
    recent = filled(Config(capacity=3))
    assert ids(recent.snapshot(WATCHER)) == ["x1", "a2", "a3"]
    assert ids(recent.snapshot(WATCHER, limit=2)) == ["a2", "a3"]
    assert recent.snapshot(WATCHER, limit=0) == ()


def test_what_is_kept_is_small():
    recent = Recent(Config())
    recent.write([record(client=b"x" * 1_000_000, method="m" * 1_000_000, version="v" * 1_000_000)])
    (kept,) = recent.snapshot(WATCHER)
    assert len(kept.client) + len(kept.method) + len(kept.version) <= 1_024


async def test_following_begins_with_the_backlog_and_misses_nothing_after_it():
    recent = filled()
    with recent.follow(lambda: ALICE, backlog=2) as following:
        recent.write([record(id="b2", principal="key:bob"), record(id="a4")])
        assert await step(following) == Seen(recent.snapshot(ALICE)[-3:], 0)
        recent.write([record(id="b3", principal="key:bob")])
        waiting = asyncio.ensure_future(step(following))
        recent.write([record(id="a5")])
        assert ids((await waiting).records) == ["a5"]


async def test_a_slow_follower_loses_the_oldest_and_is_told_how_many():
    recent = Recent(Config(waiting=3))
    with recent.follow(lambda: WATCHER) as slow, recent.follow(lambda: WATCHER) as quick:
        for number in range(5):
            recent.write([record(id=str(number))])
            assert ids((await step(quick)).records) == [str(number)]
        seen = await step(slow)
        assert (ids(seen.records), seen.missed) == (["2", "3", "4"], 2)
        recent.write([record(id="5")])
        assert (await step(slow)).missed == 0


async def test_rights_are_judged_as_they_are_now():
    recent = Recent(Config())
    now: list[Principal | None] = [Principal("key:alice", "alice", observer=True)]
    with recent.follow(lambda: now[0]) as following:
        recent.write([record(id="b1", principal="key:bob"), record(id="a1")])
        now[0] = ALICE
        recent.write([record(id="b2", principal="key:bob")])
        assert ids((await step(following)).records) == ["a1"], "what it may no longer see is not given out late"
        now[0] = None
        recent.judge()
        with pytest.raises(StopAsyncIteration):
            await step(following)


async def test_who_is_nobody_sees_nothing():
    recent = filled()
    with recent.follow(lambda: None, backlog=10) as following, pytest.raises(StopAsyncIteration):
        await step(following)


def test_only_so_many_may_follow():
    recent = Recent(Config(followers=2))
    with recent.follow(lambda: ALICE), recent.follow(lambda: ALICE):
        third = recent.follow(lambda: ALICE)
        with pytest.raises(Limited):
            third.__enter__()
    with recent.follow(lambda: ALICE):
        pass
