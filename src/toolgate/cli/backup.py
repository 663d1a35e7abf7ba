"""`toolgate backup`: the whole installation in one file."""

import time
from pathlib import Path
from typing import Annotated

import typer

from toolgate import __version__
from toolgate.cli.output import say
from toolgate.cli.reaching import directory
from toolgate.stores.records import backup as backups

app = typer.Typer(add_completion=False)

DataDir = Annotated[str | None, typer.Option("--data-dir", "--data", metavar="DIR", help="The installation's data.")]


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write, which must not be there.")],
    secrets: Annotated[bool, typer.Option("--secrets/--no-secrets", help="With the data directory's secrets.")] = True,
    data_dir: DataDir = None,
) -> None:
    """Writes records and secrets of the data directory into one file, for its owner only. A gateway may run."""
    made = backups.backup(directory(data_dir), file, version=__version__, now=time.time(), with_secrets=secrets)
    say(f"{file}: up to change {made.seq}, {'with' if made.holds_secrets else 'without'} secrets; keep it safe")
