"""The pepper of an installation: the first one is the right one, another is refused with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.databases.fixtures import Place
from toolgate.model.errors import ConfigError
from toolgate.rules.keys import PEPPER_BYTES, fingerprint
from toolgate.stores.records.copying import copy
from toolgate.stores.records.peppers import adopt_pepper

OURS, ANOTHER = bytes(PEPPER_BYTES), bytes(range(PEPPER_BYTES))


@pytest.mark.promise("keys.one-pepper")
async def test_another_pepper_is_refused_until_it_is_adopted(place: Place, tmp_path: Path):
    async with place.open() as store:
        await store.judge_pepper(tmp_path, OURS)
        await store.judge_pepper(tmp_path, OURS)
    async with place.open() as store:
        with pytest.raises(ConfigError) as refused:
            await store.judge_pepper(tmp_path, ANOTHER)
        told = str(refused.value)
        for said in (str(tmp_path / "key.pepper"), fingerprint(OURS), fingerprint(ANOTHER), "adopt-pepper"):
            assert said in told
        assert OURS.hex() not in told
        assert ANOTHER.hex() not in told
        assert await adopt_pepper(store.database, ANOTHER)
        assert not await adopt_pepper(store.database, ANOTHER)
        await store.judge_pepper(tmp_path, ANOTHER)
        with pytest.raises(ConfigError, match="is another than the one"):
            await store.judge_pepper(tmp_path, OURS)


async def test_a_copy_keeps_it_with_the_last_use_of_keys(place: Place, tmp_path: Path):
    (tmp_path / "copy").mkdir()
    target = Place("sqlite", tmp_path / "copy", None)
    async with place.open() as store:
        await store.judge_pepper(tmp_path, OURS)
        await store.key_uses.keep({"laptop": 1_790_000_000.5})
        async with target.open() as empty:
            await copy(store.database, empty.database, 0)
            assert await empty.key_uses.used() == {"laptop": 1_790_000_000.5}
            with pytest.raises(ConfigError, match=fingerprint(OURS)):
                await empty.judge_pepper(tmp_path, ANOTHER)


def test_a_fingerprint_tells_peppers_apart_and_is_none():
    assert fingerprint(OURS) != fingerprint(ANOTHER)
    assert fingerprint(OURS) == fingerprint(bytes(PEPPER_BYTES))
    assert len(fingerprint(OURS)) == 16
