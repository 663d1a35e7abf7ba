"""How commands reach the running gateway."""

import os
from pathlib import Path
from typing import Annotated

import typer

from toolgate import settings
from toolgate.cli.exit_codes import NOT_READY
from toolgate.cli.output import say
from toolgate.client.gateway import Gateway
from toolgate.client.place import NotRunning, Place, data_directory, find

DataDirOption = Annotated[
    str | None, typer.Option("--data-dir", "--data", metavar="DIR", help="The data directory of the running gateway.")
]


def directory(data_dir: str | None) -> Path:
    """The data directory: of the flag, of the settings, of the platform. Raises ConfigError."""
    flags = {} if data_dir is None else {"data_dir": data_dir}
    return data_directory(settings.data_dir(flags, os.environ, Path.cwd()), os.environ)


def gateway(data_dir: str | None) -> Gateway:
    """The gateway that is meant. Raises ConfigError; when none runs, the command ends (3, not ready)."""
    return Gateway(place(data_dir))


def place(data_dir: str | None) -> Place:
    """Where that gateway is, and the key for it. Raises ConfigError, as `gateway` does."""
    try:
        return find(directory(data_dir), os.environ)
    except NotRunning as fault:
        say(fault.message)
        raise typer.Exit(NOT_READY) from None
