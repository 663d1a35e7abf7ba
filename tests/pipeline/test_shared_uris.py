"""Resources of several servers that have one URI: what a caller finds depends on nothing but what it sees."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipeline.line import LEGACY_CALLER, MODERN_CALLER, Line, World, arrival, found, offers
from tests.virtual_time import run
from toolgate.model.call import Call, Envelope, Era, Result
from toolgate.model.catalog import OfferKind
from toolgate.model.declared import GrantSpec
from toolgate.model.errors import Fault
from toolgate.pipeline.listing import Listing
from toolgate.protocol.sealed import Seal

SERVERS = ("a", "b", "c", "d")
OWN = ("r:x", "r:y", "b+r:x", "c+r:x", "b+b+r:x", "c+b+r:x")
ASKED = (*OWN, *(f"{server}+{uri}" for server in SERVERS for uri in OWN))

worlds = st.dictionaries(
    st.sampled_from(SERVERS), st.lists(st.sampled_from(OWN), unique=True, min_size=1), min_size=1, max_size=4
)


async def told(call: Call, caller: Any) -> Result:
    """Which resource of which server was read."""
    return Result(json.dumps({"server": call.target.server, "uri": call.target.name}).encode(), Era.MODERN)


def line(offered: dict[str, list[str]], seen: frozenset[str]) -> Line:
    """The caller may use everything of what it sees, and nothing of the rest."""
    world = World({name: found(offers(OfferKind.RESOURCE, *uris)) for name, uris in sorted(offered.items())})
    world.grants = [GrantSpec("key:alice", "allow", tuple(sorted(seen)), (), (), ("*",))] if seen else []
    world.handler = told
    world.compile()
    listing = Listing(Seal(bytes(32), "cursor"), {"name": "toolgate", "version": "1"}, 5_000)
    return Line(world, {"resources/list": listing.handler(OfferKind.RESOURCE)})


async def listed(asked: Line, envelope: Envelope) -> list[str]:
    answer = json.loads((await asked.ask(arrival("resources/list", {}, envelope=envelope))).body)
    return [one["uri"] for one in answer["resources"]]


async def read(asked: Line, uri: str) -> Any:
    try:
        return json.loads((await asked.ask(arrival("resources/read", {"uri": uri}))).body)
    except Fault as fault:
        return type(fault).__name__, fault.message


@pytest.mark.promise("policy.unseen")
@settings(max_examples=150, deadline=None)
@given(worlds, st.frozensets(st.sampled_from(SERVERS)))
def test_what_is_not_seen_changes_nothing(offered: dict[str, list[str]], seen: frozenset[str]):
    async def main() -> None:
        beside = line(offered, seen)
        alone = line({name: uris for name, uris in offered.items() if name in seen}, seen)
        for envelope in (MODERN_CALLER, LEGACY_CALLER):
            assert await listed(beside, envelope) == await listed(alone, envelope)
        for uri in ASKED:
            assert await read(beside, uri) == await read(alone, uri)

    run(main())


@settings(max_examples=150, deadline=None)
@given(worlds)
def test_every_resource_is_listed_under_one_uri_and_read_by_it(offered: dict[str, list[str]]):
    async def main() -> None:
        asked = line(offered, frozenset(SERVERS))
        uris = await listed(asked, MODERN_CALLER)
        assert len(uris) == len(set(uris))
        reached = [await read(asked, uri) for uri in uris]
        assert sorted((one["server"], one["uri"]) for one in reached) == sorted(
            (server, uri) for server, own in offered.items() for uri in own
        )
        assert [one["server"] for one in reached] == sorted(one["server"] for one in reached)

    run(main())


def test_the_first_that_is_seen_keeps_its_uri():
    async def main() -> None:
        offered = {"a": ["r:x"], "b": ["r:x", "c+r:x"], "c": ["r:x"]}
        both = line(offered, frozenset("bc"))
        assert await listed(both, MODERN_CALLER) == ["c+r:x", "r:x", "c+c+r:x"]
        assert await read(both, "r:x") == {"server": "b", "uri": "r:x"}
        assert await read(both, "c+c+r:x") == {"server": "c", "uri": "r:x"}
        one = line(offered, frozenset("c"))
        assert await listed(one, LEGACY_CALLER) == ["r:x"]
        assert await read(one, "r:x") == {"server": "c", "uri": "r:x"}
        assert (await read(one, "c+r:x"))[0] == "UnknownTarget"

    run(main())
