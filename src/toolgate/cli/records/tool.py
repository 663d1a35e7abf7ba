"""`toolgate tool`: tools of servers as the registry knows them, and what it says of them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
import typer

from toolgate.cli.event_loop import run
from toolgate.cli.output import Form, say, write, write_table, write_value
from toolgate.cli.reaching import DataDirOption
from toolgate.cli.records import fields
from toolgate.cli.records.commands import Filters, Output, api, application, shown_conflicts
from toolgate.model import entities
from toolgate.model.declared import Override
from toolgate.model.errors import ConfigError
from toolgate.model.found import Tool, ToolView
from toolgate.rules.names import meant
from toolgate.rules.redaction import printable

app = application()

Server = Annotated[str, typer.Argument(help="The server's name.")]
Name = Annotated[str, typer.Argument(metavar="TOOL", help="The tool's name, as its server calls it.")]
Given = Annotated[
    list[str],
    typer.Argument(metavar="FIELD=VALUE...", help="Of title, description, tags, risk, hidden; tags take commas."),
]

_TEXTS = ("title", "description", "risk")
_WORDS = {"true": True, "yes": True, "false": False, "no": False}
_LONGEST = 80


@app.callback()
def tool() -> None:
    """Shows tools of servers, and says of them what their servers do not."""


@app.command("list")
def list_(
    server: Annotated[str | None, typer.Option("--server", "-s", help="Only this server's; a name or a glob.")] = None,
    filters: Filters = None,
    output: Output = Form.TABLE,
    data_dir: DataDirOption = None,
) -> None:
    """Lists the tools of the servers that you may see."""
    asked = {name: value for name, _, value in (item.partition("=") for item in filters or [])}
    found = run(_listed(asked if server is None else {**asked, "server": server}, data_dir))
    if output is not Form.TABLE:
        write_value(msgspec.to_builtins(found), output)
        return
    write_table(("SERVER", "TOOL", "RISK", "TAGS", "HIDDEN", "WHAT IT DOES"), [_row(one) for one in found])


@app.command("show")
def show_(server: Server, name: Name, output: Output = Form.TABLE, data_dir: DataDirOption = None) -> None:
    """Shows one tool: what it is, what is wrong with it, and which grants name it."""
    _show(run(_shown(server, name, data_dir)), output)


@app.command("set")
def set_(server: Server, name: Name, given: Given, output: Output = Form.TABLE, data_dir: DataDirOption = None) -> None:
    """Says what a tool's server does not say, or says badly; `FIELD=` takes it back."""
    _show(run(_changed(server, name, _read(given), data_dir)), output)


@app.command()
def pause(server: Server, name: Name, data_dir: DataDirOption = None) -> None:
    """Offers a tool to nobody; calls of it are refused."""
    run(_changed(server, name, {"hidden": True}, data_dir))
    say(f"the tool {name} of {server} is offered to nobody")


@app.command()
def resume(server: Server, name: Name, data_dir: DataDirOption = None) -> None:
    """Offers a paused tool again."""
    run(_changed(server, name, {"hidden": None}, data_dir))
    say(f"the tool {name} of {server} is offered again")


@app.command()
def reset(server: Server, name: Name, data_dir: DataDirOption = None) -> None:
    """Takes back everything that was said of a tool: it is what its server says."""
    run(_changed(server, name, dict.fromkeys(Override.__struct_fields__), data_dir))
    say(f"the tool {name} of {server} is what its server says")


def _read(given: Sequence[str]) -> dict[str, Any]:
    """Raises ConfigError with every finding."""
    values: dict[str, Any] = {}
    findings: list[str] = []
    for item in given:
        name, equals, text = item.partition("=")
        top, _, parameter = name.partition(".")
        if not equals:
            findings.append(f"{item[:60]}: expected FIELD=VALUE")
        elif top == "parameters" and parameter:
            values.setdefault("parameters", {})[parameter] = text or None
        elif name not in Override.__struct_fields__:
            findings.append(f"{name[:60]}: a tool has no such field{meant(name, Override.__struct_fields__)}")
        elif not text:
            values[name] = None
        elif name in _TEXTS:
            values[name] = text
        elif name == "tags":
            values[name] = [part.strip() for part in text.split(",") if part.strip()]
        elif text.lower() in _WORDS:
            values[name] = _WORDS[text.lower()]
        else:
            findings.append(f"{name}: expected true or false")
    if findings:
        raise ConfigError(tuple(findings))
    return values


def _row(one: Tool) -> tuple[str, ...]:
    text = (one.description or one.title).strip()
    line = text.splitlines()[0] if text else ""
    shown = line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
    return one.server, one.name, one.risk or "", ", ".join(one.tags), "yes" if one.hidden else "", shown


def _show(view: ToolView, output: Form) -> None:
    if output is not Form.TABLE:
        write_value(msgspec.to_builtins(view), output)
        return
    for name, value in msgspec.structs.asdict(view.tool).items():
        if value not in (None, "", (), False):
            _line(name, fields.cell(value))
    for name, text in view.override.parameters.items():
        _line("parameter", f"{name}: {text}")
    definition: Mapping[str, Any] = view.definition or {}
    for name in ("inputSchema", "outputSchema", "annotations"):
        if name in definition:
            _line(name, msgspec.json.encode(definition[name]).decode())
    if view.managed_by is not None:
        _line("managed by", view.managed_by)
    for grant in view.grants:
        some = " for some calls" if grant.conditional else ""
        _line("grant", f"{grant.name}: {grant.subject}, {grant.effect}{some}")
    for lint in view.lints:
        _line("lint", f"{lint.severity}: {f'{lint.path}: ' if lint.path else ''}{lint.reason} ({lint.rule})")


def _line(name: str, text: str) -> None:
    write(printable(f"{name:<14}{text}"))


async def _listed(filters: Mapping[str, str], data_dir: str | None) -> list[Tool]:
    async with api(data_dir) as reached:
        return [one async for one in reached.each_tool(filters)]


async def _shown(server: str, name: str, data_dir: str | None) -> ToolView:
    async with api(data_dir) as reached:
        return await reached.tool(server, name)


async def _changed(server: str, name: str, values: Mapping[str, Any], data_dir: str | None) -> ToolView:
    async with api(data_dir) as reached:
        seen = await reached.get(entities.Server, server)
        async with shown_conflicts(seen):
            return await reached.change_tool(server, name, values, version=seen.stamp.version)
