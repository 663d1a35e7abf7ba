"""Work that is done a step at a time, as a generator, so that whoever has others waiting may pause in between."""

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")


def finished(steps: Generator[None, None, T]) -> T:
    """The outcome of all of it at once, where nobody waits."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
