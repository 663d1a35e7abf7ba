"""The threads in which files are read and written: bounded, and apart for what is short and what takes long, so that a
search never stands in the way of a read."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

from toolgate.model.errors import Limited
from toolgate.upstreams.filesystem.failures import Stopped

SHORT_THREADS = 4
LONG_THREADS = 2
MOST_WAITING = 512
"""Calls that may be waiting or under way in one server."""

CLOSE_SECONDS = 5.0

T = TypeVar("T")


class Pulse:
    """Whether a call goes on. Long work asks now and then."""

    def __init__(self, until: float) -> None:
        self.until = until
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True

    def check(self) -> None:
        """Raises Stopped when nobody waits for the answer any longer."""
        if self._stopped:
            raise Stopped

    def late(self, began: float, seconds: float) -> bool:
        """Whether work that began then has used up its seconds, or its call's deadline is near."""
        self.check()
        now = time.perf_counter()
        return now - began >= seconds or now >= self.until


class Workers:
    def __init__(self, server: str) -> None:
        self._server = server
        self._pools = (
            ThreadPoolExecutor(SHORT_THREADS, f"files-{server}"),
            ThreadPoolExecutor(LONG_THREADS, f"files-{server}-long"),
        )
        self._pending: set[Any] = set()

    async def run(self, work: Callable[[], T], pulse: Pulse, *, long: bool) -> T:
        """Does it in a thread. Raises Limited when too much is waiting; when the caller goes, the work is told to
        stop."""
        if len(self._pending) >= MOST_WAITING:
            raise Limited(f"server {self._server!r} has {MOST_WAITING} calls waiting for files", retry_after=1.0)
        future = self._pools[long].submit(work)
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            pulse.stop()
            raise

    async def close(self) -> bool:
        """Whether all threads have ended; those that a disk holds are left behind."""
        pending = self._pending.copy()
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)
        return not pending or not (await asyncio.to_thread(wait, pending, CLOSE_SECONDS)).not_done
