"""The contract of `ports.KeyUses` over a SQLite file and a real PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest

from tests.databases.fixtures import Place
from toolgate.ports import KeyUses
from toolgate.stores.records import Records


@pytest.mark.promise("keys.last-use")
async def test_the_latest_use_of_each_key_is_kept_and_is_no_change(place: Place, store: Records):
    uses: KeyUses = store.key_uses
    assert await uses.used() == {}
    await uses.keep({})
    await uses.keep({"a": 1_790_000_000.25, "b": 1_790_000_001.5})
    async with place.open() as other:
        await other.key_uses.keep({"a": 1_790_000_000.0, "b": 1_790_000_002.0, "c": 5.0})
        assert await other.key_uses.used() == {"a": 1_790_000_000.25, "b": 1_790_000_002.0, "c": 5.0}
    assert await store.load() == (0, ())
    assert await store.changes(0, limit=10) == ()


async def test_processes_that_keep_the_same_keys_do_not_stand_in_each_others_way(place: Place):
    names = [f"key-{number}" for number in range(200)]
    async with place.open() as one, place.open() as other:
        forth = one.key_uses.keep(dict.fromkeys(names, 1.0))
        back = other.key_uses.keep(dict.fromkeys(reversed(names), 2.0))
        async with asyncio.timeout(20):
            await asyncio.gather(forth, back)
        assert await one.key_uses.used() == dict.fromkeys(names, 2.0)
