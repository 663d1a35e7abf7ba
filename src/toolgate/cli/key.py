"""`toolgate key`: makes, rotates and revokes keys. A key is shown once; what is kept of it is its digest."""

import os
import re
import secrets
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from toolgate.cli.event_loop import run
from toolgate.cli.output import Form, say, write, write_value
from toolgate.cli.reaching import DataDirOption, directory
from toolgate.cli.records import fields
from toolgate.cli.records.commands import (
    LAST_USED,
    Given,
    Name,
    Output,
    add_change,
    add_common,
    api,
    application,
    shown_conflicts,
)
from toolgate.cli.records.taking import taking, told
from toolgate.client.administration import Administration, Minted, plain
from toolgate.client.place import NotRunning, Place, find
from toolgate.model.entities import Key
from toolgate.model.errors import ConfigError, UpstreamFailed
from toolgate.rules import keys
from toolgate.stores.data_dir import open_data_dir

app = application()

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_ADD = (
    "Makes a key and prints it once. A running gateway keeps its record; else, the lines that declare it in"
    " toolgate.yaml are printed, too."
)


@app.callback()
def key() -> None:
    """Makes, rotates and revokes keys."""


@app.command(help=told(Key, _ADD), cls=taking(Key))
def add(
    name: Annotated[str, typer.Argument(help="Its name.")] = "new-key",
    given: Given = None,
    team: Annotated[list[str] | None, typer.Option("--team", "-t", help="A team of its; may be given again.")] = None,
    file: Annotated[
        bool, typer.Option("--file", help="For toolgate.yaml, also where a gateway keeps records.")
    ] = False,
    output: Output = Form.TABLE,
    data_dir: DataDirOption = None,
) -> None:
    for word, what in ((name, "key"), *((each, "team") for each in team or ())):
        if not _NAME.fullmatch(word):
            raise ConfigError((f"{word[:60]!r} is no name of a {what}: 1 to 40 of a-z, 0-9 and -",))
    values = fields.read(Key, given or [])
    reached = None if file else _running(data_dir)
    if reached is not None:
        made = fields.made(Key, {"name": name, "teams": team or [], "digest": "", **values})
        _announce(run(_minted(reached, made)), output)
        return
    if values:
        raise ConfigError(("fields are for a gateway that keeps records, and none runs here",))
    _declare(name, team, output, directory(data_dir))


def _declare(name: str, team: list[str] | None, output: Form, location: Path) -> None:
    """A key for toolgate.yaml: its digest is made with the pepper of that data directory."""
    data = open_data_dir(location)
    made = keys.mint(secrets.token_bytes(keys.ENTROPY_BYTES))
    entry: dict[str, Any] = {"digest": keys.digest(data.key_pepper, made.encode()).hex()}
    if team:
        entry["teams"] = team
    if output is not Form.TABLE:
        write_value({"name": name, "key": made, **entry}, output)
        return
    if data.first_start:
        say(f"{data.path} was made, with a key of its own in {data.local_key_file}")
    write(made)
    say("\nThis key is shown once: only its digest is kept, in toolgate.yaml:\n")
    write("keys:")
    write(f"  {name}:")
    write(f'    digest: "{entry["digest"]}"')
    if team:
        write(f"    teams: [{', '.join(team)}]")
    say("\nIt may do nothing until `grants` name it, or one of its teams.")


@app.command()
def rotate(name: Name, output: Output = Form.TABLE, data_dir: DataDirOption = None) -> None:
    """Gives a key another secret and prints it once; the one before is refused from now on."""
    _announce(run(_rotated(name, data_dir)), output)


@app.command()
def revoke(name: Name, data_dir: DataDirOption = None) -> None:
    """Refuses a key from now on, for ever. Its record stays."""
    run(_revoked(name, data_dir))
    say(f"the key {name} is revoked")


add_common(app, Key, ("name", "owner", "teams", "expires", LAST_USED, "revoked"))
add_change(app, Key)


def _running(data_dir: str | None) -> Place | None:
    """The gateway that is meant, if one runs and keeps records."""
    try:
        place = find(directory(data_dir), os.environ)
    except NotRunning:
        return None
    return place if run(_keeps_records(place)) else None


async def _keeps_records(place: Place) -> bool:
    async with Administration(place) as reached:
        try:
            await reached.me()
        except UpstreamFailed:
            return False
    return True


async def _minted(place: Place, value: Key) -> Minted:
    async with Administration(place) as reached, shown_conflicts(value):
        return await reached.mint(value)


async def _rotated(name: str, data_dir: str | None) -> Minted:
    async with api(data_dir) as reached:
        seen = await reached.get(Key, name)
        async with shown_conflicts(seen):
            return await reached.rotate(name, version=seen.stamp.version)


async def _revoked(name: str, data_dir: str | None) -> Key:
    async with api(data_dir) as reached:
        return await reached.revoke(name)


def _announce(made: Minted, output: Form) -> None:
    if output is not Form.TABLE:
        write_value({**plain(made.key), "key": made.clear, "stamp": msgspec.to_builtins(made.key.stamp)}, output)
        return
    write(made.clear)
    say("This key is shown once: only its digest is kept.")
