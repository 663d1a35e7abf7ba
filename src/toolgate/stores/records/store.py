"""Records in a database (`ports.Store`), whichever database it is."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import select

from toolgate.model.entities import Change, Entity
from toolgate.model.errors import ConfigError
from toolgate.ports import Clock
from toolgate.stores.records import bodies
from toolgate.stores.records.database import Database
from toolgate.stores.records.hearing import Hearing
from toolgate.stores.records.held import Held
from toolgate.stores.records.key_uses import DatabaseKeyUses
from toolgate.stores.records.peppers import judge_pepper
from toolgate.stores.records.rehearsal import Rehearsal
from toolgate.stores.records.tables import CHANGE, META
from toolgate.stores.records.transaction import RecordsTransaction


class Records:
    """A database that fails is asked again at the next use: when it is back, so are we."""

    def __init__(self, database: Database, clock: Clock, installation: str) -> None:
        self.database = database
        self.installation = installation
        """The id that this installation keeps for ever, also when it moves to another database."""
        self.key_uses = DatabaseKeyUses(database)
        self._clock = clock
        self._hearing = Hearing(database)
        self._held = Held()

    @asynccontextmanager
    async def transaction(self, actor: str, /, *, request: str = "") -> AsyncGenerator[RecordsTransaction]:
        if "\0" in actor or "\0" in request:
            raise ConfigError(("neither an actor nor a request id can hold a NUL character",))
        async with self.database.writing() as connection:
            with self.database.told():
                # On PostgreSQL this row is the lock of the one writer; SQLite has taken its own by now.
                began: int = (await connection.execute(select(META.c.seq).with_for_update())).scalar_one()
            transaction = RecordsTransaction(
                self.database, connection, self._clock, began, actor=actor, request=request, held=self._held
            )
            try:
                yield transaction
                await transaction.finish()
            finally:
                transaction.abandon()
        if transaction.seq > began:
            self._hearing.pulse()

    async def load(self) -> tuple[int, tuple[Entity, ...]]:
        async with self.database.reading() as connection:
            state = await self._held.read(connection)
        return state.seq, state.everything()

    async def rehearsal(self) -> tuple[int, Rehearsal]:
        async with self.database.reading() as connection:
            state = await self._held.read(connection)
        return state.seq, Rehearsal(state.records)

    async def changes(self, after: int, /, *, limit: int) -> tuple[Change, ...]:
        query = select(CHANGE).where(CHANGE.c.seq > after).order_by(CHANGE.c.seq).limit(limit)
        async with self.database.reading() as connection:
            return tuple(map(bodies.change, (await connection.execute(query)).all()))

    async def judge_pepper(self, data: Path, pepper: bytes) -> None:
        """Raises ConfigError where the digests of keys in this database are keyed with another pepper than that of the
        data directory."""
        await judge_pepper(self.database, data, pepper)

    async def wait(self, after: int, /) -> int:
        return await self._hearing.wait(after)
