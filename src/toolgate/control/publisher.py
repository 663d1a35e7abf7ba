"""Swaps the one reference that the data plane reads, and tells who must judge anew."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from toolgate.control.compiler import Compiled, Source, compile_all, compile_steps
from toolgate.control.slices import done, others
from toolgate.model.snapshot import Snapshot

_LOOK = 10.0
"""Seconds after which the clock is looked at again."""

_AT_ONCE = 200
"""Parts of what was in force that are let go before others get their turn on the loop."""

logger = logging.getLogger(__name__)

Swapped = Callable[[Snapshot, Snapshot], None]


class Publisher:
    """Holds the compiled snapshot. `source` is asked for anew whenever something changed or a grant expires; changes
    that come while one compilation runs are folded into the next. `now` is Unix time in seconds."""

    def __init__(self, source: Callable[[], Source], now: Callable[[], float] = time.time) -> None:
        self._source = source
        self._now = now
        self._compiled: Compiled = compile_all(self._current_source())
        self._dirty = asyncio.Event()
        self._clean = asyncio.Event()
        self._clean.set()
        self._swapped: list[Swapped] = []
        self._tried: float | None = None

    def current(self) -> Snapshot:
        return self._compiled.snapshot

    def compiled(self) -> Compiled:
        """The snapshot with the parts that it was compiled from."""
        return self._compiled

    def on_swap(self, swapped: Swapped) -> None:
        """Calls `swapped(old, new)` after each swap; it must not raise or wait."""
        self._swapped.append(swapped)

    def changed(self) -> None:
        """Something that `source` reports is different now."""
        self._clean.clear()
        self._dirty.set()

    async def published(self) -> None:
        """Waits until every change so far is in the snapshot, or was refused."""
        await self._clean.wait()

    async def run(self) -> None:
        """Until cancelled. A source that cannot be compiled leaves the old snapshot in place and is logged."""
        while True:
            await self._due()
            self._dirty.clear()
            await self._publish()
            if not self._dirty.is_set():
                self._clean.set()

    async def _due(self) -> None:
        """Until something changed, or a grant has expired. The clock is looked at now and then: it may be set."""
        while not self._dirty.is_set():
            until = self._compiled.until
            left = None if until is None else until - self._now()
            if left is not None and left <= 0 and until != self._tried:
                self._tried = until
                self._clean.clear()
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(None if left is None or left <= 0 else min(left, _LOOK)):
                    await self._dirty.wait()

    async def _publish(self) -> None:
        try:
            compiled = await self._compile()
        except Exception:
            logger.exception("the new configuration could not be compiled; the old one stays in force")
            return
        before, self._compiled = self._compiled, compiled
        for swapped in self._swapped:
            try:
                swapped(before.snapshot, compiled.snapshot)
            except Exception:
                logger.exception("the new configuration is in force, but not all of it was noticed by everyone")
        await others()
        parts = _loose(before)
        del before
        await _let_go(parts)

    def _current_source(self) -> Source:
        return msgspec.structs.replace(self._source(), now=self._now())

    async def _compile(self) -> Compiled:
        return await done(compile_steps(self._current_source(), self._compiled))


def _loose(before: Compiled) -> list[object]:
    """What there are thousands of in what was in force: while these are held, the rest goes quickly."""
    declared = before.source.declared
    return [*declared.keys, *declared.grants, *before.snapshot.principals.values(), *before.known.named.values()]


async def _let_go(parts: list[object]) -> None:
    """Gives back the memory of what nobody else holds, in slices: all at once, it would hold the loop."""
    while parts:
        await others()
        del parts[-_AT_ONCE:]
