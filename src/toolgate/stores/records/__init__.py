"""Records of the control plane in a database: a SQLite file in the data directory, or PostgreSQL by URL."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from toolgate.model.errors import StoreFailed
from toolgate.ports import Clock, Secrets, Toolbox
from toolgate.stores.records import bodies, migrations
from toolgate.stores.records.database import Database
from toolgate.stores.records.location import locate
from toolgate.stores.records.migrations import Schema
from toolgate.stores.records.postgres import open_postgres
from toolgate.stores.records.sqlite import FILE, open_sqlite
from toolgate.stores.records.store import Records


class Config(msgspec.Struct, frozen=True):
    """`database` is None for the file `records.db` in the data directory, else a URL of PostgreSQL or SQLite without a
    password, or a reference (`env:NAME`, `file:PATH`) to one. Without `migrate`, a database of an older version is
    refused."""

    database: str | None = None
    migrate: bool = True


@asynccontextmanager
async def open(config: Config, toolbox: Toolbox, /) -> AsyncGenerator[Records]:
    """Raises ConfigError, and StoreFailed when the database cannot be used now."""
    async with connect(config.database, toolbox.secrets, toolbox.data) as database:
        found = await migrate(database, toolbox.clock) if config.migrate else await status(database)
        if found.due and not config.migrate:
            raise StoreFailed(
                f"{database.label}: it is at schema {found.found}, this version needs {found.known}: run"
                " `toolgate db migrate`"
            )
        yield Records(database, toolbox.clock, found.installation)


@asynccontextmanager
async def connect(database: str | None, secrets: Secrets, data: Path) -> AsyncGenerator[Database]:
    """The database as it is, whatever schema it has."""
    target = locate(database, secrets, data / FILE)
    opened = open_sqlite(target) if isinstance(target, Path) else open_postgres(target)
    try:
        yield opened
    finally:
        await opened.close()


async def status(database: Database) -> Schema:
    """Which migrations were made, and which are due."""
    async with database.reading() as connection:
        return await connection.run_sync(migrations.look)


async def migrate(database: Database, clock: Clock) -> Schema:
    """Makes the migrations that are due; how it is afterwards. Safe where several processes start at once."""
    found = await status(database)  # a look needs no lock: mostly nothing is due
    if not found.due:
        return found
    async with database.writing() as connection:
        with database.told():
            await connection.run_sync(migrations.upgrade, round(clock.now() * bodies.MICROSECONDS))
    return await status(database)
