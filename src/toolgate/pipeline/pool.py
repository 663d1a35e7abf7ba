"""A bounded pool of open things, one per key: made once while many wait for it, kept while used, closed when idle."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

from toolgate.model.errors import Limited, UpstreamFailed


class Closable(Protocol):
    async def close(self) -> None:
        """Never raises, and ends within a bound."""
        ...


K = TypeVar("K", bound=Hashable)
T = TypeVar("T", bound=Closable)


class _Entry(Generic[T]):
    __slots__ = ("idle_since", "opened", "thing", "users")

    def __init__(self, opened: "asyncio.Task[T]") -> None:
        self.opened = opened
        self.thing: T | None = None
        self.users = 0
        self.idle_since = 0.0


class KeyedPool(Generic[K, T]):
    """`make` opens the thing of one key; a failed attempt is forgotten, so that the next use tries again.

    At most `bound` are open: the longest idle one makes room, and when none is idle `lease` raises Limited. What nobody
    used for `idle` seconds is closed.
    """

    def __init__(self, make: Callable[[K], Coroutine[Any, Any, T]], *, bound: int, idle: float, what: str) -> None:
        self._make = make
        self._bound = bound
        self._idle = idle
        self._what = what
        self._entries: OrderedDict[K, _Entry[T]] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    def lease(self, key: K) -> "Lease[K, T]":
        """`with pool.lease(key) as lease`: the key's thing is kept for as long as the block runs, and opened if need
        be. Raises Limited, or UpstreamFailed when the pool is closed."""
        entry = self._entries.get(key)
        if entry is None:
            entry = self._open(key)
        return Lease(self, key, entry)

    def give(self, key: K, entry: _Entry[T]) -> None:
        """One user less: a lease ended."""
        entry.users -= 1
        entry.idle_since = asyncio.get_running_loop().time() if entry.users == 0 else 0.0
        if key in self._entries:
            self._entries.move_to_end(key)

    def forget(self, key: K, thing: T) -> None:
        """Drops a broken thing, unless another has taken its place already."""
        entry = self._entries.get(key)
        if entry is not None and entry.thing is thing:
            del self._entries[key]
            self._close(entry)

    def opened(self) -> list[T]:
        """Everything that is open at the moment."""
        return [entry.thing for entry in self._entries.values() if entry.thing is not None]

    async def close(self) -> None:
        """Closes everything and waits for it; nothing can be opened any more."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for entry in self._entries.values():
            self._close(entry)
        self._entries.clear()
        while self._closing:
            await asyncio.wait(self._closing)

    def _open(self, key: K) -> _Entry[T]:
        if self._closed:
            raise self.gone()
        if len(self._entries) >= self._bound:
            self._make_room()
        task = asyncio.create_task(self._make(key))
        entry = self._entries[key] = _Entry(task)
        task.add_done_callback(lambda done: self._settled(key, entry))
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(self._idle / 4, self._sweep)
        return entry

    def gone(self) -> UpstreamFailed:
        """Why there is nothing to use: what was asked for is being closed."""
        return UpstreamFailed(f"{self._what} are being closed")

    def _settled(self, key: K, entry: _Entry[T]) -> None:
        if not entry.opened.cancelled() and entry.opened.exception() is None:
            entry.thing = entry.opened.result()
        elif self._entries.get(key) is entry:
            del self._entries[key]

    def _make_room(self) -> None:
        for key, entry in self._entries.items():
            if entry.users == 0:
                del self._entries[key]
                self._close(entry)
                return
        raise Limited(f"all {self._bound} {self._what} are in use", retry_after=1.0)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        before = loop.time() - self._idle
        for key, entry in list(self._entries.items()):
            if entry.users == 0 and entry.idle_since < before:
                del self._entries[key]
                self._close(entry)
        self._sweeper = loop.call_later(self._idle / 4, self._sweep) if self._entries else None

    def _close(self, entry: _Entry[T]) -> None:
        task = asyncio.ensure_future(_close(entry.opened))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class Lease(Generic[K, T]):
    """One use of one thing. `thing` is None while it is being opened: `lease.thing or await lease.opened()`."""

    __slots__ = ("_entry", "_key", "_pool", "thing")

    def __init__(self, pool: KeyedPool[K, T], key: K, entry: _Entry[T]) -> None:
        self._pool = pool
        self._key = key
        self._entry = entry
        self.thing = entry.thing

    def __enter__(self) -> "Lease[K, T]":
        self._entry.users += 1
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.give(self._key, self._entry)

    async def opened(self) -> T:
        """Waits until it is open. Raises what `make` raised, or UpstreamFailed when the pool is closed."""
        opening = self._entry.opened
        try:
            # Shielded: a caller that gives up must not take the thing from the others who wait for it.
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if opening.cancelled() and not (task is not None and task.cancelling()):
                raise self._pool.gone() from None
            raise


async def _close(opened: "asyncio.Task[T]") -> None:
    opened_in_time, _ = await asyncio.wait({opened}, timeout=5.0)
    if not opened_in_time:
        opened.cancel()
        await asyncio.wait({opened}, timeout=5.0)
        return
    with suppress(Exception, asyncio.CancelledError):
        await opened.result().close()
