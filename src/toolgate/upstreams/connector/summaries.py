"""A connector as the catalogue shows it."""

import msgspec

from toolgate.model.products import (
    API,
    Asked,
    Product,
    ProductConstraint,
    ProductLine,
    ProductRoute,
    ProductTool,
    ProductVariable,
    RouteState,
    Source,
    Way,
)
from toolgate.upstreams.connector.definitions import definition
from toolgate.upstreams.connector.format import Auth, Connector, Field, Route, RouteAuth, Tool, Variable

_TOKEN_BYTES = 4
"""A token is about four bytes of JSON."""


def line(connector: Connector, source: Source) -> ProductLine:
    """What the list says of it."""
    whole = product(connector, source)
    routes = {route.id: route.state for route in whole.routes}
    return ProductLine(whole.id, whole.title, whole.description, source, routes, len(whole.tools), whole.tokens)


def product(connector: Connector, source: Source) -> Product:
    tools = tuple(_tool(connector, tool) for tool in connector.tools)
    return Product(
        id=connector.id,
        title=connector.title,
        description=connector.description,
        docs=connector.docs or "",
        categories=connector.categories,
        source=source,
        routes=(_api(connector), *(_route(name, route) for name, route in connector.routes.items())),
        tools=tools,
        constraints=tuple(ProductConstraint(name, one.help) for name, one in connector.constraints.items()),
        tokens=sum(tool.tokens for tool in tools),
    )


def state_of(auth: RouteAuth) -> RouteState:
    return RouteState.READY if auth.oauth is None else RouteState.SIGN_IN


def _tool(connector: Connector, tool: Tool) -> ProductTool:
    hints = tool.hints
    size = len(msgspec.json.encode(definition(connector, tool)))
    return ProductTool(
        tool.name,
        tool.title,
        tool.description,
        hints.read_only,
        hints.destructive,
        hints.read_only or hints.idempotent,
        tool.scopes,
        size // _TOKEN_BYTES,
    )


def _api(connector: Connector) -> ProductRoute:
    return ProductRoute(
        id=API,
        title=f"{connector.title}'s API, as tools of Toolgate",
        kind="connector",
        url=connector.http.base_url,
        state=RouteState.READY,
        narrows=True,
        read_only=any(tool.hints.read_only for tool in connector.tools),
        docs=connector.docs or "",
        variables=_variables(connector.variables),
        ways=tuple(_way(auth) for auth in connector.auth),
    )


def _way(auth: Auth) -> Way:
    return Way(id=auth.id, title=auth.title, state=RouteState.READY, fields=_fields(auth.fields), test=auth.test)


def _route(name: str, route: Route) -> ProductRoute:
    ways = tuple(_vendors_way(auth) for auth in route.auth)
    return ProductRoute(
        id=name,
        title=route.title,
        kind="streamable_http",
        url=route.url,
        state=RouteState.READY if any(way.state is RouteState.READY for way in ways) else RouteState.SIGN_IN,
        narrows=False,
        read_only=bool(route.read_only),
        docs=route.docs or "",
        help=route.help or "",
        variables=_variables(route.variables),
        ways=ways,
    )


def _vendors_way(auth: RouteAuth) -> Way:
    oauth = auth.oauth
    return Way(
        id=auth.id,
        title=auth.title,
        state=state_of(auth),
        fields=_fields(auth.fields),
        client=None if oauth is None else oauth.client,
        authorize_url=None if oauth is None else oauth.authorize_url,
        token_url=None if oauth is None else oauth.token_url,
        scopes=() if oauth is None else oauth.scopes,
        steps=auth.steps,
    )


def _fields(fields: dict[str, Field]) -> tuple[Asked, ...]:
    return tuple(Asked(name, field.help, field.secret) for name, field in fields.items())


def _variables(variables: dict[str, Variable]) -> tuple[ProductVariable, ...]:
    return tuple(ProductVariable(name, one.help, one.pattern, one.default) for name, one in variables.items())
