"""A program that writes records until it is killed, or once. Tests run it in processes of its own.

    python -m tests.databases.writer once DATA DATABASE         one team, when a line comes in
    python -m tests.databases.writer pairs DATA DATABASE KILLS  children that are killed at any moment, one by one

DATABASE is `-` for SQLite in DATA. `pairs` changes two records in each transaction, so that half a transaction would be
seen, and says `acknowledged N` when N transactions were; see `tests.stores.test_records_killed`.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from pathlib import Path

import msgspec

from tests.databases.fixtures import Place
from toolgate.model.entities import Team
from toolgate.stores.records import Records

FIRST, SECOND = "first", "second"
MOST_BEFORE_KILL = 12


async def once(place: Place) -> None:
    async with place.open() as store:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        async with store.transaction("service:other") as transaction:
            await transaction.put(Team(name="from-elsewhere"), expected=0)
    print("written", flush=True)


async def check(store: Records) -> int:
    """How often the pair was changed. Raises AssertionError for half a change, or an audit that tells otherwise."""
    seq, records = await store.load()
    assert [record.name for record in records] in ([], [FIRST, SECOND]), records
    versions = {record.stamp.version for record in records} or {0}
    descriptions = {record.description for record in records if isinstance(record, Team)} or {"0"}
    assert len(versions) == len(descriptions) == 1, records
    changed = versions.pop()
    assert descriptions == {str(changed)}, records
    told = await store.changes(0, limit=100_000)
    assert [change.seq for change in told] == list(range(1, 2 * changed + 1)), seq
    assert seq == 2 * changed
    return changed


async def change_pairs(place: Place, out: int) -> None:
    async with place.open(migrate=True) as store:
        changed = await check(store)
        os.write(out, f"{changed}\n".encode())
        while True:
            async with store.transaction("service:writer") as transaction:
                for name in (FIRST, SECOND):
                    found = await transaction.get(Team, name) or Team(name=name)
                    after = msgspec.structs.replace(found, description=str(changed + 1))
                    await transaction.put(after, expected=changed)
            changed += 1
            os.write(out, f"{changed}\n".encode())


def pairs(place: Place, kills: int) -> None:
    """One child after another is killed; the next one opens what it left, checks it and goes on."""
    acknowledged = 0
    chance = random.Random()
    for _ in range(kills):
        inside, out = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(inside)
            asyncio.run(change_pairs(place, out))
        os.close(out)
        wanted = chance.randrange(MOST_BEFORE_KILL)
        with os.fdopen(inside) as lines:
            began = int(lines.readline() or -1)
            assert acknowledged <= began <= acknowledged + 1, f"acknowledged {acknowledged}, found {began}"
            acknowledged = began
            for _ in range(wanted):
                acknowledged = int(lines.readline())
            # From here to somewhere within the next change.
            for _ in range(chance.randrange(40_000)):
                pass
            os.kill(child, signal.SIGKILL)
            for line in lines:
                acknowledged = int(line)
        os.waitpid(child, 0)
        print(f"acknowledged {acknowledged}", flush=True)


def main() -> None:
    what, data, database, *rest = sys.argv[1:]
    place = Place("", Path(data), None if database == "-" else database)
    if what == "once":
        asyncio.run(once(place))
    else:
        pairs(place, int(rest[0]))


if __name__ == "__main__":
    main()
