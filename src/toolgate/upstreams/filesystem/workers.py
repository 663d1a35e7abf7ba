"""The threads in which files are read and written: bounded, and apart for what is short and what takes long, so that a
search never stands in the way of a read.

They are not those of `concurrent.futures`: handing over costs less, and a thread that a disk holds does not keep the
process from ending.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

import msgspec

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


class _Job(msgspec.Struct, frozen=True, gc=False):
    work: Callable[[], Any]
    future: "asyncio.Future[Any]"
    pulse: Pulse


class _Pool:
    """Threads that are started when there is something to do for the first time."""

    def __init__(self, name: str, most: int, done: Callable[["asyncio.Future[Any]", Any, BaseException | None], None]):
        self._name = name
        self._most = most
        self._done = done
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def take(self, job: _Job) -> None:
        self._jobs.put(job)
        while len(self._threads) < self._most:
            thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def end(self) -> list[threading.Thread]:
        """Ends the threads, after what they are at; those that still live."""
        for _ in self._threads:
            self._jobs.put(None)
        return [thread for thread in self._threads if thread.is_alive()]

    def _run(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            result, error = None, None
            try:
                job.pulse.check()
                result = job.work()
            except BaseException as raised:  # noqa: BLE001 - whoever waits for the result gets it
                error = raised
            with suppress(RuntimeError):  # the loop is closed, and nobody waits
                job.future.get_loop().call_soon_threadsafe(self._done, job.future, result, error)


class Workers:
    def __init__(self, server: str) -> None:
        self._server = server
        self._pending = 0
        self._pools = (
            _Pool(f"files-{server}", SHORT_THREADS, self._done),
            _Pool(f"files-{server}-long", LONG_THREADS, self._done),
        )

    async def run(self, work: Callable[[], T], pulse: Pulse, *, long: bool) -> T:
        """Does it in a thread. Raises Limited when too much is waiting; when the caller goes, the work is told to
        stop."""
        if self._pending >= MOST_WAITING:
            raise Limited(f"server {self._server!r} has {MOST_WAITING} calls waiting for files", retry_after=1.0)
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._pending += 1
        self._pools[long].take(_Job(work, future, pulse))
        try:
            return await future
        except asyncio.CancelledError:
            pulse.stop()
            raise

    async def close(self) -> bool:
        """Whether all threads have ended; those that a disk holds are left behind."""
        living = [thread for pool in self._pools for thread in pool.end()]
        return not living or await asyncio.to_thread(_joined, living)

    def _done(self, future: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
        """In the loop: a job counts until its thread is through with it, whether or not anybody waits."""
        self._pending -= 1
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


def _joined(threads: list[threading.Thread]) -> bool:
    until = time.monotonic() + CLOSE_SECONDS
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)
