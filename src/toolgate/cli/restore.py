"""`toolgate restore`: a backup becomes an installation."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from toolgate.cli.output import say
from toolgate.cli.owning import owning
from toolgate.cli.reaching import directory
from toolgate.stores.data_dir import make_directory
from toolgate.stores.records import backup as backups

app = typer.Typer(add_completion=False)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What `toolgate backup` wrote.")],
    replace: Annotated[bool, typer.Option("--replace", help="Move aside what is there.")] = False,
    data_dir: Annotated[str | None, typer.Option("--data-dir", "--data", metavar="DIR", help="Where it goes.")] = None,
) -> None:
    """Puts a backup into the data directory, which no gateway may be using."""
    data = directory(data_dir)
    make_directory(data)
    with ExitStack() as stack:
        owning(stack, data)
        found = backups.restore(file, data, replace=replace)
    say(f"{data}: as at change {found.seq}{'' if found.holds_secrets else '; the backup holds no secrets'}")
