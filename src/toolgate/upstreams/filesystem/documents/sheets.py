"""XLSX, sheet by sheet as tables, by openpyxl: the values that were computed last, not the formulas."""

from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any, BinaryIO
from zipfile import BadZipFile

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from toolgate.upstreams.filesystem.documents import archive
from toolgate.upstreams.filesystem.documents.parts import Contents, Unreadable, table

MOST_ROWS = 5_000
MOST_COLUMNS = 200
_MOST_LOOKED_AT = 50_000
"""Rows of one sheet that are looked at, with the empty ones."""


def opened(file: BinaryIO) -> Contents:
    """Raises Unreadable."""
    archive.refuse_definitions(archive.opened(file))
    file.seek(0)
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
    except (BadZipFile, InvalidFileException, KeyError, OSError, TypeError, ValueError) as error:
        raise Unreadable(f"it is damaged: {error}") from None
    sheets = book.worksheets

    def read(number: int) -> tuple[str, str]:
        sheet = sheets[number - 1]
        rows, more = _rows(sheet)
        text = table(rows) or "(an empty sheet)"
        title = str(sheet.title)
        return title, f"{text}\n\n(more than {MOST_ROWS:,} rows: the rest is left out)" if more else text

    return Contents("sheet", len(sheets), read)


def _rows(sheet: Any) -> tuple[list[list[str]], bool]:
    """Rows as texts of equal length without empty ones, and whether there are more."""
    found: list[list[str]] = []
    for row in _filled(sheet):
        if len(found) == MOST_ROWS:
            return _even(found), True
        found.append(row)
    return _even(found), False


def _filled(sheet: Any) -> Iterator[list[str]]:
    # The size that a sheet claims is not believed: some programs write wrong ones, and hostile ones huge ones.
    sheet.reset_dimensions()
    for row in sheet.iter_rows(max_row=_MOST_LOOKED_AT, max_col=MOST_COLUMNS, values_only=True):
        texts = [_text(value) for value in row]
        while texts and not texts[-1]:
            texts.pop()
        if texts:
            yield texts


def _even(rows: list[list[str]]) -> list[list[str]]:
    width = max((len(row) for row in rows), default=0)
    return [row + [""] * (width - len(row)) for row in rows]


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        return value.isoformat(" ") if value.time() != time() else value.date().isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value)
