"""From one database to another, whichever they are: `toolgate db copy --to postgresql://...`."""

from collections.abc import Callable

import msgspec
from sqlalchemy import Table, func, insert, select, update

from toolgate.model.errors import StoreFailed
from toolgate.stores.records import migrations
from toolgate.stores.records.database import Database
from toolgate.stores.records.tables import CHANGE, IDEMPOTENCY, KEY_USE, META, RECORD

TABLES = (RECORD, CHANGE, IDEMPOTENCY, KEY_USE)

_AT_ONCE = 500


class Copied(msgspec.Struct, frozen=True):
    """How many rows there were."""

    records: int
    changes: int


def _unheard(_: int) -> None:
    """Nobody asked for the progress."""


async def copy(source: Database, target: Database, now: int, progress: Callable[[int], None] = _unheard) -> Copied:
    """Everything, in one transaction on the target: all of it is there afterwards, or nothing. `now` is in
    microseconds; `progress` is told the rows so far. The target becomes this installation, with its id and its `seq`.

    Raises StoreFailed, also for a target that holds anything and for a source of another schema than ours.
    """
    async with source.reading() as origin:
        found = await origin.run_sync(migrations.look)
        if found.due:
            raise StoreFailed(f"it is at schema {found.found} of {found.known}: run `toolgate db migrate` first")
        meta = (await origin.execute(select(META))).one()
        counted: dict[str, int] = {}
        async with target.writing() as connection:
            with target.told():
                await connection.run_sync(migrations.upgrade, now)
                await connection.execute(select(META.c.seq).with_for_update())
                for table in TABLES:
                    if (await connection.execute(select(table).limit(1))).first() is not None:
                        raise StoreFailed(f"there is something in it already (table {table.name!r}): name an empty one")
            for table in TABLES:
                counted[table.name] = 0
                async with origin.stream(select(table)) as result:
                    async for rows in result.mappings().partitions(_AT_ONCE):
                        with target.told():
                            await connection.execute(insert(table), [dict(row) for row in rows])
                        counted[table.name] += len(rows)
                        progress(sum(counted.values()))
            with target.told():
                kept = {name: getattr(meta, name) for name in ("installation", "seq", "created_at", "pepper")}
                await connection.execute(update(META).values(kept))
                for table, wanted in counted.items():
                    there = (await connection.execute(select(func.count()).select_from(_named(table)))).scalar_one()
                    if there != wanted:
                        raise StoreFailed(f"{there} rows arrived in {table!r} instead of {wanted}: nothing was copied")
    return Copied(counted[RECORD.name], counted[CHANGE.name])


def _named(name: str) -> Table:
    return next(table for table in TABLES if table.name == name)
