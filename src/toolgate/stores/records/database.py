"""A database, whichever it is: an engine, one reader's view, one writer, and errors in words."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from toolgate.model.errors import StoreFailed
from toolgate.stores.records.tables import META

PATIENCE_S = 10.0
"""How long anyone waits for a connection, or for the one writer before them."""


class Told(StoreFailed):
    """A failure that names its database."""


class Database(ABC):
    """`label` is how errors name it; it holds no secret. `poll_s` is how often somebody who waits for a change looks,
    in seconds, beside being told."""

    poll_s: float

    def __init__(self, engine: AsyncEngine, label: str) -> None:
        self.engine = engine
        self.label = label

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncConnection]:
        """A connection that sees one moment. Raises StoreFailed, also for what fails in the block."""
        with self.told():
            async with self._connected(self._reader) as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncConnection]:
        """A connection that nobody writes beside. Commits when the block ends, rolls back when it raises. Raises
        StoreFailed for what fails of its own; the block uses `told` itself."""
        # Not one `with`: what the block raises is the block's, and is not put into other words here.
        connected = self._connected(self._writer)
        with self.told():
            connection = await connected.__aenter__()
        try:
            yield connection
        except BaseException as error:
            with suppress(StoreFailed), self.told():  # a rollback that fails is one all the same
                await connected.__aexit__(type(error), error, error.__traceback__)
            raise
        with self.told(committing=True):
            await connected.__aexit__(None, None, None)

    @asynccontextmanager
    async def _connected(self, settings: dict[str, Any]) -> AsyncGenerator[AsyncConnection]:
        async with self.engine.connect() as plain:
            connection = await plain.execution_options(**settings)
            async with connection.begin():
                yield connection

    @contextmanager
    def told(self, *, committing: bool = False) -> Generator[None]:
        """Turns every failure of the database into StoreFailed with a sentence that names it."""
        lost = (
            "the connection was lost while it committed, so look before you repeat the change: " if committing else ""
        )
        try:
            yield
        except Told:
            raise
        except StoreFailed as error:
            raise Told(f"{self.label}: {error}") from None
        except PoolTimeout:
            raise Told(f"{self.label}: all connections are in use: try again") from None
        except DBAPIError as error:
            unsure = lost if error.connection_invalidated else ""
            raise Told(f"{self.label}: {unsure}{self.explain(error.orig or error)}") from None
        except (SQLAlchemyError, OSError) as error:
            raise Told(f"{self.label}: {lost}{self.explain(error)}") from None

    async def seq(self) -> int:
        """The `seq` of the last change. Raises StoreFailed."""
        async with self.reading() as connection:
            return (await connection.execute(select(META.c.seq))).scalar_one()

    @abstractmethod
    async def announce(self, connection: AsyncConnection) -> None:
        """Tells other processes of a change, when and if the transaction commits."""

    @abstractmethod
    async def listen(self, heard: Callable[[], None]) -> None:
        """Makes sure that `heard` is called when another process announces a change. Cheap when that is so already.
        Raises StoreFailed."""

    async def close(self) -> None:
        await self.engine.dispose()

    @abstractmethod
    def explain(self, error: BaseException) -> str:
        """What went wrong and what to do, without anything secret."""

    @property
    @abstractmethod
    def _reader(self) -> dict[str, Any]:
        """Execution options of a connection that sees one moment."""

    @property
    @abstractmethod
    def _writer(self) -> dict[str, Any]:
        """Execution options of a connection that writes."""


async def within(lock: asyncio.Lock) -> None:
    """Takes the lock. Raises StoreFailed when whoever holds it does not end."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            await lock.acquire()
    except TimeoutError:
        raise StoreFailed("another change of this process does not end: try again") from None
