"""What the fields of a connector must say together. A connector that breaks one of these is not loaded."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from toolgate.rules import headers, patterns, references
from toolgate.upstreams.connector import expressions, linting_lookups, linting_routes, linting_tools, templates
from toolgate.upstreams.connector.format import Auth, Connector

Finding = tuple[tuple[str | int, ...], str]

_VALUE = re.compile(r"[\x20-\x7e]*")
_SAFE_URL = re.compile(r"https://|\{|http://(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]+)?(?:/|$)")
_ICON_BYTES = 4096
_ACTIVE = re.compile(rb"<script|<foreignObject|\son\w+=|href", re.IGNORECASE)


def findings(connector: Connector, folder: Path | None) -> list[Finding]:
    """Everything that is wrong, as (place, reason). One without a `folder` has neither icon nor fixtures."""
    return list(linting_tools.amount(connector)) or [
        *(() if folder is None else _identity(connector, folder)),
        *_variables(connector),
        *_http(connector),
        *(found for position, auth in enumerate(connector.auth) for found in _auth(connector, auth, position)),
        *linting_routes.findings(connector),
        *_expressions(connector),
        *_constraints(connector),
        *linting_tools.findings(connector, folder),
        *linting_lookups.findings(connector),
        *_rate_limit(connector),
    ]


def _identity(connector: Connector, folder: Path) -> Iterator[Finding]:
    if connector.id != folder.name:
        yield ("id",), f"must be the name of its folder, {folder.name}"
    if connector.icon is None:
        return
    icon = folder / connector.icon
    if Path(connector.icon).name != connector.icon or icon.suffix != ".svg" or not icon.is_file():
        yield ("icon",), "must name an SVG file in the connector's folder"
    elif icon.stat().st_size > _ICON_BYTES or _ACTIVE.search(icon.read_bytes()):
        yield ("icon",), f"an icon has at most {_ICON_BYTES} bytes, and neither scripts nor links"


def _variables(connector: Connector) -> Iterator[Finding]:
    for name, variable in connector.variables.items():
        flaw = patterns.flaw(variable.pattern)
        if flaw is not None:
            yield ("variables", name, "pattern"), flaw
        elif variable.default is not None and not patterns.searches(f"^(?:{variable.pattern})$")(variable.default):
            yield ("variables", name, "default"), "does not match its pattern"


def _http(connector: Connector) -> Iterator[Finding]:
    known = {*connector.variables, *(f"{name}.host" for name in connector.variables)}
    yield from _template(("http", "base_url"), connector.http.base_url, known)
    if not _SAFE_URL.match(connector.http.base_url):
        yield ("http", "base_url"), "must be an https URL; http is for this machine alone"
    if not connector.http.allow_hosts:
        yield ("http", "allow_hosts"), "must name at least one host: nothing is allowed by leaving it out"
    for position, host in enumerate(connector.http.allow_hosts):
        yield from _template(("http", "allow_hosts", position), host, known)
        if host.strip("*.") == "":
            yield ("http", "allow_hosts", position), "must not be every host"
    yield from _headers(("http", "headers"), connector.http.headers)


def _auth(connector: Connector, auth: Auth, position: int) -> Iterator[Finding]:
    place = ("auth", position)
    if auth.id in [other.id for other in connector.auth[:position]]:
        yield (*place, "id"), "stands twice"
    if not auth.headers and auth.basic is None:
        yield place, "needs `headers` or `basic`: how the credential is shown"
    for name, template in auth.headers.items():
        yield from _template((*place, "headers", name), template, set(auth.fields))
    yield from _headers((*place, "headers"), auth.headers)
    for name in auth.basic or ():
        if name not in auth.fields:
            yield (*place, "basic"), f"{name} is none of its fields"
    used = {name for template in auth.headers.values() for name in templates.names(template)} | {*(auth.basic or ())}
    for name in sorted(set(auth.fields) - used):
        yield (*place, "fields", name), "is not used"
    if auth.test is not None and auth.test not in [tool.name for tool in connector.tools if tool.hints.read_only]:
        yield (*place, "test"), "must name a tool that only reads"


def _expressions(connector: Connector) -> Iterator[Finding]:
    errors, paging = connector.errors, connector.pagination
    said: list[tuple[tuple[str | int, ...], str | None]] = [
        (("rate_limit", "limited_when"), connector.rate_limit.limited_when),
        (("errors", "message"), errors.message),
        (("errors", "success_when"), errors.success_when),
        *((("errors", "rules", position, "when"), rule.when) for position, rule in enumerate(errors.rules)),
    ]
    for place, expression in said:
        flaw = None if expression is None else expressions.flaw(expression)
        if flaw is not None:
            yield place, flaw
    if paging is not None:
        yield from linting_tools.paging(("pagination",), paging)


def _rate_limit(connector: Connector) -> Iterator[Finding]:
    limit = connector.rate_limit
    if limit.remaining is not None and limit.reset is None:
        yield ("rate_limit", "remaining"), "needs `reset`: until when the product is not asked"


def _constraints(connector: Connector) -> Iterator[Finding]:
    names = {tool.name for tool in connector.tools}
    known = {frozenset(linting_tools.params(connector, tool)) for tool in connector.tools}
    for name, constraint in connector.constraints.items():
        place = ("constraints", name)
        said: list[tuple[tuple[str | int, ...], str]] = [((*place, "value"), constraint.value)]
        said += [((*place, "also", number), template) for number, template in enumerate(constraint.also)]
        said += [((*place, "beside", number), template) for number, template in enumerate(constraint.beside)]
        for where, template in said:
            wanted = templates.names(template)
            if templates.flaw(template) or not wanted:
                yield where, "must be a template over arguments, as {owner}/{repo}"
            if not any(there.issuperset(wanted) for there in known):
                yield where, "no tool has these arguments"
        for position, tool in enumerate(constraint.exempt):
            if tool not in names:
                yield (*place, "exempt", position), "there is no such tool"


def _template(place: tuple[Any, ...], template: str, known: set[str]) -> Iterator[Finding]:
    flaw = templates.flaw(template)
    if flaw is not None:
        yield place, flaw
    for name in templates.names(template):
        if name not in known:
            yield place, f"{{{name}}} is not known; known are {', '.join(sorted(known)) or 'none'}"


def _headers(place: tuple[Any, ...], given: dict[str, str]) -> Iterator[Finding]:
    for name, value in given.items():
        flaw = None if name.lower() == "accept" else headers.flaw(name)
        if flaw is not None:
            yield (*place, name), flaw
        if not _VALUE.fullmatch(value):
            yield (*place, name), "a header holds printable ASCII characters only"
        elif references.find(value) is not None:
            yield (*place, name), "a credential is shown by `auth`, and given in the server's settings"
