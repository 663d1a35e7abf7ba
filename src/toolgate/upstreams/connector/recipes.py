"""What adding a product comes to: a server's record, and the secrets that it refers to."""

import base64
from collections.abc import Mapping
from typing import Any

import msgspec

from toolgate.model.entities import Server, ServerState
from toolgate.model.errors import ConfigError, Refused
from toolgate.model.products import API, Adding, Recipe, RouteState
from toolgate.rules import references
from toolgate.rules.facts import Finding
from toolgate.rules.names import NAME, NAME_RULE, meant
from toolgate.upstreams.connector import linting_routes, narrowing, summaries, templates
from toolgate.upstreams.connector.format import Auth, Connector, Field, Route, RouteAuth
from toolgate.upstreams.connector.settings import Settings
from toolgate.upstreams.connector.variables import resolved


def recipe(connector: Connector, adding: Adding, definition: dict[str, Any] | None) -> Recipe:
    """`definition` is the whole document of an entry that does not come with Toolgate: the record then holds all of it.
    Raises Refused with everything that is missing or wrong; no reason repeats a secret."""
    name = adding.name or connector.id
    if not NAME.fullmatch(name):
        raise Refused((("name", NAME_RULE),))
    if adding.route == API:
        return _own(connector, adding, name, definition)
    route = connector.routes.get(adding.route)
    if route is None:
        known = (API, *connector.routes)
        hint = meant(adding.route, known)
        raise Refused((("route", f"{connector.title} has none of this name; it has {', '.join(known)}{hint}"),))
    return _vendors(connector, route, adding, name)


def _own(connector: Connector, adding: Adding, name: str, definition: dict[str, Any] | None) -> Recipe:
    """By our tools: a server of kind `connector`."""
    ids = [auth.id for auth in connector.auth]
    if adding.auth is not None and adding.auth not in ids:
        raise Refused((("auth", f"must be one of {', '.join(ids) or 'none'}{meant(adding.auth, ids)}"),))
    auth: Auth | None = None
    if connector.auth:
        auth = connector.auth[0 if adding.auth is None else ids.index(adding.auth)]
    given = _Given(name, {} if auth is None else auth.fields, adding)
    _, flaws = resolved(connector.title, connector.variables, adding.variables)
    findings = (*flaws, *given.findings)
    if findings:
        raise Refused(findings)
    settings: dict[str, Any] = {"connector": connector.id} if definition is None else {"definition": definition}
    chosen = {
        "auth": adding.auth,
        "credentials": given.shown,
        "variables": adding.variables,
        "tools": list(adding.tools),
        "read_only": adding.read_only,
        "allow": {key: list(globs) for key, globs in adding.allow.items()},
        "private": adding.private,
    }
    settings |= {key: value for key, value in chosen.items() if value}
    _judge(connector, settings)
    test = None if auth is None else auth.test
    return Recipe(_server(connector, adding, name, "connector", settings), given.sealed, test)


def _judge(connector: Connector, settings: dict[str, Any]) -> None:
    """Raises Refused for a choice of tools that leaves nothing, or names what is not there."""
    try:
        narrowing.offered(connector, msgspec.convert(settings, Settings))
    except ConfigError as error:
        told = (finding.partition(": ") for finding in error.findings)
        raise Refused(tuple((path, reason) for path, _, reason in told)) from None
    except msgspec.ValidationError as error:
        raise Refused((("", str(error)),)) from None


def _vendors(connector: Connector, route: Route, adding: Adding, name: str) -> Recipe:
    """By the vendor's own server: one of kind `streamable_http`, with its credential in headers."""
    auth = _chosen(route, adding)
    values, flaws = resolved(route.title, route.variables, adding.variables)
    given = _Given(name, auth.fields, adding)
    findings = [*flaws, *given.findings]
    grants = "narrow it by grants, which name the tools that people may call"
    if adding.tools or adding.allow:
        findings.append(("tools" if adding.tools else "allow", f"{route.title} cannot be narrowed here: {grants}"))
    if adding.read_only and not route.read_only:
        findings.append(("read_only", f"{route.title} cannot be held to reading: {grants}"))
    if not findings and auth.basic is not None:
        findings += given.joined(auth.basic)
    if findings:
        raise Refused(tuple(findings))
    headers = given.basic() if auth.basic is not None else _headers(auth, given.shown)
    if adding.read_only:
        headers |= route.read_only
    settings = {"url": templates.render(route.url, values)}
    return Recipe(_server(connector, adding, name, "streamable_http", settings, headers), given.sealed, None, True)


def _chosen(route: Route, adding: Adding) -> RouteAuth:
    """The way to sign in. Raises Refused for one that cannot be gone yet."""
    ids = [auth.id for auth in route.auth]
    ready = [auth for auth in route.auth if summaries.state_of(auth) is RouteState.READY]
    if adding.auth is not None and adding.auth not in ids:
        raise Refused((("auth", f"must be one of {', '.join(ids)}{meant(adding.auth, ids)}"),))
    auth = next((auth for auth in (ready or route.auth) if adding.auth in (None, auth.id)), None)
    if auth is None or auth.oauth is not None:
        others = ", ".join(f"auth={one.id}" for one in ready)
        step = f"take another way to sign in ({others})" if others else f"add it by the route {API}"
        reason = f"{route.title} needs a sign-in (OAuth) of each person, which Toolgate cannot do yet: {step}"
        raise Refused((("auth" if adding.auth is not None else "route", reason),))
    return auth


def _headers(auth: RouteAuth, shown: Mapping[str, str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, template in auth.headers.items():
        found = linting_routes.SHOWN.fullmatch(template)
        assert found is not None, "the loader has looked"
        value = shown[found["field"]]
        headers[name] = f"{found['scheme']} {value}" if found["scheme"] else value
    return headers


def _server(
    connector: Connector,
    adding: Adding,
    name: str,
    kind: str,
    settings: dict[str, Any],
    headers: dict[str, str] | None = None,
) -> Server:
    return Server(
        name=name,
        kind=kind,
        settings=settings,
        headers=headers or {},
        owner=adding.owner,
        description=connector.description if adding.description is None else adding.description,
        state=ServerState.DRAFT,
    )


class _Given:
    """The fields of a credential: `shown` as the server's record has them, `sealed` the secrets in clear by the name
    that they get in the store, and what is wrong."""

    def __init__(self, server: str, fields: Mapping[str, Field], adding: Adding) -> None:
        self._server = server
        self._fields = fields
        self._adding = adding
        self.shown: dict[str, str] = {}
        self.sealed: dict[str, str] = {}
        self.findings: list[Finding] = []
        for place, given in (("credentials", adding.credentials), ("secrets", adding.secrets)):
            self.findings += [
                (f"{place}.{name}", f"is not asked for{meant(name, fields)}") for name in given if name not in fields
            ]
        for name, field in fields.items():
            self._take(name, field)

    def _take(self, name: str, field: Field) -> None:
        text, value = self._adding.credentials.get(name), self._adding.secrets.get(name)
        if text is not None and value is not None:
            self.findings.append((f"credentials.{name}", "stands twice: here and in `secrets`"))
        elif text is not None:
            self._refer(name, field, text)
        elif value is None:
            self.findings.append((f"credentials.{name}", f"is missing: {field.help}"))
        elif not field.secret:
            self.findings.append((f"secrets.{name}", "is no secret: give it in `credentials`"))
        else:
            self._seal(name, value)

    def _refer(self, name: str, field: Field, text: str) -> None:
        reference = references.find(text)
        wanted = reference is not None and not reference.scheme
        if field.secret and not wanted:
            # What is no reference may be the secret itself: it is not repeated.
            reason = "is given by reference here, as store:NAME; a value that shall be sealed stands in `secrets`"
            self.findings.append((f"credentials.{name}", reason))
        else:
            self.shown[name] = text

    def _seal(self, name: str, value: str) -> None:
        stored = f"{self._server}-{name.replace('_', '-')}"
        if not NAME.fullmatch(stored):
            self.findings.append(("name", f"is too long: its secret would be called {stored}, and {NAME_RULE}"))
        elif not value or any(not 0x20 <= ord(character) < 0x7F for character in value):
            self.findings.append((f"secrets.{name}", "is empty, or holds a character that no header can carry"))
        else:
            self.sealed[stored] = value
            self.shown[name] = f"store:{stored}"

    def joined(self, pair: tuple[str, str]) -> list[Finding]:
        """What stands against one header of two fields (RFC 7617): both must be here in clear, to be encoded."""
        user, password = pair
        clear = {name: self._adding.secrets.get(name, self.shown[name]) for name in pair}
        hidden = [name for name in pair if references.find(clear[name]) is not None]
        if hidden:
            reason = "must be given itself: it is encoded together with the other field, which no reference can be"
            return [(f"credentials.{name}", reason) for name in hidden]
        encoded = base64.b64encode(f"{clear[user]}:{clear[password]}".encode()).decode()
        stored = f"{self._server}-authorization"
        if not NAME.fullmatch(stored):
            return [("name", f"is too long: its secret would be called {stored}, and {NAME_RULE}")]
        self.sealed = {stored: encoded}
        return []

    def basic(self) -> dict[str, str]:
        (stored,) = self.sealed
        return {"Authorization": f"Basic store:{stored}"}
