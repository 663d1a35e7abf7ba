"""The contract of `ports.Store` over a SQLite file and a real PostgreSQL: records, versions, transactions, audit."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from tests.databases.fixtures import Place
from tests.databases.samples import SAMPLES, SEALED
from toolgate.model.entities import ENTITIES, Entity, Role, Secret, Server, Stamp, Team
from toolgate.model.errors import ConfigError, Conflict, StoreFailed
from toolgate.stores.records import Records
from toolgate.stores.records.transaction import REMEMBERED_S, Remembered


class HeldClock:
    """Stands still until it is moved."""

    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


async def put(store: Records, entity: Entity, expected: int = 0, actor: str = "user:jane") -> Any:
    async with store.transaction(actor) as transaction:
        return await transaction.put(entity, expected=expected)


def plain(entity: Entity) -> Entity:
    return msgspec.structs.replace(entity, stamp=Stamp())


def test_the_samples_leave_no_field_untried():
    assert {type(sample) for sample in SAMPLES} == set(ENTITIES.values())
    for sample in SAMPLES:
        for field in msgspec.structs.fields(sample):
            default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
            assert getattr(sample, field.name) != default, f"{sample.KIND}.{field.name}"


@pytest.mark.promise("records.kept")
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.KIND)
async def test_every_kind_comes_back_as_it_was_written(store: Records, place: Place, sample: Entity):
    written = await put(store, sample)
    assert plain(written) == plain(sample)
    stamp = written.stamp
    assert stamp.id.startswith(f"{sample.PREFIX}_")
    assert (stamp.version, stamp.created_by, stamp.updated_by) == (1, "user:jane", "user:jane")
    assert stamp.created_at == stamp.updated_at > 1.7e9
    assert (stamp.managed_by, stamp.owned) == ("file:toolgate.yaml", {"name": "0a1b"})
    async with store.transaction("user:jane") as transaction:
        assert await transaction.get(type(sample), sample.name) == written
        assert await transaction.find(type(sample)) == (written,)
        for other in ENTITIES.values():
            if other is not type(sample):
                assert await transaction.get(other, sample.name) is None
                assert await transaction.find(other) == ()
    async with place.open() as again:
        assert await again.load() == (1, (written,))


@pytest.mark.promise("records.kept")
async def test_an_update_keeps_id_and_birth_and_says_who_changed_it(place: Place):
    clock = HeldClock(1_790_000_000.123456)
    async with place.open(clock=clock) as store:
        first = await put(store, Team(name="a", stamp=Stamp(managed_by="apply:x")))
        clock.at += 60.5
        second = await put(store, msgspec.structs.replace(first, description="new"), 1, "service:ci")
        assert (await store.load())[1] == (second,)
    assert second.description == "new"
    assert second.stamp == Stamp(
        id=first.stamp.id,
        version=2,
        created_at=1_790_000_000.123456,
        updated_at=1_790_000_060.623456,
        created_by="user:jane",
        updated_by="service:ci",
        managed_by="apply:x",
    )


@pytest.mark.promise("records.versions")
async def test_whoever_saw_another_version_gets_the_record_as_it_is(store: Records):
    first = await put(store, Team(name="a"))
    second = await put(store, msgspec.structs.replace(first, description="theirs"), 1)
    for expected, said in [(1, "version 2, not 1"), (3, "version 2, not 3"), (0, "there is a team 'a' already")]:
        with pytest.raises(Conflict, match=said) as caught:
            await put(store, msgspec.structs.replace(first, description="ours"), expected)
        assert caught.value.current == second
    with pytest.raises(Conflict, match="no team 'b'") as caught:
        await put(store, Team(name="b"), 1)
    assert caught.value.current is None
    assert await store.load() == (2, (second,))


@pytest.mark.promise("records.versions")
async def test_a_record_that_was_removed_and_made_again_is_another(store: Records):
    seen = await put(store, Team(name="a"))
    async with store.transaction("user:joe") as transaction:
        await transaction.remove(Team, "a", expected=1)
        again = await transaction.put(Team(name="a", description="joe's"), expected=0)
    assert (again.stamp.version, again.stamp.id != seen.stamp.id) == (1, True)
    with pytest.raises(Conflict, match="removed and made again") as caught:
        await put(store, msgspec.structs.replace(seen, description="mine"), 1)
    assert caught.value.current == again


@pytest.mark.promise("records.versions")
async def test_only_what_was_seen_is_removed(store: Records):
    team = await put(store, Team(name="a"))
    async with store.transaction("user:jane") as transaction:
        with pytest.raises(Conflict, match="version 1, not 2") as caught:
            await transaction.remove(Team, "a", expected=2)
        assert caught.value.current == team
        with pytest.raises(Conflict, match="no team 'b'"):
            await transaction.remove(Team, "b", expected=1)
        await transaction.remove(Team, "a", expected=1)
        assert await transaction.get(Team, "a") is None
        with pytest.raises(Conflict, match="no team 'a'"):
            await transaction.remove(Team, "a", expected=1)
    assert await store.load() == (2, ())


async def test_names_are_unique_within_a_kind_only_and_sorted_by_code_point(store: Records):
    names = ["b", "a-b", "Z", "é", "ab", "a_b", "z", "日", "\U0001f600", "a"]
    for name in names:
        await put(store, Team(name=name))
    await put(store, Role(name="a", permissions=()))
    async with store.transaction("user:jane") as transaction:
        assert [team.name for team in await transaction.find(Team)] == sorted(names)


@pytest.mark.promise("records.whole")
async def test_a_transaction_happens_as_a_whole_or_not_at_all(store: Records):
    kept = await put(store, Team(name="kept"))
    with pytest.raises(OSError, match="of the use case"):  # noqa: PT012  # what the block raises comes out as it is
        async with store.transaction("user:jane") as transaction:
            await transaction.put(Team(name="a"), expected=0)
            await transaction.remove(Team, "kept", expected=1)
            assert [team.name for team in await transaction.find(Team)] == ["a"]  # it sees its own writes
            raise OSError("of the use case")
    assert await store.load() == (1, (kept,))
    assert len(await store.changes(0, limit=10)) == 1
    async with store.transaction("user:jane") as transaction:
        with pytest.raises(Conflict):
            await transaction.put(Team(name="kept"), expected=0)
        await transaction.put(Team(name="b"), expected=0)  # a conflict is an answer: the rest may go on
    assert [record.name for record in (await store.load())[1]] == ["b", "kept"]


@pytest.mark.promise("gitops.no-holding-up")
async def test_a_rehearsal_judges_as_a_transaction_does_and_keeps_nothing(store: Records):
    kept = await put(store, Team(name="kept"))
    seq, rehearsal = await store.rehearsal()
    async with store.transaction("user:jane") as transaction:  # which it need not wait for
        for one in (transaction, rehearsal):
            assert await one.get(Team, "kept") == kept
            changed = await one.put(msgspec.structs.replace(kept, description="new"), expected=1)
            assert (changed.stamp.version, changed.stamp.id) == (2, kept.stamp.id)
            assert await one.get(Team, "kept") == changed
            await one.put(Team(name="a", stamp=Stamp(managed_by="apply:x", owned={"name": "0a"})), expected=0)
            made, _ = await one.find(Team)
            assert (made.name, made.stamp.version) == ("a", 1)
            assert (made.stamp.managed_by, made.stamp.owned) == ("apply:x", {"name": "0a"})
            for wrong, expected in ((Team(name="a"), 0), (Team(name="a"), 2), (Team(name="no"), 1)):
                with pytest.raises(Conflict):
                    await one.put(wrong, expected=expected)
            for name, expected in (("no", 1), ("a", 2)):
                with pytest.raises(Conflict):
                    await one.remove(Team, name, expected=expected)
            await one.remove(Team, "kept", expected=2)
            assert [team.name for team in await one.find(Team)] == ["a"]
            for unstorable in (Team(name="a\0"), Server(name="s", kind="echo", settings={"x": object()})):
                with pytest.raises(ConfigError):
                    await one.put(unstorable, expected=0)
        await transaction.remove(Team, "a", expected=1)
    _, again = await store.rehearsal()
    assert (seq, await again.find(Team), await rehearsal.get(Team, "a")) == (1, (), made)


@pytest.mark.promise("records.whole")
async def test_who_is_cancelled_leaves_nothing_and_holds_nobody_up(store: Records):
    inside = asyncio.Event()

    async def stuck() -> None:
        async with store.transaction("user:jane") as transaction:
            await transaction.put(Team(name="a"), expected=0)
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(stuck())
    await inside.wait()
    waiting = asyncio.create_task(put(store, Team(name="b")))
    task.cancel()
    async with asyncio.timeout(5):
        await waiting
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [record.name for record in (await store.load())[1]] == ["b"]


async def test_a_transaction_that_ended_takes_nothing_more(store: Records):
    async with store.transaction("user:jane") as transaction:
        pass
    with pytest.raises(StoreFailed, match="has ended"):
        await transaction.put(Team(name="a"), expected=0)
    with pytest.raises(StoreFailed, match="has ended"):
        await transaction.find(Team)
    assert await store.load() == (0, ())


async def test_steps_of_one_transaction_take_turns(store: Records):
    async with store.transaction("user:jane") as transaction:
        await asyncio.gather(*(transaction.put(Team(name=f"t{n}"), expected=0) for n in range(20)))
        twice = (transaction.put(Team(name="twice"), expected=0) for _ in range(2))
        done = await asyncio.gather(*twice, return_exceptions=True)
    assert {type(result) for result in done} == {Team, Conflict}
    seq, records = await store.load()
    assert (seq, len(records)) == (21, 21)


@pytest.mark.promise("records.audit")
async def test_the_audit_says_who_did_what_when_and_what_it_was_before(place: Place):
    clock = HeldClock(1_790_000_000.5)
    async with place.open(clock=clock) as store:
        async with store.transaction("user:jane", request="req-1") as transaction:
            team = await transaction.put(Team(name="a"), expected=0)
            await transaction.put(Team(name="b"), expected=0)
        clock.at += 1
        async with store.transaction("service:ci", request="req-2") as transaction:
            await transaction.put(msgspec.structs.replace(team, description="new"), expected=1)
            await transaction.remove(Team, "b", expected=1)
        changes = await store.changes(0, limit=10)
        assert await store.changes(1, limit=2) == changes[1:3]
        assert await store.changes(4, limit=2) == ()
    told = [(change.seq, change.at, change.actor, change.action, change.name, change.request) for change in changes]
    assert told == [
        (1, 1_790_000_000.5, "user:jane", "create", "a", "req-1"),
        (2, 1_790_000_000.5, "user:jane", "create", "b", "req-1"),
        (3, 1_790_000_001.5, "service:ci", "update", "a", "req-2"),
        (4, 1_790_000_001.5, "service:ci", "remove", "b", "req-2"),
    ]
    assert {(change.kind, change.id) for change in changes if change.name == "a"} == {("team", team.stamp.id)}

    def seen(raw: msgspec.Raw | None) -> Any:
        return raw and msgspec.json.decode(raw)["description"]

    assert [(seen(change.before), seen(change.after)) for change in changes] == [
        (None, ""), (None, ""), ("", "new"), ("", None),
    ]  # fmt: skip


@pytest.mark.promise("records.audit")
async def test_no_secret_is_in_the_audit(store: Records):
    secret = await put(store, next(sample for sample in SAMPLES if isinstance(sample, Secret)))
    await put(store, msgspec.structs.replace(secret, sealed=SEALED + "2", key_id="k2"), 1)
    async with store.transaction("user:jane") as transaction:
        await transaction.remove(Secret, secret.name, expected=2)
    changes = await store.changes(0, limit=10)
    assert [change.action for change in changes] == ["create", "update", "remove"]
    everything = b"".join(bytes(raw) for change in changes for raw in (change.before, change.after) if raw is not None)
    assert b"k2" in everything
    assert SEALED.encode() not in everything


@pytest.mark.promise("records.audit")
async def test_a_write_that_was_refused_is_not_in_the_audit(store: Records):
    await put(store, Team(name="a"))
    with pytest.raises(Conflict):
        await put(store, Team(name="a"))
    assert [change.seq for change in await store.changes(0, limit=10)] == [1]
    await put(store, Team(name="b"))
    assert [change.seq for change in await store.changes(0, limit=10)] == [1, 2]


@pytest.mark.parametrize(
    ("entity", "said"),
    [
        (Server(name="s", kind="echo", settings={"x": float("nan")}), "JSON cannot"),
        (Server(name="s", kind="echo", settings={"x": object()}), "cannot be stored"),
        (Server(name="s", kind="echo", timeout="soon"), "cannot be stored"),  # type: ignore[arg-type]
        (Team(name="s", members=(1,)), "cannot be stored"),  # type: ignore[arg-type]
        (Team(name="s\0"), "NUL"),
    ],
)
async def test_what_would_not_come_back_as_it_is_is_refused(store: Records, entity: Entity, said: str):
    async with store.transaction("user:jane") as transaction:
        with pytest.raises(ConfigError, match=said):
            await transaction.put(entity, expected=0)
        await transaction.put(Team(name="fine"), expected=0)
    assert [record.name for record in (await store.load())[1]] == ["fine"]


async def test_nobody_is_made_up_of_nul(store: Records):
    with pytest.raises(ConfigError, match="NUL"):
        await put(store, Team(name="a"), actor="user:\0")


async def test_an_answer_is_remembered_with_its_change_for_a_day(place: Place):
    clock = HeldClock(1_790_000_000.0)
    answer = Remembered(digest="d", answer='{"name":"a"}')
    async with place.open(clock=clock) as store:
        with pytest.raises(ValueError, match="no"):  # noqa: PT012
            async with store.transaction("user:jane") as transaction:
                await transaction.remember("k", answer)
                raise ValueError("no")
        async with store.transaction("user:jane") as transaction:
            assert await transaction.recall("k") is None
            await transaction.put(Team(name="a"), expected=0)
            await transaction.remember("k", answer)
        async with store.transaction("user:jane") as transaction:
            assert await transaction.recall("k") == answer
            assert await transaction.recall("other") is None
        async with store.transaction("user:joe") as transaction:
            assert await transaction.recall("k") is None
        clock.at += REMEMBERED_S
        async with store.transaction("user:jane") as transaction:
            assert await transaction.recall("k") is None
            await transaction.remember("k", answer)  # the old one is gone: its place is free
            assert await transaction.recall("k") == answer
