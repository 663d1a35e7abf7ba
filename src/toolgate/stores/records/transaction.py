"""Reads and writes of records in one transaction (`ports.Transaction`)."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import msgspec
from sqlalchemy import ColumnElement, Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from toolgate.model.entities import Entity
from toolgate.model.errors import Conflict, StoreFailed
from toolgate.model.remembered import Remembered
from toolgate.ports import Clock
from toolgate.stores.records import bodies
from toolgate.stores.records.database import Database
from toolgate.stores.records.held import Held, State
from toolgate.stores.records.ids import new_id
from toolgate.stores.records.tables import CHANGE, IDEMPOTENCY, META, RECORD

E = TypeVar("E", bound=Entity)

REMEMBERED_S = 24 * 3600
"""How long the answer to an idempotency key is kept."""


class RecordsTransaction:
    """Made by `Records.transaction`. After a failure of the database it takes nothing more and cannot be committed."""

    def __init__(
        self,
        database: Database,
        connection: AsyncConnection,
        clock: Clock,
        seq: int,
        *,
        actor: str,
        request: str,
        held: Held,
    ) -> None:
        self._began = self.seq = seq
        """The `seq` of the last change: of this transaction if it made one."""
        self._database = database
        self._connection = connection
        self._clock = clock
        self._actor = actor
        self._request = request
        self._held = held
        self._before: State | None = None
        self._turn = asyncio.Lock()
        self._over: str | None = None

    async def get(self, entity: type[E], name: str, /) -> E | None:
        async with self._step():
            row = await self._row(entity.KIND, name)
            return None if row is None else cast("E", bodies.decode(row))

    async def find(self, entity: type[E], /) -> tuple[E, ...]:
        async with self._step():
            if self.seq == self._began:  # nothing of our own is among them
                self._before = self._before or await self._held.read(self._connection)
                return cast("tuple[E, ...]", tuple(self._before.records.get(entity.KIND, {}).values()))
            query = select(RECORD).where(RECORD.c.kind == entity.KIND).order_by(RECORD.c.name)
            found: list[E] = []
            async with self._connection.stream(query) as result:
                async for rows in result.partitions(bodies.AT_ONCE):
                    found.extend(cast("E", bodies.decode(row)) for row in rows)
                    await asyncio.sleep(0)
            return tuple(found)

    async def put(self, entity: E, /, *, expected: int) -> E:
        kind, name = entity.KIND, entity.name
        bodies.judge_name(kind, name)
        body, read = bodies.encode(entity)
        async with self._step():
            row = await self._row(kind, name)
            bodies.judge(kind, name, None if row is None else bodies.decode(row), expected, entity.stamp.id)
            now = self._now()
            values: dict[str, Any] = {
                "version": expected + 1,
                "managed_by": entity.stamp.managed_by,
                "owned": bodies.owned_text(entity.stamp),
                "body": body,
                "updated_at": now,
                "updated_by": self._actor,
            }
            if row is None:
                made = {"id": new_id(entity.PREFIX, now), "created_at": now, "created_by": self._actor}
                values |= made
                await self._connection.execute(insert(RECORD).values(kind=kind, name=name, **values))
            else:
                await self._connection.execute(update(RECORD).where(*_same(row)).values(**values))
                values |= {"id": row.id, "created_at": row.created_at, "created_by": row.created_by}
            await self._tell(kind, values["id"], name, before=None if row is None else row.body, after=body)
            return bodies.stamped(read, values)

    async def remove(self, entity: type[Entity], name: str, /, *, expected: int) -> None:
        async with self._step():
            row = await self._row(entity.KIND, name)
            bodies.judge_removal(entity, name, None if row is None else bodies.decode(row), expected)
            assert row is not None
            await self._connection.execute(delete(RECORD).where(*_same(row)))
            await self._tell(entity.KIND, row.id, name, before=row.body, after=None)

    async def recall(self, key: str, /) -> Remembered | None:
        """What this actor was answered to this idempotency key within the last day."""
        async with self._step():
            mine = (IDEMPOTENCY.c.principal == self._actor) & (IDEMPOTENCY.c.key == key)
            recent = IDEMPOTENCY.c.at > self._now() - REMEMBERED_S * bodies.MICROSECONDS
            row = (await self._connection.execute(select(IDEMPOTENCY).where(mine, recent))).one_or_none()
            return None if row is None else Remembered(row.digest, row.answer)

    async def remember(self, key: str, remembered: Remembered, /) -> None:
        """Keeps the answer with the change that it tells of: both or neither. Forgets what is older than a day."""
        async with self._step():
            now = self._now()
            old = IDEMPOTENCY.c.at <= now - REMEMBERED_S * bodies.MICROSECONDS
            await self._connection.execute(delete(IDEMPOTENCY).where(old))
            values = {"principal": self._actor, "key": key, "at": now}
            await self._connection.execute(insert(IDEMPOTENCY).values(values | msgspec.structs.asdict(remembered)))

    async def finish(self) -> None:
        """Says what changed, and takes nothing more. Raises StoreFailed when a step failed, so that nothing is
        committed."""
        async with self._step():
            self._over = "the transaction has ended"
            if self.seq > self._began:
                await self._connection.execute(update(META).values(seq=self.seq))
                await self._database.announce(self._connection)

    def abandon(self) -> None:
        """Takes nothing more."""
        self._over = "the transaction has ended"

    @asynccontextmanager
    async def _step(self) -> AsyncGenerator[None]:
        async with self._turn:
            if self._over is not None:
                raise StoreFailed(f"{self._database.label}: nothing was written: {self._over}")
            try:
                with self._database.told():
                    yield
            except Conflict:
                raise
            except BaseException:
                # The database may have rolled back already; what were written from here on would stand alone.
                self._over = "an earlier step of this transaction failed"
                raise

    def _now(self) -> int:
        return round(self._clock.now() * bodies.MICROSECONDS)

    async def _row(self, kind: str, name: str) -> Row[Any] | None:
        query = select(RECORD).where(RECORD.c.kind == kind, RECORD.c.name == name)
        return (await self._connection.execute(query)).one_or_none()

    async def _tell(self, kind: str, id_: str, name: str, *, before: str | None, after: str | None) -> None:
        self.seq += 1
        values = {
            "seq": self.seq,
            "at": self._now(),
            "actor": self._actor,
            "action": "create" if before is None else "remove" if after is None else "update",
            "kind": kind,
            "id": id_,
            "name": name,
            "before": before and bodies.for_audit(kind, before),
            "after": after and bodies.for_audit(kind, after),
            "request": self._request,
        }
        await self._connection.execute(insert(CHANGE).values(values))


def _same(row: Row[Any]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return RECORD.c.kind == row.kind, RECORD.c.id == row.id
