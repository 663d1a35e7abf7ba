"""The threads of the file server: nothing holds the event loop, nothing piles up without end, and nobody works for a
caller who is gone."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from tests.files.serving import serving
from tests.ports.speaking import BOUND
from toolgate.model.errors import Limited
from toolgate.upstreams.filesystem.failures import Stopped
from toolgate.upstreams.filesystem.workers import LONG_THREADS, MOST_WAITING, Pulse, Workers


def _pulse() -> Pulse:
    return Pulse(time.perf_counter() + BOUND)


async def test_the_loop_turns_while_files_are_searched(tmp_path: Path):
    for number in range(60):
        (tmp_path / f"{number}.txt").write_text("haystack " * 20_000)
    async with serving(tmp_path, data=tmp_path / "data") as server:
        search = asyncio.create_task(server.right("search_files", text="needle|n[e]+dle", regex=True))
        turns = 0
        while not search.done():
            turns += 1
            await asyncio.sleep(0)
        assert (await search).structured["searched"] == 60
    assert turns > 50


async def test_what_takes_long_does_not_hold_up_what_is_short():
    workers = Workers("it")
    go = threading.Event()
    try:
        long = [asyncio.create_task(workers.run(go.wait, _pulse(), long=True)) for _ in range(LONG_THREADS + 5)]
        async with asyncio.timeout(BOUND):
            assert await workers.run(lambda: "short", _pulse(), long=False) == "short"
        assert not any(task.done() for task in long)
        go.set()
        assert await asyncio.gather(*long) == [True] * len(long)
    finally:
        go.set()
        assert await workers.close()


async def test_too_much_is_refused():
    workers = Workers("it")
    go = threading.Event()
    try:
        waiting = [asyncio.create_task(workers.run(go.wait, _pulse(), long=True)) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(Limited, match="calls waiting for files"):
            await workers.run(lambda: None, _pulse(), long=False)
        go.set()
        await asyncio.gather(*waiting)
        assert await workers.run(lambda: "again", _pulse(), long=False) == "again"
    finally:
        go.set()
        assert await workers.close()


async def test_nobody_works_for_a_caller_who_is_gone():
    workers = Workers("it")
    began, ended = threading.Event(), threading.Event()
    pulse = _pulse()

    def work() -> None:
        began.set()
        try:
            while True:
                pulse.check()
        except Stopped:
            ended.set()
            raise

    task = asyncio.create_task(workers.run(work, pulse, long=True))
    assert await asyncio.to_thread(began.wait, BOUND)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(ended.wait, BOUND)
    assert await workers.close()


async def test_a_search_ends_when_its_time_is_up(tmp_path: Path):
    for number in range(300):
        (tmp_path / f"{number}.txt").write_text("haystack " * 20_000)
    async with serving(tmp_path, data=tmp_path / "data", search_time=0.01) as server:
        reply = await server.right("search_files", text="needle")
    assert reply.structured["complete"] is False
    assert "time was up" in reply.texts[1]
