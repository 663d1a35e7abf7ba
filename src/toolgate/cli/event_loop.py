"""The event loop: uvloop where it is installed (it does not exist for Windows), asyncio's own elsewhere."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

try:
    import uvloop
except ImportError:
    uvloop = None

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs the work to its end in a loop of its own."""
    factory = None if uvloop is None else uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work)
