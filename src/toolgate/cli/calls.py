"""`toolgate calls`: what was called lately, and what is being called."""

import sys
from contextlib import aclosing
from typing import Annotated, Any

import msgspec
import typer

from toolgate.cli.event_loop import run
from toolgate.cli.output import Form, colours, say, write, write_value
from toolgate.cli.reaching import DataDirOption, gateway
from toolgate.model.records import CallRecord
from toolgate.rules.redaction import safe_json
from toolgate.sinks.call_lines import pretty

app = typer.Typer(add_completion=False)


@app.command()
def calls(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with the calls to come.")] = False,
    number: Annotated[int, typer.Option("--number", "-n", min=0, max=1000, help="How many of the latest.")] = 20,
    output: Annotated[
        Form | None, typer.Option("--output", "-o", help="`table` at a terminal, else one JSON object a line.")
    ] = None,
    data_dir: DataDirOption = None,
) -> None:
    """Shows the latest calls that the key may see, oldest first: its own, or everybody's if it may observe."""
    form = output or (Form.TABLE if sys.stdout.isatty() else Form.JSON)
    run(_follow(number, form, data_dir) if follow else _show(number, form, data_dir))


async def _show(number: int, form: Form, data_dir: str | None) -> None:
    async with gateway(data_dir) as reached:
        found = await reached.calls(number)
    if form is Form.YAML:
        write_value(found, form)
        return
    for record in found:
        _print(record, form)
    if not found and form is Form.TABLE:
        say("no calls yet")


async def _follow(number: int, form: Form, data_dir: str | None) -> None:
    async with gateway(data_dir) as reached, aclosing(reached.follow(number)) as records:
        async for record in records:
            _print(record, form)


def _print(record: dict[str, Any], form: Form) -> None:
    if form is Form.YAML:
        write_value([record], form)
    elif form is Form.JSON:
        write(safe_json(msgspec.json.encode(record)).decode())
    else:
        client = b"" if record.get("client") is None else msgspec.json.encode(record["client"])
        plain = msgspec.convert({**record, "client": ""}, CallRecord, strict=False)
        write(pretty(msgspec.structs.replace(plain, client=client), colour=colours(sys.stdout)))
