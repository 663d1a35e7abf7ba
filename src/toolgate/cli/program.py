"""The command line as typer sees it: commands from the table, imported when they are run; what their errors mean."""

import contextlib
import importlib
import os
import sys
import types
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from toolgate.cli.exit_codes import DENIED, ERROR, INTERRUPTED, NOT_READY, USAGE
from toolgate.cli.table import BRIDGE, COMMANDS
from toolgate.model.errors import (
    ConfigError,
    Denied,
    NotAllowed,
    Refused,
    StoreFailed,
    ToolgateError,
    Unauthenticated,
)

_CODES: dict[type[ToolgateError], int] = {
    Denied: DENIED,
    Unauthenticated: DENIED,
    NotAllowed: DENIED,
    Refused: USAGE,
    StoreFailed: NOT_READY,
}

_NOT_DRAWN = {"rich.markdown": "Markdown", "rich.traceback": "Traceback"}


class LazyGroup(TyperGroup):
    """Holds a stand-in for each command of the table, which is enough for the list and for suggestions, and imports the
    one that is run."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, entry in COMMANDS.items():
            self.add_command(TyperCommand(name, help=entry.line))

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if name is None or command is None or name == BRIDGE:
            return name, command, rest
        return name, load(name), rest


def load(name: str) -> Any:
    """The real command, as a click command. Only `bridge` is none."""
    module = importlib.import_module(f"toolgate.cli.{COMMANDS[name].module}")
    command = typer.main.get_command(module.app)
    command.name = name
    return command


app = typer.Typer(cls=LazyGroup, name="toolgate", no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def toolgate() -> None:
    """The MCP gateway. Without a command, `up` is run.

    Exit codes: 0 it went well, 1 it did not, 2 wrong usage or configuration, 3 something is not ready, 4 denied.
    """


def _draw_lightly() -> None:
    """Loads what draws help without rich's Markdown and Traceback, which draw none of ours: they bring markdown_it,
    pygments and attrs, and take half of the time that help takes. Whoever else imports them gets the real ones."""
    stand_ins = {module: types.ModuleType(module) for module in _NOT_DRAWN if module not in sys.modules}
    for module, stand_in in stand_ins.items():
        setattr(stand_in, _NOT_DRAWN[module], type(_NOT_DRAWN[module], (), {}))
    sys.modules.update(stand_ins)
    try:
        importlib.import_module("typer.rich_utils")
    finally:
        for module in stand_ins:
            del sys.modules[module]


def run(arguments: list[str]) -> int:
    """Runs one command and returns its exit code; errors are said on standard error, one line each."""
    if "--help" in arguments:
        _draw_lightly()
    try:
        command = typer.main.get_command(app)
        done = command.main(arguments, prog_name="toolgate", standalone_mode=True)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else (0 if ended.code is None else ERROR)
    except ConfigError as error:
        for finding in error.findings:
            sys.stderr.write(f"{finding}\n")
        return USAGE
    except ToolgateError as error:
        sys.stderr.write(f"{error}\n")
        return _CODES.get(type(error), ERROR)
    except BrokenPipeError:
        # Whoever read our output has seen enough. What is still buffered would complain again at the very end.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    return done if isinstance(done, int) else 0
