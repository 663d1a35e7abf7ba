"""PostgreSQL's errors in words that show what to mend. Its messages about data (class 22) may repeat some of it, so
they are not passed on; those about the statement (class 42) hold names and types only."""

import re
from typing import Any

from toolgate.model.errors import UpstreamFailed
from toolgate.upstreams.sql.database import Trouble
from toolgate.upstreams.sql.location import Location

_COLUMN = re.compile(r'column "?(?:[^"]*\.)?([^".]+)"? (?:does not exist|of relation)')
_TABLE = re.compile(r'relation "?(?:[^"]*\.)?([^".]+)"? does not exist')

_PLAIN = {
    "25006": "the database is open for reading only here: this statement would change something",
    "40001": "another change came in between: try again",
    "40P01": "another change stood in the way: try again",
    "55P03": "another change holds what is needed: try again later",
    "57014": "the query took too long and was ended: ask for less, or narrow it down",
    "54001": "the query is too complex",
    "53200": "the query needs more memory than the database has",
    "53400": "the query exceeds a limit of the database",
    "0A000": "the database cannot do that in a query here",
}
_DATA = {
    "22012": "a division by zero",
    "22P02": "a text that cannot be read as the type it is used as",
    "22007": "a text that is no date or time",
    "22008": "a date or time that is out of range",
    "22003": "a number that is out of range",
    "22023": "a value that a function does not take",
    "2201B": "a text that is no regular expression",
}
_CONSTRAINTS = {
    "23502": "a column that must have a value has none",
    "23503": "a row that it refers to is not there, or others refer to it",
    "23505": "a row with the same key is there already",
    "23514": "a rule of the table (a check constraint) forbids it",
}


def told(error: Any, server: str) -> Exception:
    """Trouble for what the statement's author can mend, UpstreamFailed for the rest."""
    state = getattr(error, "sqlstate", None)
    if not isinstance(state, str):
        if isinstance(error, ValueError) and not isinstance(error, OSError):
            return Trouble("a value does not have the type that the statement needs it in")
        return UpstreamFailed(f"server {server!r}: the connection to the database broke: try again")
    if state in _PLAIN:
        return Trouble(_PLAIN[state])
    if state.startswith("42"):
        return _of_statement(state, str(error))
    if state.startswith("22"):
        return Trouble(f"the statement met {_DATA.get(state, 'a value that it cannot work with')} (SQLSTATE {state})")
    if state.startswith("23"):
        return Trouble(f"the data does not allow it: {_CONSTRAINTS.get(state, 'a constraint forbids it')}")
    if state[:2] in {"08", "57", "58", "53"}:
        return UpstreamFailed(f"server {server!r}: the database broke off (SQLSTATE {state}): try again")
    return Trouble(f"the database refused it (SQLSTATE {state})")


def _of_statement(state: str, said: str) -> Trouble:
    if state == "42703":
        found = _COLUMN.search(said)
        return Trouble(said[:300], column=found[1] if found else None)
    if state == "42P01":
        found = _TABLE.search(said)
        return Trouble(said[:300], table=found[1] if found else None)
    if state == "42501":
        return Trouble(f"the database's role may not do that: {said[:200]}")
    return Trouble(f"the database does not accept the statement: {said[:300]}")


def unreached(error: Any, location: Location) -> str:
    """Why there is no connection, and what to do. The driver's words may hold anything, so few of them are used."""
    state = getattr(error, "sqlstate", None)
    place = location.label
    if state == "28P01" or (isinstance(state, str) and state.startswith("28")):
        return f"{place} refuses these credentials: correct the user, the password, or pg_hba.conf"
    if state == "3D000":
        return f"{place} does not exist: create it, or correct the name"
    if state == "53300":
        return f"{place} has no connection left: raise max_connections, or lower `pool`"
    if isinstance(error, TimeoutError):
        return f"{place} does not answer in time"
    if isinstance(error, OSError):
        return f"{place} cannot be reached ({error.strerror or type(error).__name__}): start it, or correct its address"
    return f"{place} cannot be used ({type(error).__name__})"
