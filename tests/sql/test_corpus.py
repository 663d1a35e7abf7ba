"""The corpus, twice: through the tool, and with the parser left out, straight at the layer that talks to the database.
Either way nothing is changed, nothing is read from outside, every attempt ends in time, and the next query works."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.ports.speaking import ALL, body
from tests.sql.corpus import ATTEMPTS, Attempt
from tests.sql.places import CANARY, Place, called, opened, rows
from toolgate.model.errors import Fault
from toolgate.upstreams.sql.database import Answer, Asked, Limits, Trouble
from toolgate.upstreams.sql.server import SqlServer

SECONDS = 6.0
"""The most that an attempt may take: the statement's second, the grace, and a busy machine."""

LIMITS = Limits(rows=100, size=65_536, seconds=1.0)
SECRETS = (CANARY, "canary-in-the-vault", "hash-of-")
TABLES = {"tables": ("customers", "orders", "big_orders"), "hide": ("customers.password_hash",)}


def test_the_corpus_is_as_large_as_promised():
    counts = {
        dialect: sum(attempt.dialect == dialect for attempt in ATTEMPTS) for dialect in ("sqlite", "postgres", "mysql")
    }
    assert all(count >= 90 for count in counts.values()), counts
    assert len({attempt.sql for attempt in ATTEMPTS}) >= 250


def filled(attempt: Attempt, place: Place) -> str:
    return attempt.sql.replace("CANARY_FILE", str(place.canary)).replace("FOLDER", str(place.canary.parent))


async def healthy(server: SqlServer, place: Place) -> None:
    """A query works, on every connection of the pool, and nothing of ours runs any more."""
    many = [rows(server, "SELECT COUNT(*) FROM orders") for _ in range(8)]
    assert await asyncio.gather(*many) == [[[3]]] * 8
    async with asyncio.timeout(SECONDS):
        while await place.running():
            pass  # looking takes its time


def check(told: str, attempt: Attempt) -> None:
    for secret in SECRETS:
        assert secret not in told, f"{attempt.id}: it gave away {secret}"


async def through_the_tool(server: SqlServer, attempt: Attempt, text: str) -> str:
    result = await called(server, "run_sql_query", sql=text)
    said = str(body(result))
    if attempt.kind != "cost":
        assert result.is_error, f"{attempt.id}: was run: {said[:300]}"
    return said


async def past_the_parser(server: SqlServer, attempt: Attempt, text: str) -> str:
    database = server._database
    try:
        answer: Answer = await database.read(Asked(text, free=True, caller="key:jane"), LIMITS)
    except (Trouble, Fault) as error:
        return str(error)
    return str(answer)


WAYS: dict[str, Any] = {"tool": through_the_tool, "bypass": past_the_parser}


@pytest.mark.promise("sql.read-only", "sql.bounded")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", WAYS)
async def test_no_attempt_changes_or_reads_what_it_must_not(place: Place, way: str):
    async with opened(place, **TABLES) as server:
        await server.discover(ALL)
        before = await place.fingerprint()
        found: list[str] = []
        slow: list[str] = []
        for attempt in ATTEMPTS:
            if attempt.dialect != place.dialect or (way == "bypass" and attempt.kind == "parser"):
                continue
            began = time.monotonic()
            try:
                async with asyncio.timeout(SECONDS * 3):
                    check(await WAYS[way](server, attempt, filled(attempt, place)), attempt)
                took = time.monotonic() - began
                if took > SECONDS:
                    slow.append(f"{took:.1f} s: {attempt.id}")
                await healthy(server, place)
                after = await place.fingerprint()
                if after != before:
                    found.append(f"{attempt.id}: something was changed")
                    before = after
            except (AssertionError, TimeoutError, Fault) as error:
                found.append(f"{attempt.id}: {type(error).__name__} {str(error)[:300]}")
        assert not found, "\n".join(found)
        assert not slow, "\n".join(slow)
