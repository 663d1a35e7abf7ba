"""What `toolgate.yaml` may say of a database, and the named queries in it."""

import math
import re
from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec

from toolgate.rules.names import meant

Effect = Literal["read", "create", "update", "delete"]
"""What a statement does to what is there: nothing, adds to it, changes it, removes it. Each counts as worse than the
one before."""

EFFECTS: tuple[Effect, ...] = ("read", "create", "update", "delete")
Mask = Literal["hide", "null", "redact", "partial"]
Type = Literal["string", "integer", "number", "boolean", "date", "datetime"]
Plain = str | int | float | bool

CALLER = ("id", "name", "owner", "user", "team", "cost_center")
"""What a statement may know of its caller, as `:caller_id` and so on."""

CALLER_PREFIX = "caller_"

_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_NAME_RULE = "a name is 1 to 60 of a-z, 0-9 and _, and begins with a letter"
_OWN_TOOLS = ("list_tables", "describe_table", "run_sql_query", "explain_query")
_PATTERN = re.compile(r"[^\x00-\x1f]{1,200}")

Rows = Annotated[int, msgspec.Meta(ge=1, le=10_000)]


class Parameter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One value that the model gives to a named query. Where neither `default` nor `optional` is given it is required;
    an optional one that is not given is NULL. `max_length` is in characters."""

    type: Type
    description: str | None = None
    default: Plain | msgspec.UnsetType = msgspec.UNSET
    optional: bool = False
    enum: tuple[Plain, ...] = ()
    minimum: int | float | None = None
    maximum: int | float | None = None
    max_length: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1000

    def __post_init__(self) -> None:
        if self.type not in ("integer", "number") and not (self.minimum is None and self.maximum is None):
            raise ValueError("minimum and maximum are for integers and numbers")
        if self.optional and self.default is not msgspec.UNSET:
            raise ValueError("optional means NULL where it is not given: leave out optional, or default")
        given = [*self.enum, *([] if self.default is msgspec.UNSET else [self.default])]
        if any(not fits(self.type, value) for value in given):
            raise ValueError(f"enum and default must be of its type, {self.type}")
        if self.enum and self.default is not msgspec.UNSET and self.default not in self.enum:
            raise ValueError("default must be one of enum")


def fits(kind: Type, value: Any) -> bool:
    """Whether a JSON value is of this type. A whole number counts as a number; dates are texts in ISO 8601."""
    match kind:
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
        case "number":
            return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        case "date" | "datetime":
            return isinstance(value, str) and moment(kind, value) is not None


def moment(kind: Literal["date", "datetime"], text: str) -> date | datetime | None:
    """The day or the moment; None when it is none."""
    try:
        return date.fromisoformat(text) if kind == "date" else datetime.fromisoformat(text)
    except ValueError:
        return None


class Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A statement that the operator wrote, which is a tool of its own. Values stand in it as `:name`, what is known of
    the caller as `:caller_user` and the like (see CALLER), which no model can set.

    `effect` is the worst that it does. One that writes is undone when it would touch more than `max_affected` rows.
    `returns` is `row` where one row is meant. A read sees masks and row filters unless it is `unmasked`.
    """

    sql: Annotated[str, msgspec.Meta(min_length=1, max_length=100_000)]
    description: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]
    title: str | None = None
    parameters: dict[str, Parameter] = {}
    effect: Effect = "read"
    returns: Literal["rows", "row"] = "rows"
    idempotent: bool = False
    max_rows: Rows | None = None
    max_affected: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 100
    unmasked: bool = False

    def __post_init__(self) -> None:
        for name in self.parameters:
            if not _NAME.fullmatch(name):
                raise ValueError(f"parameter {name[:60]!r}: {_NAME_RULE}")
            if name.startswith(CALLER_PREFIX):
                raise ValueError(f"parameter {name!r}: names that begin with {CALLER_PREFIX} are bound to the caller")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the database is: `path` for a file of SQLite, or `database` for a URL (`postgresql://`, `mysql://`,
    `mariadb://`), best as a reference to one. `user` and `password` may stand beside a URL without them.

    `writer` is the URL of a second role that named queries with an effect use. `tables` are globs over `schema.table`
    that are shown at all, `schemas` the schemas looked at (PostgreSQL; by default those on the role's search path).

    `mask` and `hide` are by `table.column` (globs); `rows` holds conditions by table (globs), in which `:caller_user`
    and the like may stand. `functions` are names that free queries may use beside the built-in list. Times are in
    seconds, `result_bytes` in bytes of JSON.
    """

    path: str | None = None
    database: str | None = None
    user: str | None = None
    password: str | None = None
    writer: str | None = None
    ca_file: str | None = None
    immutable: bool = False
    allow_superuser: bool = False
    schemas: tuple[str, ...] = ()
    tables: tuple[str, ...] = ("*",)
    hide: tuple[str, ...] = ()
    mask: dict[str, Mask] = {}
    rows: dict[str, str] = {}
    functions: tuple[str, ...] = ()
    free_sql: bool = True
    samples: Annotated[int, msgspec.Meta(ge=0, le=20)] = 0
    max_rows: Rows = 200
    result_bytes: Annotated[int, msgspec.Meta(ge=1024, le=16 * 1024 * 1024)] = 128 * 1024
    statement_timeout: Annotated[float, msgspec.Meta(ge=0.05, le=600)] = 5.0
    pool: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    queries: dict[str, Query] = {}

    def __post_init__(self) -> None:
        if (self.path is None) == (self.database is None):
            raise ValueError("exactly one of `path` (a file of SQLite) and `database` (a URL) is required")
        if self.path is not None and not (self.user is self.password is self.writer is self.ca_file is None):
            raise ValueError("user, password, writer and ca_file are for `database`: a file has none of them")
        for name in self.queries:
            if not _NAME.fullmatch(name):
                raise ValueError(f"queries: {name[:60]!r}: {_NAME_RULE}")
            if name in _OWN_TOOLS:
                raise ValueError(f"queries: {name!r} is a tool of the server itself: choose another name")
        for pattern in (*self.hide, *self.mask):
            if pattern.count(".") < 1 or not _PATTERN.fullmatch(pattern):
                raise ValueError(
                    f"mask and hide: {pattern[:60]!r}: expected table.column, as customers.email or *.email"
                )
        for text in self.rows.values():
            _known_callers(text)


def _known_callers(text: str) -> None:
    for found in re.findall(r"(?<!:):([A-Za-z_]\w*)", text):
        known = [CALLER_PREFIX + name for name in CALLER]
        if found not in known:
            raise ValueError(f"rows: `:{found}` is nothing that is known of a caller{meant(found, known)}")
