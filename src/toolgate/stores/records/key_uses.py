"""When keys were last used, beside the records (`ports.KeyUses`)."""

from collections.abc import Mapping

from sqlalchemy import select, text

from toolgate.stores.records import bodies
from toolgate.stores.records.database import Database
from toolgate.stores.records.tables import KEY_USE

# The same words on both databases. Another process may have seen a later use.
_KEEP = text(
    "INSERT INTO key_use (name, at) VALUES (:name, :at)"
    " ON CONFLICT (name) DO UPDATE SET at = excluded.at WHERE key_use.at < excluded.at"
)


class DatabaseKeyUses:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def used(self) -> Mapping[str, float]:
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(KEY_USE.c.name, KEY_USE.c.at))).all()
        return {row.name: row.at / bodies.MICROSECONDS for row in rows}

    async def keep(self, used: Mapping[str, float], /) -> None:
        # In the order of names, so that processes which do the same never wait for each other in a circle.
        values = [{"name": name, "at": round(at * bodies.MICROSECONDS)} for name, at in sorted(used.items())]
        if not values:
            return
        async with self._database.writing() as connection:
            with self._database.told():
                await connection.execute(_KEEP, values)
