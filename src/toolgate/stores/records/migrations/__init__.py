"""The one chain of migrations, for both databases. A new one is a new module and a new line in CHAIN; an old one is
never edited. How many were made is in `meta.schema`.

All that are due are made in one transaction, with their number: a process that dies in the middle leaves the old
schema. Processes that start together wait for each other.

What needs a migration: tables and columns, and fields of entities that are renamed, removed or change their meaning
(`body` is rewritten). A new field of an entity with a default needs none: old bodies are read with the default. Towards
older versions there is no such way: see `bodies`.
"""

import secrets
from collections.abc import Callable, Sequence

import msgspec
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, insert, inspect, select, text, update

from toolgate.model.errors import StoreFailed
from toolgate.stores.records.migrations import v0001_records, v0002_owned, v0003_key_use
from toolgate.stores.records.tables import META, METADATA

Step = Callable[[Operations], None]

CHAIN: tuple[Step, ...] = (v0001_records.upgrade, v0002_owned.upgrade, v0003_key_use.upgrade)

_LOCK = 0x746F6F6C67617465
"""The key of PostgreSQL's advisory lock, held while the schema is looked at and changed ("toolgate" in ASCII)."""


class Schema(msgspec.Struct, frozen=True):
    """`found` migrations were made in this database, `known` ones are in this version of Toolgate. `installation` is
    empty for a database that holds nothing yet."""

    found: int
    known: int
    installation: str = ""

    @property
    def due(self) -> bool:
        return self.found < self.known


def look(connection: Connection, chain: Sequence[Step] = CHAIN) -> Schema:
    """What is in this database. Raises StoreFailed when it is not ours, or of a newer version."""
    present = set(inspect(connection).get_table_names())
    if META.name not in present:
        foreign = sorted(present & set(METADATA.tables))
        if foreign:
            raise StoreFailed(
                f"there is a table {foreign[0]!r} that Toolgate did not make: give Toolgate a database of its own"
            )
        return Schema(0, len(chain))
    if not {"installation", "schema", "seq"} <= {column["name"] for column in inspect(connection).get_columns("meta")}:
        raise StoreFailed("there is a table 'meta' that Toolgate did not make: give Toolgate a database of its own")
    row = connection.execute(select(META.c.schema, META.c.installation)).one_or_none()
    if row is None:
        raise StoreFailed("the table 'meta' is empty: restore the database from a backup")
    if row.schema > len(chain):
        raise StoreFailed(
            f"it was made by a newer Toolgate (schema {row.schema}, this version knows {len(chain)}): run that version,"
            " or restore the backup made before the upgrade"
        )
    return Schema(row.schema, len(chain), row.installation)


def upgrade(connection: Connection, now: int, chain: Sequence[Step] = CHAIN) -> Schema:
    """Makes what is due, in the caller's transaction, and says what was found before. `now` is in microseconds.
    Raises as `look` does."""
    if connection.dialect.name == "postgresql":
        # Waiting for another replica's migration may take longer than a statement otherwise may.
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    found = look(connection, chain)
    if not found.due:
        return found
    operations = Operations(MigrationContext.configure(connection))
    for step in chain[found.found :]:
        step(operations)
    if found.installation:
        connection.execute(update(META).values(schema=len(chain)))
    else:
        made = {"installation": secrets.token_hex(16), "schema": len(chain), "seq": 0, "created_at": now}
        connection.execute(insert(META).values(made))
    return found
