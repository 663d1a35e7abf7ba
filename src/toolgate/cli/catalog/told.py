"""The catalogue, one product of it, and what was added, for people."""

from collections.abc import Iterator

from toolgate.cli.output import count, say, write, write_table
from toolgate.cli.records.registered import told as told_lints
from toolgate.client.administration import Added
from toolgate.model.entities import ServerState
from toolgate.model.products import (
    API,
    Origin,
    Product,
    ProductPage,
    ProductRoute,
    ProductTool,
    RouteState,
    Source,
    Way,
)
from toolgate.rules.linting import Severity
from toolgate.rules.redaction import printable

_LABEL = 14
_LONGEST = 110
_MOST_NAMES = 20
_SHORT_COMMIT = 10


def page(found: ProductPage) -> None:
    rows = [
        [
            line.id,
            line.title,
            str(line.tools),
            ", ".join(_state(name, state) for name, state in line.routes.items()),
            _source(line.source),
            _short(line.description),
        ]
        for line in found.items
    ]
    write_table(("NAME", "TITLE", "TOOLS", "ROUTES", "FROM", "WHAT IT IS FOR"), rows)


def product(found: Product) -> None:
    _line("name", found.id)
    _line("title", found.title)
    _line("what for", found.description)
    _line("from", _source(found.source))
    if found.docs:
        _line("docs", found.docs)
    for route in found.routes:
        write("")
        for text in _route(route):
            write(printable(text))
    if found.constraints:
        write("")
        write("narrowed with --allow")
        for constraint in found.constraints:
            write(printable(f"  {constraint.name}=GLOB  {constraint.help}"))
    write("")
    write(f"{count(len(found.tools), 'tool')} by the route {API}, about {found.tokens} tokens")
    rows = [
        [tool.name, _hints(tool), str(tool.tokens), " ".join(tool.scopes), _short(tool.description)]
        for tool in found.tools
    ]
    write_table(("  TOOL", "DOES", "TOKENS", "SCOPES", "WHAT IT IS FOR"), [[f"  {row[0]}", *row[1:]] for row in rows])


def added(found: Product, made: Added) -> None:
    """What was made, and what comes next; for people, beside the data."""
    server, attempt = made.server, made.attempt
    tools = () if attempt.found is None else attempt.found.tools
    state = "live" if server.state is ServerState.LIVE else f"a {server.state.value}"
    offers = f" with {count(len(tools), 'tool')} of {found.title}" if tools else ""
    say(printable(f"{server.name} is {state}{offers}"))
    if tools:
        more = f", and {len(tools) - _MOST_NAMES} more" if len(tools) > _MOST_NAMES else ""
        say(printable(f"  {', '.join(tools[:_MOST_NAMES])}{more}"))
    if made.tested:
        say("its credential was tried, and works")
    elif attempt.unreached:
        say(printable(f"its credential was not tried: {attempt.unreached}"))
    elif made.secrets:
        say("its credential was not tried: no tool of the entry is there to show whether it works")
    for name in made.secrets:
        say(f"the secret is sealed in the store: {server.name} names it as store:{name}")
    # What else there is to say of the tools of an entry is its author's to read: `toolgate server lint`.
    for text in told_lints([one for one in attempt.lints if one.severity is Severity.ERROR], _MOST_NAMES):
        say(printable(text))
    for text in _next(server.name, server.state):
        say(text)


def _next(name: str, state: ServerState) -> Iterator[str]:
    if state is not ServerState.LIVE:
        yield f"next: somebody who may publish looks at it and says `toolgate server publish {name}`"
    yield f"next: say who may call it: toolgate grant add {name} subject=team:TEAM servers={name} tools='*'"
    yield "next: have clients use this gateway: toolgate connect"


def _line(label: str, text: str) -> None:
    write(printable(f"{label:<{_LABEL}}{text}"))


def _route(route: ProductRoute) -> Iterator[str]:
    yield f"{'route':<{_LABEL}}{_state(route.id, route.state)}: {route.title}"
    if route.help:
        yield f"  {route.help}"
    for variable in route.variables:
        default = "" if variable.default is None else f" (unless given, {variable.default})"
        yield f"  --variable {variable.name}=...  {variable.help}{default}"
    for way in route.ways:
        yield from _way(way)


def _way(way: Way) -> Iterator[str]:
    if way.state is RouteState.READY:
        tried = "" if way.test is None else f", tried with {way.test}"
        yield f"  --auth {way.id}: {way.title}{tried}"
    else:
        client = {"dcr": "Toolgate registers itself", "cimd": "Toolgate has a client ID"}.get(way.client or "", "")
        yield f"  --auth {way.id}: {way.title} ({way.state.value}; {client or 'an administrator makes a client first'})"
    for field in way.fields:
        kind = "secret" if field.secret else "shown"
        yield f"    --credential {field.name}=...  {field.help} ({kind})"
    if way.scopes:
        yield f"    scopes: {' '.join(way.scopes)}"
    for number, step in enumerate(way.steps, 1):
        yield f"    {number}. {step}"


def _state(name: str, state: RouteState) -> str:
    return name if state is RouteState.READY else f"{name} ({state.value})"


def _source(source: Source) -> str:
    if source.origin is Origin.TOOLGATE:
        return "Toolgate"
    return f"{source.folder}@{source.commit[:_SHORT_COMMIT]}" if source.commit else source.folder


def _hints(tool: ProductTool) -> str:
    return "reads" if tool.read_only else "destroys" if tool.destructive else "writes"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
