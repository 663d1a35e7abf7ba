"""`toolgate tools`: what the key may use."""

from typing import Annotated, Any

import typer

from toolgate.cli.event_loop import run
from toolgate.cli.listed import tools_of
from toolgate.cli.output import Form, say, write_table, write_value
from toolgate.cli.reaching import DataDirOption, gateway

app = typer.Typer(add_completion=False)

_LONGEST = 100


@app.command()
def tools(
    server: Annotated[str | None, typer.Argument(help="Only this server's, under its own names.")] = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="The form of the list.")] = Form.TABLE,
    data_dir: DataDirOption = None,
) -> None:
    """Lists the tools that the key may use."""
    found = run(_list(server, data_dir))
    if output is not Form.TABLE:
        write_value(found, output)
    else:
        write_table(("TOOL", "WHAT IT DOES"), [(tool["name"], _first_words(tool)) for tool in found])
    if not found:
        say("this key may use no tool: a grant lets it, as `toolgate grant add NAME subject=... servers=... 'tools=*'`")


async def _list(server: str | None, data_dir: str | None) -> list[dict[str, Any]]:
    async with gateway(data_dir) as reached:
        return await tools_of(reached, server)


def _first_words(tool: dict[str, Any]) -> str:
    text = str(tool.get("description") or tool.get("title") or "").strip()
    line = text.splitlines()[0] if text else ""
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
