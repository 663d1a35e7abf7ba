"""What a dialect must do: the seam between the server and the three databases, and the values that pass through it."""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from toolgate.upstreams.sql.schema import Schema


class Trouble(Exception):
    """The statement failed in a way that whoever wrote it can mend. The message holds no data of the database. `column`
    and `table` are a name that the database did not know."""

    def __init__(self, message: str, *, column: str | None = None, table: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.column = column
        self.table = table


class Limits(msgspec.Struct, frozen=True):
    """`rows` and `size` (bytes of what is read) end a result early; `seconds` ends the statement. A write that touches
    more than `affected` rows is undone."""

    rows: int
    size: int
    seconds: float
    affected: int = 0


CELL = 4096
"""The most characters of one value that are shown."""


class Answer(msgspec.Struct, frozen=True):
    """Rows in the types of the driver. `cut` says that there are more, `affected` how many rows a write touched."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    cut: bool = False
    affected: int | None = None


class Asked(msgspec.Struct, frozen=True):
    """One statement with its values in the order of its placeholders. `free` says that a model wrote it. `caller` is
    who asks, for the database's own row security."""

    sql: str
    values: tuple[Any, ...] = ()
    free: bool = False
    caller: str = ""


class Standing(msgspec.Struct, frozen=True):
    """What the role that we connect as may do. `refusals` are reasons not to serve it at all, `warnings` are such that
    the operator should know."""

    refusals: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Database(Protocol):
    """One database behind a pool. Every method raises Trouble for what the statement's author can mend, UpstreamFailed
    for a database that cannot be reached, Limited when every connection is in use."""

    async def standing(self) -> Standing: ...

    async def schema(self) -> Schema:
        """Everything that the role may read, unfiltered."""
        ...

    def show(self, tables: frozenset[str]) -> None:
        """The tables, in lower case, that free queries may read from here on, for databases that can be told."""
        ...

    async def read(self, asked: Asked, limits: Limits) -> Answer:
        """In a transaction that cannot write, whatever the statement says, and that is always rolled back."""
        ...

    async def write(self, asked: Asked, limits: Limits) -> Answer:
        """In a transaction of its own, committed when it succeeded."""
        ...

    async def explain(self, asked: Asked, limits: Limits) -> str:
        """The plan, without running it."""
        ...

    async def close(self) -> None: ...
