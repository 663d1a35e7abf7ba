"""`toolgate key`: makes keys. What is declared of a key is its digest; the key itself is shown once, kept nowhere."""

import re
import secrets
from typing import Annotated, Any

import typer

from toolgate.cli.output import Form, say, write, write_value
from toolgate.cli.reaching import directory
from toolgate.model.errors import ConfigError
from toolgate.rules import keys
from toolgate.stores.data_dir import open_data_dir

app = typer.Typer(add_completion=False, no_args_is_help=True)

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@app.callback()
def key() -> None:
    """Makes keys."""


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Its name in toolgate.yaml.")] = "new-key",
    team: Annotated[list[str] | None, typer.Option("--team", "-t", help="A team of its; may be given again.")] = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="The form of what is printed.")] = Form.TABLE,
    data_dir: Annotated[
        str | None, typer.Option("--data-dir", "--data", metavar="DIR", help="The installation that it is for.")
    ] = None,
) -> None:
    """Makes a key, prints it once, and the lines that declare it."""
    for word, what in ((name, "key"), *((each, "team") for each in team or ())):
        if not _NAME.fullmatch(word):
            raise ConfigError((f"{word[:60]!r} is no name of a {what}: 1 to 40 of a-z, 0-9 and -",))
    data = open_data_dir(directory(data_dir))
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
