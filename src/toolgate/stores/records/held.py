"""The records as this process read them last: what did not change since is not read again.

What changed is in the feed of changes, which every write extends in its own transaction. Whether the feed goes on from
where we were is looked at first: a database that was put back to an earlier moment, or a feed that was cut, is read as
a whole.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from toolgate.model.entities import Entity
from toolgate.stores.records import bodies
from toolgate.stores.records.tables import CHANGE, META, RECORD

MOST_CHANGES = 200
"""More changes than this are not followed one by one: all is read anew."""

ByKind = Mapping[str, Mapping[str, Entity]]
"""Records by kind and name, both in order."""


class State(msgspec.Struct, frozen=True):
    """All records at one moment. `last` is the row of the last change, by which it is known again."""

    seq: int
    last: tuple[Any, ...] | None
    records: ByKind

    def everything(self) -> tuple[Entity, ...]:
        return tuple(record for kind in self.records.values() for record in kind.values())


class Held:
    def __init__(self) -> None:
        self._state: State | None = None

    async def read(self, connection: AsyncConnection) -> State:
        """The records as this connection sees them, which has changed nothing itself. Raises StoreFailed for a record
        that cannot be read."""
        known = self._state
        state = None if known is None else await _followed(connection, known)
        if state is None:
            state = await _whole(connection)
        if self._state is None or self._state.seq <= state.seq or self._state is known:
            self._state = state
        return state


async def _whole(connection: AsyncConnection) -> State:
    seq: int = (await connection.execute(select(META.c.seq))).scalar_one()
    last = (await connection.execute(select(CHANGE).where(CHANGE.c.seq == seq))).one_or_none()
    records: dict[str, dict[str, Entity]] = {}
    async with connection.stream(select(RECORD).order_by(RECORD.c.kind, RECORD.c.name)) as result:
        async for rows in result.partitions(bodies.AT_ONCE):
            for row in rows:
                records.setdefault(row.kind, {})[row.name] = bodies.decode(row)
            await asyncio.sleep(0)
    return State(seq, None if last is None else tuple(last), records)


async def _followed(connection: AsyncConnection, known: State) -> State | None:
    """`known` with what changed since; None where the feed does not tell."""
    seq: int = (await connection.execute(select(META.c.seq))).scalar_one()
    if not 0 <= seq - known.seq <= MOST_CHANGES or (known.last is None and known.seq > 0):
        return None
    told = (
        await connection.execute(
            select(CHANGE).where(CHANGE.c.seq >= known.seq, CHANGE.c.seq <= seq).order_by(CHANGE.c.seq)
        )
    ).all()
    if known.last is not None:
        if not told or tuple(told[0]) != known.last:
            return None
        told = told[1:]
    if [change.seq for change in told] != list(range(known.seq + 1, seq + 1)):
        return None
    if not told:
        return known
    return State(seq, tuple(told[-1]), await _with(connection, known.records, told))


async def _with(connection: AsyncConnection, records: ByKind, told: Sequence[Row[Any]]) -> ByKind:
    changed: dict[str, set[str]] = {}
    for change in told:
        changed.setdefault(change.kind, set()).add(change.name)
    after = dict(records)
    for kind, names in changed.items():
        rows = await connection.execute(select(RECORD).where(RECORD.c.kind == kind, RECORD.c.name.in_(names)))
        own = {name: record for name, record in records.get(kind, {}).items() if name not in names}
        own.update((row.name, bodies.decode(row)) for row in rows)
        after[kind] = dict(sorted(own.items()))
        if not own:
            del after[kind]
    return dict(sorted(after.items()))
