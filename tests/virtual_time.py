"""An event loop whose clock jumps to the next timer instead of waiting: hours pass in milliseconds, always alike.

run(main())   # as asyncio.run
await settle()  # until nothing is left to do at this moment
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

START = 1_000.013
"""The clock's first reading: between two ticks of whatever ticks."""


class Stuck(Exception):
    """Everything waits, and nothing will ever happen."""


class _Selector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = START

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise Stuck
        self.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """No sockets, no threads: whoever waits for either is stuck at once."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now

    def advance(self, seconds: float) -> None:
        """Time passes while the loop is held, as by a long computation."""
        self._virtual.now += seconds


def run(main: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


async def settle() -> None:
    """Gives every task that can run its turns."""
    for _ in range(20):
        await asyncio.sleep(0)
