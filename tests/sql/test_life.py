"""A database that is slow, away, or seen by a role that may do too much; calls that are taken back; where passwords may
stand."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.ports.speaking import ALL, Ear, body, spec, toolbox
from tests.sql.places import My, Place, Sqlite, asked, called, opened, refused, rows
from toolgate.control.kinds import flaws
from toolgate.model.errors import ConfigError, Limited, UpstreamFailed
from toolgate.upstreams import sql
from toolgate.upstreams.sql.connections import Connections

BOUND = 8.0
ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
SLOW = {
    "sqlite": ENDLESS,
    "postgres": "SELECT count(*) FROM generate_series(1, 1000000000000)",
    "mysql": "SELECT COUNT(*) FROM " + " CROSS JOIN ".join(f"customers c{place}" for place in range(22)),
}


def _reading() -> bool:
    """Whether a thread of a server is in SQLite."""
    frames = sys._current_frames()
    running = [frames.get(thread.ident or 0) for thread in threading.enumerate() if thread.name.startswith("sql-it")]
    return any(frame is not None and frame.f_code.co_name == "_fetched" for frame in running)


async def until_idle(place: Place) -> None:
    async with asyncio.timeout(BOUND):
        while await place.running():
            pass  # looking takes its time


async def test_a_slow_query_is_ended_in_time(place: Place):
    async with opened(place, statement_timeout=0.5) as server:
        began = time.monotonic()
        said = await refused(server, "run_sql_query", sql=SLOW[place.dialect])
        assert "ended" in said
        assert time.monotonic() - began < BOUND / 2
        await until_idle(place)
        assert await rows(server, "SELECT COUNT(*) FROM orders") == [[3]]


@pytest.mark.promise("sql.bounded")
async def test_a_call_that_is_taken_back_ends_at_the_database(place: Place):
    async with opened(place, statement_timeout=60.0, pool=1) as server:
        await server.discover(ALL)
        calls = [
            asyncio.ensure_future(server.call(asked("run_sql_query", sql=SLOW[place.dialect]), Ear())) for _ in range(2)
        ]
        async with asyncio.timeout(BOUND):
            while not (await place.running() or (isinstance(place, Sqlite) and await asyncio.to_thread(_reading))):
                pass  # looking takes its time
        began = time.monotonic()
        for call in calls:
            call.cancel()
        for call in calls:
            with pytest.raises(asyncio.CancelledError):
                await call
        # With a pool of one, the next query runs only once the last one is really gone.
        async with asyncio.timeout(BOUND):
            assert await rows(server, "SELECT COUNT(*) FROM orders") == [[3]]
        await until_idle(place)
        assert time.monotonic() - began < BOUND


async def test_more_calls_than_connections_wait_for_their_turn(place: Place):
    async with opened(place, pool=2) as server:
        many = [rows(server, f"SELECT {number} FROM orders") for number in range(30)]
        assert await asyncio.gather(*many) == [[[number]] * 3 for number in range(30)]


class Line:
    """A connection to nowhere."""

    def is_usable(self) -> bool:
        return True

    async def close(self) -> None:
        """There is nothing to end."""


async def test_whoever_waits_too_long_is_told():
    async def make() -> Line:
        return Line()

    lines = Connections("it", 1, make, wait=0.05)
    async with lines.lease():
        with pytest.raises(Limited, match="all 1 connections of it are in use"):
            async with lines.lease():
                pass
    async with lines.lease() as again:
        assert again.is_usable()
    await lines.close()
    with pytest.raises(UpstreamFailed, match="being closed"):
        async with lines.lease():
            pass


@pytest.mark.parametrize("place", ["postgres", "mysql"], indirect=True)
async def test_a_connection_that_died_is_replaced(place: Place):
    async with opened(place) as server:
        assert await rows(server, "SELECT COUNT(*) FROM orders") == [[3]]
        if place.dialect == "postgres":
            await place.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'")
        else:
            ours = "SELECT id FROM information_schema.processlist WHERE user LIKE '%_reader'"
            for (thread,) in await place.run(ours):
                await place.run(f"KILL {thread}")
        assert await rows(server, "SELECT COUNT(*) FROM orders") == [[3]]


@pytest.mark.parametrize("place", ["postgres"], indirect=True)
async def test_nothing_of_a_free_query_stays_on_its_connection(place: Place):
    async with opened(place, pool=1, functions=("set_config", "current_setting", "pg_advisory_lock")) as server:
        await rows(
            server, "SELECT set_config('statement_timeout', '0', false), set_config('toolgate.x', 'left', false)"
        )
        await rows(server, "SELECT pg_advisory_lock(1)")
        left = await rows(server, "SELECT current_setting('statement_timeout'), current_setting('toolgate.x', true)")
        assert left in ([["1s", None]], [["1s", ""]])
        assert await place.run("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]


@pytest.mark.parametrize("place", ["postgres"], indirect=True)
async def test_postgres_knows_who_asks(place: Place):
    await place.run(
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY own ON orders USING ('key:' || rep = current_setting('toolgate.caller', true))",
    )
    async with opened(place) as server:
        assert await rows(server, "SELECT id FROM orders ORDER BY id") == [[10], [12]]
        assert (
            body(await called(server, "run_sql_query", None, sql="SELECT id FROM orders"))["structuredContent"]["rows"]
            == []
        )


@pytest.mark.promise("sql.role")
@pytest.mark.parametrize("place", ["postgres", "mysql"], indirect=True)
async def test_a_role_that_may_do_too_much_is_refused(place: Place, caplog: pytest.LogCaptureFixture):
    if place.dialect == "postgres":
        await place.run("ALTER ROLE reader SUPERUSER")
    else:
        assert isinstance(place, My)
        await place.run(f"GRANT FILE ON *.* TO {place.user('reader')}@'%'")
    try:
        async with opened(place) as server:
            with pytest.raises(UpstreamFailed, match="connect as a role that may only read"):
                await server.discover(ALL)
            with pytest.raises(UpstreamFailed, match="files"):
                await called(server, "list_tables")
        with caplog.at_level(logging.WARNING):
            async with opened(place, allow_superuser=True) as server:
                await server.discover(ALL)
                await server.discover(ALL)
        assert len([record for record in caplog.records if "safer" in record.getMessage()]) == 1
    finally:
        if place.dialect == "postgres":
            await place.run("ALTER ROLE reader NOSUPERUSER")


@pytest.mark.parametrize("place", ["postgres", "mysql"], indirect=True)
async def test_a_role_that_may_write_is_warned_of(place: Place, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        async with opened(place, database=place.url("writer")) as server:  # type: ignore[attr-defined]
            await server.discover(ALL)
            before = await place.fingerprint()
            assert "DELETE" in await refused(server, "run_sql_query", sql="DELETE FROM orders")
            assert await place.fingerprint() == before
    assert any("orders" in record.getMessage() or "more rights" in record.getMessage() for record in caplog.records)


async def test_messages_hold_no_data(place: Place):
    """What fails on data is told without it."""
    texts = {
        "sqlite": "SELECT JSON_EXTRACT(email, '$.x') FROM customers",
        "postgres": "SELECT CAST(email AS int) FROM customers",
        "mysql": "SELECT CAST(card AS UNSIGNED) * 1000000000 FROM customers",
    }
    async with opened(place) as server:
        said = await refused(server, "run_sql_query", sql=texts[place.dialect])
        assert "example.com" not in said
        assert "4111" not in said


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://reader:secret-word@127.0.0.1:1/x", "holds a password"),
        ("mysql://reader:secret-word@127.0.0.1:1/x", "holds a password"),
        ("oracle://127.0.0.1/x", "expected postgresql"),
        ("postgresql://127.0.0.1:x/y", "not a URL"),
        ("postgresql://127.0.0.1/x?options=secret-word", "'options' is not known"),
        ("env:NO_SUCH_VARIABLE_HERE", "is not set"),
        ("mysql://127.0.0.1:1", "names none"),
        ("sqlite://host/x", "names no file"),
    ],
)
async def test_a_url_that_cannot_be_used_is_told(tmp_path: Path, url: str, expected: str):
    with pytest.raises(ConfigError) as caught:
        async with sql.open(spec(kind="sql"), sql.Settings(database=url), toolbox(tmp_path)):
            pass
    assert expected in str(caught.value)
    assert "secret-word" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
async def test_a_database_that_is_away_is_told_of_without_the_password(tmp_path: Path, scheme: str):
    file = tmp_path / "url"
    file.touch(0o600)
    file.write_text(f"{scheme}://reader:secret-word@127.0.0.1:1/sales")
    async with sql.open(spec(kind="sql"), sql.Settings(database=f"file:{file}"), toolbox(tmp_path)) as server:
        with pytest.raises(UpstreamFailed, match="cannot be reached") as caught:
            await server.discover(ALL)
    assert "secret-word" not in str(caught.value)


GREETING = b"".join(
    (
        b"\x0a5.7.0\0" + (7).to_bytes(4, "little") + b"12345678\0",
        b"\xff\xf7" + b"\x2d" + b"\x02\0" + b"\xff\x81" + b"\x15",  # what it can do, all but TLS
        bytes(10) + b"123456789012\0" + b"mysql_native_password\0",
    )
)
IN_PLAIN_TEXT = b"\xfemysql_clear_password\0"


async def test_a_server_that_asks_for_the_password_in_plain_text_does_not_get_it(tmp_path: Path):
    heard = bytearray()
    done = asyncio.Event()

    async def impostor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(len(GREETING).to_bytes(3, "little") + b"\0" + GREETING)
        length = int.from_bytes((await reader.readexactly(4))[:3], "little")
        heard.extend(await reader.readexactly(length))
        writer.write(len(IN_PLAIN_TEXT).to_bytes(3, "little") + b"\2" + IN_PLAIN_TEXT)
        heard.extend(await reader.read())
        writer.close()
        done.set()

    file = tmp_path / "url"
    file.touch(0o600)
    async with await asyncio.start_server(impostor, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        file.write_text(f"mysql://reader:secret-word@127.0.0.1:{port}/sales")
        async with sql.open(spec(kind="sql"), sql.Settings(database=f"file:{file}"), toolbox(tmp_path)) as server:
            with pytest.raises(UpstreamFailed, match="plain text"):
                await server.discover(ALL)
        async with asyncio.timeout(BOUND):
            await done.wait()
    assert b"reader" in heard
    assert b"secret-word" not in heard


async def test_a_file_that_is_no_database_is_told_of(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("not a database, but long enough to be looked at" * 50)
    async with sql.open(spec(kind="sql"), sql.Settings(path=str(tmp_path / "notes.txt")), toolbox(tmp_path)) as server:
        with pytest.raises(UpstreamFailed, match="not a database"):
            await server.discover(ALL)
    assert (tmp_path / "nothing.db").exists() is False
    async with sql.open(spec(kind="sql"), sql.Settings(path=str(tmp_path / "nothing.db")), toolbox(tmp_path)) as server:
        with pytest.raises(UpstreamFailed):
            await server.discover(ALL)
    assert not (tmp_path / "nothing.db").exists()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "exactly one of"),
        ({"path": "x", "database": "y"}, "exactly one of"),
        ({"path": "x", "user": "me"}, "for `database`"),
        ({"path": "x", "mask": {"email": "redact"}}, "table.column"),
        ({"path": "x", "mask": {"a.b": "blur"}}, "blur"),
        ({"path": "x", "rows": {"orders": "rep = :caller_usr"}}, "caller_user"),
        ({"path": "x", "queries": {"Get": {"sql": "SELECT 1", "description": "x"}}}, "a name is"),
        ({"path": "x", "queries": {"list_tables": {"sql": "SELECT 1", "description": "x"}}}, "of the server itself"),
        ({"path": "x", "queries": {"a": {"sql": "SELECT 1"}}}, "description"),
        (
            {
                "path": "x",
                "queries": {"a": {"sql": "x", "description": "x", "parameters": {"caller_x": {"type": "string"}}}},
            },
            "bound to the caller",
        ),
        (
            {
                "path": "x",
                "queries": {
                    "a": {"sql": "x", "description": "x", "parameters": {"x": {"type": "integer", "default": "y"}}}
                },
            },
            "of its type",
        ),
    ],
)
def test_settings_that_are_wrong_are_findings(values: dict[str, Any], expected: str):
    found = flaws(sql.Settings, values)
    assert any(expected in reason for _, reason in found), found
