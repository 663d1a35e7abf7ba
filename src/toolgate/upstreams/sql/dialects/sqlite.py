"""SQLite, with what Python brings. Statements run in threads; the event loop never waits for a disk.

Reading is safe without the parser: the file is opened read-only, an authorizer lets nothing but reads of the tables in
the schema through (no ATTACH, no PRAGMA, no extension), a progress handler ends what takes too long, and every limit of
the library is set low.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from toolgate.model.errors import UpstreamFailed
from toolgate.upstreams.sql.connections import Connections
from toolgate.upstreams.sql.database import Answer, Asked, Limits, Standing, Trouble
from toolgate.upstreams.sql.dialects import sqlite_schema
from toolgate.upstreams.sql.dialects.sqlite_errors import told
from toolgate.upstreams.sql.schema import Schema

T = TypeVar("T")

BUSY_S = 2.0
"""How long a statement waits for another program's lock on the file."""

_STEPS = 2_000
"""Instructions of SQLite's machine between two looks at the clock."""

_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 4 * 1024 * 1024,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 200_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 500,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 100,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1_000,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 20,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE, sqlite3.SQLITE_READ}
_WRITES = {*_READS, sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE, sqlite3.SQLITE_TRANSACTION}
_BANNED = {"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit", "zeroblob", "randomblob"}
_BOMBS = {"printf", "format"}
"""These make of one number a text of that length, in one step: neither the clock nor a limit ends it."""


class Opened:
    """One connection, and what it may do: `tables` are the only ones that it may read (None before the schema is
    known: all but SQLite's own), of all that are `known`; both in lower case."""

    def __init__(self, file: Path, mode: str, immutable: bool) -> None:
        flags = f"mode={mode}" + ("&immutable=1" if immutable else "")
        self.raw = sqlite3.connect(
            f"{file.absolute().as_uri()}?{flags}",
            uri=True,
            timeout=BUSY_S,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=64,
        )
        self.tables: frozenset[str] | None = None
        self.known: frozenset[str] = frozenset()
        self._cancelled = threading.Event()
        self._until = float("inf")
        self._usable = True
        if mode == "ro":
            self.raw.execute("PRAGMA query_only = ON")
        else:
            self.raw.execute("PRAGMA foreign_keys = ON")
        self.raw.execute("PRAGMA trusted_schema = OFF")
        self.raw.execute("PRAGMA cell_size_check = ON")
        for limit, most in _LIMITS.items():
            self.raw.setlimit(limit, most)
        self.raw.set_progress_handler(self._stopped, _STEPS)

    def guard(self, actions: set[int]) -> None:
        """From here on nothing but these actions is let through."""

        def authorize(action: int, first: str | None, second: str | None, place: str | None, inner: str | None) -> int:
            if action not in actions:
                return sqlite3.SQLITE_DENY
            if action == sqlite3.SQLITE_FUNCTION:
                banned = _BANNED if self.tables is None else _BANNED | _BOMBS
                return sqlite3.SQLITE_DENY if (second or "").lower() in banned else sqlite3.SQLITE_OK
            if action == sqlite3.SQLITE_READ:
                readable = self._readable(first or "", inner) or (not second and self._is_passing(first or ""))
                return sqlite3.SQLITE_OK if readable else sqlite3.SQLITE_DENY
            if action in (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE):
                return sqlite3.SQLITE_DENY if _is_own(first or "") else sqlite3.SQLITE_OK
            return sqlite3.SQLITE_OK

        self.raw.set_authorizer(authorize)

    def begin(self, seconds: float) -> None:
        self._cancelled.clear()
        self._until = time.monotonic() + seconds

    def cancel(self) -> None:
        """Ends the statement that runs; from any thread."""
        self._cancelled.set()
        with suppress(sqlite3.ProgrammingError):
            self.raw.interrupt()

    def out_of_time(self) -> bool:
        return time.monotonic() >= self._until

    def spoil(self) -> None:
        """Not to be used again."""
        self._usable = False

    def is_usable(self) -> bool:
        return self._usable

    async def close(self) -> None:
        with suppress(sqlite3.Error):
            self.raw.close()

    def _stopped(self) -> int:
        return int(self._cancelled.is_set() or time.monotonic() >= self._until)

    def _readable(self, table: str, view: str | None) -> bool:
        """A view that may be read may read what it is made of."""
        if _is_own(table):
            return False
        if self.tables is None or not table:
            return True
        return table.lower() in self.tables or (view or "").lower() in self.tables

    def _is_passing(self, name: str) -> bool:
        """Whether this is a subquery of the statement, of which no column is read: such a one is told by its alias."""
        return not _is_own(name) and name.lower() not in self.known


def _is_own(table: str) -> bool:
    return table.lower().startswith("sqlite_")


class SqliteDatabase:
    """One file, with a thread per connection."""

    def __init__(self, server: str, file: Path, pool: int, *, immutable: bool) -> None:
        self._server = server
        self._file = file
        self._immutable = immutable
        self._tables: frozenset[str] | None = None
        self._known: frozenset[str] = frozenset()
        self._threads = ThreadPoolExecutor(pool, thread_name_prefix=f"sql-{server}")
        self._readers = Connections(f"server {server!r}", pool, self._reader)
        self._writers = Connections(f"server {server!r}", 1, self._writer)

    async def standing(self) -> Standing:
        """A file has no roles: who may read it is the operating system's matter."""
        return Standing()

    async def schema(self) -> Schema:
        def read() -> Schema:
            opened = Opened(self._file, "ro", self._immutable)
            try:
                opened.begin(60.0)
                return sqlite_schema.read(opened.raw)
            finally:
                opened.raw.close()

        found = await self._told(read)
        self._known = frozenset(table.name.lower() for table in found.tables)
        return found

    def show(self, tables: frozenset[str]) -> None:
        """The only tables (in lower case) that readers may read from here on."""
        self._tables = tables

    async def read(self, asked: Asked, limits: Limits) -> Answer:
        async with self._readers.lease() as opened:
            opened.tables, opened.known = (self._tables if asked.free else None), self._known
            return await self._run(opened, limits, lambda: _fetched(opened, asked, limits))

    async def write(self, asked: Asked, limits: Limits) -> Answer:
        if self._immutable:
            raise Trouble("this database is served as immutable: nothing can be written")
        async with self._writers.lease() as opened:
            return await self._run(opened, limits, lambda: _written(opened, asked, limits))

    async def explain(self, asked: Asked, limits: Limits) -> str:
        plan = Asked(f"EXPLAIN QUERY PLAN {asked.sql}", asked.values, asked.free, asked.caller)
        answer = await self.read(plan, limits)
        return "\n".join(str(row[-1]) for row in answer.rows)

    async def close(self) -> None:
        await self._readers.close()
        await self._writers.close()
        self._threads.shutdown(wait=False)

    async def _reader(self) -> Opened:
        return await self._told(lambda: self._opened("ro", _READS))

    async def _writer(self) -> Opened:
        return await self._told(lambda: self._opened("rw", _WRITES))

    def _opened(self, mode: str, actions: set[int]) -> Opened:
        opened = Opened(self._file, mode, self._immutable)
        opened.raw.execute("SELECT count(*) FROM sqlite_master").fetchone()  # a file that is no database says so here
        opened.guard(actions)
        return opened

    async def _run(self, opened: Opened, limits: Limits, work: Callable[[], T]) -> T:
        """In a thread; when the caller gives up, the statement is ended and waited for."""
        opened.begin(limits.seconds)
        running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            opened.cancel()
            with suppress(Exception):
                await asyncio.wait_for(asyncio.shield(running), 5.0)
            if not running.done():
                opened.spoil()
            raise
        except sqlite3.Error as error:
            late = opened.out_of_time()
            raise told(error, limits.seconds if late else None) from None

    async def _told(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except sqlite3.Error as error:
            raise UpstreamFailed(f"server {self._server!r}: {self._file.name} cannot be read: {error}") from None


def _fetched(opened: Opened, asked: Asked, limits: Limits) -> Answer:
    cursor = opened.raw.execute(asked.sql, asked.values)
    try:
        return _rows(cursor, limits)
    finally:
        cursor.close()


def _rows(cursor: sqlite3.Cursor, limits: Limits) -> Answer:
    columns = tuple(str(column[0]) for column in cursor.description or ())
    rows: list[Sequence[Any]] = []
    size = 0
    for row in cursor:
        size += sum(len(value) if isinstance(value, (str, bytes)) else 8 for value in row)
        if len(rows) == limits.rows or size > limits.size:
            return Answer(columns, rows, cut=True)
        rows.append(row)
    return Answer(columns, rows)


def _written(opened: Opened, asked: Asked, limits: Limits) -> Answer:
    raw = opened.raw
    raw.execute("BEGIN IMMEDIATE")
    try:
        before = raw.total_changes
        cursor = raw.execute(asked.sql, asked.values)
        answer = _rows(cursor, limits)
        for _ in cursor:  # what RETURNING gives must be read to its end before anything is written
            pass
        affected = max(cursor.rowcount, 0) if cursor.rowcount >= 0 else raw.total_changes - before
        if affected > limits.affected:
            raise Trouble(
                f"this would touch {affected} rows, and at most {limits.affected} are allowed: nothing was changed"
            )
        cursor.close()
        raw.execute("COMMIT")
        return Answer(answer.columns, answer.rows, answer.cut, affected)
    except BaseException:
        with suppress(sqlite3.Error):
            raw.execute("ROLLBACK")
        raise
