"""`toolgate team`: makes, changes and removes teams, and their members."""

from typing import Annotated

import typer

from toolgate.cli.event_loop import run
from toolgate.cli.output import Form, say
from toolgate.cli.reaching import DataDirOption
from toolgate.cli.records.commands import (
    Name,
    Output,
    add_change,
    add_common,
    add_creation,
    api,
    application,
    show,
    shown_conflicts,
)
from toolgate.model.entities import Team
from toolgate.model.errors import NotFound

app = application()
members = application()

Subjects = Annotated[list[str], typer.Argument(metavar="SUBJECT...", help="Each a `user:NAME` or `service:NAME`.")]


@app.callback()
def team() -> None:
    """Makes, changes and removes teams, and their members."""


add_creation(app, Team)
add_common(app, Team, ("name", "parent", "members", "owners", "description"))
add_change(app, Team)
app.add_typer(members, name="member", help="Adds and removes members.")


@members.command()
def add(name: Name, subjects: Subjects, output: Output = Form.TABLE, data_dir: DataDirOption = None) -> None:
    """Makes them members of the team."""
    show(run(_changed(name, add=subjects, remove=[], data_dir=data_dir)), output)


@members.command()
def remove(name: Name, subjects: Subjects, output: Output = Form.TABLE, data_dir: DataDirOption = None) -> None:
    """Takes them out of the team."""
    show(run(_changed(name, add=[], remove=subjects, data_dir=data_dir)), output)


async def _changed(name: str, *, add: list[str], remove: list[str], data_dir: str | None) -> Team:
    async with api(data_dir) as reached:
        seen = await reached.get(Team, name)
        missing = [subject for subject in remove if subject not in seen.members]
        if missing:
            raise NotFound(f"{', '.join(missing)}: not in the team {name}")
        wanted = [member for member in dict.fromkeys((*seen.members, *add)) if member not in remove]
        if wanted == list(seen.members):
            say(f"{', '.join(add)}: in the team {name} already; nothing was changed")
            return seen
        async with shown_conflicts(seen):
            return await reached.patch(Team, name, {"members": wanted}, version=seen.stamp.version)
