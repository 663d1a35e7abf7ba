"""`toolgate call`: one tool, once."""

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from toolgate.cli import arguments
from toolgate.cli.event_loop import run
from toolgate.cli.exit_codes import ERROR
from toolgate.cli.listed import tools_of
from toolgate.cli.output import Form, say, write, write_value
from toolgate.cli.reaching import DataDirOption, gateway
from toolgate.client.gateway import Gateway
from toolgate.model.errors import UpstreamError
from toolgate.protocol import jsonrpc, mirror
from toolgate.protocol.faults import INVALID_PARAMS
from toolgate.rules.names import closest
from toolgate.rules.redaction import printable

app = typer.Typer(add_completion=False)


@app.command()
def call(
    server: Annotated[str, typer.Argument(help="The server, or virtual server.")],
    tool: Annotated[str, typer.Argument(help="The tool, under the server's own name.")],
    arg: Annotated[
        list[str] | None, typer.Option("--arg", "-a", metavar="NAME=VALUE", help="One argument; may be given again.")
    ] = None,
    args: Annotated[
        str | None, typer.Option("--args", metavar="JSON", help="All arguments: JSON, @FILE, or - for standard input.")
    ] = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="`table` prints the text alone.")] = Form.TABLE,
    data_dir: DataDirOption = None,
) -> None:
    """Calls one tool and prints what it answers. Exit code 1 when the tool says that it failed, 4 when it is denied."""
    result = run(_call(server, tool, arg or [], args, data_dir))
    if output is not Form.TABLE:
        write_value(result, output)
    else:
        _show(result)
    if result.get("resultType") == "input_required":
        say(f"{tool} asks for input, which this command cannot give")
        raise typer.Exit(ERROR)
    if result.get("isError"):
        raise typer.Exit(ERROR)


async def _call(server: str, tool: str, single: list[str], whole: str | None, data_dir: str | None) -> dict[str, Any]:
    async with gateway(data_dir) as reached:
        tools = {found["name"]: found for found in await tools_of(reached, server)}
        schema = tools.get(tool, {}).get("inputSchema", {})
        given = arguments.read(whole, single, schema)
        try:
            return await _ask(reached, server, tool, given, schema)
        except UpstreamError as error:
            # What is not in the list may be denied, which the gateway has said by now, or not be there.
            if tool in tools or error.code != INVALID_PARAMS:
                raise
            meant = closest(tool, list(tools))
            hint = f'did you mean "{meant}"?' if meant else f"`toolgate tools {server}` lists those there are"
            raise UpstreamError(error.code, f"{server} has no tool {tool!r} ({hint})") from None


async def _ask(
    reached: Gateway, server: str, tool: str, given: dict[str, Any], schema: Mapping[str, Any]
) -> dict[str, Any]:
    try:
        annotated = mirror.annotations(schema)
    except ValueError:
        annotated = ()
    mirrored = mirror.headers_for(annotated, jsonrpc.encode_raw(given))
    params = {"name": tool, "arguments": given}
    return await reached.ask(server, "tools/call", params, mirrored=mirrored, heard=_heard)


def _heard(method: str, params: Mapping[str, Any]) -> None:
    if method == "notifications/progress":
        total = params.get("total")
        done = f"{params.get('progress')}" if total is None else f"{params.get('progress')} of {total}"
        say(printable(f"{done}  {params.get('message') or ''}".rstrip()))
    elif method == "notifications/message":
        say(printable(f"{params.get('level')}: {params.get('data')}"))


def _show(result: Mapping[str, Any]) -> None:
    """The text of the answer; what is no text is named. A terminal is not steered by what a server writes."""
    terminal = sys.stdout.isatty()
    shown = False
    for block in result.get("content") or ():
        text = _words(block)
        write("\n".join(printable(line) for line in text.split("\n")) if terminal else text)
        shown = True
    if not shown and "structuredContent" in result:
        write_value(result["structuredContent"], Form.JSON)


def _words(block: Mapping[str, Any]) -> str:
    match block.get("type"):
        case "text":
            return str(block.get("text", ""))
        case "resource_link":
            return str(block.get("uri", ""))
        case "resource":
            resource: dict[str, Any] = block.get("resource") or {}
            return str(resource.get("text") or f"[resource {resource.get('uri', '')}]")
        case kind:
            return f"[{kind}, {block.get('mimeType', 'unknown type')}; -o json shows it]"
