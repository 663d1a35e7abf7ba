"""Which tables and columns are shown, and how: the patterns of the settings, laid over what is in the database."""

from collections.abc import Iterable

import msgspec
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from toolgate.model.errors import ConfigError
from toolgate.rules import globs
from toolgate.rules.names import closest
from toolgate.upstreams.sql.schema import Column, Schema, Table
from toolgate.upstreams.sql.settings import Settings
from toolgate.upstreams.sql.speech import Speech


class Views(msgspec.Struct, frozen=True):
    """`shown` is what models may see and ask for; `every` is all there is, for named queries, with the same masks."""

    shown: Schema
    every: Schema


def laid(schema: Schema, settings: Settings, speech: Speech) -> Views:
    """Raises ConfigError for a pattern without wildcards that fits nothing: a mask with a typing error hides
    nothing."""
    findings = [*_unmatched(schema, settings), *_unreadable(settings, speech)]
    if findings:
        raise ConfigError(tuple(findings))
    every = [_veiled(table, settings) for table in schema.tables]
    shown = [table for table in every if _any(settings.tables, _table_names(table)) and table.columns]
    return Views(
        Schema.of(shown, schema.defaults, folds=schema.folds), Schema.of(every, schema.defaults, folds=schema.folds)
    )


def _veiled(table: Table, settings: Settings) -> Table:
    hidden: set[str] = set()
    columns: list[Column] = []
    for column in table.columns:
        names = _column_names(table, column.name)
        masks = [mask for pattern, mask in settings.mask.items() if _any([pattern], names)]
        if _any(settings.hide, names) or "hide" in masks:
            hidden.add(column.name)
        else:
            columns.append(msgspec.structs.replace(column, mask=masks[0]) if masks else column)
    conditions = [text for pattern, text in settings.rows.items() if _any([pattern], _table_names(table))]
    return msgspec.structs.replace(
        table,
        columns=tuple(columns),
        hidden=frozenset(hidden),
        condition=" AND ".join(f"({text})" for text in conditions) or None,
        guarded=_any((pattern.rpartition(".")[0] for pattern in (*settings.hide, *settings.mask)), _table_names(table)),
    )


def _unmatched(schema: Schema, settings: Settings) -> Iterable[str]:
    tables = {name for table in schema.tables for name in _table_names(table)}
    columns = {
        name for table in schema.tables for column in table.columns for name in _column_names(table, column.name)
    }
    for field, patterns, known in (
        ("hide", settings.hide, columns),
        ("mask", settings.mask, columns),
        ("rows", settings.rows, tables),
        ("tables", settings.tables, tables),
    ):
        for pattern in patterns:
            if globs.is_literal(pattern) and pattern.casefold() not in known:
                near = closest(pattern.casefold(), known)
                hint = f" (did you mean {near}?)" if near else ""
                yield f"{field}: {pattern}: there is nothing of this name in the database{hint}"


def _unreadable(settings: Settings, speech: Speech) -> Iterable[str]:
    for pattern, text in settings.rows.items():
        try:
            trees = sqlglot.parse(f"SELECT 1 WHERE {text}", read=speech.dialect)
        except (SqlglotError, RecursionError):
            yield f"rows: {pattern}: the condition cannot be read as SQL"
            continue
        tree = trees[0] if len(trees) == 1 else None
        if not isinstance(tree, exp.Select) or {name for name, value in tree.args.items() if value} - {
            "expressions",
            "where",
        }:
            yield f"rows: {pattern}: expected one condition, as in WHERE"


def _table_names(table: Table) -> tuple[str, str]:
    return table.name.casefold(), table.full.casefold()


def _column_names(table: Table, column: str) -> tuple[str, str]:
    return f"{table.name}.{column}".casefold(), f"{table.full}.{column}".casefold()


def _any(patterns: Iterable[str], names: Iterable[str]) -> bool:
    listed = list(names)
    return any(globs.matches(pattern.casefold(), name) for pattern in patterns for name in listed)
