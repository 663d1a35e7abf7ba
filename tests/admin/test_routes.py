"""The table of routes: who may ask, what every built-in role gets at every route, and the page that lists them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.admin.site import NOBODY, Site
from toolgate.admin.paths import PLURALS
from toolgate.admin.routes import PUBLIC, ROUTES, Access, Route
from toolgate.model.entities import ENTITIES, KEPT
from toolgate.rules.permissions import ROLES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "api.md"

BODIES = {
    "servers": {"name": "new", "kind": "streamable_http", "settings": {"url": "https://example.org/mcp"}},
    "virtual-servers": {"name": "new", "offers": [{"server": "there", "tools": [{"name": "*"}]}]},
    "teams": {"name": "new"},
    "users": {"name": "new"},
    "service-accounts": {"name": "new"},
    "roles": {"name": "new", "permissions": ["audit:read"]},
    "bindings": {"name": "new", "subject": "user:there", "role": "member"},
    "groups": {"name": "new"},
    "keys": {"name": "new", "owner": "user:there"},
    "grants": {"name": "new", "subject": "everyone", "servers": ["*"], "tools": ["*"]},
}
"""A body of a record that can be made beside those that are there."""

THERE = {
    "servers": {"name": "there", "kind": "echo", "state": "live"},
    "teams": {"name": "there"},
    "users": {"name": "there"},
    "service-accounts": {"name": "there"},
    "roles": {"name": "there", "permissions": ["audit:read"]},
    "bindings": {"name": "there", "subject": "user:there", "role": "member"},
    "groups": {"name": "there"},
    "keys": {"name": "there", "owner": "user:there"},
    "grants": {"name": "there", "subject": "everyone", "servers": ["there"], "tools": ["*"]},
    "virtual-servers": {"name": "there-too", "offers": [{"server": "there", "tools": [{"name": "*"}]}]},
}

AREAS = {
    "virtual-servers": "server",
    "service-accounts": "service",
    **{plural: plural.removesuffix("s") for plural in BODIES if plural not in ("virtual-servers", "service-accounts")},
    "secrets": "secret",
}

STATES = {
    "publish": "server:write",  # it is live already: nothing changes
    "resume": "server:write",
    "pause": "server:operate",
    "drain": "server:operate",
    "retire": "server:operate",
}
"""What a move of a live server needs."""


def needed(route: Route) -> tuple[str, ...]:
    """The permissions in the organisation that a role needs for this route; a role that has them all gets through."""
    plural = route.path.split("/")[1]
    if plural == "audit":
        return ("audit:read",)
    if plural == "data-keys":
        return ("secret:rotate",)
    if plural not in AREAS:
        return ()
    area = AREAS[plural]
    verb = route.path.rpartition("/")[2]
    read = f"{area}:read"
    if route.method == "GET":
        return (read,)
    if verb in STATES:
        return (read, STATES[verb])
    if verb == "accept":
        return (read, "server:publish")
    write = (f"{area}:write",) if route.method == "POST" else (read, f"{area}:write")
    live = area == "server" and (route.method == "DELETE" or "{tool}" in route.path)
    return (*write, "server:publish") if live else write


def name_there(plural: str) -> str:
    return "there-too" if plural == "virtual-servers" else "there"


async def prepare(site: Site) -> None:
    for plural, body in THERE.items():
        answer = await site.ask("POST", f"/{plural}", body)
        assert answer.status == 201, (plural, answer.body)
    assert (await site.ask("PUT", "/secrets/there", {"value": "a secret of ours"})).status == 201


async def ask(site: Site, route: Route, who: str | None) -> int:
    """The status of a request that changes nothing where it is allowed: it names a version that there never was."""
    plural = route.path.split("/")[1]
    path = route.path.replace("{name}", "new" if route.path.endswith("/dry-run") else name_there(plural))
    body = None
    headers = {}
    if route.version:
        headers["If-Match"] = '"999"'
    if route.method in ("PUT", "PATCH"):
        body = {"value": "x"} if plural == "secrets" else {**THERE[plural]}
    if "{tool}" in route.path and route.takes:
        body = {"hidden": True}
    if route.method == "POST" and route.takes:
        body = BODIES.get(plural, {"records": [], "seq": 0})
    return (await site.ask(route.method, path, body, who=who, headers=headers)).status


@pytest.mark.promise("api.guarded")
def test_every_route_needs_a_key_or_stands_in_the_public_list():
    public = {(route.method, route.path) for route in ROUTES if route.access is Access.PUBLIC}
    assert public == PUBLIC
    assert {route.name for route in ROUTES if route.does is None} == {"get-document", "list-calls"}
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)
    assert len({route.name for route in ROUTES}) == len(ROUTES)
    assert set(PLURALS) == set(ENTITIES.values()) - KEPT


@pytest.mark.promise("api.guarded")
async def test_nobody_gets_past_any_route_without_a_key(site: Site):
    for route in ROUTES:
        status = await ask(site, route, None)
        assert status == (200 if (route.method, route.path) in PUBLIC else 401), route


@pytest.mark.promise("api.guarded")
@pytest.mark.parametrize("role", [*ROLES, NOBODY])
async def test_a_role_gets_what_its_permissions_say_and_nothing_more(site: Site, role: str):
    await prepare(site)
    held = ROLES.get(role, frozenset())
    for route in ROUTES:
        making = route.method == "POST" and route.takes != ""
        status = await ask(site, route, role)
        if set(needed(route)) <= held:
            # Past the permissions: made, shown, or the version that there never was. Or one that needs more still.
            unknown = "lint" in route.path or "{tool}" in route.path or "/catalog/" in route.path
            assert status in (200, 201, 412, 422) or (status == 404 and unknown) or making, (route, status)
        elif route.gives == "page":
            assert status == 200, (route, status)
        else:
            assert status in (403, 404), (role, route.method, route.path, status)


@pytest.mark.promise("api.documented")
def test_the_page_lists_the_routes_of_the_table():
    listed = re.findall(r"^\| `([A-Z]+) /api/v1(/\S+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    known = [(route.method, route.path) for route in ROUTES]
    assert sorted(listed) == sorted(known)
