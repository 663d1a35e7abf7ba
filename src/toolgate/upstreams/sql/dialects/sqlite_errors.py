"""SQLite's errors in words that show what to mend. Its messages hold names of the statement, never data."""

import re
import sqlite3

from toolgate.upstreams.sql.database import Trouble

_COLUMN = re.compile(r"no such column: (?:.*\.)?\"?([^\".]+)\"?")
_TABLE = re.compile(r"no such table: (?:.*\.)?([^.]+)")


def told(error: sqlite3.Error, late: float | None) -> Trouble:
    """`late` is the time that was allowed, where it had run out."""
    said = str(error)
    if "interrupted" in said:
        if late is None:
            return Trouble("the query was ended before it was done")
        return Trouble(f"the query took longer than {late:g} s and was ended: ask for less, or use an index")
    column = _COLUMN.search(said)
    if column is not None:
        return Trouble(f"there is no column {column[1]}", column=column[1])
    table = _TABLE.search(said)
    if table is not None:
        return Trouble(f"there is no table {table[1]}", table=table[1])
    if "not authorized" in said or "prohibited" in said:
        return Trouble("the query does something that is not allowed here: only reads of the listed tables are")
    if isinstance(error, sqlite3.IntegrityError):
        return Trouble(f"the data does not allow it: {said}")
    if "locked" in said or "busy" in said:
        return Trouble("another program is writing to the database at the moment: try again")
    if "readonly" in said:
        return Trouble("the database is open for reading only")
    return Trouble(f"SQLite refused it: {said[:300]}")
