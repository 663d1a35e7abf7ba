"""One timer wheel for all deadlines: adding and removing cost a set operation, and one loop timer serves them all."""

import asyncio
from collections.abc import Callable

TICK = 0.05
"""Resolution in seconds: a deadline fires at most this much late."""


class Timer:
    """One armed deadline; `cancel` may be called at any time, more than once."""

    __slots__ = ("_slot", "fire")

    def __init__(self, slot: set["Timer"], fire: Callable[[], None]) -> None:
        self._slot = slot
        self.fire = fire

    def cancel(self) -> None:
        self._slot.discard(self)


class Wheel:
    """Deadlines of one event loop. The loop timer runs only while something is armed."""

    def __init__(self) -> None:
        self._slots: dict[int, set[Timer]] = {}
        self._next = 0
        self._ticking: asyncio.TimerHandle | None = None

    def after(self, seconds: float, fire: Callable[[], None]) -> Timer:
        """Calls `fire` once, in `seconds`, unless cancelled before."""
        loop = asyncio.get_running_loop()
        tick = int((loop.time() + seconds) / TICK) + 1
        slot = self._slots.get(tick)
        if slot is None:
            slot = self._slots[tick] = set()
        timer = Timer(slot, fire)
        slot.add(timer)
        if self._ticking is None:
            self._next = int(loop.time() / TICK)
            self._ticking = loop.call_later(TICK, self._tick, loop)
        return timer

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now = int(loop.time() / TICK)
        for tick in range(self._next, now + 1):
            for timer in self._slots.pop(tick, ()):
                timer.fire()
        self._next = now + 1
        self._ticking = loop.call_later(TICK, self._tick, loop) if self._slots else None
