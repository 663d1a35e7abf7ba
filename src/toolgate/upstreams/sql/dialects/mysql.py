"""MySQL and MariaDB, through aiomysql (the extra `mysql`).

Each read is a transaction that was made read-only before the statement is sent, on a connection that cannot send two
statements at once, nor files. What a model wrote is followed by a reset of the whole session. A statement that takes
too long, or that nobody waits for any more, is killed over a second connection.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from toolgate.model.errors import ConfigError, UpstreamFailed
from toolgate.upstreams.sql.connections import Connections
from toolgate.upstreams.sql.database import Answer, Asked, Limits, Standing, Trouble
from toolgate.upstreams.sql.dialects import mysql_errors, mysql_schema
from toolgate.upstreams.sql.dialects.mysql_errors import driver, failures
from toolgate.upstreams.sql.location import Location
from toolgate.upstreams.sql.schema import Schema

CONNECT_S = 10.0
GRACE_S = 1.0
"""How much later than the database we end a statement ourselves, should it not."""

_RESET_CONNECTION = 0x1F  # COM_RESET_CONNECTION
_MULTI_STATEMENTS = 1 << 16
_MODE = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
"""Decides how a text is read; the parser's dialect is the one without ANSI_QUOTES and NO_BACKSLASH_ESCAPES."""

_BYTES_BESIDE = 1024 * 1024
_MOST_BYTES = 32 * 1024 * 1024


class Counting:
    """A stream that reads no more than it was allowed: a result may be of any size, and we hold it in memory."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self.left = _MOST_BYTES

    async def readexactly(self, count: int) -> bytes:
        self.left -= count
        if self.left < 0:
            raise Trouble("the result is too large: ask for fewer rows or columns, or for a part of a long value")
        return await self._reader.readexactly(count)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


class Opened:
    """One connection."""

    def __init__(self, raw: Any, stream: Counting, session: str) -> None:
        self.raw = raw
        self.stream = stream
        self.thread = raw.thread_id()
        self._session = session
        self._usable = True

    def is_usable(self) -> bool:
        return self._usable and not self.raw.closed

    def spoil(self) -> None:
        self._usable = False

    async def close(self) -> None:
        self.raw.close()

    async def wipe(self) -> None:
        """The session as it was when it began: no locks, no variables, no temporary tables."""
        await self.raw._execute_command(_RESET_CONNECTION, "")
        await self.raw._read_packet()
        await self.raw.query("SET NAMES utf8mb4 COLLATE utf8mb4_general_ci")
        await self.raw.query(self._session)


class MysqlDatabase:
    """Reads with one user, and writes with the same or another. Raises ConfigError where the driver is missing."""

    def __init__(
        self, server: str, reader: Location, writer: Location, pool: int, seconds: float, tls: ssl.SSLContext | None
    ) -> None:
        if driver is None:
            raise ConfigError((f"server {server}: MySQL and MariaDB need their driver: install toolgate[mysql]",))
        if not reader.database:
            raise ConfigError((f"server {server}: database: names none: write mysql://HOST/DATABASE",))
        self._server = server
        self._reader = reader
        self._seconds = seconds
        self._tls = tls
        self._is_mariadb = False
        what, lost = f"server {server!r}", (*failures(), OSError, RuntimeError)
        self._readers = Connections(what, pool, lambda: self._opened(reader, writes=False), lost)
        self._writers = Connections(what, pool, lambda: self._opened(writer, writes=True), lost)
        self._writer = writer
        self._killing: set[asyncio.Task[None]] = set()

    async def standing(self) -> Standing:
        async with self._leased(self._readers, self._reader, self._seconds * 4) as opened:
            return await mysql_schema.standing(lambda sql: _all(opened, sql))

    async def schema(self) -> Schema:
        async with self._leased(self._readers, self._reader, self._seconds * 4) as opened:
            return await mysql_schema.read(lambda sql: _all(opened, sql), self._reader.database)

    def show(self, tables: frozenset[str]) -> None:
        """The parser and the role's rights decide; there is nothing to tell the database."""

    async def read(self, asked: Asked, limits: Limits) -> Answer:
        begin = "START TRANSACTION READ ONLY"
        async with self._leased(self._readers, self._reader, limits.seconds, begin) as opened:
            opened.stream.left = limits.size * 8 + _BYTES_BESIDE
            try:
                answer = await _fetched(opened, asked, limits)
            finally:
                if opened.is_usable():
                    await self._ended(opened, asked.free)
            if not opened.is_usable():
                self._kill(opened, self._reader)
            return answer

    async def write(self, asked: Asked, limits: Limits) -> Answer:
        begin = "START TRANSACTION READ WRITE"
        async with self._leased(self._writers, self._writer, limits.seconds, begin) as opened:
            opened.stream.left = limits.size * 8 + _BYTES_BESIDE
            try:
                answer = await _fetched(opened, asked, limits, writes=True)
                if (answer.affected or 0) > limits.affected:
                    raise Trouble(
                        f"this would touch {answer.affected} rows, and at most {limits.affected} are allowed: nothing "
                        "was changed"
                    )
                await opened.raw.query("COMMIT")
            except Exception:
                if opened.is_usable():
                    await opened.raw.query("ROLLBACK")
                raise
            return answer

    async def explain(self, asked: Asked, limits: Limits) -> str:
        answer = await self.read(Asked(f"EXPLAIN {asked.sql}", asked.values, asked.free, asked.caller), limits)
        rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
        return "\n".join(
            ", ".join(f"{name}: {value}" for name, value in row.items() if value is not None) for row in rows
        )

    async def close(self) -> None:
        await self._readers.close()
        await self._writers.close()
        if self._killing:
            await asyncio.wait(self._killing, timeout=CONNECT_S)

    async def _ended(self, opened: Opened, free: bool) -> None:
        opened.stream.left = _BYTES_BESIDE
        try:
            await opened.raw.query("ROLLBACK")
            if free:
                await opened.wipe()
        except (*failures(), OSError):
            opened.spoil()

    @asynccontextmanager
    async def _leased(
        self, connections: "Connections[Opened]", location: Location, seconds: float, begin: str = "SELECT 1"
    ) -> AsyncGenerator[Opened]:
        """One connection on which `begin` was run; errors of the driver are told. Whatever is left running on one that
        is given up is killed."""
        try:
            async with connections.lease(lambda opened: opened.raw.query(begin)) as opened:
                try:
                    async with asyncio.timeout(seconds + GRACE_S):
                        yield opened
                except TimeoutError:
                    self._kill(opened, location)
                    raise Trouble(f"the query took longer than {seconds:g} s and was ended: ask for less") from None
                except Trouble:
                    if not opened.is_usable() or opened.stream.left < 0:
                        self._kill(opened, location)
                    raise
                except BaseException as error:
                    if opened.raw.closed or not mysql_errors.is_answer(error):
                        self._kill(opened, location)
                    raise
        except (*failures(), OSError, ValueError, RuntimeError) as error:
            raise mysql_errors.told(error, self._server, self._seconds) from None

    def _kill(self, opened: Opened, location: Location) -> None:
        opened.spoil()
        opened.raw.close()
        task = asyncio.create_task(self._killed(opened.thread, location), name="ending a query")
        self._killing.add(task)
        task.add_done_callback(self._killing.discard)

    async def _killed(self, thread: int, location: Location) -> None:
        """Ends the whole session: what a bare KILL QUERY leaves behind would be locks."""
        with suppress(UpstreamFailed, TimeoutError, OSError, *failures()):
            async with asyncio.timeout(CONNECT_S):
                second = await self._opened(location, writes=False)
                try:
                    await second.raw.query(f"KILL {int(thread)}")
                finally:
                    await second.close()

    async def _opened(self, location: Location, *, writes: bool) -> Opened:
        options = dict(location.options)
        raw = driver.Connection(
            host=location.host or "localhost",
            port=location.port,
            unix_socket=options.get("unix_socket"),
            user=location.user or None,
            password=location.password,
            db=location.database,
            charset="utf8mb4",
            autocommit=True,
            local_infile=False,
            connect_timeout=CONNECT_S,
            ssl=self._tls or (ssl.create_default_context() if options.get("ssl") in ("1", "true") else None),
        )
        # The driver asks for this whether one wants it or not: without it the server takes one statement at a time.
        raw.client_flag &= ~_MULTI_STATEMENTS
        _keep_the_password(raw, location)
        try:
            await raw._connect()
            if raw._ssl_context is not None and not raw._secure:
                raw.close()
                raise UpstreamFailed(f"server {self._server!r}: {location.label} does not offer TLS")
            raw._reader = stream = Counting(raw._reader)
            session = _session(raw.get_server_info(), self._seconds, writes=writes)
            await raw.query(session)
        except (*failures(), OSError, RuntimeError, TimeoutError) as error:
            raise UpstreamFailed(f"server {self._server!r}: {mysql_errors.unreached(error, location)}") from None
        return Opened(raw, stream, session)


def _keep_the_password(raw: Any, location: Location) -> None:
    """Whoever answers in the database's place may ask for the password in plain text: only over TLS is it given."""
    process = raw._process_auth

    async def judged(plugin: bytes | str, packet: Any) -> Any:
        name = plugin.decode("ascii", "replace") if isinstance(plugin, bytes) else plugin
        if name == "mysql_clear_password" and not raw._secure:
            raise UpstreamFailed(f"{location.label} asks for the password in plain text: connect with TLS (ssl=true)")
        return await process(plugin, packet)

    raw._process_auth = judged


def _session(version: str, seconds: float, *, writes: bool) -> str:
    """What holds for a connection's life."""
    timeout = (
        f"max_statement_time = {seconds:.3f}"
        if "mariadb" in version.lower()
        else (f"max_execution_time = {int(seconds * 1000)}")
    )
    read_only = "tx_read_only" if "mariadb" in version.lower() else "transaction_read_only"
    wait = max(1, round(seconds))
    return (
        f"SET SESSION sql_mode = '{_MODE}', SESSION {timeout}, SESSION lock_wait_timeout = {wait}, "
        f"SESSION innodb_lock_wait_timeout = {wait}, SESSION group_concat_max_len = 1048576, "
        f"SESSION {read_only} = {int(not writes)}"
    )


async def _all(opened: Opened, sql: str) -> Sequence[Sequence[Any]]:
    opened.stream.left = _MOST_BYTES
    await opened.raw.query(sql)
    return opened.raw._result.rows or ()


async def _fetched(opened: Opened, asked: Asked, limits: Limits, *, writes: bool = False) -> Answer:
    """Row by row. Not by the driver's cursor, which prints the server's warnings, and they may repeat data."""
    raw = opened.raw
    text = asked.sql % tuple(raw.escape(value) for value in asked.values) if asked.values else asked.sql
    await raw.query(text, unbuffered=True)
    result = raw._result
    if result.description is None:
        if not writes:
            raise Trouble("only statements that give rows are run here")
        return Answer((), (), affected=result.affected_rows)
    columns = tuple(str(column[0]) for column in result.description)
    rows: list[Sequence[Any]] = []
    size = 0
    while (row := await result._read_rowdata_packet_unbuffered()) is not None:
        size += sum(len(value) if isinstance(value, (str, bytes)) else 8 for value in row)
        if len(rows) == limits.rows or size > limits.size:
            await _drain(opened, result)
            return Answer(columns, rows, cut=True, affected=len(rows) if writes else None)
        rows.append(row)
    return Answer(columns, rows, affected=len(rows) if writes else None)


async def _drain(opened: Opened, result: Any) -> None:
    """Most results end with the next row, because a limit was put on them. One that does not costs the connection."""
    for _ in range(2):
        if await result._read_rowdata_packet_unbuffered() is None:
            return
    result.unbuffered_active = False
    opened.spoil()
