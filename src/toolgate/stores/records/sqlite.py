"""Records in one SQLite file of the data directory.

A write that was acknowledged is on the disk: write-ahead log, synchronous=FULL. There is one writer, which takes its
lock before it reads (BEGIN IMMEDIATE), so that no transaction fails half way because of another.
"""

import asyncio
import os
import shlex
import sqlite3
import stat
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from toolgate.model.errors import ConfigError, StoreFailed
from toolgate.stores import directories
from toolgate.stores.records.database import PATIENCE_S, Database, within
from toolgate.stores.records.filesystems import network_type

FILE = "records.db"

BUSY_S = 5.0
"""How long a writer waits for one in another process."""

_PRAGMAS = (
    "synchronous = full",
    "fullfsync = on",  # macOS: fsync alone leaves data in the drive's cache
    "checkpoint_fullfsync = on",
    "foreign_keys = on",
    "trusted_schema = off",
)

_WRITES = "toolgate_writes"


class SqliteDatabase(Database):
    poll_s = 0.25  # one process owns the file; only offline commands write beside it

    def __init__(self, path: Path, busy_s: float) -> None:
        url = URL.create("sqlite+aiosqlite", database=str(path))
        # Each connection is a thread. isolation_level None: we say BEGIN ourselves.
        engine = create_async_engine(
            url,
            connect_args={"isolation_level": None, "timeout": busy_s},
            pool_size=4,
            max_overflow=0,
            pool_timeout=PATIENCE_S,
            hide_parameters=True,
        )
        event.listen(engine.sync_engine, "connect", _prepare)
        event.listen(engine.sync_engine, "begin", _begin)
        super().__init__(engine, str(path))
        self._path = path
        self._file = _identity(path)
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncConnection]:
        with self.told():
            await within(self._turn)
        try:
            with self.told():
                self._still_there()
            async with super().writing() as connection:
                yield connection
        finally:
            self._turn.release()

    async def announce(self, connection: AsyncConnection) -> None:
        """SQLite has no way to tell: others look."""

    async def listen(self, heard: Callable[[], None]) -> None:
        """Nothing is told, so nothing can be heard."""

    def explain(self, error: BaseException) -> str:
        code = getattr(error, "sqlite_errorcode", None)
        told = None if code is None else _REASONS.get(code & 0xFF)
        return f"{told} ({error})" if told else str(error)

    @property
    def _reader(self) -> dict[str, Any]:
        return {_WRITES: False}

    @property
    def _writer(self) -> dict[str, Any]:
        return {_WRITES: True}

    def _still_there(self) -> None:
        """A file that was deleted or replaced under us would take every write and keep none."""
        if self._file is not None and _identity(self._path) != self._file:
            raise StoreFailed("the file was removed or replaced while in use: put it back, or start again")


def open_sqlite(path: Path, *, busy_s: float = BUSY_S) -> SqliteDatabase:
    """Opens the file, or makes one for its owner only. Raises ConfigError, StoreFailed."""
    foreign = network_type(path.parent) if path.parent.exists() else None
    if foreign is not None:
        raise ConfigError(
            (
                f"{path}: is on a network file system ({foreign}), where SQLite would lose data: choose a local"
                " directory with --data-dir, or use PostgreSQL",
            )
        )
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        directories.sync(path.parent)
    except FileExistsError:
        _judge(path)
    except OSError as error:
        raise StoreFailed(f"{path}: cannot be made: {error.strerror}") from None
    return SqliteDatabase(path, busy_s)


def _judge(path: Path) -> None:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError((f"{path}: is not a regular file: remove it",))
    if os.name == "posix" and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError((f"{path}: others can read it: run `chmod 600 {shlex.quote(str(path))}`",))


def _identity(path: Path) -> tuple[int, int] | None:
    """None where the file is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _prepare(connection: Any, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    try:
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.execute("PRAGMA page_count")
        if cursor.fetchone()[0] == 0:  # it counts before the first table only, and takes the writer's lock
            cursor.execute("PRAGMA auto_vacuum = incremental")
        cursor.execute("PRAGMA journal_mode = wal")
        mode = cursor.fetchone()[0]
    finally:
        cursor.close()
    if mode != "wal":
        raise StoreFailed("its file system has no shared memory, which SQLite's log needs: choose a local directory")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


_DAMAGED = "it is damaged, or no SQLite database: restore a backup with `toolgate restore`"
_REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space, until then writes are refused",
    sqlite3.SQLITE_IOERR: "the disk fails or is full: look at it, and free some space; until then writes are refused",
    sqlite3.SQLITE_BUSY: "another process is writing: try again",
    sqlite3.SQLITE_LOCKED: "another process is writing: try again",
    sqlite3.SQLITE_READONLY: "it cannot be written: look at its owner and mode",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: look at the directory, its owner and mode",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}
