"""The three databases, filled; each made once for a module."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.conftest import require
from tests.databases.fixtures import postgres as postgres
from tests.databases.mariadb import MariaDB, programs
from tests.databases.postgres import Postgres
from tests.sql.places import CANARY, My, Pg, Place, Sqlite

DIALECTS = ("sqlite", "postgres", "mysql")


@pytest.fixture(scope="session")
def mariadb() -> Generator[MariaDB]:
    """One server for all tests; nobody stops it."""
    found = programs()
    require(found, "MariaDB (apt-get install mariadb-server)")
    assert found is not None
    server = MariaDB(*found)
    try:
        server.make()
        yield server
    finally:
        server.close()


@pytest_asyncio.fixture(params=DIALECTS)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Place]:
    """Each kind of database, for a test that may change it."""
    async for made in _made(request, request.param, tmp_path):
        yield made


async def _made(request: pytest.FixtureRequest, dialect: str, folder: Path) -> AsyncGenerator[Place]:
    with tempfile.TemporaryDirectory(prefix="tgout-") as outside:
        async for made in _filled(request, dialect, folder, _canary(Path(outside))):
            yield made


async def _filled(request: pytest.FixtureRequest, dialect: str, folder: Path, canary: Path) -> AsyncGenerator[Place]:
    name = f"t_{secrets.token_hex(6)}"
    if dialect == "sqlite":
        (folder / "database").mkdir()
        made = Sqlite(folder / "database", folder, canary)
        made.make()
        yield made
    elif dialect == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        await server.run(f"CREATE DATABASE {name}")
        place = Pg(server, name, folder, canary)
        await place.make()
        yield place
        await server.run(f"DROP DATABASE {name} WITH (FORCE)")
    else:
        maria: MariaDB = request.getfixturevalue("mariadb")
        await maria.run(f"CREATE DATABASE {name}")
        found = My(maria, name, folder, canary)
        await found.make()
        yield found
        await maria.run(f"DROP DATABASE {name}")


def _canary(folder: Path) -> Path:
    """In a folder straight below the machine's temporary one: those of pytest are closed to the databases' users."""
    file = folder / "canary.txt"
    file.write_text(CANARY, encoding="utf-8")
    file.chmod(0o644)
    folder.chmod(0o755)
    return file
