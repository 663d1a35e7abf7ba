"""One timer wheel for all deadlines: adding and removing cost a set operation, and one loop timer serves them all."""

import asyncio
from collections.abc import Callable

TICK = 0.05
"""Resolution in seconds: a deadline fires at most two of it late."""


class Timer:
    """One armed deadline; `cancel` may be called at any time, more than once."""

    __slots__ = ("_slot", "fire")

    def __init__(self, slot: set["Timer"], fire: Callable[[], None]) -> None:
        self._slot = slot
        self.fire = fire

    def cancel(self) -> None:
        """Also lets go of the callback, whose owner most likely holds this timer: no cycle is left behind per call."""
        self._slot.discard(self)
        self.fire = _nothing


def _nothing() -> None:
    """What a cancelled timer would call."""


class Wheel:
    """Deadlines of one event loop. The loop timer runs only while something is armed."""

    def __init__(self) -> None:
        self._slots: dict[int, set[Timer]] = {}
        self._now = 0
        self._ticking: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def after(self, seconds: float, fire: Callable[[], None]) -> Timer:
        """Calls `fire` once, in `seconds` by the loop's clock, unless cancelled before; never earlier."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        tick = int((loop.time() + seconds) / TICK) + 1
        if self._ticking is None:
            self._now = int(loop.time() / TICK)
            self._ticking = loop.call_later(TICK, self._tick, loop)
        slot = self._slots.get(tick)
        if slot is None:
            slot = self._slots[tick] = set()
        timer = Timer(slot, fire)
        slot.add(timer)
        return timer

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        until = int(loop.time() / TICK)
        while self._now < until:
            self._now += 1
            slot = self._slots.pop(self._now, None)
            # One at a time: what fires may cancel others of its slot.
            while slot:
                timer = slot.pop()
                fire = timer.fire
                timer.cancel()
                try:
                    fire()
                except Exception as error:  # noqa: BLE001 - one owner's bug is not the others'
                    loop.call_exception_handler({"message": "a timer failed", "exception": error})
        self._ticking = loop.call_later(TICK, self._tick, loop) if self._slots else None
