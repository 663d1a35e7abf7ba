"""What commands print: data to standard output in the form that was asked for, everything else to standard error."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, TextIO

import msgspec
import yaml

from toolgate.rules.redaction import printable

_WIDEST = 80


class Form(StrEnum):
    """How data is printed."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def count(number: int, word: str) -> str:
    """A number of things, in words: `1 tool`, `2 tools`."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def program(environment: Mapping[str, str]) -> str:
    """How this program is called here: by its name where the shell finds it, else as `uv run` started it."""
    if shutil.which("toolgate") is not None and "UV" not in environment:
        return "toolgate"
    return "uv run toolgate" if "UV" in environment else sys.argv[0]


def say(text: str) -> None:
    """One line for people, beside the data."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def write(text: str) -> None:
    """One line of data."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def write_value(value: Any, form: Form) -> None:
    """Any value, in JSON or YAML."""
    if form is Form.YAML:
        sys.stdout.write(yaml.safe_dump(value, sort_keys=False, allow_unicode=True))
    else:
        write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
    sys.stdout.flush()


def write_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest cell; the last one is as wide as it likes. What strangers wrote cannot steer the
    terminal."""
    cells = [[printable(cell) for cell in row] for row in (titles, *rows)]
    widths = [min(_WIDEST, max(len(row[column]) for row in cells)) for column in range(len(titles) - 1)]
    for row in cells:
        padded = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)]
        write("  ".join((*padded, row[-1])).rstrip())


def colours(stream: TextIO) -> bool:
    """Whether a stream wants ANSI colours: a terminal, and nobody who asked for none (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
