"""`toolgate apply`: makes the records what files say, all in one transaction."""

import sys
from typing import Annotated

import typer

from toolgate.admin.forms import DEFAULT, Applied, Planned
from toolgate.cli.event_loop import run
from toolgate.cli.exit_codes import DENIED, USAGE
from toolgate.cli.gitops import files, shown
from toolgate.cli.gitops.files import Adopt, Files, Label, Prune
from toolgate.cli.gitops.plan import planned
from toolgate.cli.output import Form, say
from toolgate.cli.reaching import DataDirOption
from toolgate.cli.records.commands import Output, api
from toolgate.control.manifest import Manifest
from toolgate.model.errors import Refused

app = typer.Typer(add_completion=False)


@app.command()
def apply(
    file: Files,
    label: Label = DEFAULT,
    prune: Prune = False,
    adopt: Adopt = False,
    seq: Annotated[
        int | None, typer.Option("--seq", help="Only if nothing was changed since the plan that said this.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
    output: Output = Form.TABLE,
    data_dir: DataDirOption = None,
) -> None:
    """Makes the records what the files say: all of it, or nothing. Shows the plan first, and asks."""
    found = files.read(file)
    made = run(planned(found, label, prune, adopt, data_dir))
    shown.show(made, output)
    shown.tell(made)
    if made.lacking:
        raise typer.Exit(DENIED)
    if not made.steps:
        return
    _confirm(made, asked=not yes)
    done = run(_applied(found, made.seq if seq is None else seq, label, prune, adopt, data_dir))
    say(f"applied: {shown.done(done.steps)}")


def _confirm(made: Planned, *, asked: bool) -> None:
    if not asked:
        return
    if not sys.stdin.isatty():
        say("nothing was changed: give --yes to apply this without being asked")
        raise typer.Exit(USAGE)
    if not typer.confirm(f"Apply this ({shown.summary(made.steps)})?", err=True):
        say("nothing was changed")
        raise typer.Exit


async def _applied(found: Manifest, seq: int, label: str, prune: bool, adopt: bool, data_dir: str | None) -> Applied:
    async with api(data_dir) as reached:
        try:
            return await reached.apply(files.records(found), label=label, seq=seq, prune=prune, adopt=adopt)
        except Refused as error:
            raise files.located(found, error) from None
