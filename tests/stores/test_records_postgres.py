"""Records in PostgreSQL when it fails: stopped, crashed, refusing; and the same through its return."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path

import pytest
from asyncpg import InternalClientError

from tests.databases.fixtures import Place, toolbox
from tests.databases.postgres import Postgres
from toolgate.model.entities import Team
from toolgate.model.errors import ConfigError, StoreFailed
from toolgate.stores import records
from toolgate.stores.records import Records
from toolgate.stores.records.postgres import open_postgres

PASSWORD = "s3cret%2Fpass"
LISTENING = "SELECT pid FROM pg_stat_activity WHERE datname = '{}' AND query ILIKE 'listen%'"
BACK_S = 10.0
"""Within which a database that is back must be in use again."""


async def put(store: Records, name: str) -> Team:
    async with store.transaction("user:jane") as transaction:
        return await transaction.put(Team(name=name), expected=0)


@pytest.mark.promise("records.recover")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
async def test_a_dead_database_is_told_and_used_again_when_it_is_back(
    own_postgres: Postgres, tmp_path: Path, how: signal.Signals
):
    await own_postgres.run(f"CREATE DATABASE {how.name.lower()}")
    place = Place("postgres", tmp_path, own_postgres.url(how.name.lower()), own_postgres)
    async with place.open() as store:
        kept = await put(store, "kept")
        waiting = asyncio.create_task(store.wait(1))
        while not await own_postgres.run(LISTENING.format(how.name.lower())):
            assert not waiting.done()
        await asyncio.to_thread(own_postgres.stop, how)
        for use in (store.load(), store.changes(0, limit=1), put(store, "lost"), store.wait(1), waiting):
            with pytest.raises(StoreFailed, match=r"^PostgreSQL at .*, database sig[a-z]*: ") as caught:
                async with asyncio.timeout(BACK_S):
                    await use
            assert any(word in str(caught.value) for word in ("cannot be reached", "connection", "stopping")), caught
        with pytest.raises(StoreFailed):
            async with place.open():
                pass
        await asyncio.to_thread(own_postgres.start)
        async with asyncio.timeout(BACK_S):
            assert await store.load() == (1, (kept,))
            waiting = asyncio.create_task(store.wait(1))
            await put(store, "new")
            assert await waiting == 2
            await asyncio.gather(*(store.load() for _ in range(8)))  # no connection of the pool was lost over it


@pytest.mark.promise("records.whole")
async def test_a_connection_that_breaks_within_a_transaction_leaves_nothing(
    postgres: Postgres, migrated_postgres: Place
):
    async with migrated_postgres.open() as store:
        with pytest.raises(StoreFailed, match="an earlier step"):  # noqa: PT012  # swallowed errors do not commit
            async with store.transaction("user:jane") as transaction:
                await transaction.put(Team(name="a"), expected=0)
                await postgres.run(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    f" WHERE datname = '{migrated_postgres.name}' AND state = 'idle in transaction'"
                )
                with pytest.raises(StoreFailed):
                    await transaction.put(Team(name="b"), expected=0)
                with pytest.raises(StoreFailed, match="an earlier step"):
                    await transaction.get(Team, "a")
        assert await store.load() == (0, ())
        await put(store, "c")


@pytest.mark.promise("records.whole")
async def test_a_connection_that_breaks_before_the_commit_leaves_nothing(postgres: Postgres, migrated_postgres: Place):
    async with migrated_postgres.open() as store:
        with pytest.raises(StoreFailed, match="PostgreSQL at"):  # noqa: PT012
            async with store.transaction("user:jane") as transaction:
                await transaction.put(Team(name="a"), expected=0)
                await postgres.run(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    f" WHERE datname = '{migrated_postgres.name}' AND state = 'idle in transaction'"
                )
        assert await store.load() == (0, ())
        await put(store, "c")


@pytest.mark.promise("records.told")
async def test_without_announcements_a_change_is_still_seen_within_a_second(
    postgres: Postgres, migrated_postgres: Place
):
    """A proxy may swallow LISTEN: looking is the safety net."""
    async with migrated_postgres.open() as store:
        waiting = asyncio.create_task(store.wait(0))
        await asyncio.sleep(0)
        await postgres.run("UPDATE meta SET seq = 7", database=migrated_postgres.name)
        async with asyncio.timeout(1.0):
            assert await waiting == 7


@pytest.mark.promise("records.told")
async def test_another_process_is_told_by_the_database_when_a_change_commits(
    postgres: Postgres, migrated_postgres: Place
):
    async with migrated_postgres.open() as store, migrated_postgres.open() as other:
        store.database.poll_s = 600.0
        waiting = asyncio.create_task(store.wait(0))
        async with asyncio.timeout(BACK_S):
            while not await postgres.run(LISTENING.format(migrated_postgres.name)):
                assert not waiting.done()
        with pytest.raises(ValueError, match="not"):  # noqa: PT012
            async with other.transaction("user:jane") as transaction:
                await transaction.put(Team(name="a"), expected=0)
                raise ValueError("not this one")
        await put(other, "b")
        async with asyncio.timeout(BACK_S):
            assert await waiting == 1


async def test_a_lost_ear_is_replaced(postgres: Postgres, migrated_postgres: Place):
    async with migrated_postgres.open() as store:
        waiting = asyncio.create_task(store.wait(0))
        ears: set[int] = set()
        async with asyncio.timeout(BACK_S):
            while len(ears) < 8:  # more than the pool has connections: a lost one gives its place back
                for (pid,) in await postgres.run(LISTENING.format(migrated_postgres.name)):
                    ears.add(pid)
                    await postgres.run(f"SELECT pg_terminate_backend({pid})")
        await put(store, "a")
        async with asyncio.timeout(1.0):
            assert await waiting == 1


@pytest.mark.promise("records.no-password")
async def test_a_password_is_in_no_error_log_or_repr(
    postgres: Postgres, migrated_postgres: Place, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    role = f"r_{migrated_postgres.name}"
    await postgres.run(f"CREATE ROLE {role} LOGIN PASSWORD 's3cret/pass'")
    try:
        await postgres.run(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}", database=migrated_postgres.name)
        url = postgres.remote_url(migrated_postgres.name, role, PASSWORD)
        shown: list[str] = []
        async with records.open(records.Config("env:DB"), toolbox(tmp_path, environment={"DB": url})) as store:
            await put(store, "a")
            database = store.database
            shown += [repr(store), repr(database), database.label, repr(database.engine), str(database.engine.url)]
            shown.append(database.explain(OSError(f"a driver that talks too much: {url}")))
        for wrong, said in [
            (postgres.remote_url(migrated_postgres.name, role, PASSWORD + "x"), "refuses these credentials"),
            (postgres.remote_url("absent", role, PASSWORD), "no such database"),
            (f"postgresql://{role}:{PASSWORD}@127.0.0.1:1/{migrated_postgres.name}", "cannot be reached"),
            (f"postgresql://{role}:{PASSWORD}@127.0.0.1:{postgres.port}/x?sslmode={PASSWORD}", "sslmode"),
            (f"mysql://{role}:{PASSWORD}@host/x", "expected postgresql://"),
            (f"postgresql://{role}:{PASSWORD}@host:port/x", "is not a URL"),
        ]:
            config = records.Config("env:DB")
            with pytest.raises((StoreFailed, ConfigError), match=said) as caught:
                async with records.open(config, toolbox(tmp_path, environment={"DB": wrong})):
                    pass
            shown.append(f"{caught.value} {caught.value!r}")
        for literal in (url, f"postgresql://127.0.0.1/x?password={PASSWORD}"):
            with pytest.raises(ConfigError, match="put the URL into the environment or a file") as caught:
                async with records.open(records.Config(literal), toolbox(tmp_path)):
                    pass
            shown.append(str(caught.value))
    finally:
        await postgres.run(f"DROP OWNED BY {role}", database=migrated_postgres.name)
        await postgres.run(f"DROP ROLE {role}")
    everything = "\n".join([*shown, caplog.text])
    assert "s3cret" not in everything


async def test_rights_that_are_missing_are_told(postgres: Postgres, migrated_postgres: Place, tmp_path: Path):
    role = f"r_{migrated_postgres.name}"
    await postgres.run(f"CREATE ROLE {role} LOGIN")
    try:
        await postgres.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}", database=migrated_postgres.name)
        config = records.Config(postgres.url(migrated_postgres.name, user=role))
        async with records.open(config, toolbox(tmp_path)) as store:
            assert await store.load() == (0, ())
            with pytest.raises(StoreFailed, match="the user may not do this: grant it"):
                await put(store, "a")
    finally:
        await postgres.run(f"DROP OWNED BY {role}", database=migrated_postgres.name)
        await postgres.run(f"DROP ROLE {role}")


async def test_a_standby_is_told(postgres: Postgres, migrated_postgres: Place):
    await postgres.run(f"ALTER DATABASE {migrated_postgres.name} SET default_transaction_read_only = on")
    async with migrated_postgres.open() as store:
        with pytest.raises(StoreFailed, match="read-only, perhaps a standby"):
            await put(store, "a")


async def test_acknowledged_is_durable_also_where_the_server_says_otherwise(
    postgres: Postgres, migrated_postgres: Place
):
    await postgres.run(f"ALTER DATABASE {migrated_postgres.name} SET synchronous_commit = off")
    async with migrated_postgres.open() as store, store.database.engine.connect() as connection:
        assert (await connection.exec_driver_sql("SHOW synchronous_commit")).scalar_one() == "on"


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "asyncpg", None)  # as where it is not installed
    with pytest.raises(ConfigError, match=r"install toolgate\[postgres\]"):
        open_postgres("postgresql://localhost/x")


async def test_what_the_driver_says_of_a_connection_just_ended_is_told_as_that(postgres: Postgres):
    said = InternalClientError("cannot switch to state 15; another operation (2) is in progress")
    database = open_postgres(postgres.url("postgres"))
    try:
        assert database.explain(said).startswith("the connection broke: try again (cannot switch")
    finally:
        await database.close()
