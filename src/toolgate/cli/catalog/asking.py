"""What adding a product needs, from the command line and, at a terminal, from whoever sits there. A secret never stands
on the command line, and what is typed of it is not shown."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import typer

from toolgate.cli.output import say
from toolgate.credentials.references import References
from toolgate.model.entities import ServerState
from toolgate.model.errors import ConfigError
from toolgate.model.products import Adding, Asked, Product, ProductRoute, RouteState, Way
from toolgate.rules import references
from toolgate.rules.names import meant
from toolgate.rules.redaction import printable

_MOST_BYTES = 64 * 1024
_STDIN = "-"
_FROM = "env:NAME, file:PATH, store:NAME, or - for standard input"


class Wished(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says. `credentials` are field -> where it is from. With `by_reference`, `env:` and `file:`
    are the gateway's own; without, they are read here."""

    name: str | None
    route: str
    auth: str | None
    credentials: Mapping[str, str]
    by_reference: bool
    variables: Mapping[str, str]
    read_only: bool
    tools: tuple[str, ...]
    allow: Mapping[str, tuple[str, ...]]
    private: bool
    owner: str | None
    state: ServerState | None
    test: bool

    def __repr__(self) -> str:
        return f"Wished({self.name!r}, {self.route!r})"


def pairs(flag: str, given: Sequence[str] | None) -> dict[str, str]:
    """NAME=VALUE, each once. Raises typer.BadParameter, which repeats no value."""
    found: dict[str, str] = {}
    for item in given or ():
        name, equals, value = item.partition("=")
        if not equals or not name or name in found:
            raise typer.BadParameter(f"{flag} {name[:40]}: expected NAME=VALUE, each name once")
        found[name] = value
    return found


def globs(given: Sequence[str] | None) -> dict[str, tuple[str, ...]]:
    """CONSTRAINT=GLOB,GLOB, as often as one likes."""
    found: dict[str, tuple[str, ...]] = {}
    for item in given or ():
        name, equals, value = item.partition("=")
        chosen = tuple(part.strip() for part in value.split(",") if part.strip())
        if not equals or not name or not chosen:
            raise typer.BadParameter(f"--allow {item[:60]}: expected CONSTRAINT=GLOB")
        found[name] = (*found.get(name, ()), *chosen)
    return found


def complete(product: Product, wished: Wished, *, at_terminal: bool) -> Adding:
    """With what is missing asked for at a terminal. Elsewhere all of that is a ConfigError (exit code 2), as is what is
    wrong."""
    route = next((one for one in product.routes if one.id == wished.route), None)
    way = None if route is None else _way(route, wished.auth)
    credentials, secrets = dict[str, str](), dict[str, str]()
    variables, missing = dict(wished.variables), list[str]()
    # A route or way that is not there, or not ready, is refused by the gateway, in its words: nothing is asked for it.
    if route is not None and (way is None or way.state is RouteState.READY):
        fields = () if way is None else way.fields
        _judge_names(product, fields, wished)
        missing += _variables(route, variables, at_terminal=at_terminal)
        for field in fields:
            missing += _field(field, wished, credentials, secrets, at_terminal=at_terminal)
    if missing:
        raise ConfigError(tuple(missing))
    return Adding(
        name=wished.name,
        route=wished.route,
        auth=wished.auth,
        credentials=credentials,
        secrets=secrets,
        variables=variables,
        read_only=wished.read_only,
        tools=wished.tools,
        allow=dict(wished.allow),
        private=wished.private,
        owner=wished.owner,
        state=wished.state,
        test=wished.test,
    )


def _way(route: ProductRoute, auth: str | None) -> Way | None:
    if auth is not None:
        return next((way for way in route.ways if way.id == auth), None)
    return next((way for way in route.ways if way.state is RouteState.READY), route.ways[0] if route.ways else None)


def _judge_names(product: Product, fields: Sequence[Asked], wished: Wished) -> None:
    names = [field.name for field in fields]
    unknown = [name for name in wished.credentials if name not in names]
    if unknown:
        asked = f"{product.title} asks for {', '.join(names) or 'none'}"
        raise ConfigError((f"--credential {unknown[0][:40]}: {asked}{meant(unknown[0], names)}",))


def _variables(route: ProductRoute, given: dict[str, str], *, at_terminal: bool) -> list[str]:
    missing: list[str] = []
    for variable in route.variables:
        if variable.name in given or variable.default is not None:
            continue
        if at_terminal:
            given[variable.name] = _typed(variable.name, variable.help, hidden=False)
        else:
            missing.append(f"--variable {variable.name}=... is missing: {variable.help}")
    return missing


def _field(
    field: Asked, wished: Wished, credentials: dict[str, str], secrets: dict[str, str], *, at_terminal: bool
) -> list[str]:
    """Puts one field where it belongs; what is missing."""
    given = wished.credentials.get(field.name)
    if given is None:
        if not at_terminal:
            way = _FROM if field.secret else "its value"
            return [f"--credential {field.name}=... is missing: {field.help} ({way})"]
        value = _typed(field.name, field.help, hidden=field.secret)
        (secrets if field.secret else credentials)[field.name] = value
        return []
    reference = references.find(given)
    kept = reference is not None and not reference.scheme and (reference.source == "store" or wished.by_reference)
    if kept:
        credentials[field.name] = given
    elif field.secret:
        secrets[field.name] = _read(field.name, given)
    else:
        credentials[field.name] = given if reference is None and given != _STDIN else _read(field.name, given)
    return []


def _read(name: str, given: str) -> str:
    """A secret from where it is. Raises ConfigError, which never repeats what may be one."""
    if given == _STDIN:
        raw = sys.stdin.buffer.read(_MOST_BYTES + 1)
        try:
            return raw.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise ConfigError((f"--credential {name}: what stands on standard input is no text in UTF-8",)) from None
    if references.find(given) is None:
        told = "a secret does not stand on the command line, where everybody on the machine can read it"
        raise ConfigError((f"--credential {name}: {told}: give {_FROM}",))
    try:
        return References(os.environ, Path.cwd()).resolve(given)
    except ConfigError as error:
        raise ConfigError(tuple(f"--credential {name}: {finding}" for finding in error.findings)) from None


def _typed(name: str, told: str, *, hidden: bool) -> str:
    say(printable(f"{name}: {told}"))
    return str(typer.prompt(name, hide_input=hidden, err=True)).strip()
