"""What must hold of the ways to a vendor's own server."""

import re
from collections.abc import Iterator
from typing import Any

from toolgate.model.products import API
from toolgate.rules import headers, patterns
from toolgate.upstreams.connector import templates
from toolgate.upstreams.connector.format import Connector, Route, RouteAuth

Finding = tuple[tuple[str | int, ...], str]

SHOWN = re.compile(r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9-]*) )?\{(?P<field>[a-z][a-z0-9_]*)\}")
"""How a header shows a field: alone, or after a scheme."""

_URL = re.compile(r"https://[^{}\s?#]+|\{")
_VALUE = re.compile(r"[\x21-\x7e]+")


def findings(connector: Connector) -> Iterator[Finding]:
    """Everything that is wrong with a connector's routes, as (place, reason)."""
    for name, route in connector.routes.items():
        place = ("routes", name)
        if name == API:
            yield place, f"{API} is the route by this connector's own tools"
        yield from _address(place, route)
        for key, value in route.read_only.items():
            yield from _header((*place, "read_only", key), key)
            if not _VALUE.fullmatch(value):
                yield (*place, "read_only", key), "expected a short text"
        for position, auth in enumerate(route.auth):
            where = (*place, "auth", position)
            if auth.id in [other.id for other in route.auth[:position]]:
                yield (*where, "id"), "stands twice"
            yield from _auth(where, auth)


def _address(place: tuple[Any, ...], route: Route) -> Iterator[Finding]:
    flaw = templates.flaw(route.url)
    if flaw is not None:
        yield (*place, "url"), flaw
    elif not _URL.match(route.url):
        yield (*place, "url"), "must be an https URL"
    used = templates.names(route.url)
    for name in used:
        if name not in route.variables:
            yield (*place, "url"), f"{{{name}}} is none of the route's variables"
    for name, variable in route.variables.items():
        wrong = patterns.flaw(variable.pattern)
        if wrong is not None:
            yield (*place, "variables", name, "pattern"), wrong
        elif variable.default is not None and not patterns.searches(f"^(?:{variable.pattern})$")(variable.default):
            yield (*place, "variables", name, "default"), "does not match its pattern"
        if name not in used:
            yield (*place, "variables", name), "is not used"


def _auth(place: tuple[Any, ...], auth: RouteAuth) -> Iterator[Finding]:
    if sum((bool(auth.headers), auth.basic is not None, auth.oauth is not None)) != 1:
        yield place, "needs one of `headers`, `basic` and `oauth`"
        return
    used = {*(auth.basic or ())}
    for name, template in auth.headers.items():
        yield from _header((*place, "headers", name), name)
        found = SHOWN.fullmatch(template)
        if found is None:
            yield (*place, "headers", name), "must be one field, or a scheme and one field, as `Bearer {token}`"
        else:
            used.add(found["field"])
    for name in sorted(used - set(auth.fields)):
        yield place, f"{name} is none of its fields"
    for name in sorted(set(auth.fields) - used):
        yield (*place, "fields", name), "is not used"
    if auth.oauth is not None and auth.oauth.client == "preregistered" and not auth.steps:
        yield (*place, "steps"), "say how an administrator makes the client, and where"


def _header(place: tuple[Any, ...], name: str) -> Iterator[Finding]:
    flaw = headers.flaw(name)
    if flaw is not None:
        yield place, flaw
