"""The workers that run one state of the code: each in a place of its own, started again when it ends."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from toolgate.functions import wire
from toolgate.model.errors import Limited, UpstreamFailed
from toolgate.upstreams.functions.process import Worker

log = logging.getLogger(__name__)

MOST_WAITING = 1_000
"""Calls of one server that may wait for a worker; more are refused."""

LIVED_SECONDS = 10.0
"""A worker that lasted so long did not end early."""

_FIRST_SECONDS = 0.2
_LONGEST_SECONDS = 10.0

Launch = Callable[[], Awaitable[Worker]]


class Crew:
    """`first` is a worker that has loaded the code; the others are started by `launch`. `loaded` is told what each new
    one offers."""

    def __init__(
        self,
        server: str,
        first: Worker,
        launch: Launch,
        size: int,
        concurrency: int,
        loaded: Callable[[wire.Ready], None],
    ) -> None:
        self.failure: UpstreamFailed | None = None
        self._server = server
        self._launch = launch
        self._concurrency = concurrency
        self._loaded = loaded
        self._workers: set[Worker] = set()
        self._leaving: deque[Worker] = deque()
        self._most_leaving = max(2, size)
        self._waiting: deque[asyncio.Future[Worker]] = deque()
        self._places = [
            asyncio.create_task(self._keep(first if place == 0 else None), name=f"worker {place} of {server}")
            for place in range(size)
        ]

    @property
    def serving(self) -> bool:
        return bool(self._workers)

    async def take(self) -> Worker:
        """A worker with room for one more call, which must be made at once. Raises Limited, and UpstreamFailed when
        there is none and the code does not load."""
        worker = self._free()
        if worker is not None and not self._waiting:
            return worker
        if not self._workers and self.failure is not None:
            raise self.failure
        if len(self._waiting) >= MOST_WAITING:
            raise Limited(f"server {self._server!r} has {MOST_WAITING} calls waiting for a worker", retry_after=1.0)
        turn: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        finally:
            if turn.cancelled():
                with suppress(ValueError):
                    self._waiting.remove(turn)
            self._call_next_soon()

    async def retire(self) -> None:
        """Every worker ends when its calls have; none is started again. Answers when all have ended."""
        await self._stop()
        workers = [*self._workers, *self._leaving]
        for worker in workers:
            worker.retire("")
        await asyncio.gather(*(worker.ended.wait() for worker in workers))

    async def close(self) -> None:
        await self._stop()
        await asyncio.gather(*(worker.close() for worker in (*self._workers, *self._leaving)))

    async def _stop(self) -> None:
        for place in self._places:
            place.cancel()
        await asyncio.gather(*self._places, return_exceptions=True)
        self._refuse(UpstreamFailed(f"server {self._server!r} is being closed"))

    def _free(self) -> Worker | None:
        best = None
        for worker in self._workers:
            if worker.busy < self._concurrency and (best is None or worker.busy < best.busy):
                best = worker
        return best

    def _call_next_soon(self) -> None:
        """In a turn of the loop of its own: whoever was called must take its place first."""
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._call_next)

    def _call_next(self) -> None:
        while self._waiting:
            worker = self._free()
            if worker is None:
                return
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(worker)
                return

    def _refuse(self, failure: UpstreamFailed) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(failure)

    async def _keep(self, first: Worker | None) -> None:
        """One place, until cancelled."""
        worker, early = first, 0
        while True:
            worker = worker or await self._started()
            if worker is not None:
                await self._serve(worker)
            # The first that ends early is replaced at once, those that follow less and less so.
            lived = 0.0 if worker is None else asyncio.get_running_loop().time() - worker.began
            early = 0 if lived >= LIVED_SECONDS else early + 1
            worker = None
            await asyncio.sleep(0.0 if early < 2 else min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** min(early - 2, 16)))

    async def _started(self) -> Worker | None:
        try:
            worker = await self._launch()
        except UpstreamFailed as failed:
            failure = failed
        except Exception:
            log.exception("server %r: a worker could not be started", self._server)
            failure = UpstreamFailed(f"server {self._server!r}: a worker could not be started (see the log)")
        else:
            self.failure = None
            if worker.ready is not None:
                self._loaded(worker.ready)
            return worker
        if self.failure is None or self.failure.message != failure.message:
            log.warning("%s", failure.message)
        self.failure = failure
        if not self._workers:
            self._refuse(failure)
        return None

    async def _serve(self, worker: Worker) -> None:
        """Until it takes no more calls."""
        gone = asyncio.Event()

        def look() -> None:
            if not worker.retired:
                self._call_next()
            elif not gone.is_set():
                gone.set()
                # At once: whoever was in it may look for another one before this task has its turn.
                self._workers.discard(worker)
                self._leave(worker)

        worker.on_change = look
        self._workers.add(worker)
        look()
        await gone.wait()

    def _leave(self, worker: Worker) -> None:
        """Those that leave with calls in them are few: the first makes room for one more."""
        self._leaving = deque(one for one in self._leaving if not one.ended.is_set())
        if not worker.ended.is_set():
            self._leaving.append(worker)
        while len(self._leaving) > self._most_leaving:
            self._leaving.popleft().end("was replaced, and too many others were")
