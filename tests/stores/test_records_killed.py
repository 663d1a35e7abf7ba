"""Records and kill -9: no acknowledged write is lost, none is there by half."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.databases.fixtures import Place
from tests.databases.writer import check

ROOT = Path(__file__).resolve().parents[2]
KILLS = 8


@pytest.mark.skipif(os.name != "posix", reason="forks")
@pytest.mark.promise("records.outlive-kill")
async def test_what_was_acknowledged_outlives_a_kill_at_any_moment(place: Place):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.databases.writer", "pairs", str(place.data), place.database or "-", str(KILLS)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(50):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode()
    acknowledged = [int(line.split()[1]) for line in out.decode().splitlines()]
    assert len(acknowledged) == KILLS
    assert acknowledged[-1] > KILLS, "hardly anything was written"
    async with place.open() as store:
        assert acknowledged[-1] <= await check(store) <= acknowledged[-1] + 1
