"""PostgreSQL, through asyncpg (the extra `postgres`).

Each read is a transaction that was made read-only and has its snapshot before the statement is sent, which fixes both;
the statement goes by the extended protocol, which takes one only, and as a subquery, which takes no command at all. The
transaction is rolled back, and the session wiped after whatever a model wrote.
"""

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

from toolgate.model.errors import ConfigError, UpstreamFailed
from toolgate.upstreams.sql.connections import Connections
from toolgate.upstreams.sql.database import CELL, Answer, Asked, Limits, Standing, Trouble
from toolgate.upstreams.sql.dialects import postgres_errors, postgres_schema
from toolgate.upstreams.sql.location import Location
from toolgate.upstreams.sql.schema import Schema

try:
    import asyncpg as _asyncpg  # pyright: ignore[reportMissingTypeStubs]
except ModuleNotFoundError:
    _asyncpg = None
driver: Any = _asyncpg

CONNECT_S = 10.0
GRACE_S = 1.0
"""How much later than the database we end a statement ourselves, should it not."""

_PREPARED = 64
_MOST_AT_ONCE = 8 * 1024 * 1024
"""Bytes that one step of a result can have at most; wider results are fetched in smaller steps."""

_WIPE = "ROLLBACK; SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL"
_SMALL = """
bool int2 int4 int8 float4 float8 numeric date time timetz timestamp timestamptz interval uuid oid
"""
_NARROW = frozenset(_SMALL.split())
"""Types whose values are small whatever they are. Of all others only the beginning is fetched, as text."""


class Prepared:
    """A query as it is sent: around it stands what bounds its values. `width` is the most bytes of one row."""

    def __init__(self, statement: Any, columns: tuple[str, ...], width: int) -> None:
        self.statement = statement
        self.columns = columns
        self.width = width


class Opened:
    """One connection with the statements that are prepared on it."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self._prepared: OrderedDict[tuple[str, int], Prepared] = OrderedDict()
        self._usable = True

    def is_usable(self) -> bool:
        return self._usable and not self.raw.is_closed()

    def spoil(self) -> None:
        self._usable = False

    async def close(self) -> None:
        """Waits for a cancellation that is on its way, so that nothing runs on at the server."""
        try:
            async with asyncio.timeout(3.0):
                with suppress(*_broken()):
                    await self.raw.execute("ROLLBACK")
                await self.raw.close()
        except (TimeoutError, *_broken()):
            self.raw.terminate()

    async def query(self, sql: str, rows: int) -> Prepared:
        """The query with bounds around it: at most `rows`, and of each value at most one character more than is
        shown."""
        known = self._prepared.get((sql, rows))
        if known is not None:
            self._prepared.move_to_end((sql, rows))
            return known
        asked = (await self.raw.prepare(sql)).get_attributes()
        if not asked:
            raise Trouble("only statements that give rows are run here")
        names = [f"c{place}" for place in range(len(asked))]
        wide = [attribute.type.name not in _NARROW for attribute in asked]
        shown = ", ".join(
            f"left({name}::text, {CELL + 1}) AS {name}" if is_wide else name
            for name, is_wide in zip(names, wide, strict=True)
        )
        # It is prepared as a whole: nothing but one query can stand between these brackets.
        around = (f"SELECT {shown} FROM (\n", f"\n) AS q({', '.join(names)}) LIMIT {rows}")  # noqa: S608
        statement = await self.raw.prepare(sql.join(around))
        columns = tuple(str(attribute.name) for attribute in asked)
        made = Prepared(statement, columns, 4 * CELL * sum(wide) + 64 * len(names))
        self._prepared[sql, rows] = made
        if len(self._prepared) > _PREPARED:
            self._prepared.popitem(last=False)
        return made

    def forget(self) -> None:
        """The tables have changed: everything is prepared anew."""
        self._prepared.clear()


class PostgresDatabase:
    """Reads with one role, and writes with the same or another. Raises ConfigError where the driver is missing."""

    def __init__(self, server: str, reader: Location, writer: Location, settings: "Tuning") -> None:
        if driver is None:
            raise ConfigError((f"server {server}: PostgreSQL needs its driver: install toolgate[postgres]",))
        self._server = server
        self._reader = reader
        self._writer = writer
        self._tuning = settings
        what, pool, lost = f"server {server!r}", settings.pool, _broken()
        self._readers = Connections(what, pool, lambda: self._opened(reader, writes=False), lost)
        self._writers = Connections(what, pool, lambda: self._opened(writer, writes=True), lost)

    async def standing(self) -> Standing:
        async with self._leased(self._readers) as opened:
            return await postgres_schema.standing(opened.raw)

    async def schema(self) -> Schema:
        async with self._leased(self._readers) as opened:
            return await postgres_schema.read(opened.raw, self._tuning.schemas)

    def show(self, tables: frozenset[str]) -> None:
        """The parser and the role's rights decide; there is nothing to tell the database."""

    async def read(self, asked: Asked, limits: Limits) -> Answer:
        async with self._reading(asked, limits) as opened:
            try:
                return await _fetched(opened, asked, limits)
            except driver.InvalidCachedStatementError:
                opened.forget()
                raise Trouble("the tables were changed a moment ago: try again") from None

    async def write(self, asked: Asked, limits: Limits) -> Answer:
        begin = f"BEGIN READ WRITE; {_introduced(asked.caller)}"
        async with self._leased(self._writers, begin) as opened, self._timed(opened, limits):
            raw = opened.raw
            try:
                statement = await raw.prepare(asked.sql)
                rows = await statement.fetch(*asked.values)
                affected = _affected(statement.get_statusmsg())
                if affected > limits.affected:
                    raise Trouble(
                        f"this would touch {affected} rows, and at most {limits.affected} are allowed: nothing was "
                        "changed"
                    )
                await raw.execute("COMMIT")
            except (Trouble, driver.PostgresError):
                await _wiped(opened, free=False)
                raise
            columns = tuple(str(attribute.name) for attribute in statement.get_attributes())
            return Answer(
                columns, [tuple(row.values()) for row in rows[: limits.rows]], len(rows) > limits.rows, affected
            )

    async def explain(self, asked: Asked, limits: Limits) -> str:
        async with self._reading(asked, limits) as opened:
            await opened.query(asked.sql, limits.rows + 1)  # what is no query is refused here
            statement = await opened.raw.prepare(f"EXPLAIN (FORMAT TEXT) {asked.sql}")
            return "\n".join(str(row[0]) for row in await statement.fetch(*asked.values))

    async def close(self) -> None:
        await self._readers.close()
        await self._writers.close()

    @asynccontextmanager
    async def _reading(self, asked: Asked, limits: Limits) -> AsyncGenerator[Opened]:
        """A connection in a transaction that cannot write any more, whatever comes."""
        # The first query takes the snapshot: after it, neither SET TRANSACTION nor set_config can undo READ ONLY.
        begin = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {_introduced(asked.caller)}"
        async with self._leased(self._readers, begin) as opened, self._timed(opened, limits):
            # What is cancelled or broken is not wiped but closed.
            try:
                yield opened
            except (Trouble, driver.PostgresError):
                await _wiped(opened, asked.free)
                raise
            await _wiped(opened, asked.free)

    @asynccontextmanager
    async def _leased(self, connections: "Connections[Opened]", begin: str = "SELECT 1") -> AsyncGenerator[Opened]:
        """One connection on which `begin` was run; errors of the driver are told. One that was cancelled or broke is
        not used again."""
        try:
            async with connections.lease(lambda opened: opened.raw.execute(begin)) as opened:
                try:
                    yield opened
                except Trouble:
                    raise
                except driver.PostgresError:
                    if opened.raw.is_closed():
                        opened.spoil()
                    raise
                except BaseException:
                    opened.spoil()
                    raise
        except (*_broken(), ValueError) as error:
            raise postgres_errors.told(error, self._server) from None

    @asynccontextmanager
    async def _timed(self, opened: Opened, limits: Limits) -> AsyncGenerator[None]:
        """Ends a statement that the database did not end."""
        try:
            async with asyncio.timeout(limits.seconds + GRACE_S):
                yield
        except TimeoutError:
            opened.spoil()
            raise Trouble(f"the query took longer than {limits.seconds:g} s and was ended: ask for less") from None

    async def _opened(self, location: Location, *, writes: bool) -> Opened:
        milliseconds = str(int(self._tuning.seconds * 1000))
        try:
            raw = await driver.connect(
                host=location.host or None,
                port=location.port,
                user=location.user or None,
                password=location.password or None,
                database=location.database or None,
                ssl=self._tuning.tls or dict(location.options).get("sslmode"),
                timeout=CONNECT_S,
                statement_cache_size=0,
                server_settings={
                    "application_name": f"toolgate {self._server}",
                    "statement_timeout": milliseconds,
                    "lock_timeout": milliseconds,
                    "idle_in_transaction_session_timeout": "60000",
                    "default_transaction_read_only": "off" if writes else "on",
                    "standard_conforming_strings": "on",
                    "row_security": "on",
                },
            )
        except (driver.PostgresError, driver.InterfaceError, OSError, ValueError, TimeoutError) as error:
            raise UpstreamFailed(f"server {self._server!r}: {postgres_errors.unreached(error, location)}") from None
        return Opened(raw)


class Tuning:
    """How connections are made: `pool` at a time, statements of at most `seconds`, over `tls` where it is given,
    looking at `schemas` (all that the role may use where empty)."""

    def __init__(self, pool: int, seconds: float, schemas: tuple[str, ...], tls: ssl.SSLContext | None) -> None:
        self.pool = pool
        self.seconds = seconds
        self.schemas = schemas
        self.tls = tls


async def _wiped(opened: Opened, free: bool) -> None:
    """Ends the transaction, and what a free query may have left in the session. A connection that does not take it is
    closed."""
    try:
        async with asyncio.timeout(CONNECT_S):
            await opened.raw.execute(_WIPE if free else "ROLLBACK")
    except (TimeoutError, *_broken()):
        opened.spoil()


async def _fetched(opened: Opened, asked: Asked, limits: Limits) -> Answer:
    most = limits.rows + 1
    prepared = await opened.query(asked.sql, most)
    if prepared.width * most <= _MOST_AT_ONCE:
        return _cut(prepared.columns, await prepared.statement.fetch(*asked.values), limits)
    step = max(1, _MOST_AT_ONCE // prepared.width)
    found: list[Any] = []
    cursor = await prepared.statement.cursor(*asked.values)
    while len(found) < most:
        rows = await cursor.fetch(min(step, most - len(found)))
        found.extend(rows)
        answer = _cut(prepared.columns, found, limits)
        if not rows or answer.cut:
            return answer
    return _cut(prepared.columns, found, limits)


def _cut(columns: tuple[str, ...], found: list[Any], limits: Limits) -> Answer:
    rows: list[tuple[Any, ...]] = []
    size = 0
    for record in found:
        row = tuple(record.values())
        size += sum(len(value) if isinstance(value, str) else 8 for value in row)
        if len(rows) == limits.rows or size > limits.size:
            return Answer(columns, rows, cut=True)
        rows.append(row)
    return Answer(columns, rows)


def _introduced(caller: str) -> str:
    """Tells the database who asks, for its own row security: `current_setting('toolgate.caller', true)`."""
    quoted = caller.replace("'", "''")
    return f"SELECT set_config('toolgate.caller', '{quoted}', true)"


def _affected(status: str) -> int:
    """The number at the end of a command's tag, as in `UPDATE 3`."""
    last = status.rpartition(" ")[2]
    return int(last) if last.isdigit() else 0


def _broken() -> tuple[type[BaseException], ...]:
    """What the driver raises, its own confusion over a connection that died at a bad moment included."""
    return (driver.PostgresError, driver.InterfaceError, driver.InternalClientError, OSError)
