"""One small company's data in each of the three databases, a role that may only read it, and a way to see whether
anything at all was changed."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec

from tests.databases.mariadb import MariaDB
from tests.databases.postgres import Postgres
from tests.ports.speaking import ALL, Ear, body, modern, out, spec, toolbox
from toolgate.model.call import Outbound, Result
from toolgate.model.identity import Principal
from toolgate.upstreams import sql
from toolgate.upstreams.sql.server import SqlServer

JANE = Principal("key:jane", "jane", teams=("north",), owner="user:jane")
PASSWORD = "pw-of-the-reader"

TABLES = (
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(80) NOT NULL, email VARCHAR(120), card VARCHAR(20), "
    "password_hash VARCHAR(80), segment VARCHAR(20), joined DATE)",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id), "
    "amount DECIMAL(10,2) NOT NULL, rep VARCHAR(40), ordered DATE)",
    "CREATE TABLE vault (id INTEGER PRIMARY KEY, secret VARCHAR(80))",
    "CREATE INDEX orders_customer ON orders (customer_id)",
    "CREATE VIEW big_orders AS SELECT id, amount FROM orders WHERE amount > 100",
)
ROWS = (
    "INSERT INTO customers VALUES"
    " (1, 'Ada', 'ada@example.com', '4111222233334444', 'hash-of-ada', 'gold', '2024-01-31'),"
    " (2, 'Alan', 'alan@example.com', '5500000000000004', 'hash-of-alan', 'silver', '2024-02-29'),"
    " (3, 'Grace', NULL, NULL, 'hash-of-grace', 'gold', '2025-03-01')",
    "INSERT INTO orders VALUES (10, 1, 99.50, 'jane', '2026-01-05'), (11, 1, 250.00, 'joe', '2026-01-20'),"
    " (12, 2, 1000.01, 'jane', '2026-02-03')",
    "INSERT INTO vault VALUES (1, 'canary-in-the-vault')",
)
CANARY = "canary-in-a-file"


class Place(Protocol):
    """A database with the data above. `canary` is a file that the database's own process could read, alone in a folder
    outside; `own` is a folder of the test's."""

    @property
    def dialect(self) -> str: ...

    @property
    def own(self) -> Path: ...

    @property
    def canary(self) -> Path: ...

    def settings(self, **more: Any) -> sql.Settings: ...

    async def fingerprint(self) -> object:
        """Everything that a statement could have changed: equal before and after."""
        ...

    async def run(self, *statements: str) -> list[Sequence[Any]]:
        """As the owner of it all."""
        ...

    async def running(self) -> int:
        """How many statements of ours run at the moment."""
        ...


def listing(folder: Path) -> list[str]:
    return sorted(f"{path.relative_to(folder)} {path.stat().st_size}" for path in folder.rglob("*") if path.is_file())


def reference(folder: Path, name: str, url: str) -> str:
    """A URL with a password where it belongs: in a file that only we can read."""
    file = folder / f"{name}.url"
    file.touch(0o600)
    file.write_text(url, encoding="utf-8")
    return f"file:{file}"


@dataclass(frozen=True)
class Sqlite:
    folder: Path
    own: Path
    canary: Path
    dialect: str = "sqlite"

    @property
    def file(self) -> Path:
        return self.folder / "sales.db"

    def make(self) -> None:
        raw = sqlite3.connect(self.file)
        with raw:
            for statement in (*TABLES, *ROWS, "ANALYZE"):
                raw.execute(statement)
        raw.close()

    def settings(self, **more: Any) -> sql.Settings:
        return sql.Settings(**{"path": str(self.file), "statement_timeout": 1.0, **more})

    async def fingerprint(self) -> object:
        return hashlib.sha256(self.file.read_bytes()).hexdigest(), listing(self.folder), listing(self.canary.parent)

    async def run(self, *statements: str) -> list[Sequence[Any]]:
        raw = sqlite3.connect(self.file)
        try:
            with raw:
                rows: list[Sequence[Any]] = []
                for statement in statements:
                    rows = raw.execute(statement).fetchall()
                return rows
        finally:
            raw.close()

    async def running(self) -> int:
        return 0


@dataclass(frozen=True)
class Pg:
    server: Postgres
    database: str
    own: Path
    canary: Path
    dialect: str = "postgres"

    def url(self, role: str) -> str:
        return reference(self.own, role, self.server.remote_url(self.database, role, PASSWORD))

    async def make(self) -> None:
        """`reader` may read; `writer` may write as well, but not `vault`."""
        await self.run(
            *TABLES,
            *ROWS,
            "CREATE SEQUENCE numbers",
            "COMMENT ON TABLE customers IS 'Who buys'",
            "COMMENT ON COLUMN customers.segment IS 'gold or silver'",
            "CREATE FUNCTION touch() RETURNS int LANGUAGE sql AS"
            " $$ INSERT INTO orders VALUES (99, 1, 1) RETURNING id $$",
            "SELECT lo_from_bytea(4711, 'large')",
            *(
                f"DO $$ BEGIN CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}';"
                " EXCEPTION WHEN duplicate_object THEN END $$"
                for role in ("reader", "writer")
            ),
            "GRANT SELECT ON customers, orders, big_orders TO reader, writer",
            "GRANT INSERT, UPDATE, DELETE ON customers, orders TO writer",
            "GRANT USAGE ON SEQUENCE numbers TO writer",
            "ANALYZE",
        )

    def settings(self, **more: Any) -> sql.Settings:
        given = {"database": self.url("reader"), "statement_timeout": 1.0, **more}
        return sql.Settings(**given)

    async def fingerprint(self) -> object:
        tables = [
            await self.run(f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {table} t")
            for table in ("customers", "orders", "vault", "pg_largeobject", "pg_db_role_setting", "pg_authid")
        ]
        rest = await self.run(
            "SELECT (SELECT count(*) FROM pg_class WHERE relnamespace::regnamespace::text !~ '^pg_(toast_)?temp'),"
            " (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_largeobject_metadata),"
            " (SELECT last_value || ' ' || is_called::text FROM numbers),"
            " (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'),"
            " (SELECT string_agg(name || setting, ',' ORDER BY name) FROM pg_settings"
            " WHERE source = 'configuration file')"
        )
        return tables, rest, listing(self.canary.parent)

    async def run(self, *statements: str) -> list[Sequence[Any]]:
        return await self.server.run(*statements, database=self.database)

    async def running(self) -> int:
        rows = await self.run(
            "SELECT count(*) FROM pg_stat_activity WHERE usename IN ('reader', 'writer') AND state <> 'idle'"
        )
        return rows[0][0]


@dataclass(frozen=True)
class My:
    server: MariaDB
    database: str
    own: Path
    canary: Path
    dialect: str = "mysql"

    def url(self, role: str) -> str:
        return reference(self.own, role, self.server.url(self.database, self.user(role), PASSWORD))

    def user(self, role: str) -> str:
        """Users are the server's, so each place has its own."""
        return f"{self.database}_{role}"

    async def make(self) -> None:
        await self.run(
            *TABLES,
            *ROWS,
            *(f"CREATE USER {self.user(role)}@'%' IDENTIFIED BY '{PASSWORD}'" for role in ("reader", "writer")),
            "CREATE SEQUENCE numbers",
            *(
                f"GRANT SELECT ON {self.database}.{table} TO {self.user(role)}@'%'"
                for table in ("customers", "orders", "big_orders")
                for role in ("reader", "writer")
            ),
            *(
                f"GRANT INSERT, UPDATE, DELETE ON {self.database}.{table} TO {self.user('writer')}@'%'"
                for table in ("customers", "orders")
            ),
        )

    def settings(self, **more: Any) -> sql.Settings:
        given = {"database": self.url("reader"), "statement_timeout": 1.0, **more}
        return sql.Settings(**given)

    async def fingerprint(self) -> object:
        tables = await self.run("CHECKSUM TABLE customers, orders, vault")
        rest = [
            await self.run(statement)
            for statement in (
                "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema NOT IN"
                " ('information_schema') ORDER BY 1, 2",
                "SELECT user, host FROM mysql.user ORDER BY 1, 2",
                "SELECT next_not_cached_value FROM numbers",
                "SELECT variable_name, variable_value FROM information_schema.global_variables WHERE variable_name IN"
                " ('SQL_MODE', 'READ_ONLY', 'GENERAL_LOG', 'MAX_STATEMENT_TIME', 'LOCAL_INFILE') ORDER BY 1",
                "SELECT IS_FREE_LOCK('held')",
            )
        ]
        return tables, rest, listing(self.canary.parent)

    async def run(self, *statements: str) -> list[Sequence[Any]]:
        return await self.server.run(*statements, database=self.database)

    async def running(self) -> int:
        rows = await self.run(
            f"SELECT count(*) FROM information_schema.processlist WHERE user LIKE '{self.database}_%'"
            " AND command NOT IN ('Sleep')"
        )
        return rows[0][0]


@asynccontextmanager
async def opened(place: Place, **more: Any) -> AsyncGenerator[SqlServer]:
    """A server on this place; `more` are settings."""
    async with sql.open(spec(kind="sql"), place.settings(**more), toolbox(place.own)) as server:
        assert isinstance(server, SqlServer)
        yield server


def asked(name: str, principal: Principal | None = JANE, /, **arguments: Any) -> Outbound:
    call = out("tools/call", {"name": name, "arguments": arguments}, modern(), grant=ALL)
    return msgspec.structs.replace(call, principal=principal)


async def called(server: SqlServer, name: str, principal: Principal | None = JANE, /, **arguments: Any) -> Result:
    return await server.call(asked(name, principal, **arguments), Ear())


async def rows(server: SqlServer, statement: str, **more: Any) -> list[list[Any]]:
    """Of a free query that must succeed."""
    result = await called(server, "run_sql_query", sql=statement, **more)
    told = body(result)
    assert not result.is_error, told["content"][0]["text"]
    return told["structuredContent"]["rows"]


async def refused(server: SqlServer, name: str, principal: Principal | None = JANE, /, **arguments: Any) -> str:
    """What a call that must fail says."""
    result = await called(server, name, principal, **arguments)
    assert result.is_error, body(result)
    return body(result)["content"][0]["text"]
