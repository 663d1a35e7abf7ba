"""The tables of PostgreSQL that a role may read, and what else that role may do."""

from collections.abc import Sequence
from typing import Any

from toolgate.upstreams.sql.database import Standing
from toolgate.upstreams.sql.schema import Column, ForeignKey, Index, Schema, Table

MOST_TABLES = 5_000

_KINDS = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
}

_TABLES = """
SELECT c.oid, n.nspname, c.relname, c.relkind::text, c.reltuples::bigint, obj_description(c.oid, 'pg_class')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (cardinality($1::text[]) = 0 OR n.nspname = ANY($1))
  AND has_schema_privilege(n.oid, 'USAGE')
  AND (has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'))
ORDER BY n.nspname, c.relname LIMIT $2
"""
_COLUMNS = """
SELECT a.attrelid, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid), col_description(a.attrelid, a.attnum)
FROM pg_catalog.pg_attribute a
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
  AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
ORDER BY a.attrelid, a.attnum
"""
_INDEXES = """
SELECT i.indrelid, c.relname, i.indisunique, i.indisprimary,
       ARRAY(SELECT pg_get_indexdef(i.indexrelid, k, true) FROM generate_series(1, i.indnkeyatts) k)::text[]
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = ANY($1::oid[]) AND i.indisvalid ORDER BY c.relname
"""
_FOREIGN_KEYS = """
SELECT k.conrelid, n.nspname || '.' || t.relname,
       ARRAY(SELECT attname FROM unnest(k.conkey) WITH ORDINALITY u(num, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = num ORDER BY place)::text[],
       ARRAY(SELECT attname FROM unnest(k.confkey) WITH ORDINALITY u(num, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = num ORDER BY place)::text[]
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class t ON t.oid = k.confrelid JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
WHERE k.contype = 'f' AND k.conrelid = ANY($1::oid[]) ORDER BY k.conname
"""
_ROLE = """
SELECT rolname, rolsuper, rolreplication, rolcreaterole, rolcreatedb, rolbypassrls,
       ARRAY(SELECT r.rolname FROM pg_catalog.pg_roles r WHERE r.rolname = ANY($1::text[])
             AND pg_has_role(pg_roles.oid, r.oid, 'MEMBER') ORDER BY r.rolname)::text[] AS powers
FROM pg_catalog.pg_roles WHERE rolname = current_user
"""
_WRITABLE = """
SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') ORDER BY 1 LIMIT 3
"""
_FATAL = ("pg_execute_server_program", "pg_read_server_files", "pg_write_server_files", "pg_signal_backend")
_LOOSE = ("pg_write_all_data", "pg_maintain", "pg_checkpoint", "pg_create_subscription")


async def read(raw: Any, schemas: Sequence[str]) -> Schema:
    """What the connection's role may read, in `schemas` or in all that it may use."""
    listed = await raw.fetch(_TABLES, list(schemas), MOST_TABLES)
    oids = [row[0] for row in listed]
    indexes = _grouped(await raw.fetch(_INDEXES, oids))
    keys = _grouped(await raw.fetch(_FOREIGN_KEYS, oids))
    columns = _grouped(await raw.fetch(_COLUMNS, oids))
    defaults = await raw.fetchval("SELECT current_schemas(false)::text[]")
    tables = [_table(row, columns.get(row[0], []), indexes.get(row[0], []), keys.get(row[0], [])) for row in listed]
    return Schema.of(tables, tuple(defaults), folds=False)


async def standing(raw: Any) -> Standing:
    """What the role may do beyond reading."""
    role = await raw.fetchrow(_ROLE, [*_FATAL, *_LOOSE])
    name, powers = role["rolname"], set(role["powers"])
    refusals: list[str] = []
    if role["rolsuper"]:
        refusals.append(
            f"the role {name} is a superuser, who can read files and run programs on the database's machine"
        )
        return Standing(tuple(refusals))
    refusals += [f"the role {name} is a member of {power}" for power in _FATAL if power in powers]
    if role["rolreplication"]:
        refusals.append(f"the role {name} may replicate, and so read everything")
    warnings = [f"the role {name} is a member of {power}" for power in _LOOSE if power in powers]
    for flag, may in (
        ("rolcreaterole", "create roles"),
        ("rolcreatedb", "create databases"),
        ("rolbypassrls", "bypass row security"),
    ):
        if role[flag]:
            warnings.append(f"the role {name} may {may}")
    writable = [row[0] for row in await raw.fetch(_WRITABLE)]
    if writable:
        warnings.append(f"the role {name} may write, for example to {', '.join(writable)}")
    return Standing(tuple(refusals), tuple(warnings))


def _grouped(rows: Sequence[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(row)
    return found


def _table(row: Any, columns: Sequence[Any], indexes: Sequence[Any], keys: Sequence[Any]) -> Table:
    _, schema, name, kind, rows, comment = row
    primary = next((tuple(index[4]) for index in indexes if index[3]), ())
    return Table(
        schema,
        name,
        _KINDS[kind],
        tuple(
            Column(column, kind_, not required, default, told, _place(column, primary))
            for _, _, column, kind_, required, default, told in columns
        ),
        comment,
        None if rows < 0 else rows,
        tuple(ForeignKey(tuple(here), table, tuple(there)) for _, table, here, there in keys),
        tuple(Index(index, tuple(parts), unique) for _, index, unique, _, parts in indexes),
    )


def _place(column: str, primary: tuple[str, ...]) -> int:
    for place, part in enumerate(primary, start=1):
        if part in (column, f'"{column}"'):
            return place
    return 0
