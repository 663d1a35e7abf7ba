"""The vendors' own servers: what the catalogue says of each, and the server that adding one comes to."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.samples import shop, written
from toolgate.model.entities import Server
from toolgate.model.errors import ConfigError, Refused
from toolgate.model.products import Adding, Recipe, RouteState
from toolgate.rules import endpoints
from toolgate.upstreams.connector import reading, summaries
from toolgate.upstreams.connector.shelf import Shelf

ROUTE = "remote_mcp"
SECRET = "a-secret-of-ours-0123456789"

VENDORS: dict[str, tuple[str, dict[str, str]]] = {
    "confluence": (
        "https://mcp.atlassian.com/v2/mcp?tools=all",
        {"api-token": "ready", "service-account": "ready", "oauth": "dcr"},
    ),
    "datadog": ("https://mcp.datadoghq.com/v1/mcp", {"keys": "ready", "oauth": "dcr"}),
    "github": ("https://api.githubcopilot.com/mcp/", {"token": "ready", "oauth": "preregistered"}),
    "hubspot": ("https://mcp.hubspot.com", {"oauth": "preregistered"}),
    "jira": (
        "https://mcp.atlassian.com/v2/mcp?tools=all",
        {"api-token": "ready", "service-account": "ready", "oauth": "dcr"},
    ),
    "notion": ("https://mcp.notion.com/mcp", {"oauth": "dcr"}),
    "salesforce": (
        "https://api.salesforce.com/platform/mcp/v1/platform/sobject-reads",
        {"oauth": "preregistered"},
    ),
    "sentry": ("https://mcp.sentry.dev/mcp", {"token": "ready", "oauth": "dcr"}),
    "slack": ("https://mcp.slack.com/mcp", {"oauth": "preregistered"}),
}
"""Address with the defaults, and the ways to sign in: ready, or how one gets to be a client."""

HEADERS: dict[tuple[str, str], dict[str, str]] = {
    ("github", "token"): {"Authorization": "Bearer store:x-token"},
    ("sentry", "token"): {"Authorization": "Sentry-Bearer store:x-token"},
    ("datadog", "keys"): {"DD_API_KEY": "store:x-api-key", "DD_APPLICATION_KEY": "store:x-application-key"},
    ("jira", "service-account"): {"Authorization": "Bearer store:x-token"},
    ("confluence", "api-token"): {"Authorization": "Basic store:x-authorization"},
}


def made(product: str, **members: Any) -> Recipe:
    return Shelf().recipe(product, Adding(**{"name": "x", "route": ROUTE, **members}))


def refused(product: str, **members: Any) -> dict[str, str]:
    with pytest.raises(Refused) as caught:
        made(product, **members)
    assert SECRET not in str(caught.value)
    return dict(caught.value.findings)


@pytest.mark.promise("catalog.vendors")
def test_every_product_has_its_vendors_server():
    assert set(VENDORS) == set(reading.included())


@pytest.mark.promise("catalog.vendors")
@pytest.mark.parametrize("product", VENDORS)
def test_a_vendors_server_is_as_its_documents_say(product: str):
    shown = Shelf().product(product)
    assert [route.id for route in shown.routes] == ["api", ROUTE]
    route = shown.routes[1]
    address, ways = VENDORS[product]
    url = route.url
    for variable in route.variables:
        assert variable.default is not None, "nothing has to be known before"
        url = url.replace(f"{{{variable.name}}}", variable.default)
    assert url == address
    assert url.startswith("https://")
    assert endpoints.is_remote(url)
    assert {way.id: way.client or way.state.value for way in route.ways} == ways
    assert route.docs.startswith("https://")
    ready = any(way.state is RouteState.READY for way in route.ways)
    assert route.state is (RouteState.READY if ready else RouteState.SIGN_IN)
    for way in route.ways:
        assert bool(way.fields) == (way.state is RouteState.READY)
        assert all(field.help for field in way.fields)
        assert way.client != "preregistered" or way.steps, "somebody has to do something first"
        for url in filter(None, (way.authorize_url, way.token_url)):
            assert url.startswith("https://")


@pytest.mark.promise("catalog.vendors")
@pytest.mark.parametrize(("product", "way"), HEADERS)
def test_a_static_credential_becomes_headers_by_reference(product: str, way: str):
    route = Shelf().product(product).routes[1]
    (fields,) = [one.fields for one in route.ways if one.id == way]
    secrets = {field.name: SECRET for field in fields if field.secret}
    clear = {field.name: "me@acme.example" for field in fields if not field.secret}
    recipe = made(product, auth=way, secrets=secrets, credentials=clear)
    server = recipe.server
    assert (server.kind, server.settings) == ("streamable_http", {"url": VENDORS[product][0]})
    assert server.headers == HEADERS[product, way]
    assert SECRET not in repr(server)
    assert SECRET not in repr(recipe)
    named = {text.rpartition("store:")[2] for text in server.headers.values()}
    assert set(recipe.secrets) == named
    if server.headers.get("Authorization", "").startswith("Basic"):
        (value,) = recipe.secrets.values()
        assert base64.b64decode(value).decode() == f"me@acme.example:{SECRET}"
    else:
        assert set(recipe.secrets.values()) == {SECRET}


def test_what_a_vendors_server_can_be_told():
    token = {"secrets": {"token": SECRET}}
    assert made("github", read_only=True, **token).server.headers["X-MCP-Readonly"] == "true"
    elsewhere = "https://copilot-api.acme.ghe.com/mcp"
    assert made("github", variables={"mcp_url": elsewhere}, **token).server.settings == {"url": elsewhere}
    keys = {"secrets": {"api_key": SECRET, "application_key": SECRET}}
    server = made("datadog", variables={"site": "us5.datadoghq.com"}, **keys).server
    assert server.settings == {"url": "https://mcp.us5.datadoghq.com/v1/mcp"}
    assert made("sentry", credentials={"token": "store:kept"}).server.headers == {
        "Authorization": "Sentry-Bearer store:kept"
    }


@pytest.mark.promise("catalog.vendors")
@pytest.mark.parametrize(
    ("product", "members", "field", "reason"),
    [
        ("notion", {}, "route", r"Notion's own MCP server needs a sign-in \(OAuth\) .*add it by the route api"),
        ("github", {"auth": "oauth"}, "auth", r"cannot do yet: take another way to sign in \(auth=token\)"),
        ("github", {"auth": "tokens"}, "auth", "must be one of token, oauth .*did you mean `token`"),
        ("github", {"route": "remote"}, "route", "it has api, remote_mcp .*did you mean `remote_mcp`"),
        ("github", {}, "credentials.token", "is missing: A personal access token"),
        ("github", {"credentials": {"token": SECRET}}, "credentials.token", "is given by reference here"),
        ("github", {"secrets": {"tokn": SECRET}}, "secrets.tokn", "is not asked for .*did you mean `token`"),
        ("github", {"secrets": {"token": f"{SECRET}\n"}}, "secrets.token", "no header can carry"),
        ("github", {"tools": ("get_*",)}, "tools", "cannot be narrowed here: .*grants"),
        ("sentry", {"read_only": True}, "read_only", "cannot be held to reading"),
        ("datadog", {"variables": {"site": "evil.example"}}, "variables.site", "does not have the form"),
        ("github", {"variables": {"mcp_url": "https://evil.example/mcp"}}, "variables.mcp_url", "does not have"),
        ("jira", {"credentials": {"email": "a@b.c", "token": "store:t"}}, "credentials.token", "must be given itself"),
        ("jira", {"secrets": {"email": "a@b.c"}}, "secrets.email", "is no secret: give it in `credentials`"),
        ("github", {"name": "Not A Name"}, "name", "a name is 1 to 40"),
        ("github", {"name": "x" * 40, "secrets": {"token": SECRET}}, "name", "is too long"),
    ],
)
def test_what_cannot_be_added_is_told(product: str, members: dict[str, Any], field: str, reason: str):
    found = refused(product, **members)
    assert re.search(reason, found[field]), found


def test_a_product_by_its_api():
    recipe = made("github", route="api", secrets={"token": SECRET}, tools=("get_*",), allow={"repositories": ("a/*",)})
    assert recipe.server == Server(
        name="x",
        kind="connector",
        settings={
            "connector": "github",
            "credentials": {"token": "store:x-token"},
            "tools": ["get_*"],
            "allow": {"repositories": ["a/*"]},
        },
        description=recipe.server.description,
        state=recipe.server.state,
    )
    assert recipe.test == "get_me"
    told = refused("github", route="api", secrets={"token": SECRET}, allow={"repository": ("a/*",)})
    assert "did you mean `repositories`" in told["allow.repository"]
    assert "is missing: The address of your site" in refused("jira", route="api")["variables.base_url"]


@pytest.mark.parametrize("product", VENDORS)
def test_what_a_product_costs_a_model_is_told(product: str):
    line = summaries.line(reading.read(reading.INCLUDED / product), Shelf().product(product).source)
    whole = Shelf().product(product)
    assert line.tools == len(whole.tools)
    assert line.tokens == sum(tool.tokens for tool in whole.tools) <= 8000
    assert all(tool.tokens > 20 for tool in whole.tools)
    assert all(way.test for way in whole.routes[0].ways), "a credential must be tried before it is saved"


def own_route(**members: Any) -> dict[str, Any]:
    auth = {"id": "t", "title": "T", "fields": {"token": {"help": "A token"}}, "headers": {"X-Key": "{token}"}}
    return {"title": "Shop's own", "url": "https://mcp.shop.example/mcp", "auth": [auth], **members}


def auth_of(**members: Any) -> dict[str, Any]:
    return {"auth": [{"id": "t", "title": "T", **members}]}


@pytest.mark.promise("connectors.told")
@pytest.mark.parametrize(
    ("route", "told"),
    [
        (own_route(url="http://mcp.shop.example/mcp"), "url: must be an https URL"),
        (own_route(url="https://{host}/mcp"), "must be an https URL"),
        (own_route(url="https://mcp.shop.example/{x}"), "{x} is none of the route's variables"),
        (own_route(url="https://mcp.shop.example/}"), "a brace stands alone"),
        (own_route(variables={"x": {"help": "X", "pattern": "x"}}), "variables.x: is not used"),
        (own_route(url="{x}", variables={"x": {"help": "X", "pattern": "("}}), "pattern"),
        (own_route(url="{x}", variables={"x": {"help": "X", "pattern": "x", "default": "y"}}), "does not match"),
        (own_route(**auth_of()), "needs one of `headers`, `basic` and `oauth`"),
        (own_route(**auth_of(headers={"X-Key": "{token}"})), "token is none of its fields"),
        (own_route(**auth_of(headers={"X-Key": "key"}, fields={})), "must be one field, or a scheme and one field"),
        (own_route(**auth_of(headers={"Host": "{t}"}, fields={"t": {"help": "T"}})), "Toolgate sets this header"),
        (
            own_route(**auth_of(headers={"X": "{a}"}, fields={"a": {"help": "A"}, "b": {"help": "B"}})),
            "fields.b: is not used",
        ),
        (own_route(**auth_of(oauth={"client": "preregistered"})), "say how an administrator makes the client"),
        (own_route(**auth_of(oauth={"client": "magic"})), "invalid enum value 'magic'"),
        (own_route(read_only={"X-Read": "a b"}), "expected a short text"),
        (own_route(auth=[own_route()["auth"][0], own_route()["auth"][0]]), "stands twice"),
    ],
)
def test_a_route_that_is_wrong_is_told(tmp_path: Path, route: dict[str, Any], told: str):
    assert any(told in finding for finding in _findings(tmp_path, {ROUTE: route})), _findings(tmp_path, {ROUTE: route})


@pytest.mark.promise("connectors.told")
def test_a_route_that_is_right_is_taken_and_one_named_api_is_not(tmp_path: Path):
    assert _findings(tmp_path, {ROUTE: own_route()}) == []
    assert "is the route by this connector's own tools" in _findings(tmp_path, {"api": own_route()})[0]


def _findings(folder: Path, routes: dict[str, Any]) -> list[str]:
    read: Callable[[Path], Any] = reading.read
    try:
        read(written(folder, {**shop(), "routes": routes}))
    except ConfigError as error:
        return list(error.findings)
    return []
