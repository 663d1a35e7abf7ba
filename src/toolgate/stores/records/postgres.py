"""Records in PostgreSQL, through asyncpg (the extra `postgres`), for several processes at once.

The URL goes to the driver as it is, so that everything libpq's URLs can say holds (several hosts, `sslmode`, a socket's
directory). It may hold a password: it is in no error, no log and no repr.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from toolgate.model.errors import ConfigError, StoreFailed
from toolgate.stores.records.database import PATIENCE_S, Database

CHANNEL = "toolgate_changes"

_STATEMENT_S = 30.0
_SESSION = {
    "application_name": "toolgate",
    "lock_timeout": f"{PATIENCE_S:.0f}s",
    "statement_timeout": f"{_STATEMENT_S:.0f}s",
    # The one writer that hangs, or that lost its network, must not keep the others out.
    "idle_in_transaction_session_timeout": "60s",
}


class PostgresDatabase(Database):
    poll_s = 0.5  # the safety net under LISTEN: a proxy may not pass it on

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        engine = create_async_engine(
            "postgresql+asyncpg://",
            connect_args={
                "dsn": url,
                "timeout": PATIENCE_S,
                "command_timeout": _STATEMENT_S + PATIENCE_S,
                "server_settings": _SESSION,
            },
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            pool_size=5,
            max_overflow=0,
            pool_timeout=PATIENCE_S,
            hide_parameters=True,
        )
        event.listen(engine.sync_engine, "connect", _prepare)
        super().__init__(engine, _label(url))
        self._secrets = tuple(
            secret
            for raw in (parts.password, *parse_qs(parts.query).get("password", ()))
            if raw
            for secret in (raw, unquote(raw))
        )
        self._ear: AsyncConnection | None = None
        self._deaf = False
        self._one_ear = asyncio.Lock()

    async def announce(self, connection: AsyncConnection) -> None:
        await connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": CHANNEL})

    async def listen(self, heard: Callable[[], None]) -> None:
        if self._ear is not None and not self._deaf:
            return
        async with self._one_ear:
            if self._ear is None or self._deaf:
                with self.told():
                    await self._drop_ear()
                    await self._open_ear(heard)

    async def close(self) -> None:
        with suppress(StoreFailed), self.told():
            await self._drop_ear()
        await super().close()

    async def _open_ear(self, heard: Callable[[], None]) -> None:
        """Keeps a connection of the pool for listening."""

        def lost(_: Any) -> None:
            self._deaf = True
            heard()

        def announced(*_: Any) -> None:
            heard()

        self._ear = await self.engine.connect()
        self._deaf = True  # until it listens
        driver: Any = (await self._ear.get_raw_connection()).driver_connection
        await driver.add_listener(CHANNEL, announced)
        driver.add_termination_listener(lost)
        self._deaf = driver.is_closed()

    async def _drop_ear(self) -> None:
        ear, self._ear = self._ear, None
        if ear is not None:
            await ear.invalidate()
            await ear.close()

    def explain(self, error: BaseException) -> str:
        if isinstance(error, TimeoutError):
            said = "it does not answer in time: try again"
        elif isinstance(error, OSError):
            said = f"it cannot be reached ({error}): start it, or correct its address"
        elif _LATE in str(error):
            said = f"the connection broke: try again ({error})"
        else:
            state = getattr(error, "sqlstate", None)
            reason = _REASONS.get(state or "") or _CLASSES.get((state or "")[:2])
            said = f"{reason} ({error})" if reason else str(error) or type(error).__name__
        for secret in self._secrets:
            said = said.replace(secret, "***")
        return said

    @property
    def _reader(self) -> dict[str, Any]:
        return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

    @property
    def _writer(self) -> dict[str, Any]:
        return {}


def open_postgres(url: str) -> PostgresDatabase:
    """`url` as libpq understands it. Raises ConfigError where the driver is not installed."""
    try:
        return PostgresDatabase(url)
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        raise ConfigError(("PostgreSQL needs its driver: install toolgate[postgres]",)) from None


def _label(url: str) -> str:
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2] or ", ".join(parse_qs(parts.query).get("host", ["localhost"]))
    return f"PostgreSQL at {place}, database {unquote(parts.path.removeprefix('/')) or '(default)'}"


def _prepare(connection: Any, _: ConnectionPoolEntry) -> None:
    """An acknowledged write is on the disk, also where the server's default says otherwise."""
    cursor = connection.cursor()
    try:
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
        connection.commit()
    finally:
        cursor.close()


_LATE = "cannot switch to state"
"""What asyncpg says of a connection that the server has just ended, before the end itself arrives."""

_CLASSES = {
    "08": "the connection broke: try again",
    "28": "it refuses these credentials: correct the user, the password or pg_hba.conf",
    "53": "it has no room left (disk, memory or connections): make some, until then writes are refused",
    "57": "it is stopping, starting, or broke off: try again",
    "58": "its disk fails: look at the server's log",
}
_REASONS = {
    "3D000": "there is no such database: create it",
    "25006": "it is read-only, perhaps a standby: name the primary",
    "42501": "the user may not do this: grant it the right on the schema",
    "55P03": "another change does not end: try again",
    "57014": "it took too long: try again",
    "25P03": "the change was held open for too long: try again",
}
