"""The errors of MySQL and MariaDB in words that show what to mend. Many of their messages repeat data (the value of a
duplicate key, the text that is no number), so only those of known numbers are passed on."""

import re
from typing import Any

from toolgate.model.errors import UpstreamFailed
from toolgate.upstreams.sql.database import Trouble
from toolgate.upstreams.sql.location import Location

try:
    import aiomysql as _aiomysql  # pyright: ignore[reportMissingTypeStubs]
    import pymysql.err as _errors
except ModuleNotFoundError:
    _aiomysql = None
    _errors = None
driver: Any = _aiomysql

_COLUMN = re.compile(r"Unknown column '(?:[^']*\.)?([^'.]+)'")
_TABLE = re.compile(r"Table '(?:[^']*\.)?([^'.]+)' doesn't exist")
_ABOUT_THE_STATEMENT = {1052, 1055, 1056, 1060, 1066, 1111, 1140, 1221, 1222, 1241, 1242, 1247, 1248, 1305, 1582, 1584}
"""Errors whose messages hold names of the statement, and no data."""

_PLAIN = {
    1064: "the database does not accept the statement: its syntax is not that of this server",
    1205: "another change holds what is needed: try again later",
    1213: "another change stood in the way: try again",
    1062: "the data does not allow it: a row with the same key is there already",
    1048: "the data does not allow it: a column that must have a value has none",
    1364: "the data does not allow it: a column that must have a value has none",
    1451: "the data does not allow it: other rows refer to this one",
    1452: "the data does not allow it: a row that it refers to is not there",
    3819: "the data does not allow it: a rule of the table (a check constraint) forbids it",
    4025: "the data does not allow it: a rule of the table (a check constraint) forbids it",
    1792: "the database is open for reading only here: this statement would change something",
    1317: "the query was ended before it was done",
    1295: "the database cannot do that here",
}
_TIMEOUTS = {1969, 3024}
_DENIED = {1044, 1142, 1143, 1227, 1370, 1290}
_GONE = {1040, 1053, 1077, 1079, 1152, 1153, 1158, 1159, 1160, 1161, 2003, 2006, 2013, 2014, 2055}


def failures() -> tuple[type[BaseException], ...]:
    """What the driver raises."""
    return () if _errors is None else (_errors.MySQLError, _errors.InterfaceError)


def number(error: BaseException) -> int:
    """The server's or driver's number; 0 for none."""
    first = error.args[0] if error.args else 0
    return first if isinstance(first, int) else 0


def is_answer(error: BaseException) -> bool:
    """Whether the server itself said it, so that the connection is whole."""
    return isinstance(error, failures()) and (1000 <= number(error) < 2000 or 3000 <= number(error) < 10_000)


def told(error: BaseException, server: str, seconds: float) -> Exception:
    """Trouble for what the statement's author can mend, UpstreamFailed for the rest."""
    code = number(error)
    said = str(error.args[1]) if len(error.args) > 1 else ""
    if code == 1054:
        found = _COLUMN.search(said)
        return Trouble(
            f"there is no column {found[1]}" if found else "there is no such column", column=found and found[1]
        )
    if code == 1146:
        found = _TABLE.search(said)
        return Trouble(f"there is no table {found[1]}" if found else "there is no such table", table=found and found[1])
    if code in _ABOUT_THE_STATEMENT:
        return Trouble(f"the database does not accept the statement: {said[:300]}")
    if code in _PLAIN:
        return Trouble(_PLAIN[code])
    if code in _TIMEOUTS:
        return Trouble(f"the query took longer than {seconds:g} s and was ended: ask for less, or use an index")
    if code in _DENIED:
        return Trouble("the database's user may not do that")
    if is_answer(error) and code not in _GONE:
        return Trouble(f"the database refused it (error {code})")
    return UpstreamFailed(f"server {server!r}: the connection to the database broke: try again")


def unreached(error: Any, location: Location) -> str:
    """Why there is no connection, and what to do."""
    code = number(error)
    place = location.label
    if code in (1045, 1698):
        return f"{place} refuses these credentials: correct the user or the password"
    if code == 1044:
        return f"{place} may not be used by this user: grant it SELECT"
    if code == 1049:
        return f"{place} does not exist: create it, or correct the name"
    if code == 1040:
        return f"{place} has no connection left: raise max_connections, or lower `pool`"
    if isinstance(error, TimeoutError):
        return f"{place} does not answer in time"
    return f"{place} cannot be reached (error {code}): start it, or correct its address"
