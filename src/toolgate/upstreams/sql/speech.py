"""How each database is spoken to: its dialect, how its statements hold values, and how it masks a column."""

import re
import secrets
from collections.abc import Mapping

import msgspec
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.dialects.mysql import MySQL
from sqlglot.dialects.postgres import Postgres
from sqlglot.dialects.sqlite import SQLite

from toolgate.upstreams.sql.settings import Type

_MARK = f"tgp{secrets.token_hex(8)}x"
"""Stands in a tree where a value will be. Nobody outside knows it, so nothing that was given can look like one."""

_MARKED = re.compile(rf"{_MARK}(\d+)e")


def _regexp(self: MySQL.Generator, expression: exp.RegexpLike) -> str:
    return f"{self.sql(expression, 'this')} REGEXP {self.sql(expression, 'expression')}"


class ToolgateMySQL(MySQL):
    """MariaDB has no REGEXP_LIKE; both know the operator."""

    class Generator(MySQL.Generator):
        TRANSFORMS = {**MySQL.Generator.TRANSFORMS, exp.RegexpLike: _regexp}  # noqa: RUF012 - as the library has it


class Speech(msgspec.Struct, frozen=True):
    """`name` is ours, `dialect` sqlglot's. `masks` are expressions in which `{c}` is the column, `casts` the type that
    a value of a declared type is converted to, as far as the database would guess wrong. `fence` ends a subquery so
    that conditions from outside are not looked at before those inside."""

    name: str
    dialect: type[Dialect]
    masks: Mapping[str, str]
    casts: Mapping[Type, str]
    fence: str
    folds: bool

    def bind(self, text: str, names: list[str]) -> tuple[str, tuple[str, ...]]:
        """The text with the database's own placeholders, and the names of their values in order."""
        if self.name == "mysql":
            order = tuple(names[int(found[1])] for found in _MARKED.finditer(text))
            return (_MARKED.sub("%s", text.replace("%", "%%")), order) if order else (text, ())
        sign = "$" if self.name == "postgres" else "?"
        return _MARKED.sub(lambda found: f"{sign}{int(found[1]) + 1}", text), tuple(names)


def marked(place: int) -> exp.Expr:
    """The value at this place of the list of names, as a node."""
    return exp.Var(this=f"{_MARK}{place}e")


_LAST_FOUR = "CASE WHEN LENGTH({t}) > 8 THEN {joined} WHEN {c} IS NOT NULL THEN '***' END"

POSTGRES = Speech(
    "postgres",
    Postgres,
    {
        "null": "CAST(NULL AS TEXT)",
        "redact": "CASE WHEN {c} IS NOT NULL THEN '***' END",
        "partial": _LAST_FOUR.replace("{joined}", "'***' || RIGHT({t}, 4)").replace("{t}", "CAST({c} AS TEXT)"),
    },
    {"integer": "BIGINT", "number": "NUMERIC", "boolean": "BOOLEAN", "date": "DATE", "datetime": "TIMESTAMPTZ"},
    "OFFSET 0",
    folds=False,
)
MYSQL = Speech(
    "mysql",
    ToolgateMySQL,
    {
        "null": "NULL",
        "redact": "CASE WHEN {c} IS NOT NULL THEN '***' END",
        "partial": _LAST_FOUR.replace("{joined}", "CONCAT('***', RIGHT({t}, 4))").replace("{t}", "CAST({c} AS CHAR)"),
    },
    {},
    "LIMIT 18446744073709551615",
    folds=True,
)
SQLITE = Speech(
    "sqlite",
    SQLite,
    {
        "null": "NULL",
        "redact": "CASE WHEN {c} IS NOT NULL THEN '***' END",
        "partial": _LAST_FOUR.replace("{joined}", "'***' || SUBSTRING({t}, -4)").replace("{t}", "CAST({c} AS TEXT)"),
    },
    {},
    "LIMIT -1",
    folds=True,
)
