"""`toolgate server add NAME --graphql URL --operations FOLDER`: operations of a GraphQL API as tools.

What is in the files goes into the record: the operations, and of the schema the part that they use. So the record means
the same on every replica, and what is in it can be read in one place.
"""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from toolgate.cli.output import count, say
from toolgate.rules.redaction import printable

GraphQL = Annotated[str | None, typer.Option("--graphql", metavar="URL", help="The endpoint of a GraphQL API.")]
Operations = Annotated[
    str | None, typer.Option("--operations", metavar="PATH", help="Its operations: a .graphql file, or a folder.")
]
Schema = Annotated[
    str | None, typer.Option("--schema", metavar="FILE", help="Its schema: SDL, or the JSON of an introspection.")
]
Headers = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="'NAME: TEXT'", help="Shown with every request; secrets by reference."),
]


def judge(graphql: str | None, operations: str | None, schema: str | None, *, others: Sequence[str | None]) -> None:
    """Raises typer.BadParameter where these options are not for each other. `others` name a server of another kind."""
    if graphql is None and (operations is not None or schema is not None):
        raise typer.BadParameter("--operations and --schema are for an API that --graphql names")
    if graphql is not None and any(one is not None for one in others):
        raise typer.BadParameter("--graphql names the API: give no other URL or program beside it")


def settings(url: str, operations: str | None, schema: str | None, more: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the record; `more` are those that were given by `--set settings=`. Says what became a tool.
    Raises ConfigError, and typer.BadParameter where nothing is chosen."""
    given = {**more, "url": url}
    if operations is None and "operations" not in given:
        raise typer.BadParameter(
            "--graphql needs --operations: a folder, or a file, of the operations that may be sent"
        )
    if operations is not None:
        given["path"] = str(Path(operations).expanduser().absolute())
    if schema is not None:
        given["schema_file"] = str(Path(schema).expanduser().absolute())
    made = importlib.import_module("toolgate.upstreams.graphql.inlining").inlined(given)
    _tell(made.tools)
    return cast("dict[str, Any]", made.settings)


def _tell(tools: Sequence[tuple[str, bool, int]]) -> None:
    width = max((len(name) for name, _, _ in tools), default=0)
    say(f"{count(len(tools), 'operation')}, about {sum(size for _, _, size in tools)} tokens of every conversation:")
    for name, reads, size in tools:
        say(printable(f"  {name:<{width}}  {'query' if reads else 'mutation':<8}  about {size} tokens"))


def headers(given: Sequence[str]) -> dict[str, str]:
    """From `NAME: TEXT`. Raises typer.BadParameter, which does not repeat the text."""
    found: dict[str, str] = {}
    for one in given:
        name, colon, text = one.partition(":")
        if not colon or not name.strip() or not text.strip():
            raise typer.BadParameter("--header: expected 'NAME: TEXT', as 'Authorization: Bearer env:SHOP_TOKEN'")
        found[name.strip()] = text.strip()
    return found
