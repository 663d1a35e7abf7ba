"""`toolgate plan`: what applying files of records would do."""

import typer

from toolgate.admin.forms import DEFAULT, Planned
from toolgate.cli.event_loop import run
from toolgate.cli.exit_codes import CHANGES, ERROR
from toolgate.cli.gitops import files, shown
from toolgate.cli.gitops.files import Adopt, Files, Label, Prune
from toolgate.cli.output import Form, say
from toolgate.cli.reaching import DataDirOption
from toolgate.cli.records.commands import Output, api
from toolgate.control.manifest import Manifest
from toolgate.model.errors import ConfigError, Refused

app = typer.Typer(add_completion=False)


@app.command()
def plan(
    file: Files,
    label: Label = DEFAULT,
    prune: Prune = False,
    adopt: Adopt = False,
    output: Output = Form.TABLE,
    data_dir: DataDirOption = None,
) -> None:
    """Shows what `apply` would do, and changes nothing. Exit code 0: nothing; 2: something; 1: the files are wrong."""
    try:
        made = run(planned(files.read(file), label, prune, adopt, data_dir))
    except ConfigError as error:  # 2 says that there are changes
        for finding in error.findings:
            say(finding)
        raise typer.Exit(ERROR) from None
    shown.show(made, output)
    shown.tell(made)
    if made.steps:
        raise typer.Exit(CHANGES)


async def planned(found: Manifest, label: str, prune: bool, adopt: bool, data_dir: str | None) -> Planned:
    """Raises ConfigError for what the gateway finds wrong, with file and line."""
    async with api(data_dir) as reached:
        try:
            return await reached.plan(files.records(found), label=label, prune=prune, adopt=adopt)
        except Refused as error:
            raise files.located(found, error) from None
