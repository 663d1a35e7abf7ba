"""The tables of a database of MySQL or MariaDB that a user may read, and what else that user may do."""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from toolgate.upstreams.sql.database import Standing
from toolgate.upstreams.sql.schema import Column, ForeignKey, Index, Schema, Table

Ask = Callable[[str], Awaitable[Sequence[Sequence[Any]]]]

_TABLES = """
SELECT table_name, table_type, table_rows, table_comment FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_type IN ('BASE TABLE', 'VIEW') ORDER BY table_name LIMIT 5000
"""
_COLUMNS = """
SELECT table_name, column_name, column_type, is_nullable, column_default, column_comment
FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position
"""
_INDEXES = """
SELECT table_name, index_name, non_unique, column_name
FROM information_schema.statistics WHERE table_schema = DATABASE() ORDER BY table_name, index_name, seq_in_index
"""
_FOREIGN_KEYS = """
SELECT table_name, constraint_name, column_name, referenced_table_schema, referenced_table_name, referenced_column_name
FROM information_schema.key_column_usage
WHERE table_schema = DATABASE() AND referenced_table_name IS NOT NULL
ORDER BY table_name, constraint_name, ordinal_position
"""
_READING = {"USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES", "EXECUTE", "LOCK TABLES", "CREATE TEMPORARY TABLES"}
_FATAL = {
    "FILE": "read and write files on the database's machine",
    "SUPER": "change the server itself",
    "PROCESS": "see what everybody else runs",
    "SHUTDOWN": "stop the server",
    "CREATE USER": "create users",
    "RELOAD": "reload the server",
    "REPLICATION SLAVE": "replicate, and so read everything",
    "ALL PRIVILEGES": "do everything",
}
_GRANT = re.compile(r"GRANT (?P<rights>.+?) ON (?P<place>\S+) TO ", re.IGNORECASE)


async def read(ask: Ask, database: str) -> Schema:
    """What the user may read in the connection's database."""
    columns = _grouped(await ask(_COLUMNS))
    indexes = _grouped(await ask(_INDEXES))
    keys = _grouped(await ask(_FOREIGN_KEYS))
    tables = [
        _table(database, row, columns.get(row[0], []), indexes.get(row[0], []), keys.get(row[0], []))
        for row in await ask(_TABLES)
    ]
    return Schema.of(tables, (database,), folds=True)


async def standing(ask: Ask) -> Standing:
    """What the user was granted beyond reading."""
    refusals: list[str] = []
    warnings: list[str] = []
    for (line,) in await ask("SHOW GRANTS"):
        found = _GRANT.match(str(line))
        if found is None:
            continue
        rights = {
            right.strip().upper().partition("(")[0].strip() for right in re.split(r",(?![^(]*\))", found["rights"])
        }
        everywhere = found["place"] == "*.*"
        refusals += [f"the user may {_FATAL[right]} ({right})" for right in sorted(rights & set(_FATAL)) if everywhere]
        more = sorted(rights - _READING - (set(_FATAL) if everywhere else set()))
        if more:
            warnings.append(f"the user has more rights than reading on {found['place']}: {', '.join(more)[:200]}")
    return Standing(tuple(refusals), tuple(warnings))


def _grouped(rows: Sequence[Sequence[Any]]) -> dict[str, list[Sequence[Any]]]:
    found: dict[str, list[Sequence[Any]]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(row)
    return found


def _table(
    database: str,
    row: Sequence[Any],
    columns: Sequence[Sequence[Any]],
    indexes: Sequence[Sequence[Any]],
    keys: Sequence[Sequence[Any]],
) -> Table:
    name, kind, rows, comment = row
    by_index: dict[str, tuple[bool, list[str]]] = {}
    for _, index, not_unique, column in indexes:
        by_index.setdefault(index, (not not_unique, []))[1].append(column or "(expression)")
    primary = by_index.get("PRIMARY", (True, []))[1]
    by_key: dict[str, list[Sequence[Any]]] = {}
    for key in keys:
        by_key.setdefault(key[1], []).append(key)
    return Table(
        database,
        name,
        "view" if kind == "VIEW" else "table",
        tuple(
            Column(column, _text(declared), nullable == "YES", default, told or None, _place(column, primary))
            for _, column, declared, nullable, default, told in columns
        ),
        None if kind == "VIEW" else comment or None,
        rows,
        tuple(
            ForeignKey(
                tuple(part[2] for part in parts), f"{parts[0][3]}.{parts[0][4]}", tuple(part[5] for part in parts)
            )
            for parts in by_key.values()
        ),
        tuple(Index(index, tuple(parts), unique) for index, (unique, parts) in by_index.items()),
    )


def _place(column: str, primary: Sequence[str]) -> int:
    return primary.index(column) + 1 if column in primary else 0


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
