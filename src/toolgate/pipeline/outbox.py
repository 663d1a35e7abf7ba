"""Writes that wait until the loop has done its thinking for this turn.

A system call in the middle of a call's work costs far more than itself: it leaves the processor's caches and its branch
predictor to the kernel. Gathered at the end of a turn, the writes of many calls follow each other, and so do their
steps.
"""

import asyncio
from typing import Protocol
from weakref import WeakKeyDictionary


class Writable(Protocol):
    """What is needed of a transport."""

    def write(self, data: bytes, /) -> None: ...

    def is_closing(self) -> bool: ...


class Outbox:
    """The waiting writes of one event loop, in order. Whoever closes a transport, or writes to it directly, flushes
    first."""

    __slots__ = ("_loop", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[tuple[Writable, bytes]] = []

    def write(self, transport: Writable, data: bytes) -> None:
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting.append((transport, data))

    def flush(self) -> None:
        """Writes everything that waits. A transport that was closed meanwhile takes nothing."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        for transport, data in waiting:
            if not transport.is_closing():
                transport.write(data)


_outboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, Outbox] = WeakKeyDictionary()


def outbox_of(loop: asyncio.AbstractEventLoop) -> Outbox:
    """The one outbox of a loop."""
    outbox = _outboxes.get(loop)
    if outbox is None:
        outbox = _outboxes[loop] = Outbox(loop)
    return outbox
