"""A bounded set of connections: made when needed, given to one statement at a time, dropped when broken."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

from toolgate.model.errors import Limited, UpstreamFailed

WAIT_S = 10.0
"""How long a statement may wait for a connection while all are in use."""

CLOSE_S = 10.0


class Connection(Protocol):
    def is_usable(self) -> bool:
        """Whether the next statement may have it."""
        ...

    async def close(self) -> None:
        """Ends it, with what it may still be doing at the database, within a bound. Never raises."""
        ...


C = TypeVar("C", bound=Connection)


class Connections(Generic[C]):
    """At most `most` at a time, those that are just being closed included. The one used last is used next, so that few
    stay open where few are needed."""

    def __init__(
        self,
        what: str,
        most: int,
        make: Callable[[], Awaitable[C]],
        lost: tuple[type[BaseException], ...] = (),
        wait: float = WAIT_S,
    ) -> None:
        self._lost = lost
        self._patience = wait
        self._what = what
        self._most = most
        self._make = make
        self._idle: list[C] = []
        self._room = asyncio.Semaphore(most)
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    @asynccontextmanager
    async def lease(self, begin: Callable[[C], Awaitable[object]] | None = None) -> AsyncGenerator[C]:
        """One connection for the block, on which `begin` was done. One that turns out dead by then is replaced, unless
        it is new. Raises Limited when none becomes free in time, UpstreamFailed when it is closed, and what making one
        or beginning raised."""
        await self._wait()
        try:
            connection = await self._begun(begin)
        except BaseException:
            self._room.release()
            raise
        try:
            yield connection
        finally:
            if connection.is_usable() and not self._closed:
                self._idle.append(connection)
                self._room.release()
            else:
                self._end(connection)

    async def close(self) -> None:
        """Closes those that are idle; those in use are closed when they are given back."""
        self._closed = True
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close()
        if self._closing:
            await asyncio.wait(self._closing, timeout=CLOSE_S)

    def _end(self, connection: C) -> None:
        """Whoever gave up does not wait for it; the next one who needs the room does."""
        task = asyncio.create_task(connection.close(), name="closing a database connection")
        self._closing.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._closing.discard(task)
        self._room.release()

    async def _wait(self) -> None:
        if not self._room.locked():
            await self._room.acquire()
            return
        try:
            async with asyncio.timeout(self._patience):
                await self._room.acquire()
        except TimeoutError:
            raise Limited(f"all {self._most} connections of {self._what} are in use", retry_after=1.0) from None

    async def _begun(self, begin: Callable[[C], Awaitable[object]] | None) -> C:
        if self._closed:
            raise UpstreamFailed(f"{self._what} is being closed")
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable() and await _began(connection, begin, self._lost):
                return connection
            await connection.close()
        connection = await self._make()
        try:
            if begin is not None:
                await begin(connection)
        except BaseException:
            await asyncio.shield(connection.close())
            raise
        return connection


async def _began(
    connection: C, begin: Callable[[C], Awaitable[object]] | None, lost: tuple[type[BaseException], ...]
) -> bool:
    try:
        if begin is not None:
            await begin(connection)
    except lost:
        return False
    except BaseException:
        await asyncio.shield(connection.close())
        raise
    return True
