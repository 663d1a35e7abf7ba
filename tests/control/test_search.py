"""Search as a use case: what may be called is found, and what may be seen; nothing else changes any answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.control.company import LOCAL, Company, by, company, draft, server
from toolgate.control.compiler import Compiled, Source, compile_all
from toolgate.control.gathered import gather
from toolgate.control.searching import Search
from toolgate.control.tools import Tools
from toolgate.model.catalog import Discovery, Offer, OfferKind
from toolgate.model.declared import (
    Condition,
    Declared,
    GrantSpec,
    KeySpec,
    Override,
    Pick,
    PicksFrom,
    ServerSpec,
    TeamSpec,
    VirtualSpec,
)
from toolgate.model.entities import Grant, ServerState, Virtual
from toolgate.model.errors import Refused
from toolgate.model.found import Hits
from toolgate.model.identity import Principal
from toolgate.rules import access


async def run(call: object, caller: object) -> None:
    """Stands for what a target ends in; nothing is called here."""


def offers(*tools: str, instructions: str = "") -> Discovery:
    """A server with these tools, each `name: what it does`."""

    def offer(name: str, description: str) -> Offer:
        texts = {"name": name, "description": description, "inputSchema": SCHEMA}
        return Offer(
            OfferKind.TOOL, name, {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in texts.items()}
        )

    pairs = (tool.partition(": ")[::2] for tool in tools)
    found = tuple(offer(name, description) for name, description in pairs)
    return Discovery(frozenset({"modern"}), ("2026-07-28",), b'{"tools":{}}', None, instructions or None, found)


SCHEMA = {"type": "object", "properties": {"subject": {"type": "string", "description": "Whom it concerns"}}}


class Desk:
    """A company with a search over what it has published."""

    def __init__(self, found: Company) -> None:
        self.company = found
        self.compiled: Compiled = compile_all(Source(Declared(), {}, {}, {}, None))
        self.search = Search(found.administration.registry, lambda: self.compiled)

    async def publish(self, **discoveries: Discovery) -> None:
        """Compiles the file and the records as they are."""
        directory = await self.company.administration.registry.directory()
        self.compile(gather(directory, self.company.clock.now()).declared, discoveries)

    def compile(self, declared: Declared, discoveries: dict[str, Discovery]) -> None:
        self.company.discoveries = discoveries
        source = Source(declared, discoveries, {}, dict.fromkeys(discoveries, run), None, self.company.clock.now())
        self.compiled = compile_all(source, self.compiled)
        self.search.changed()

    async def find(self, who: Principal, words: str, **more: Any) -> Hits:
        return await self.search.search(who, words, **more)


def told(hits: Hits) -> list[tuple[str, str, str]]:
    return [(hit.server, hit.name if hit.kind == "tool" else "", hit.access.value) for hit in hits.items]


@pytest.fixture
def desk(acme: Company) -> Desk:
    return Desk(acme)


ORDERS = offers("find_order: Looks an order up", "refund: Gives money back for an order")


@pytest.mark.promise("search.seen")
async def test_what_may_be_called_seen_or_neither(desk: Desk):
    await desk.company.add(
        server("orders", "red", description="Orders of the shop"),
        server("stock", "blue", description="What the shop has"),
        draft("plans", "red", description="Orders to come"),
        Grant(name="g", subject="user:bea", servers=("orders",), tools=("find_order",)),
    )
    await desk.publish(orders=ORDERS, stock=offers("count: Counts what is there, by order"))
    assert sorted(told(await desk.find(by("ann"), "order"))) == [
        ("orders", "", "requestable"),
        ("orders", "find_order", "requestable"),
        ("orders", "refund", "requestable"),
        ("plans", "", "visible"),
    ]
    assert sorted(told(await desk.find(by("bea"), "order"))) == [
        ("orders", "", "callable"),
        ("orders", "find_order", "callable"),
        ("stock", "count", "requestable"),
    ]
    assert (await desk.find(by("nobody"), "order")) == Hits(items=(), total=0)
    assert {hit.server for hit in (await desk.find(LOCAL, "order")).items} == {"orders", "plans", "stock"}
    assert told(await desk.find(by("bea"), "order", kind="server")) == [("orders", "", "callable")]
    assert "server" not in {hit.kind for hit in (await desk.find(by("bea"), "order", kind="tool")).items}


@pytest.mark.promise("search.seen")
async def test_a_right_or_record_that_is_gone_is_gone_from_the_next_search(desk: Desk):
    await desk.company.add(
        server("orders", "red"), Grant(name="g", subject="user:bea", servers=("orders",), tools=("find_order",))
    )
    await desk.publish(orders=ORDERS)
    assert (await desk.find(by("bea"), "order")).total == 2
    await desk.company.administration.remove(LOCAL, Grant, "g", expected=1)
    await desk.publish(orders=ORDERS)
    assert (await desk.find(by("bea"), "order")).total == 0
    orders = await desk.company.administration.get(LOCAL, type(server("x")), "orders")
    changed = msgspec.structs.replace(orders, owner="blue")
    await desk.company.administration.replace(LOCAL, changed, expected=1)
    assert (await desk.find(by("ann"), "order")).total == 0
    assert (await desk.find(by("bea"), "order")).total == 3


async def test_what_the_registry_says_is_what_is_searched(desk: Desk):
    overrides = {
        "find_order": Override(description="Tells where a parcel is", tags=("tracking",)),
        "refund": Override(hidden=True),
    }
    await desk.company.add(
        server("orders", "red", overrides=overrides),
        Virtual(
            name="desk",
            owner="red",
            offers=(PicksFrom("orders", tools=(Pick("find_order", rename="track", description="Finds a parcel"),)),),
        ),
        Grant(name="g", subject="user:ann", servers=("desk",), tools=("*",)),
    )
    await desk.publish(orders=ORDERS)
    assert [hit.name for hit in (await desk.find(by("ann"), "parcel")).items] == ["track", "find_order"]
    assert {hit.name for hit in (await desk.find(by("ann"), "tracking")).items} == {"find_order", "track"}
    assert (await desk.find(by("ann"), "looks up refund")).total == 0
    track = (await desk.find(by("ann"), "track")).items[0]
    assert (track.server, track.name, track.public, track.tags) == ("desk", "track", "desk__track", ("tracking",))
    assert (await desk.find(by("ann"), "concerns subject", kind="tool")).total == 2, "parameters are searched, too"


async def test_the_offers_of_a_virtual_server_are_seen_by_who_sees_where_they_come_from(desk: Desk):
    picks = (PicksFrom("orders", tools=(Pick("*"),)), PicksFrom("stock", tools=(Pick("*"),)))
    await desk.company.add(
        server("orders", "red"), server("stock", "blue"), Virtual(name="v", owner="red", offers=picks)
    )
    await desk.publish(orders=ORDERS, stock=offers("count: Counts an order"))
    found = {(hit.server, hit.name) for hit in (await desk.find(by("ann"), "order", kind="tool")).items}
    assert found == {("v", "find_order"), ("v", "refund"), ("orders", "find_order"), ("orders", "refund")}


async def test_what_pauses_or_drains_is_callable_by_nobody(desk: Desk):
    await desk.company.add(
        server("orders", "red", state=ServerState.DRAINING, description="Orders"),
        server("stock", "red", state=ServerState.PAUSED, description="Orders of stock"),
        Grant(name="g", subject="everyone", servers=("*",), tools=("*",)),
    )
    await desk.publish(orders=ORDERS)
    assert {one[2] for one in told(await desk.find(by("ann"), "order"))} == {"visible"}
    assert told(await desk.find(by("bea"), "order", kind="tool")) == []


@pytest.mark.parametrize(
    ("words", "more", "field"),
    [
        ("", {}, "q"),
        ("?!", {}, "q"),
        ("a" * 201, {}, "q"),
        (" ".join(f"w{number}" for number in range(13)), {}, "q"),
        ("x", {"kind": "prompt"}, "kind"),
        ("x", {"after": "nonsense"}, "after"),
        ("x", {"after": "bnVsbA"}, "after"),
        ("x", {"after": "é"}, "after"),
    ],
)
async def test_what_cannot_be_searched_for_is_refused(desk: Desk, words: str, more: dict[str, str], field: str):
    with pytest.raises(Refused) as raised:
        await desk.find(LOCAL, words, **more)
    assert [name for name, _ in raised.value.findings] == [field]


async def test_pages_go_on_where_they_ended_whatever_came_meanwhile(desk: Desk):
    many = [f"order_{number:02}: An order" for number in range(30)]
    await desk.company.add(server("orders", "red"))
    await desk.publish(orders=offers(*many))
    first = await desk.find(by("ann"), "order", limit=10)
    assert (first.total, len(first.items)) == (31, 10)
    again = await desk.find(by("ann"), "order", limit=10)
    assert again == first
    names = [hit.name for hit in first.items]
    following = first.next
    while following is not None:
        page = await desk.find(by("ann"), "order", limit=10, after=following)
        names += [hit.name for hit in page.items]
        following = page.next
    assert len(names) == len(set(names)) == 31


@pytest.mark.parametrize(
    "member",
    [
        {"description": b'"caf\xff"'},
        {"description": b"12"},
        {"title": b'"\\ud800"'},
        {"inputSchema": b'{"properties": {"a": "\xff"}}'},
        {"inputSchema": b'{"properties": [1]}'},
        {"inputSchema": b'{"a":' * 100_000},
        {"inputSchema": b'{"properties": {"a": 1, "b": {"items": {"properties": {"c": {"title": 3}}}}}}'},
    ],
)
async def test_what_a_server_says_badly_is_found_by_the_rest(desk: Desk, member: dict[str, bytes]):
    raw = {name: msgspec.Raw(text) for name, text in member.items()}
    whole = offers("read_order: Looks an order up")
    odd = msgspec.structs.replace(whole.offers[0], definition={**whole.offers[0].definition, **raw})
    await desk.company.add(server("orders", "red"))
    source = {"orders": msgspec.structs.replace(whole, offers=(odd,))}
    await desk.publish(**source)
    assert [hit.name for hit in (await desk.find(by("ann"), "read", kind="tool")).items] == ["read_order"]
    page = await Tools(desk.company.administration).offered(by("ann"), "orders", "tools")
    assert [one.name for one in page.items] == ["read_order"]
    msgspec.json.encode(page).decode()


TOOLS = ["read_tool", "write_tool", "raed_tool", "list_tool_files", "toolFile"]
SERVERS = ["s0", "s1", "s2", "s3"]
NAMED = st.lists(st.sampled_from([*SERVERS, "v0", "*", "s*"]), min_size=1, max_size=2, unique=True).map(tuple)
GLOBS = st.lists(st.sampled_from([*TOOLS, "*", "*e*", "s0__*"]), min_size=1, max_size=2, unique=True).map(tuple)
SUBJECTS = st.sampled_from(["team:t0", "team:t1", "key:k0", "key:k1", "everyone"])
GRANTS = st.builds(
    GrantSpec,
    subject=SUBJECTS,
    effect=st.sampled_from(["allow", "allow", "deny"]),
    servers=NAMED,
    tools=GLOBS,
    tags=st.sampled_from([(), (), ("odd",)]),
    conditions=st.sampled_from([(), (), (Condition(argument="subject", prefix="x"),)]),
)
KEYS = st.tuples(
    st.sampled_from([("*",), ("*",), ("s0",), ("",)]), st.sampled_from([("*",), ("*",), ("*read*", "s1__*")])
)
OFFERED = st.fixed_dictionaries({name: st.sets(st.sampled_from(TOOLS)) for name in SERVERS})
QUERIES = st.sampled_from(["tool", "read", "file", "raed tools", "wriet", "s0", "toolFile", "lists", "odd", "concerns"])


def declared(grants: Sequence[GrantSpec], keys: Sequence[tuple[tuple[str, ...], tuple[str, ...]]]) -> Declared:
    return Declared(
        servers=tuple(
            ServerSpec(name, "echo", {}, tags=("odd",) if place % 2 else ()) for place, name in enumerate(SERVERS)
        ),
        virtual=(VirtualSpec("v0", (PicksFrom("s2", tools=(Pick("*"),)),), "Chosen tools"),),
        teams=(TeamSpec("t0"), TeamSpec("t1")),
        keys=tuple(
            KeySpec(f"k{number}", b"%032d" % number, (f"t{number}",), audiences=audiences, tools=tools)
            for number, (audiences, tools) in enumerate(keys)
        ),
        grants=tuple(grants),
    )


def listed(compiled: Compiled, who: Principal) -> set[tuple[str, str]]:
    """What `tools/list` answers at each server's own URL to whom may use that URL or the merged one."""
    row = compiled.snapshot.rows[who.id]
    ceiling = None if who.ceiling is None else who.ceiling.audiences
    return {
        (name, target.public)
        for name, endpoint in compiled.snapshot.endpoints.items()
        if name and (ceiling is None or ceiling & {name, "", "*"})
        for target in endpoint.tools.values()
        if access.listed(row, target.part, target.bit)
    }


def narrowed(whole: Declared, seen: set[tuple[str, str]], sees: frozenset[str], offered: dict[str, set[str]]):
    """The same without what one principal may neither call nor see."""
    kept = [spec for spec in whole.servers if spec.name in sees or ("v0" in sees and spec.name == "s2")]
    tools = {
        spec.name: {
            tool
            for tool in offered[spec.name]
            if (spec.name, tool) in seen or (spec.name == "s2" and ("v0", tool) in seen)
        }
        for spec in kept
    }
    virtual = tuple(spec for spec in whole.virtual if spec.name in sees)
    return msgspec.structs.replace(whole, servers=tuple(kept), virtual=virtual), tools


@pytest.mark.promise("search.no-leak")
def test_search_finds_what_is_listed_and_is_the_same_without_the_rest(tmp_path: Path):
    with asyncio.Runner() as runner:
        opened = company(tmp_path)
        found = runner.run(opened.__aenter__())

        @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(st.lists(GRANTS, max_size=5), st.tuples(KEYS, KEYS), OFFERED, QUERIES)
        def holds(grants: list[GrantSpec], keys: Any, offered: dict[str, set[str]], query: str) -> None:
            runner.run(judged(found, declared(grants, keys), offered, query))

        try:
            holds()
        finally:
            runner.run(opened.__aexit__(None, None, None))


async def judged(found: Company, whole: Declared, offered: dict[str, set[str]], query: str) -> None:
    desk = Desk(found)
    said = {name: offers(*(f"{tool}: A tool" for tool in sorted(tools))) for name, tools in offered.items()}
    found.declared = whole
    desk.compile(whole, said)
    for who in desk.compiled.snapshot.principals.values():
        hits = await desk.find(who, "tool", kind="tool", limit=100)
        seen = listed(desk.compiled, who)
        assert {(hit.server, hit.name) for hit in hits.items} == seen
        assert hits.total == len(seen)
        assert all(hit.access == "callable" for hit in hits.items)
        everything = await desk.find(who, query, limit=100)
        sees = desk.compiled.snapshot.rows[who.id].sees
        assert {hit.server for hit in everything.items} <= sees
        less, tools = narrowed(whole, seen, sees, offered)
        other = Desk(found)
        found.declared = less
        other.compile(less, {name: offers(*(f"{tool}: A tool" for tool in sorted(own))) for name, own in tools.items()})
        assert await other.find(who, query, limit=100) == everything
        for limit in (1, 2):
            assert (await other.find(who, query, limit=limit)) == (await desk_find(desk, whole, who, query, limit))
        found.declared = whole


async def desk_find(desk: Desk, whole: Declared, who: Principal, query: str, limit: int) -> Hits:
    """The same search over everything; what the file declares is put back for it."""
    less, desk.company.declared = desk.company.declared, whole
    try:
        return await desk.find(who, query, limit=limit)
    finally:
        desk.company.declared = less
