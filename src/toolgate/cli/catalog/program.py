"""`toolgate catalog`: what can be added ready-made, what it offers, and adding it."""

import sys
from typing import Annotated

import msgspec
import typer

from toolgate.cli.catalog import asking, told
from toolgate.cli.catalog.asking import Wished
from toolgate.cli.event_loop import run
from toolgate.cli.output import Form, say, write_value
from toolgate.cli.reaching import DataDirOption
from toolgate.cli.records.commands import Output, api, application
from toolgate.client.administration import Added, plain
from toolgate.model.entities import ServerState
from toolgate.model.products import API, Adding, Product, ProductPage
from toolgate.rules.redaction import printable

app = application()

Id = Annotated[str, typer.Argument(metavar="PRODUCT", help="The product's name in the list.")]
Pairs = list[str] | None


@app.callback()
def catalog() -> None:
    """Products that are ready to be added as servers: GitHub, Slack, Jira and others, and your organisation's own."""


@app.command("list")
def list_(output: Output = Form.TABLE, data_dir: DataDirOption = None) -> None:
    """Lists what can be added, and by which routes."""
    page = run(_listed(data_dir))
    if output is Form.TABLE:
        told.page(page)
    else:
        write_value(msgspec.to_builtins(page), output)
    for broken in page.broken:
        for finding in broken.findings:
            say(printable(f"{broken.id} cannot be used: {finding}"))


@app.command()
def show(product: Id, output: Output = Form.TABLE, data_dir: DataDirOption = None) -> None:
    """Shows what a product offers, which credentials it takes and where they are from, and what can be narrowed."""
    found = run(_got(product, data_dir))
    if output is Form.TABLE:
        told.product(found)
    else:
        write_value(msgspec.to_builtins(found), output)


@app.command()
def add(  # noqa: PLR0913, PLR0917 - one parameter for each option
    product: Id,
    name: Annotated[str | None, typer.Option("--name", help="The server's name; the product's unless given.")] = None,
    route: Annotated[str, typer.Option("--route", help="`api`, or the vendor's own server: remote_mcp.")] = API,
    auth: Annotated[str | None, typer.Option("--auth", help="The way to sign in, where there are several.")] = None,
    credential: Annotated[
        Pairs,
        typer.Option("--credential", metavar="FIELD=FROM", help="From env:NAME, file:PATH, store:NAME or - (input)."),
    ] = None,
    by_reference: Annotated[
        bool, typer.Option("--by-reference", help="env: and file: are the gateway's own, and nothing is stored.")
    ] = False,
    variable: Annotated[Pairs, typer.Option("--variable", metavar="NAME=VALUE", help="Such as an address.")] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Only tools that read.")] = False,
    tools: Annotated[Pairs, typer.Option("--tools", metavar="GLOB", help="Only these; may be given again.")] = None,
    allow: Annotated[
        Pairs, typer.Option("--allow", metavar="CONSTRAINT=GLOB", help="Narrow it; may be given again.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="The product may be in your own network.")] = False,
    owner: Annotated[str | None, typer.Option("--owner", help="The team that it belongs to.")] = None,
    draft: Annotated[bool, typer.Option("--draft", help="Do not serve it yet.")] = False,
    no_test: Annotated[bool, typer.Option("--no-test", help="Do not try the credential: it stays a draft.")] = False,
    output: Output = Form.TABLE,
    data_dir: DataDirOption = None,
) -> None:
    """Makes a server of a product: tries its credential, seals it in the store, and serves the tools, or makes a draft
    where you may not publish. At a terminal it asks for what is missing."""
    wished = Wished(
        name=name,
        route=route,
        auth=auth,
        credentials=asking.pairs("--credential", credential),
        by_reference=by_reference,
        variables=asking.pairs("--variable", variable),
        read_only=read_only,
        tools=tuple(tools or ()),
        allow=asking.globs(allow),
        private=private,
        owner=owner,
        state=ServerState.DRAFT if draft else None,
        test=not no_test,
    )
    found = run(_got(product, data_dir))
    made = run(_added(product, asking.complete(found, wished, at_terminal=sys.stdin.isatty()), data_dir))
    if output is not Form.TABLE:
        whole = {**plain(made.server), "stamp": msgspec.to_builtins(made.server.stamp)}
        more = {"secrets": list(made.secrets), "tested": made.tested}
        write_value({**msgspec.to_builtins(made.attempt), **more, **whole}, output)
    told.added(found, made)


async def _listed(data_dir: str | None) -> ProductPage:
    async with api(data_dir) as reached:
        return await reached.products()


async def _got(product: str, data_dir: str | None) -> Product:
    async with api(data_dir) as reached:
        return await reached.product(product)


async def _added(product: str, adding: Adding, data_dir: str | None) -> Added:
    async with api(data_dir) as reached:
        return await reached.add_product(product, adding)
