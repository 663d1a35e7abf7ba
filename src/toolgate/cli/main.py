"""The entry point of `toolgate`. It loads little: `bridge` and the rest are imported once they are chosen."""

import importlib
import sys
from typing import Any

from toolgate import __version__
from toolgate.cli.table import BRIDGE, COMMANDS, DEFAULT

_OF_THE_PROGRAM = ("--help", "-h", "--version", "--install-completion", "--show-completion")


def main(arguments: list[str] | None = None) -> int:
    """Runs the command that the arguments name, `up` when they name none. Returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == [BRIDGE]:
        return _load(COMMANDS[BRIDGE].module).main(given[1:])
    if given[:1] == ["--version"]:
        sys.stdout.write(f"toolgate {__version__}\n")
        return 0
    if not given or (given[0].startswith("-") and given[0] not in _OF_THE_PROGRAM):
        given = [DEFAULT, *given]
    return _load("program").run(given)


def _load(module: str) -> Any:
    return importlib.import_module(f"toolgate.cli.{module}")
