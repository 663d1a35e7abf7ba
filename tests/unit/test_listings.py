"""Entries of the registry API: what is one, what it says, and names in a namespace."""

from __future__ import annotations

import pytest

from tests.registry.shapes import LIST, conforms
from toolgate.control import listings
from toolgate.control.listings import Publishing, Wanted
from toolgate.model.declared import Declared, Pick, PicksFrom, ServerSpec, VirtualSpec
from toolgate.model.entities import Server, Stamp
from toolgate.rules import registry_names

PUBLISHING = Publishing("com.example", "https://mcp.example.com", filed_at=1_700_000_000.5)
OFFERS = (PicksFrom("a", tools=(Pick("*"),)),)


def spec(name: str, *, listed: bool = True) -> ServerSpec:
    return ServerSpec(name, "echo", {}, listed=listed)


@pytest.mark.promise("listings.shape")
def test_what_is_in_service_is_an_entry_and_nothing_else():
    declared = Declared(
        servers=(spec("b"), spec("a"), spec("draining", listed=False), spec("held")),
        virtual=(VirtualSpec("v", OFFERS, "Chosen"), VirtualSpec("drained", OFFERS, listed=False)),
        withheld={"held": "it is paused"},
    )
    made = listings.entries(declared, {}, PUBLISHING)
    assert [entry.name for entry in made] == ["com.example/a", "com.example/b", "com.example/v"]
    conforms(listings.listed(made), LIST)
    assert made[2].server["description"] == "Chosen"
    assert listings.shown(made[0])["_meta"][listings.OFFICIAL]["updatedAt"] == "2023-11-14T22:13:20.500Z"


@pytest.mark.promise("listings.shape")
def test_a_record_says_what_it_is_within_the_limits_of_the_schema_and_not_how_it_is_reached():
    record = Server(
        name="a", kind="stdio", settings={"command": ["secret-program"]}, headers={"X": "env:X"},
        description="long " * 60,
        links={"long": f"https://{'x' * 300}.example", "docs": "https://docs.example"}, icon="https://icon.example/i.png",
        stamp=Stamp(version=7, created_at=1.0, updated_at=2.0),
    )  # fmt: skip
    (entry,) = listings.entries(Declared(servers=(spec("a"),)), {"a": record}, PUBLISHING)
    conforms(listings.listed((entry,)), LIST)
    assert (entry.version, entry.published, entry.updated) == ("1.0.7", 1.0, 2.0)
    assert entry.server["websiteUrl"] == "https://docs.example"
    assert entry.server["description"].endswith("…")
    assert "secret-program" not in str(entry.server)


def test_pages_go_on_where_they_ended():
    made = listings.entries(Declared(servers=tuple(spec(name) for name in "abcde")), {}, PUBLISHING)
    found: list[str] = []
    cursor = ""
    while True:
        page = listings.page(made, Wanted(limit=2, cursor=cursor))
        found += [entry.own for entry in page.entries]
        if page.cursor is None:
            break
        cursor = page.cursor
    assert found == list("abcde")


@pytest.mark.parametrize(
    ("url", "namespace"),
    [
        ("https://mcp.example.com", "com.example.mcp"),
        ("https://mcp.example.com:8443", "com.example.mcp"),
        ("https://localhost", "internal.toolgate"),
        ("https://10.0.0.1", "internal.toolgate"),
        ("https://[::1]:8443", "internal.toolgate"),
        (None, "internal.toolgate"),
    ],
)
def test_a_namespace_is_the_gateways_own_domain_backwards(url: str | None, namespace: str):
    assert registry_names.namespace_of(url) == namespace
    assert registry_names.problems(namespace, ()) == []


@pytest.mark.parametrize("namespace", ["", "com/example", ".com", "com..example", "a b", "x" * 151])
def test_what_is_no_namespace_is_a_finding(namespace: str):
    assert [name for name, _ in registry_names.problems(namespace, ("desk", "public-*"))] == ["registry_namespace"]


@pytest.mark.parametrize("glob", ["", "Desk", "a/b", "x" * 41])
def test_what_names_no_server_is_a_finding(glob: str):
    assert [name for name, _ in registry_names.problems(None, (glob,))] == ["registry_public"]
