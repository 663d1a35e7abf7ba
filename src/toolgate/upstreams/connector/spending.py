"""How much may be read out of one answer. A short expression over an answer of megabytes can make gigabytes: what is
looked at and what is made is counted while it is done, and at the bound it ends."""

import threading
import time
from typing import Any, cast

FEW = 20_000
"""Values that are read within some two milliseconds: while all others wait. What takes more goes to a thread."""

SECONDS = 10.0
"""Of the processor, for what is not counted: two large values that are held against each other."""


class Overspent(Exception):
    """An answer is more work than is allowed."""


class Budget:
    """`left` are the values that may still be looked at or made. For one call, and one thread at a time."""

    __slots__ = ("left", "most")

    def __init__(self, most: int = FEW) -> None:
        self.most = most
        self.left = most


class _Here(threading.local):
    """What this thread spends of. Without one there is nothing to spend."""

    budget = Budget(0)
    until = 0.0


here = _Here()


def begin(budget: Budget) -> Budget:
    """From now on this thread spends of it. Gives the one before, for `end`."""
    before, here.budget = here.budget, budget
    here.until = 0.0
    return before


def end(before: Budget) -> None:
    here.budget = before


def spend(values: int) -> None:
    """Raises Overspent."""
    budget = here.budget
    budget.left -= values
    if budget.left < 0:
        raise Overspent


def compare(left: Any, right: Any) -> None:
    """To be told of what is held against each other. That is looked through as far as it is the same, which nobody
    counts: the processor's time is looked at instead. Raises Overspent."""
    if isinstance(left, list | dict) and isinstance(right, list | dict) and left and right:
        now = time.thread_time()
        if not here.until:
            here.until = now + SECONDS
        elif now > here.until:
            raise Overspent


def size(value: Any) -> int:
    """What a value counts for where it is gone through, or made, at once: its items; of a text, a sixteenth."""
    if isinstance(value, str):
        return len(value) >> 4
    return len(cast("list[Any]", value)) if isinstance(value, list | dict) else 0
