"""The data key is rotated by a process that is killed: no secret is lost, and nothing is left for ever."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.control.company import LOCAL, company
from tests.control.rotating import POINTS
from toolgate.control.sealing import unseal
from toolgate.control.vault import Vault
from toolgate.model.entities import Secret
from toolgate.stores import key_ring

SECONDS = 60.0
NAMES = tuple(f"s{number}" for number in range(5))


async def held(data: Path) -> dict[str, str]:
    """Every secret's value, by the ring as it is in the file, and the id of its key."""
    async with company(data) as opened:
        _, records = await opened.store.load()
    ring = key_ring.load(data)
    return {one.name: f"{one.key_id} {unseal(ring, one)}" for one in records if isinstance(one, Secret)}


async def rotated(data: Path) -> str:
    async with company(data) as opened:
        ring = partial(key_ring.load, data)
        return (await Vault(opened.administration, ring, os.urandom, key_ring.RingFile(data)).rotate(LOCAL)).key_id


def killed(data: Path, point: str) -> None:
    command = [sys.executable, "-m", "tests.control.rotating", str(data), point]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.promise("secrets.rotation-killed")
@pytest.mark.skipif(os.name != "posix", reason="a process kills itself by a signal")
@pytest.mark.parametrize("point", POINTS)
async def test_a_killed_rotation_loses_nothing_and_is_finished_by_the_next(tmp_path: Path, point: str):
    async with company(tmp_path) as opened:
        vault = Vault(opened.administration, partial(key_ring.load, tmp_path), os.urandom)
        for name in NAMES:
            await vault.create(LOCAL, Secret(name=name, sealed="", key_id=""), f"value of {name}")
    first = key_ring.load(tmp_path).current[0]
    await asyncio.to_thread(killed, tmp_path, point)
    left = key_ring.load(tmp_path)
    assert left.current[0] != first
    assert len(left.keys) == (1 if point == "kept" else 2)
    key = first if point in ("added", "sealing") else left.current[0]
    assert await held(tmp_path) == {name: f"{key} value of {name}" for name in NAMES}
    key = await rotated(tmp_path)
    assert (key == left.current[0]) is (point in ("added", "sealing")), "a key that nothing is under yet will do"
    assert await held(tmp_path) == {name: f"{key} value of {name}" for name in NAMES}
    assert [name for name, _ in key_ring.load(tmp_path).keys] == [key]


@pytest.mark.promise("secrets.rotation-killed")
async def test_rotations_at_the_same_time_lose_nothing(tmp_path: Path):
    async with company(tmp_path) as opened:
        vault = Vault(opened.administration, partial(key_ring.load, tmp_path), os.urandom, key_ring.RingFile(tmp_path))
        for name in NAMES:
            await vault.create(LOCAL, Secret(name=name, sealed="", key_id=""), f"value of {name}")
        done = await asyncio.gather(*(vault.rotate(LOCAL) for _ in range(4)))
        key = done[-1].key_id
    assert await held(tmp_path) == {name: f"{key} value of {name}" for name in NAMES}
    assert [name for name, _ in key_ring.load(tmp_path).keys] == [key]
