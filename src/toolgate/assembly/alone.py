"""A file that is served without records: who is in which team and has which role follows from it alone, until a role of
it ends."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from toolgate.control.gathered import Gathered, gather
from toolgate.model.declared import Declared
from toolgate.model.errors import ConfigError
from toolgate.ports import Clock
from toolgate.rules.directory import Directory

LONGEST = 60.0
"""Seconds between two looks at the clock, which may be set."""


class Alone:
    """`declared` is what is in force of the file. Raises ConfigError when it is made of one that contradicts itself."""

    def __init__(self, file: Declared, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._gathered = self._gather(file)
        self._changed = asyncio.Event()
        self._take: Callable[[Declared], None] | None = None

    @property
    def file(self) -> Declared:
        """What the file declares at the moment."""
        return self._file

    @property
    def declared(self) -> Declared:
        return self._gathered.declared

    def into(self, take: Callable[[Declared], None]) -> None:
        """Where everything goes that is in force from now on."""
        self._take = take

    def take_file(self, file: Declared) -> None:
        """A changed file. Raises ConfigError, and leaves all as it was, when it contradicts itself."""
        self._gathered = self._gather(file)
        self._file = file
        self._changed.set()
        if self._take is not None:
            self._take(self.declared)

    async def run(self) -> None:
        """Until cancelled: what ends by itself ends when it should."""
        while True:
            until = self._gathered.until
            left = LONGEST if until is None else min(LONGEST, max(0.0, until - self._clock.now()))
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._changed.wait()
            if until is not None and self._clock.now() >= until:
                self.take_file(self._file)

    def _gather(self, file: Declared) -> Gathered:
        gathered = gather(Directory((), file), self._clock.now())
        if gathered.findings:
            raise ConfigError(tuple(f"{path}: {reason}" for path, reason in gathered.findings))
        return gathered
