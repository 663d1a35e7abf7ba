"""What a process holds of the records is what stands in the database, whoever changed it, and however."""

from __future__ import annotations

import random

import msgspec
import pytest
from sqlalchemy import text

from tests.databases.fixtures import Place
from toolgate.model.entities import Entity, Team, User
from toolgate.stores.records import Records
from toolgate.stores.records.held import MOST_CHANGES

ENTITIES: tuple[type[Team] | type[User], ...] = (Team, User)
STEPS = 60


async def fresh(place: Place) -> tuple[int, tuple[Entity, ...]]:
    """What somebody reads who has read nothing before."""
    async with place.open() as store:
        return await store.load()


async def change(store: Records, chance: random.Random) -> None:
    """A few changes in one transaction: made, changed, removed, or removed and made again."""
    async with store.transaction("user:jane") as transaction:
        for _ in range(chance.randrange(1, 4)):
            entity, name = chance.choice(ENTITIES), f"n{chance.randrange(6)}"
            known = await transaction.get(entity, name)
            if known is None:
                await transaction.put(entity(name=name), expected=0)
            elif chance.random() < 0.5:
                again = msgspec.structs.replace(known, cost_center="c") if isinstance(known, Team) else known
                await transaction.put(again, expected=known.stamp.version)
            else:
                await transaction.remove(entity, name, expected=known.stamp.version)
                if chance.random() < 0.5:
                    await transaction.put(entity(name=name), expected=0)
            everything = [record for one in ENTITIES for record in await transaction.find(one)]
            wanted = [await transaction.get(type(record), record.name) for record in everything]
            assert everything == wanted


@pytest.mark.promise("records.told")
async def test_what_is_held_follows_every_change_of_every_process(place: Place):
    chance = random.Random(7)
    async with place.open() as one, place.open() as other:
        for step in range(STEPS):
            await change(chance.choice((one, other)), chance)
            assert await one.load() == await other.load()
            if step % 10 == 0:
                assert await one.load() == await fresh(place)
        assert await one.load() == await fresh(place)


async def test_what_did_not_change_is_the_same_object(place: Place):
    async with place.open() as store, place.open() as other:
        async with store.transaction("user:jane") as transaction:
            for name in ("a", "b"):
                await transaction.put(Team(name=name), expected=0)
        _, before = await store.load()
        async with other.transaction("user:jane") as transaction:
            await transaction.put(msgspec.structs.replace(before[1], cost_center="c"), expected=1)
        _, after = await store.load()
        assert after[0] is before[0]
        assert after[1] != before[1]


@pytest.mark.parametrize(
    "statements",
    [
        ("DELETE FROM record", "DELETE FROM change", "UPDATE meta SET seq = 0"),
        ("DELETE FROM record WHERE name = 'c'", "DELETE FROM change WHERE seq > 2", "UPDATE meta SET seq = 2"),
        ("DELETE FROM change",),
    ],
    ids=["to nothing", "to an earlier moment", "the feed is cut"],
)
async def test_a_database_that_was_put_back_is_read_as_a_whole(own_place: Place, statements: tuple[str, ...]):
    """Then as many other changes are made, so that the number of the last one is the same as before."""
    async with own_place.open() as store, own_place.open() as other:
        async with store.transaction("user:jane") as transaction:
            for name in ("a", "b", "c"):
                await transaction.put(Team(name=name), expected=0)
        await store.load()
        async with other.database.writing() as connection:
            for statement in statements:
                await connection.execute(text(statement))
        seq, _ = await fresh(own_place)
        for number in range(max(1, 3 - seq)):
            async with other.transaction("user:jane") as transaction:
                await transaction.put(Team(name=f"new{number}"), expected=0)
        assert await store.load() == await fresh(own_place)


async def test_many_changes_at_once_are_seen_all_the_same(place: Place):
    async with place.open() as store, place.open() as other:
        await store.load()
        async with other.transaction("user:jane") as transaction:
            for number in range(MOST_CHANGES + 1):
                await transaction.put(Team(name=f"t{number}"), expected=0)
        assert await store.load() == await fresh(place)


async def test_what_a_transaction_took_back_is_not_held(place: Place):
    async with place.open() as store:
        await store.load()
        with pytest.raises(ValueError, match="not this one"):  # noqa: PT012
            async with store.transaction("user:jane") as transaction:
                await transaction.put(Team(name="a"), expected=0)
                assert [team.name for team in await transaction.find(Team)] == ["a"]
                raise ValueError("not this one")
        assert await store.load() == (0, ())
        async with store.transaction("user:jane") as transaction:
            assert await transaction.find(Team) == ()
