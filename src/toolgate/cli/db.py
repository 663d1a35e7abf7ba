"""`toolgate db`: the database of the records."""

import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from toolgate import settings
from toolgate.assembly.records import toolbox_of
from toolgate.cli.event_loop import run
from toolgate.cli.output import Form, say, write, write_value
from toolgate.cli.owning import owning
from toolgate.cli.reaching import directory
from toolgate.model.errors import StoreFailed
from toolgate.stores import records
from toolgate.stores.data_dir import make_directory, open_data_dir
from toolgate.stores.records import peppers
from toolgate.stores.records.copying import Copied, copy
from toolgate.stores.records.location import locate
from toolgate.stores.records.migrations import Schema
from toolgate.stores.records.sqlite import FILE

app = typer.Typer(add_completion=False, no_args_is_help=True)

DataDir = Annotated[str | None, typer.Option("--data-dir", "--data", metavar="DIR", help="The installation's data.")]
Database = Annotated[str | None, typer.Option("--database", help="Instead of the setting's: a URL, or env:NAME.")]

_MICROSECONDS = 1_000_000


@app.callback()
def db() -> None:
    """Looks after the database of the records."""


@app.command()
def status(
    output: Annotated[Form, typer.Option("--output", "-o", help="The form of what is printed.")] = Form.TABLE,
    database: Database = None,
    data_dir: DataDir = None,
) -> None:
    """Says which migrations were made, and which are due."""
    data, named = directory(data_dir), _named(database)
    target = locate(named, toolbox_of(data, os.environ).secrets, data / FILE)
    if isinstance(target, Path) and not target.exists():
        raise StoreFailed(f"{target}: there is no database: `toolgate db migrate` makes one, and so does `toolgate up`")
    found = run(_schema(data, named, migrate=False))
    if output is not Form.TABLE:
        write_value({**msgspec.structs.asdict(found), "due": found.due}, output)
        return
    write(f"schema {found.found} of {found.known}{': run `toolgate db migrate`' if found.due else ''}")


@app.command()
def migrate(database: Database = None, data_dir: DataDir = None) -> None:
    """Makes the migrations that are due; `toolgate up` does so, too."""
    data = directory(data_dir)
    make_directory(data)
    with ExitStack() as stack:
        owning(stack, data)
        found = run(_schema(data, _named(database), migrate=True))
    say(f"the database is at schema {found.found}")


@app.command("copy")
def copy_(
    to: Annotated[str, typer.Option("--to", metavar="URL", help="An empty database: a URL, or env:NAME.")],
    database: Database = None,
    data_dir: DataDir = None,
) -> None:
    """Copies everything into another database, all of it or nothing."""
    data = directory(data_dir)
    make_directory(data)
    with ExitStack() as stack:
        owning(stack, data)
        copied = run(_copied(data, _named(database), to))
    say(f"{copied.records} records and {copied.changes} changes were copied: set `database` to it, and start again")


@app.command("adopt-pepper")
def adopt_pepper(database: Database = None, data_dir: DataDir = None) -> None:
    """Takes the data directory's key.pepper for the right one, where the one that keys were made with is lost."""
    data = directory(data_dir)
    with ExitStack() as stack:
        owning(stack, data)
        changed = run(_adopted(data, _named(database), open_data_dir(data).key_pepper))
    if changed:
        say("it is the right one from now on: keys that were made with another are refused until they are rotated")
    else:
        say("it is the right one already")


def _named(database: str | None) -> str | None:
    """The flag, else the setting. Raises ConfigError."""
    return database or settings.load({}, os.environ, Path.cwd()).database


async def _schema(data: Path, database: str | None, *, migrate: bool) -> Schema:
    toolbox = toolbox_of(data, os.environ)
    async with records.connect(database, toolbox.secrets, data) as opened:
        return await records.migrate(opened, toolbox.clock) if migrate else await records.status(opened)


async def _adopted(data: Path, database: str | None, pepper: bytes) -> bool:
    toolbox = toolbox_of(data, os.environ)
    async with records.open(records.Config(database), toolbox) as store:
        return await peppers.adopt_pepper(store.database, pepper)


async def _copied(data: Path, database: str | None, to: str) -> Copied:
    secrets = toolbox_of(data, os.environ).secrets
    async with records.connect(database, secrets, data) as source, records.connect(to, secrets, data) as target:
        return await copy(source, target, round(time.time() * _MICROSECONDS))
