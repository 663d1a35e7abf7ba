"""What `toolgate server` has for OpenAPI documents. The rest is loaded when one is there: other commands stay quick."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from toolgate.cli.reaching import DataDirOption
from toolgate.cli.records.commands import Name
from toolgate.cli.records.openapi_options import Importing, taking

_PLACE = "toolgate.cli.records"


def prepared(name: str, options: Importing, *, others: Sequence[str | None]) -> Any:
    """What `--openapi` makes (`openapi_importing.Prepared`); None where it is not given. `others` name a server of
    another kind. Raises typer.BadParameter and ConfigError."""
    if options.openapi is None:
        if not options.is_empty:
            raise typer.BadParameter("options that choose operations are for a document: give --openapi FILE|URL")
        return None
    if any(one is not None for one in others):
        raise typer.BadParameter("--openapi names the API: give no other URL or program beside it")
    return importlib.import_module(f"{_PLACE}.openapi_importing").prepared(name, options)


def add_reimport(app: typer.Typer) -> None:
    """The command `reimport`."""

    @app.command()
    @taking(Importing)
    def reimport(
        name: Name,
        imported: Importing,
        file: Annotated[
            Path | None, typer.Option("--file", metavar="FILE", help="An edited connector.yaml instead of a document.")
        ] = None,
        yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is different, and change nothing.")] = False,
        data_dir: DataDirOption = None,
    ) -> None:
        """Compares a server that was imported from an OpenAPI document with a newer one, or with its edited file, and
        takes the change. The same operations are taken again, under the names that they have, unless others are
        chosen."""
        if (imported.openapi is None) == (file is None):
            raise typer.BadParameter("give --openapi FILE|URL, or --file connectors/NAME/connector.yaml")
        module = importlib.import_module(f"{_PLACE}.openapi_reimporting")
        module.reimported(name, module.Wish(imported, file, yes, dry_run, data_dir))

    _ = reimport
