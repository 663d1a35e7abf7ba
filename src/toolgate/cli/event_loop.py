"""The event loop: uvloop where it is installed (it does not exist for Windows), asyncio's own elsewhere."""

import asyncio
import gc
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

try:
    import uvloop
except ImportError:
    uvloop = None

T = TypeVar("T")

_SWITCH = 0.0002


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs the work to its end in a loop of its own."""
    factory = None if uvloop is None else uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work)


def settle() -> None:
    """To be called once everything is loaded, before it serves. Threads give the interpreter back to the loop after a
    millisecond: with the usual five, each call that comes while one of them computes would wait for so long.

    Memory: what lives for as long as the process is taken out of the garbage
    collector's sight, and it looks less often at the rest. A call leaves no cycles behind, so there is little to
    find; what a new snapshot leaves is looked at in small portions, because each holds the event loop. What 64 calls in
    flight need stays below the first threshold."""
    sys.setswitchinterval(_SWITCH)
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 100, 100)
