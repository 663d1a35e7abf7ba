"""Merged lists: pages, cursors, and that a list shows what may be called."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.pipeline.line import EVERYTHING, LEGACY_CALLER, MODERN_CALLER, Line, World, arrival, found, offers
from tests.schemas import RESULTS, schemas
from tests.virtual_time import run
from toolgate.model.call import Envelope, Era
from toolgate.model.catalog import Offer, OfferKind
from toolgate.model.declared import GrantSpec
from toolgate.model.errors import Denied, InvalidParams, UnknownTarget
from toolgate.pipeline.listing import PAGE_BYTES, PAGE_OFFERS, Listing
from toolgate.protocol.sealed import Seal
from toolgate.protocol.versions import LEGACY_VERSIONS, MODERN

KEY = bytes(32)
INFO = {"name": "toolgate", "version": "1"}
METHODS = {
    OfferKind.TOOL: "tools/list",
    OfferKind.PROMPT: "prompts/list",
    OfferKind.RESOURCE: "resources/list",
    OfferKind.TEMPLATE: "resources/templates/list",
}


def listing_line(world: World) -> Line:
    listing = Listing(Seal(KEY, "cursor"), INFO, 5_000)
    own: dict[str, Any] = {METHODS[kind]: listing.handler(kind) for kind in OfferKind}
    return Line(world, {**own, "server/discover": listing.discover})


async def page(line: Line, method: str = "tools/list", **more: Any) -> dict[str, Any]:
    params = {} if more.get("cursor") is None else {"cursor": more["cursor"]}
    more.pop("cursor", None)
    return json.loads((await line.ask(arrival(method, params, **more))).body)


async def every(line: Line, method: str = "tools/list", **more: Any) -> list[list[str]]:
    """The names on each page."""
    pages: list[list[str]] = []
    cursor: str | None = None
    while True:
        answer = await page(line, method, cursor=cursor, **more)
        [names] = [value for name, value in answer.items() if isinstance(value, list)]
        pages.append([entry.get("name", entry.get("uri")) for entry in names])
        cursor = answer.get("nextCursor")
        if cursor is None:
            return pages


def numbered(count: int, width: int = 5) -> tuple[Offer, ...]:
    return offers(OfferKind.TOOL, *(f"t{number:0{width}}" for number in range(count)))


@pytest.mark.promise("lists.pages")
@pytest.mark.parametrize(
    ("counts", "sizes"),
    [
        ((PAGE_OFFERS,), [PAGE_OFFERS]),
        ((PAGE_OFFERS + 1,), [PAGE_OFFERS, 1]),
        ((600, 600, 900), [PAGE_OFFERS, PAGE_OFFERS, 100]),
        ((0, 0), [0]),
    ],
)
def test_pages_hold_a_thousand(counts: tuple[int, ...], sizes: list[int]):
    async def main() -> None:
        world = World(
            {f"s{number}": found(numbered(count), offers(OfferKind.PROMPT, "p")) for number, count in enumerate(counts)}
        )
        world.discoveries["z"] = msgspec.structs.replace(found(), capabilities=b'{"tools":{}}')
        world.compile()
        pages = await every(listing_line(world))
        assert [len(names) for names in pages] == sizes
        names = [name for names in pages for name in names]
        assert names == sorted(names)
        assert len(names) == sum(counts)

    run(main())


@pytest.mark.promise("lists.pages")
def test_pages_hold_a_megabyte():
    async def main() -> None:
        def large(number: int, size: int) -> Offer:
            name = msgspec.Raw(msgspec.json.encode(f"t{number}"))
            return Offer(
                OfferKind.TOOL, f"t{number}", {"name": name, "description": msgspec.Raw(b'"' + b"x" * size + b'"')}
            )

        sizes = [400_000, 400_000, 400_000, 1_500_000, 10]
        world = World({"s": found(tuple(large(number, size) for number, size in enumerate(sizes)))})
        line = listing_line(world)
        assert await every(line) == [["s__t0", "s__t1"], ["s__t2"], ["s__t3"], ["s__t4"]]
        first = (await line.ask(arrival("tools/list"))).body
        assert len(first) < PAGE_BYTES + 1_000

    run(main())


@pytest.mark.promise("lists.pages")
def test_a_cursor_survives_a_swap():
    """What is added or taken away meanwhile is there or is not; nothing else is missed or told twice."""

    async def main() -> None:
        world = World({"a": found(numbered(800)), "c": found(numbered(800))})
        line = listing_line(world)
        first = await page(line)
        world.discoveries = {"a": found(numbered(3)), "b": found(numbered(5)), "c": found(numbered(799))}
        world.compile()
        second = await page(line, cursor=first["nextCursor"])
        names = [tool["name"] for tool in second["tools"]]
        assert first["tools"][-1]["name"] == "c__t00199"
        assert names == [f"c__t{number:05}" for number in range(200, 799)]
        again = listing_line(world)
        assert [tool["name"] for tool in (await page(again, cursor=first["nextCursor"]))["tools"]] == names

    run(main())


@pytest.mark.promise("lists.pages")
@pytest.mark.parametrize(
    "foreign",
    [
        {"key": "bob"},
        {"endpoint": "s"},
        {"method": "prompts/list"},
        {"cursor": "made up"},
        {"cursor": ""},
        {"cursor": 5},
        {"cursor": Seal(KEY, "session").seal(b'["key:alice","","tools",["s","t"]]')},
        {"cursor": Seal(KEY, "cursor").seal(b'{"of":"another version"}')},
        {"cursor": Seal(bytes(range(32)), "cursor").seal(b'["key:alice","","tools",["s","t"]]')},
    ],
    ids=["principal", "endpoint", "method", "text", "empty", "number", "purpose", "shape", "key"],
)
def test_a_foreign_cursor_is_refused(foreign: dict[str, Any]):
    async def main() -> None:
        world = World({"s": found(numbered(1_001), offers(OfferKind.PROMPT, "p"))}, keys=("alice", "bob"))
        line = listing_line(world)
        cursor = (await page(line))["nextCursor"]
        with pytest.raises(InvalidParams, match="invalid cursor"):
            await page(line, **{"method": "tools/list", "cursor": cursor, **foreign})

    run(main())


@pytest.mark.promise("policy.rows")
def test_what_is_listed_is_what_may_be_called():
    async def main() -> None:
        world = World(
            {"a": found(offers(OfferKind.TOOL, "x", "y", "z")), "b": found(offers(OfferKind.TOOL, "x"))},
            keys=("alice", "bob"),
        )
        world.grants = [
            GrantSpec("key:alice", "allow", ("*",), ("x", "y")),
            GrantSpec("key:alice", "deny", ("b",), ("*",)),
            GrantSpec("key:bob", "allow", ("b",), ("*",)),
        ]
        world.compile()
        line = listing_line(world)
        assert await every(line) == [["a__x", "a__y"]]
        assert await every(line, key="bob") == [["b__x"]]
        for key in ("alice", "bob"):
            [listed] = await every(line, key=key)
            for name in ("a__x", "a__y", "a__z", "b__x"):
                asked = arrival("tools/call", {"name": name}, key=key)
                if name in listed:
                    await line.ask(asked)
                else:
                    with pytest.raises((Denied, UnknownTarget)):
                        await line.ask(asked)

    run(main())


@pytest.mark.parametrize("version", [MODERN, *LEGACY_VERSIONS])
def test_lists_are_valid_in_every_revision(version: str):
    async def main() -> None:
        world = World(
            {
                "s": found(
                    offers(OfferKind.TOOL, "x", flavour=1),
                    offers(OfferKind.PROMPT, "p"),
                    resources("r:a"),
                    templates("r:{x}"),
                )
            }
        )
        line = listing_line(world)
        envelope = MODERN_CALLER if version == MODERN else Envelope(Era.LEGACY, version)
        for method in METHODS.values():
            schemas(version).check(await page(line, method, envelope=envelope), RESULTS[method])
        if version == MODERN:
            answer = await page(line, "server/discover")
            schemas(version).check(answer, RESULTS["server/discover"])
            assert answer["_meta"] == {"io.modelcontextprotocol/serverInfo": INFO}
            assert (answer["ttlMs"], answer["cacheScope"]) == (5_000, "private")

    run(main())


def resources(uri: str) -> tuple[Offer, ...]:
    value = {"uri": uri, "name": "a"}
    return (Offer(OfferKind.RESOURCE, uri, {name: msgspec.Raw(msgspec.json.encode(v)) for name, v in value.items()}),)


def templates(uri: str) -> tuple[Offer, ...]:
    value = {"uriTemplate": uri, "name": "a"}
    return (Offer(OfferKind.TEMPLATE, uri, {name: msgspec.Raw(msgspec.json.encode(v)) for name, v in value.items()}),)


def test_a_page_is_rendered_once():
    async def main() -> None:
        world = World({"s": found(numbered(10))}, keys=("alice", "bob", "carol"))
        world.grants = [EVERYTHING, GrantSpec("key:carol", "deny", ("s",), ("t00000",))]
        world.compile()
        line = listing_line(world)
        for _ in range(3):
            for key in ("alice", "bob", "carol"):
                for envelope in (MODERN_CALLER, LEGACY_CALLER):
                    await page(line, key=key, envelope=envelope)
        rendered = [
            kind for pages in world.snapshot.endpoints[""].pages.values() for kind in pages if isinstance(kind, tuple)
        ]
        assert len(rendered) == 4, "two eras for alice and bob together, and two for carol"

    run(main())


STABLE = {"m": found(numbered(1_500)), "e": found(numbered(700))}


@pytest.fixture(scope="module")
def stable() -> World:
    return World(STABLE)


@given(changes=st.lists(st.sampled_from(["a", "f", "n", "z"]), max_size=4), count=st.integers(1, 40))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_paging_through_while_things_change(stable: World, changes: list[str], count: int):
    """Whatever comes and goes between pages: what was there all the time is listed exactly once."""

    async def main() -> None:
        stable.discoveries = dict(STABLE)
        stable.compile()
        line = listing_line(stable)
        names: list[str] = []
        cursor: str | None = None
        pending = list(changes)
        while True:
            answer = await page(line, cursor=cursor)
            names += [tool["name"] for tool in answer["tools"]]
            cursor = answer.get("nextCursor")
            if cursor is None:
                break
            for change in (pending.pop() for _ in pending[:2]):
                if stable.discoveries.pop(change, None) is None:
                    stable.discoveries[change] = found(numbered(count))
            stable.compile()
        kept = [name for name in names if name.startswith(("m__", "e__"))]
        assert kept == [f"e__t{n:05}" for n in range(700)] + [f"m__t{n:05}" for n in range(1_500)]
        assert len(set(names)) == len(names)

    run(main())
