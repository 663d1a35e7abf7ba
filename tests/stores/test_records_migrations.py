"""Migrations on both databases: from nothing and from every revision, together, by half, backwards, among strangers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations

from tests.databases.fixtures import Place, toolbox
from toolgate.model.entities import Team
from toolgate.model.errors import StoreFailed
from toolgate.stores import records
from toolgate.stores.clock import SystemClock
from toolgate.stores.records import migrations
from toolgate.stores.records.database import Database
from toolgate.stores.records.migrations import CHAIN, Schema, Step
from toolgate.stores.records.tables import METADATA


def opened(place: Place) -> Any:
    box = toolbox(place.data)
    return records.connect(place.database, box.secrets, box.data)


async def upgrade(database: Database, chain: Sequence[Step]) -> None:
    async with database.writing() as connection:
        with database.told():
            await connection.run_sync(lambda plain: migrations.upgrade(plain, 1_790_000_000_000_000, chain))


async def differences(database: Database) -> list[Any]:
    """What alembic would change to make the database what the tables say; and whether they say it of every column."""

    def compare(connection: sa.Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        found = list(compare_metadata(context, METADATA))
        for table in METADATA.tables.values():
            key = sa.inspect(connection).get_pk_constraint(table.name)
            if (key["name"], key["constrained_columns"]) != (table.primary_key.name, table.primary_key.columns.keys()):
                found.append((table.name, key))
        return found

    async with database.reading() as connection:
        return await connection.run_sync(compare)


def later(op: Operations) -> None:
    """A migration as a later version may bring one."""
    op.add_column("record", sa.Column("later", sa.Text, nullable=False, server_default="x"))
    op.create_table("more", sa.Column("id", sa.Text, nullable=False))


def failing(op: Operations) -> None:
    op.create_table("half", sa.Column("id", sa.Text, nullable=False))
    op.execute("INSERT INTO half VALUES ('x')")
    op.execute("SELECT * FROM nowhere")


@pytest.mark.promise("records.migrated")
@pytest.mark.parametrize("start", range(len(CHAIN) + 1))
async def test_the_migrations_make_the_tables_from_every_revision(empty_place: Place, start: int):
    async with opened(empty_place) as database:
        assert await records.status(database) == Schema(0, len(CHAIN))
        if start:
            await upgrade(database, CHAIN[:start])
        made = await records.migrate(database, SystemClock())
        assert (made.found, made.due) == (len(CHAIN), False)
        assert await differences(database) == []
        assert await records.migrate(database, SystemClock()) == made  # nothing is due: nothing is done
    async with empty_place.open(migrate=False) as store:
        assert store.installation == made.installation != ""
        assert await store.load() == (0, ())


async def test_a_difference_would_be_noticed(empty_place: Place):
    async with opened(empty_place) as database:
        await upgrade(database, [*CHAIN, later])
        assert len(await differences(database)) == 2


async def test_names_are_ordered_by_code_point_whatever_the_servers_language_is(empty_postgres: Place):
    async with opened(empty_postgres) as database:
        await records.migrate(database, SystemClock())
        async with database.reading() as connection:
            query = "SELECT DISTINCT collation_name FROM information_schema.columns WHERE column_name = 'name'"
            found = (await connection.exec_driver_sql(f"{query} AND table_schema = 'public'")).scalars().all()
    assert found == ["C"]


@pytest.mark.promise("records.migrated")
async def test_a_migration_that_fails_leaves_the_old_schema(own_place: Place):
    async with own_place.open() as store:
        async with store.transaction("user:jane") as transaction:
            team = await transaction.put(Team(name="a"), expected=0)
        with pytest.raises(StoreFailed, match="nowhere"):
            await upgrade(store.database, [*CHAIN, later, failing])
        assert (await records.status(store.database)).found == len(CHAIN)
        assert await differences(store.database) == []
        await upgrade(store.database, [*CHAIN, later])
    async with opened(own_place) as database, database.reading() as connection:
        rows = (await connection.exec_driver_sql("SELECT name, later FROM record")).all()
    assert [tuple(row) for row in rows] == [(team.name, "x")]


@pytest.mark.promise("records.migrated")
async def test_processes_that_start_together_migrate_once(empty_place: Place):
    async def start() -> str:
        async with empty_place.open() as store:
            return store.installation

    async with asyncio.timeout(40):
        found = await asyncio.gather(*(start() for _ in range(5)))
    assert len(set(found)) == 1
    async with opened(empty_place) as database:
        assert await differences(database) == []


@pytest.mark.promise("records.newer")
async def test_a_database_of_a_newer_version_is_refused(own_place: Place):
    async with own_place.open() as store:
        await upgrade(store.database, [*CHAIN, later])
    newer = rf"made by a newer Toolgate \(schema {len(CHAIN) + 1}, this version knows {len(CHAIN)}\): run that version"
    for migrate in (True, False):
        with pytest.raises(StoreFailed, match=newer):
            async with own_place.open(migrate=migrate):
                pass


async def test_where_nothing_may_be_migrated_the_command_is_named(empty_place: Place):
    with pytest.raises(StoreFailed, match=r"is at schema 0, .* `toolgate db migrate`"):
        async with empty_place.open(migrate=False):
            pass


@pytest.mark.parametrize("table", ["record", "meta", "idempotency"])
async def test_a_database_of_others_is_left_alone(empty_place: Place, table: str):
    async with opened(empty_place) as database:
        async with database.writing() as connection:
            await connection.exec_driver_sql(f"CREATE TABLE {table} (id TEXT)")
        with pytest.raises(
            StoreFailed, match=rf"'{table}' that Toolgate did not make: give Toolgate a database of its"
        ):
            await records.migrate(database, SystemClock())
        async with database.reading() as connection:
            tables = await connection.run_sync(lambda plain: sa.inspect(plain).get_table_names())
    assert tables == [table]


async def test_a_database_that_lost_its_row_is_told(own_place: Place):
    async with own_place.open() as store, store.database.writing() as connection:
        await connection.exec_driver_sql("DELETE FROM meta")
    with pytest.raises(StoreFailed, match="'meta' is empty: restore"):
        async with own_place.open():
            pass


@pytest.mark.promise("records.newer")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('body = \'{"name":"a","later":1}\'', r"the team 'a' cannot be read \(.*unknown field `later`.*\): .*newer"),
        ("kind = 'later'", "'a' is of a kind 'later' that this version does not know: .*newer"),
        ("body = '{'", r"the team 'a' cannot be read \(.*\): restore the database from a backup"),
        ("body = '{\"name\":1}'", r"the team 'a' cannot be read \(Expected `str`, got `int` - at `\$.name`\): restore"),
        ('body = \'{"name":"b"}\'', "the team 'a' holds another name"),
    ],
)
async def test_a_record_that_cannot_be_understood_is_refused_whole(place: Place, change: str, said: str):
    async with place.open() as store:
        async with store.transaction("user:jane") as transaction:
            await transaction.put(Team(name="a"), expected=0)
            await transaction.put(Team(name="b"), expected=0)
        async with store.database.writing() as connection:
            await connection.exec_driver_sql(f"UPDATE record SET {change} WHERE name = 'a'")
        with pytest.raises(StoreFailed, match=said):
            await store.load()
        async with store.transaction("user:jane") as transaction:
            assert await transaction.get(Team, "b") is not None


async def test_a_field_that_came_later_is_read_with_its_default(place: Place):
    async with place.open() as store:
        async with store.transaction("user:jane") as transaction:
            written = await transaction.put(Team(name="a"), expected=0)
        async with store.database.writing() as connection:
            await connection.exec_driver_sql("""UPDATE record SET body = '{"name":"a"}'""")
        assert await store.load() == (1, (written,))
