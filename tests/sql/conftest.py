"""The three databases, filled; each made once for a module."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.conftest import require
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
    with tempfile.TemporaryDirectory(prefix="tgout-") as outside:
        made = await _made(request, tmp_path, Path(outside))
        yield made
        await _gone(made)


@pytest.fixture(scope="session", params=DIALECTS)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Place]:
    """Each kind of database, for all tests that leave it as it is."""
    with tempfile.TemporaryDirectory(prefix="tgout-") as outside:
        made = asyncio.run(_made(request, tmp_path_factory.mktemp("shared"), Path(outside)))
        yield made
        asyncio.run(_gone(made))


async def _made(request: pytest.FixtureRequest, folder: Path, outside: Path) -> Place:
    name, canary = f"t_{secrets.token_hex(6)}", _canary(outside)
    if request.param == "sqlite":
        (folder / "database").mkdir()
        made = Sqlite(folder / "database", folder, canary)
        made.make()
        return made
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        await server.run(f"CREATE DATABASE {name}")
        place = Pg(server, name, folder, canary)
        await place.make()
        return place
    maria: MariaDB = request.getfixturevalue("mariadb")
    await maria.run(f"CREATE DATABASE {name}")
    found = My(maria, name, folder, canary)
    await found.make()
    return found


async def _gone(made: Place) -> None:
    if isinstance(made, Pg):
        await made.server.run(f"DROP DATABASE {made.database} WITH (FORCE)")
    elif isinstance(made, My):
        users = ", ".join(f"{made.user(role)}@'%'" for role in ("reader", "writer"))
        await made.server.run(f"DROP USER {users}", f"DROP DATABASE {made.database}")


def _canary(folder: Path) -> Path:
    """In a folder straight below the machine's temporary one: those of pytest are closed to the databases' users."""
    file = folder / "canary.txt"
    file.write_text(CANARY, encoding="utf-8")
    file.chmod(0o644)
    folder.chmod(0o755)
    return file
