"""`toolgate search`: servers and tools by words."""

from enum import StrEnum
from typing import Annotated

import msgspec
import typer

from toolgate.cli.event_loop import run
from toolgate.cli.output import Form, say, write_table, write_value
from toolgate.cli.reaching import DataDirOption, place
from toolgate.client.administration import Administration
from toolgate.model.found import Hit, HitKind, Hits
from toolgate.rules.redaction import printable

app = typer.Typer(add_completion=False)

_LONGEST = 100


class Kind(StrEnum):
    """What is searched; virtual servers are servers here."""

    SERVER = "server"
    TOOL = "tool"


@app.command()
def search(
    words: Annotated[list[str], typer.Argument(metavar="WORDS...", help="What it is called, says or takes.")],
    kind: Annotated[Kind | None, typer.Option("--kind", "-k", help="Only servers, or only tools.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="How many hits.")] = 20,
    output: Annotated[Form, typer.Option("--output", "-o", help="The form of the hits.")] = Form.TABLE,
    data_dir: DataDirOption = None,
) -> None:
    """Finds servers and tools that you may call, or see in the registry, by words; the best hit is first."""
    found = run(_found(" ".join(words), kind, limit, data_dir))
    if output is not Form.TABLE:
        write_value(msgspec.to_builtins(found), output)
    elif found.items:
        write_table(("ACCESS", "KIND", "NAME", "WHAT IT IS"), [_row(hit) for hit in found.items])
    for word, others in found.near.items():
        say(printable(f"nothing has `{word}`; these have {' or '.join(f'`{other}`' for other in others)}"))
    if len(found.items) < found.total:
        say(f"{len(found.items)} of {found.total}: add words, or raise --limit")
    elif not found.items:
        say("nothing that you may call or see has these words")


def _row(hit: Hit) -> tuple[str, str, str, str]:
    name = f"{hit.server}/{hit.name}" if hit.kind is HitKind.TOOL else hit.name
    text = (hit.description or hit.title).strip()
    line = text.splitlines()[0] if text else ""
    return hit.access.value, hit.kind.value, name, line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


async def _found(words: str, kind: Kind | None, limit: int, data_dir: str | None) -> Hits:
    async with Administration(place(data_dir)) as reached:
        return await reached.search(words, kind=None if kind is None else kind.value, limit=limit)
