"""The one bounded ring of call records: filled on the path at the cost of an append, emptied in batches off the
path."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from toolgate.model.records import CallRecord
from toolgate.ports import Sink

logger = logging.getLogger(__name__)

CAPACITY = 65_536
"""Records that may wait; beyond it the oldest is dropped and counted, never silently."""

_INTERVAL = 0.1
"""Seconds between rounds: each wakes the thread that writes the log, and the loop waits for its interpreter then."""
_BATCH = 256
"""Records handed over at once: sinks take a few microseconds for each, and calls wait meanwhile."""


class Ring:
    """Holds records until `run` hands them to every sink."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = sinks
        self._records: deque[CallRecord] = deque(maxlen=CAPACITY)
        self._wake = asyncio.Event()
        self.dropped = 0

    def append(self, record: CallRecord) -> None:
        records = self._records
        if len(records) == CAPACITY:
            self.dropped += 1
        elif not records:
            self._wake.set()
        records.append(record)

    def flush(self) -> None:
        """Hands what waits to every sink, now."""
        while self._records:
            self._hand_over()

    def _hand_over(self) -> None:
        """One batch. A sink that fails loses it, not the others."""
        records = self._records
        batch = [records.popleft() for _ in range(min(_BATCH, len(records)))]
        for sink in self._sinks:
            try:
                sink.write(batch)
            except Exception:
                logger.exception("a sink of call records failed; it lost %d records", len(batch))

    async def run(self) -> None:
        """Until cancelled: what there is, in batches with calls between them, then nothing for 0.1 s."""
        with suppress(asyncio.CancelledError):
            while True:
                await self._wake.wait()
                await asyncio.sleep(_INTERVAL)
                self._wake.clear()
                for _ in range(0, len(self._records), _BATCH):
                    self._hand_over()
                    await asyncio.sleep(0)
                if self._records:  # they came meanwhile, to a ring that was not empty
                    self._wake.set()
        self.flush()
