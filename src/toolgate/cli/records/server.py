"""`toolgate server`: registers servers, changes them, and moves them from state to state."""

import shlex
from typing import Annotated, Any

import typer

from toolgate.cli.event_loop import run
from toolgate.cli.output import Form, say
from toolgate.cli.reaching import DataDirOption
from toolgate.cli.records import fields
from toolgate.cli.records.commands import Name, Output, add_change, add_common, api, application, show, shown_conflicts
from toolgate.cli.records.states import add_states
from toolgate.client.administration import record
from toolgate.model.entities import Server
from toolgate.rules.linting import Lint
from toolgate.rules.redaction import printable

app = application()


@app.callback()
def server() -> None:
    """Registers servers, changes them, and moves them from state to state."""


@app.command()
def add(
    name: Name,
    url: Annotated[str | None, typer.Argument(help="The URL of its MCP endpoint.")] = None,
    command: Annotated[str | None, typer.Option("--command", help="The program that it is, in one text.")] = None,
    python: Annotated[
        str | None, typer.Option("--python", metavar="OBJ", help="As module:name or file.py:name.")
    ] = None,
    given: Annotated[
        list[str] | None, typer.Option("--set", "-s", metavar="FIELD=VALUE", help="Any field; may be given again.")
    ] = None,
    draft: Annotated[bool, typer.Option("--draft", help="Do not serve it yet.")] = False,
    output: Output = Form.TABLE,
    data_dir: DataDirOption = None,
) -> None:
    """Registers a server: live if you may publish it, else a draft. The gateway connects to it first, and says what is
    wrong with what it offers."""
    values = {"name": name, **_what(url, command, python), **fields.read(Server, given or [])}
    made, lints = run(_registered(record(Server, values), draft, data_dir))
    show(made, output)
    for lint in lints:
        say(printable(f"{lint.severity.value}: {f'{lint.offer}: ' if lint.offer else ''}{lint.reason} ({lint.rule})"))


@app.command()
def lint(name: Name, data_dir: DataDirOption = None) -> None:
    """Says what is wrong with what a server offers."""
    for one in run(_linted(name, data_dir)):
        say(printable(f"{one.severity.value}: {f'{one.offer}: ' if one.offer else ''}{one.reason} ({one.rule})"))


add_common(app, Server, ("name", "kind", "state", "owner", "environment", "description"))
add_change(app, Server)
add_states(app, Server)


def _what(url: str | None, command: str | None, python: str | None) -> dict[str, Any]:
    if sum(one is not None for one in (url, command, python)) != 1:
        raise typer.BadParameter("give one of a URL, --command and --python")
    if url is not None:
        return {"kind": "streamable_http", "settings": {"url": url}}
    if command is not None:
        return {"kind": "stdio", "settings": {"command": shlex.split(command)}}
    return {"kind": "python", "settings": {"object": python}}


async def _registered(value: Server, draft: bool, data_dir: str | None) -> tuple[Server, tuple[Lint, ...]]:
    async with api(data_dir) as reached, shown_conflicts(value):
        return await reached.register(value, state=value.state.DRAFT if draft else None)


async def _linted(name: str, data_dir: str | None) -> tuple[Lint, ...]:
    async with api(data_dir) as reached:
        return await reached.lint(name)
