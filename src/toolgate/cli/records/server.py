"""`toolgate server`: registers servers, changes them, and moves them from state to state."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from toolgate.admin.told import Attempt
from toolgate.cli.event_loop import run
from toolgate.cli.output import Form, say, write, write_value
from toolgate.cli.reaching import DataDirOption
from toolgate.cli.records import fields, registered, server_graphql, server_grpc
from toolgate.cli.records.commands import Name, Output, add_change, add_common, api, application, shown_conflicts
from toolgate.cli.records.endpoint import add_endpoint
from toolgate.cli.records.openapi_commands import add_reimport, prepared
from toolgate.cli.records.openapi_options import Importing, taking
from toolgate.cli.records.registered import told
from toolgate.cli.records.server_health import add_health
from toolgate.cli.records.states import add_states
from toolgate.model.entities import Server, ServerState
from toolgate.rules.linting import Lint
from toolgate.rules.redaction import printable

app = application()


@app.callback()
def server() -> None:
    """Registers servers, changes them, and moves them from state to state."""


@app.command()
@taking(Importing)
def add(  # noqa: PLR0913, PLR0917 - one parameter for each option
    name: Name,
    imported: Importing,
    url: Annotated[str | None, typer.Argument(help="The URL of its MCP endpoint.")] = None,
    command: Annotated[str | None, typer.Option("--command", help="The program that it is, in one text.")] = None,
    python: Annotated[
        str | None, typer.Option("--python", metavar="OBJ", help="As module:name or file.py:name.")
    ] = None,
    functions: Annotated[
        str | None, typer.Option("--functions", metavar="FILE", help="A Python file, or package, with @tool functions.")
    ] = None,
    a2a: Annotated[str | None, typer.Option("--a2a", metavar="URL", help="An agent that speaks A2A.")] = None,
    graphql: server_graphql.GraphQL = None,
    operations: server_graphql.Operations = None,
    schema: server_graphql.Schema = None,
    header: server_graphql.Headers = None,
    grpc: server_grpc.Grpc = None,
    plaintext: server_grpc.Plaintext = False,
    given: Annotated[
        list[str] | None, typer.Option("--set", "-s", metavar="FIELD=VALUE", help="Any field; may be given again.")
    ] = None,
    state: Annotated[
        ServerState | None, typer.Option("--state", help="`live` must be reachable; without it, live if it may be.")
    ] = None,
    draft: Annotated[bool, typer.Option("--draft", help="Do not serve it yet: as --state draft.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what was found, and register nothing.")] = False,
    output: Output = Form.TABLE,
    data_dir: DataDirOption = None,
) -> None:
    """Registers a server: live if you may publish it and it can be reached, else a draft. The gateway connects to it
    first, and says what it offers and what is wrong with that. `add-endpoint` adds one endpoint of an API."""
    more = fields.read(Server, given or [])
    named = (url, command, python, functions, a2a, graphql)
    service, imported = server_grpc.taken(grpc, plaintext, imported, header, others=named)
    document = prepared(name, imported, others=(*named, grpc))
    server_graphql.judge(graphql, operations, schema, others=(url, command, python, functions, a2a, grpc))
    if service is not None:
        kind = service
    elif graphql is not None:
        kind = {"kind": "graphql"}
        more["settings"] = server_graphql.settings(graphql, operations, schema, more.get("settings", {}))
    else:
        kind = chosen(url, command, python, functions, a2a) if document is None else document.values
    shown = {"headers": server_graphql.headers(header)} if header and service is None else {}
    values = {"name": name, **kind, **shown, **more}
    value = fields.made(Server, values)
    wanted = ServerState.DRAFT if draft else state or (value.state if "state" in values else None)
    looks = server_grpc.only_looks(service, given)
    made, attempt = run(_tried(value, wanted, data_dir) if dry_run or looks else _registered(value, wanted, data_dir))
    registered.tell(name, made, attempt, output)
    if made is not None and document is not None:
        document.save()


@app.command()
def lint(name: Name, output: Output = Form.TABLE, data_dir: DataDirOption = None) -> None:
    """Says what is wrong with what a server offers."""
    found = run(_linted(name, data_dir))
    if output is not Form.TABLE:
        write_value(msgspec.to_builtins(found), output)
        return
    for line in told(found):
        write(printable(line))
    if not found:
        say(f"nothing is wrong with what {name} offers")


add_common(app, Server, ("name", "kind", "state", "owner", "environment", "description"))
add_change(app, Server)
add_states(app, Server)
add_health(app)
add_reimport(app)
add_endpoint(app, registered.tell)


def chosen(
    url: str | None, command: str | None, python: str | None, functions: str | None = None, a2a: str | None = None
) -> dict[str, Any]:
    """Kind and settings of the one that was given. Raises typer.BadParameter."""
    if sum(one is not None for one in (url, command, python, functions, a2a)) != 1:
        raise typer.BadParameter("give one of a URL, --command, --python, --functions, --a2a and --openapi")
    if url is not None:
        return {"kind": "streamable_http", "settings": {"url": url}}
    if a2a is not None:
        return {"kind": "a2a", "settings": {"url": a2a}}
    if command is not None:
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise typer.BadParameter(f"--command: {str(error).lower()} in {command[:80]!r}") from None
        return {"kind": "stdio", "settings": {"command": words}}
    if functions is not None:
        return {"kind": "functions", "settings": {"path": str(Path(functions).expanduser().absolute())}}
    return {"kind": "python", "settings": {"object": _absolute(python or "")}}


def _absolute(place: str) -> str:
    """A file that is here by its whole path: the gateway may run in another directory, and later in yet another."""
    file, colon, name = place.rpartition(":")
    here = colon and file.endswith(".py") and Path(file).is_file()
    return f"{Path(file).resolve()}:{name}" if here else place


async def _registered(value: Server, state: ServerState | None, data_dir: str | None) -> tuple[Server | None, Attempt]:
    async with api(data_dir) as reached, shown_conflicts(value):
        return await reached.register(value, state=state)


async def _tried(value: Server, state: ServerState | None, data_dir: str | None) -> tuple[Server | None, Attempt]:
    async with api(data_dir) as reached:
        return None, await reached.dry_run(value, state=state)


async def _linted(name: str, data_dir: str | None) -> tuple[Lint, ...]:
    async with api(data_dir) as reached:
        return await reached.lint(name)
