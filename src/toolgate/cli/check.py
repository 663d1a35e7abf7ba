"""`toolgate check`: everything that is wrong with a configuration, without serving it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from toolgate.cli.configuration import DEFAULT_CONFIG, reader
from toolgate.cli.exit_codes import USAGE
from toolgate.cli.output import count, write
from toolgate.model.declared import Declared
from toolgate.model.errors import ConfigError

app = typer.Typer(add_completion=False)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The file to read.", metavar="FILE")] = Path(DEFAULT_CONFIG),
) -> None:
    """Says what is wrong with a configuration, one line each: file, line, field and reason. Exit code 2 if anything
    is. Whether `store:NAME` is in the store is seen when it is served."""
    try:
        declared = reader(file, stored=True)()
    except ConfigError as error:
        for finding in error.findings:
            write(finding)
        raise typer.Exit(USAGE) from None
    write(f"ok: {summary(declared)}")


def summary(declared: Declared) -> str:
    """What a configuration holds, in a few words."""
    counted: tuple[tuple[str, Sequence[Any]], ...] = (
        ("server", declared.servers),
        ("virtual server", declared.virtual),
        ("team", declared.teams),
        ("key", declared.keys),
        ("grant", declared.grants),
    )
    return ", ".join(count(len(items), word) for word, items in counted)
