"""`db copy`: everything from one database to another, whichever they are, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from tests.databases.fixtures import Place, toolbox
from tests.databases.samples import SAMPLES
from toolgate.model.entities import Entity, Team
from toolgate.model.errors import StoreFailed
from toolgate.stores import records
from toolgate.stores.records import Records
from toolgate.stores.records.copying import Copied, copy
from toolgate.stores.records.database import Database
from toolgate.stores.records.migrations import CHAIN
from toolgate.stores.records.tables import METADATA
from toolgate.stores.records.transaction import Remembered

NOW = 1_790_000_000_000_000


@pytest.fixture
def other(request: pytest.FixtureRequest, place: Place, tmp_path: Path) -> Place:
    """An empty database of the other kind."""
    if place.kind == "sqlite":
        return request.getfixturevalue("empty_postgres")
    return Place("sqlite", tmp_path, f"sqlite:///{tmp_path / 'copy.db'}")


async def fill(store: Records) -> None:
    written: list[Entity] = []
    for sample in SAMPLES:
        async with store.transaction("user:jane", request="r") as transaction:
            written.append(await transaction.put(sample, expected=0))
    async with store.transaction("user:joe") as transaction:
        await transaction.remove(type(written[0]), written[0].name, expected=1)
        await transaction.put(written[1], expected=1)
        await transaction.remember("k", Remembered("d", "a"))
        for n in range(1200):  # more than is copied at once
            await transaction.put(Team(name=f"t{n}"), expected=0)


async def rows(database: Database) -> dict[str, list[tuple[object, ...]]]:
    async with database.reading() as connection:
        return {
            table.name: sorted(
                (tuple(row) for row in await connection.execute(select(table))),
                key=lambda row: (str(row[0]), str(row[1])),
            )
            for table in METADATA.tables.values()
        }


@pytest.mark.promise("records.copied")
async def test_a_copy_is_the_same_installation_in_the_other_database(place: Place, other: Place):
    box = toolbox(other.data)
    told: list[int] = []
    async with place.open() as store, records.connect(other.database, box.secrets, box.data) as target:
        await fill(store)
        copied = await copy(store.database, target, NOW, told.append)
        assert copied == Copied(records=len(SAMPLES) - 1 + 1200, changes=len(SAMPLES) + 2 + 1200)
        assert told == sorted(told)
        assert told[-1] == copied.records + copied.changes + 1
        assert await rows(target) == await rows(store.database)
        async with other.open() as moved:
            assert moved.installation == store.installation
            assert await moved.load() == await store.load()
            seq, _ = await moved.load()
            async with moved.transaction("user:jane") as transaction:
                await transaction.put(Team(name="new"), expected=0)
            assert [change.seq for change in await moved.changes(seq, limit=10)] == [seq + 1]


@pytest.mark.promise("records.copied")
async def test_a_database_that_holds_something_takes_no_copy(place: Place, other: Place):
    async with place.open() as store, other.open() as target:
        async with store.transaction("user:jane") as transaction:
            await transaction.put(Team(name="a"), expected=0)
        async with target.transaction("user:jane") as transaction:
            mine = await transaction.put(Team(name="mine"), expected=0)
        with pytest.raises(StoreFailed, match=r"there is something in it already \(table 'record'\)") as caught:
            await copy(store.database, target.database, NOW)
        assert str(caught.value).startswith(target.database.label)
        assert await target.load() == (1, (mine,))
        async with target.transaction("user:jane") as transaction:
            await transaction.remove(Team, "mine", expected=1)
        with pytest.raises(StoreFailed, match=r"\(table 'change'\)"):
            await copy(store.database, target.database, NOW)
        assert await target.load() == (2, ())


@pytest.mark.promise("records.copied")
async def test_a_copy_that_is_broken_off_leaves_nothing(place: Place, other: Place):
    box = toolbox(other.data)

    def break_off(_: int) -> None:
        raise KeyboardInterrupt

    async with place.open() as store, records.connect(other.database, box.secrets, box.data) as target:
        async with store.transaction("user:jane") as transaction:
            await transaction.put(Team(name="a"), expected=0)
        with pytest.raises(KeyboardInterrupt):
            await copy(store.database, target, NOW, break_off)
        assert (await records.status(target)).found == 0
        assert (await copy(store.database, target, NOW)).records == 1


async def test_a_source_of_an_older_schema_is_refused(empty_place: Place, tmp_path: Path):
    box = toolbox(empty_place.data)
    async with (
        records.connect(empty_place.database, box.secrets, box.data) as source,
        records.connect(f"sqlite:///{tmp_path / 'target.db'}", box.secrets, box.data) as target,
    ):
        with pytest.raises(StoreFailed, match=rf"at schema 0 of {len(CHAIN)}: run `toolgate db migrate` first"):
            await copy(source, target, NOW)
        assert (await records.status(target)).found == 0
