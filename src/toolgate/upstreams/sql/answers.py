"""Rows and schemas as results of tools, in JSON."""

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from toolgate.model.call import Era, Result
from toolgate.protocol import jsonrpc
from toolgate.upstreams.sql.database import CELL, Answer
from toolgate.upstreams.sql.schema import ForeignKey, Schema, Table

_EXACT = 2**53
"""Whole numbers beyond it are given as texts: many readers of JSON would round them."""

_DIGITS = 15
_BYTES = 64

_encode = msgspec.json.Encoder(decimal_format="number").encode


def rows(answer: Answer) -> dict[str, Any]:
    """`columns` and `rows`; `truncated` where there are more, `affected` after a write."""
    told: dict[str, Any] = {
        "columns": answer.columns,
        "rows": [[cell(value) for value in row] for row in answer.rows],
        "truncated": answer.cut,
    }
    return told if answer.affected is None else {**told, "affected": answer.affected}


def row(answer: Answer) -> dict[str, Any]:
    """The first row by column, or null."""
    first = answer.rows[0] if answer.rows else None
    shown = None if first is None else dict(zip(answer.columns, (cell(value) for value in first), strict=True))
    return {"row": shown}


def cell(value: Any) -> Any:
    """One value as JSON that every reader reads alike."""
    match value:
        case None | bool():
            return value
        case int():
            return value if -_EXACT <= value <= _EXACT else str(value)
        case str():
            return _text(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case Decimal():
            return value if value.is_finite() and len(value.as_tuple().digits) <= _DIGITS else str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case bytes() as raw:
            more = f"... ({len(raw)} bytes)" if len(raw) > _BYTES else ""
            return f"\\x{raw[:_BYTES].hex()}{more}"
        case _:
            return _text(str(value))


def _text(value: str) -> str:
    if len(value) <= CELL:
        return value
    return f"{value[:CELL]}... (cut here)"


def tables(schema: Schema, listed: Sequence[Table], more: int) -> dict[str, Any]:
    told = [
        {
            "table": named(schema, table),
            "kind": table.kind,
            **({} if table.rows is None or table.condition else {"rows_estimated": table.rows}),
            **({} if not table.comment else {"comment": table.comment[:500]}),
        }
        for table in listed
    ]
    return {"tables": told, "more": more}


def table(schema: Schema, found: Table) -> dict[str, Any]:
    """Everything that is known of a table, as far as it is shown."""
    told: dict[str, Any] = {
        "table": named(schema, found),
        "kind": found.kind,
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "nullable": column.nullable,
                **({} if column.default is None or column.mask else {"default": column.default[:200]}),
                **({} if not column.comment else {"comment": column.comment[:500]}),
                **({} if column.mask is None else {"masked": column.mask}),
            }
            for column in found.columns
        ],
        "primary_key": [column.name for column in sorted(found.columns, key=lambda column: column.key) if column.key],
        "foreign_keys": [
            {"columns": key.columns, "references": f"{key.table} ({', '.join(key.referred)})"}
            for key in found.foreign_keys
            if _refers_to_what_is_shown(schema, found, key)
        ],
        "indexes": [
            {"name": index.name, "columns": index.columns, "unique": index.unique}
            for index in found.indexes
            if not found.hidden or {column.name for column in found.columns}.issuperset(index.columns)
        ],
    }
    if found.comment:
        told["comment"] = found.comment[:1000]
    if found.condition:
        told["filtered"] = "only some rows of this table are shown"
    elif found.rows is not None:
        told["rows_estimated"] = found.rows
    return told


def _refers_to_what_is_shown(schema: Schema, found: Table, key: ForeignKey) -> bool:
    place, _, name = key.table.rpartition(".")
    target = schema.find(place or None, name)
    return (
        target is not None
        and not found.hidden.intersection(key.columns)
        and not target.hidden.intersection(key.referred)
    )


def named(schema: Schema, found: Table) -> str:
    """A table as a query would name it: without its schema where that is looked through anyway."""
    return found.name if schema.find(None, found.name) is found else found.full


def structured(value: Mapping[str, Any]) -> Result:
    """As structured content, and as the same JSON in a text for clients that know no other."""
    encoded = _encode(value)
    body = {
        "resultType": "complete",
        "content": [{"type": "text", "text": encoded.decode()}],
        "structuredContent": msgspec.Raw(encoded),
    }
    return Result(msgspec.json.encode(body), Era.MODERN)


def refused(text: str) -> Result:
    """A failure that the model can read and mend."""
    body = {"resultType": "complete", "content": [{"type": "text", "text": text}], "isError": True}
    return Result(jsonrpc.encode(body), Era.MODERN, is_error=True)


def contents(uri: str, value: Mapping[str, Any]) -> Result:
    """A resource in JSON."""
    told = [{"uri": uri, "mimeType": "application/json", "text": _encode(value).decode()}]
    return Result(
        jsonrpc.encode({"resultType": "complete", "contents": told, "ttlMs": 60_000, "cacheScope": "private"}),
        Era.MODERN,
    )
