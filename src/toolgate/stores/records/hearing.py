"""Waiting for changes: woken by this process at once, by others when the database tells us, and by looking."""

import asyncio

from toolgate.stores.records.database import Database


class Hearing:
    """`pulse` is called, by whoever learns it, when there may be something new."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pulse = asyncio.Event()

    def pulse(self) -> None:
        """Wakes all who wait."""
        self._pulse.set()
        self._pulse = asyncio.Event()

    async def wait(self, after: int) -> int:
        """Until there is a change after this `seq`; the last one's. Raises StoreFailed when that cannot be known."""
        while True:
            pulse = self._pulse  # before we look: what comes between looking and waiting wakes us too
            await self._database.listen(self.pulse)
            seq = await self._database.seq()
            if seq > after:
                return seq
            try:
                async with asyncio.timeout(self._database.poll_s):
                    await pulse.wait()
            except TimeoutError:
                continue
