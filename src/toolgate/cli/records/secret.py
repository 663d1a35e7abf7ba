"""`toolgate secret`: sets and removes secrets of the store. Values come from standard input or a file, never from the
command line, and none is ever shown."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from toolgate.cli.event_loop import run
from toolgate.cli.output import count, say
from toolgate.cli.reaching import DataDirOption
from toolgate.cli.records.commands import Name, add_common, api, application, shown_conflicts
from toolgate.model.entities import Secret
from toolgate.model.errors import ConfigError, NotFound

app = application()

_MOST_BYTES = 64 * 1024


@app.callback()
def secret() -> None:
    """Sets and removes secrets of the store, which servers name as `store:NAME`, and rotates the key that seals
    them."""


@app.command()
def put(
    name: Name,
    file: Annotated[Path | None, typer.Option("--file", help="Where its value is; else on standard input.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="The team whose servers may use it.")] = None,
    description: Annotated[str | None, typer.Option("--description", help="What it is for.")] = None,
    data_dir: DataDirOption = None,
) -> None:
    """Sets a secret, new or again. One newline at the end is not part of it."""
    made = run(_put(name, _value(file), owner, description, data_dir))
    say(f"the secret {name} is set (version {made.stamp.version}): servers name it as store:{name}")


@app.command()
def rotate(data_dir: DataDirOption = None) -> None:
    """Makes a new data key, seals all secrets anew under it, and drops the old one. Their values stay."""
    key, sealed = run(_rotated(data_dir))
    say(f"{count(sealed, 'secret')} sealed anew: the data key is {key}, and no other is needed any more")


async def _rotated(data_dir: str | None) -> tuple[str, int]:
    async with api(data_dir) as reached:
        return await reached.rotate_data_key()


def _value(file: Path | None) -> str:
    if file is None and sys.stdin.isatty():
        raise ConfigError(("the value is read from standard input, which is a terminal: use a pipe, or --file",))
    try:
        raw = sys.stdin.buffer.read(_MOST_BYTES + 1) if file is None else file.read_bytes()
        return raw.decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise ConfigError((f"{file}: cannot be read: {error.strerror}",)) from None
    except UnicodeDecodeError:
        raise ConfigError(("the value is no text in UTF-8",)) from None


async def _put(name: str, value: str, owner: str | None, description: str | None, data_dir: str | None) -> Secret:
    async with api(data_dir) as reached:
        try:
            seen = await reached.get(Secret, name)
        except NotFound:
            seen = None
        async with shown_conflicts(seen):
            return await reached.put_secret(
                name,
                value,
                owner=owner if owner is not None or seen is None else seen.owner,
                description=description if description is not None else "" if seen is None else seen.description,
                version=None if seen is None else seen.stamp.version,
            )


add_common(app, Secret, ("name", "owner", "description"))
