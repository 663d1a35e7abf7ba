"""A program whose disk runs full under its records: no file may grow beyond a limit, which is lifted in the end.

    python -m tests.databases.full DATA

Prints one line of JSON: what was refused and how, and what worked while the disk was full and afterwards.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from pathlib import Path

from tests.databases.fixtures import Place
from toolgate.model.entities import Team
from toolgate.model.errors import StoreFailed
from toolgate.stores.records import Records

LARGE = "x" * 200_000


def limit_files(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


async def put(store: Records, name: str, description: str = "") -> str | None:
    """What a refusal said; None when it was written."""
    try:
        async with store.transaction("user:jane") as transaction:
            await transaction.put(Team(name=f"{name}-small"), expected=0)
            await transaction.put(Team(name=name, description=description), expected=0)
    except StoreFailed as error:
        return str(error)
    return None


async def names(store: Records) -> list[str]:
    return [record.name for record in (await store.load())[1]]


async def main() -> None:
    place = Place("sqlite", Path(sys.argv[1]), None)
    async with place.open() as store:
        said = {"before": await put(store, "before")}
        limit_files((place.data / "records.db-wal").stat().st_size + 50_000)
        said["full"] = await put(store, "full", LARGE)
        said["again"] = await put(store, "again", LARGE)
        meanwhile = await names(store)
        limit_files(resource.RLIM_INFINITY)
        said["after"] = await put(store, "after", LARGE)
        seqs = [change.seq for change in await store.changes(0, limit=100)]
        print(json.dumps({"said": said, "meanwhile": meanwhile, "names": await names(store), "seqs": seqs}))


if __name__ == "__main__":
    asyncio.run(main())
