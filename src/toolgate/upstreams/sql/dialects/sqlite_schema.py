"""The tables of a file of SQLite."""

import sqlite3
from collections.abc import Iterator

from toolgate.upstreams.sql.schema import Column, ForeignKey, Index, Schema, Table

MOST_TABLES = 5_000


def read(raw: sqlite3.Connection) -> Schema:
    """Everything but SQLite's own tables and the ones that virtual tables keep their data in."""
    estimates = _estimates(raw)
    listed = raw.execute(
        "SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'view', 'virtual')"
        " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name LIMIT ?",
        (MOST_TABLES,),
    ).fetchall()
    return Schema.of((_table(raw, name, kind, estimates.get(name)) for name, kind in listed), ("main",), folds=True)


def _table(raw: sqlite3.Connection, name: str, kind: str, rows: int | None) -> Table:
    columns = raw.execute(
        'SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_xinfo(?) WHERE hidden IN (0, 2, 3)', (name,)
    ).fetchall()
    return Table(
        "main",
        name,
        "virtual table" if kind == "virtual" else kind,
        tuple(
            Column(column, declared or "any", not required and not key, default, None, key)
            for column, declared, required, default, key in columns
        ),
        None,
        rows,
        tuple(_foreign_keys(raw, name)),
        tuple(_indexes(raw, name)),
    )


def _foreign_keys(raw: sqlite3.Connection, name: str) -> Iterator[ForeignKey]:
    by_id: dict[int, list[tuple[str, str, str]]] = {}
    for key, _, table, here, there in raw.execute(
        'SELECT id, seq, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq', (name,)
    ):
        by_id.setdefault(key, []).append((table, here, there or ""))
    for parts in by_id.values():
        yield ForeignKey(tuple(part[1] for part in parts), parts[0][0], tuple(part[2] for part in parts if part[2]))


def _indexes(raw: sqlite3.Connection, name: str) -> Iterator[Index]:
    for index, unique in raw.execute('SELECT name, "unique" FROM pragma_index_list(?)', (name,)).fetchall():
        columns = raw.execute("SELECT name FROM pragma_index_info(?) ORDER BY seqno", (index,)).fetchall()
        yield Index(index, tuple(column or "(expression)" for (column,) in columns), bool(unique))


def _estimates(raw: sqlite3.Connection) -> dict[str, int]:
    """What ANALYZE has found out; nothing where it was never run. Counting would read every page."""
    try:
        found = raw.execute("SELECT tbl, stat FROM sqlite_stat1 WHERE stat IS NOT NULL").fetchall()
    except sqlite3.OperationalError:
        return {}
    return {table: int(first) for table, stat in found if (first := str(stat).split(" ")[0]).isdigit()}
