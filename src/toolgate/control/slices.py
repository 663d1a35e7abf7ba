"""Work in slices: a long computation as a generator that yields before it has held the event loop for long."""

import asyncio
import gc
import heapq
import time
from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

SLICE = 10
"""Units of work between two yields; one unit is about the compilation of one offer (some 10 microseconds)."""

_HELD = 0.0002
"""Seconds for which a computation may hold the event loop."""

_TURNS = 8
"""Turns of the loop that others have then. A call takes a few, one for each of its reads and its steps: with a slice in
each turn, it would wait for as many slices."""

_PORTION = 700, 5
"""New objects that the garbage collector looks at in one go meanwhile, and how often before it looks at those again
that were still there."""

_RUN = 1000

T = TypeVar("T")


class Pace:
    """Counts units of work: `if pace.spent(n): yield`. One for a whole computation: many short loops are long, too."""

    __slots__ = ("_units",)

    def __init__(self) -> None:
        self._units = 0

    def spent(self, units: int) -> bool:
        """Whether it is time to yield, after so many more units."""
        self._units += units
        if self._units < SLICE:
            return False
        self._units = 0
        return True


async def done(steps: Generator[None, None, T]) -> T:
    """The outcome of work in slices; others have their turn between them."""
    with _portions:
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value
            await others()


class _Portions:
    """Makes the garbage collector look at less, more often, while something is computed: it holds the loop as well, and
    among calls alone it has so little to do that it is told to wait long."""

    def __init__(self) -> None:
        self._running = 0
        self._usual = gc.get_threshold()

    def __enter__(self) -> None:
        if not self._running:
            self._usual = gc.get_threshold()
            gc.set_threshold(*_PORTION, self._usual[2])
        self._running += 1

    def __exit__(self, *exception: object) -> None:
        self._running -= 1
        if not self._running:
            gc.set_threshold(*self._usual)


_portions = _Portions()


class _Others:
    """`await others()` between two steps: lets everybody else get on, unless they had their turns a moment ago."""

    def __init__(self) -> None:
        self._since = 0.0

    async def __call__(self) -> None:
        if time.perf_counter() - self._since > _HELD:
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            self._since = time.perf_counter()


others = _Others()


def in_order(items: Sequence[T], key: Callable[[T], tuple[str, str]], pace: Pace) -> Generator[None, None, Sequence[T]]:
    """`sorted(items, key=key)`, in slices."""
    runs: list[list[T]] = []
    for start in range(0, len(items), _RUN):
        run = sorted(items[start : start + _RUN], key=key)
        runs.append(run)
        if pace.spent(len(run) // 10):
            yield
    if len(runs) <= 1:
        return runs[0] if runs else ()
    merged: list[T] = []
    for item in heapq.merge(*runs, key=key):
        if pace.spent(1):
            yield
        merged.append(item)
    return merged
