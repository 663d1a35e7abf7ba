"""The compiler: the same outcome whether anything is reused or not, and what did not change is the very same object."""

import sys
from collections.abc import Callable
from itertools import chain, pairwise
from types import FrameType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.control.sources import (
    SERVERS,
    definition,
    discovery,
    grant_specs,
    known,
    plain,
    run_one,
    run_other,
    shared,
    sources,
    target_values,
)
from toolgate.control.compiler import AGGREGATE, Source, compile_all, compile_steps
from toolgate.model.catalog import Discovery, Offer, OfferKind
from toolgate.model.declared import Declared, GrantSpec, KeySpec, Pick, PicksFrom, ServerSpec, TeamSpec, VirtualSpec


@st.composite
def histories(draw: st.DrawFn) -> list[Source]:
    """What a source looks like over time: each step changes one member of it, or one grant, or the servers' labels; the
    others are the same objects."""
    now = draw(sources)
    history = [now]
    for _ in range(draw(st.integers(1, 4))):
        now = draw(st.sampled_from([another_member, another_grant, other_labels, lost]))(draw, now)
        history.append(now)
    return history


def another_member(draw: st.DrawFn, now: Source) -> Source:
    other = draw(sources)
    member = draw(st.sampled_from(["declared", "grants", "keys", "virtual", "discoveries", "runs", "local", "copy"]))
    if member in ("grants", "keys", "virtual"):
        declared = msgspec.structs.replace(now.declared, **{member: getattr(other.declared, member)})
    else:
        declared = other.declared if member == "declared" else now.declared
    found = {**now.discoveries, **(other.discoveries if member == "discoveries" else {})}
    if member == "copy":
        found = {name: msgspec.structs.replace(one) for name, one in found.items()}
        declared = msgspec.structs.replace(declared, servers=tuple(map(msgspec.structs.replace, declared.servers)))
    runs = other.runs if member == "runs" else now.runs
    return known(found, dict(runs), declared, other.local if member == "local" else now.local)


def another_grant(draw: st.DrawFn, now: Source) -> Source:
    """One grant is another in one of its members, is doubled, or is gone."""
    if not now.declared.grants:
        return now
    place = draw(st.integers(0, len(now.declared.grants) - 1))
    grants = list(now.declared.grants)
    member = draw(st.sampled_from(["effect", "name", "subject", "tools", "tags", "conditions", "expires", "twice", ""]))
    if member in ("twice", ""):
        grants[place : place + 1] = [grants[place]] * (2 if member else 0)
    else:
        value = draw(st.sampled_from(["one", "other"])) if member == "name" else getattr(draw(grant_specs), member)
        grants[place] = msgspec.structs.replace(grants[place], **{member: value})
    return with_declared(now, grants=tuple(grants))


def other_labels(draw: st.DrawFn, now: Source) -> Source:
    """The same servers, with other tags."""
    tags = draw(st.lists(st.sampled_from([(), ("p",), ("p", "q")]), min_size=3, max_size=3))
    servers = zip(now.declared.servers, tags, strict=False)
    return with_declared(now, servers=tuple(msgspec.structs.replace(spec, tags=own) for spec, own in servers))


def lost(draw: st.DrawFn, now: Source) -> Source:
    """A server is not known any more."""
    gone = draw(st.sampled_from(SERVERS))
    return known(
        {name: one for name, one in now.discoveries.items() if name != gone},
        dict(now.runs), now.declared, now.local,
    )  # fmt: skip


def with_declared(now: Source, **members: Any) -> Source:
    return known(dict(now.discoveries), dict(now.runs), msgspec.structs.replace(now.declared, **members), now.local)


@pytest.mark.promise("reload.same")
@given(histories())
def test_reuse_changes_nothing(history: list[Source]):
    compiled = compile_all(history[0])
    for source in history[1:]:
        compiled = compile_all(source, compiled)
        assert plain(compiled.snapshot) == plain(compile_all(source).snapshot)
    assert compiled.snapshot.generation == len(history)


@given(sources)
def test_an_endpoint_is_consistent_in_itself(source: Source):
    """Names are unique and listed in order; whatever is listed can be found, at its own place in the rows."""
    snapshot = compile_all(source).snapshot
    for endpoint in snapshot.endpoints.values():
        by_name = {
            OfferKind.TOOL: endpoint.tools,
            OfferKind.PROMPT: endpoint.prompts,
            OfferKind.RESOURCE: endpoint.resources,
        }
        for uri, several in endpoint.shared.items():
            assert endpoint.resources[uri] is several[0]
            assert len({target.part for target in several}) == len(several) > 1
            assert all(target.public == uri for target in several)
        for kind, targets in by_name.items():
            lines = list(chain.from_iterable(endpoint.lists.get(kind, ())))
            assert all(before.key < after.key for before, after in pairwise(lines))
            more = endpoint.shared if kind is OfferKind.RESOURCE else {}
            assert {(line.key[1], line.part, line.bit) for line in lines} == {
                (name, target.part, target.bit)
                for name, first in targets.items()
                for target in more.get(name, (first,))
            }
            assert all(name == target.public and target.kind is kind for name, target in targets.items())
        lines = list(chain.from_iterable(endpoint.lists.get(OfferKind.TEMPLATE, ())))
        assert all(before.key <= after.key for before, after in pairwise(lines))
        listed = {(line.part, line.bit) for line in lines}
        assert listed == {(t.part, t.bit) for t in endpoint.templates if t.kind is OfferKind.TEMPLATE}


def tools(*names: str) -> Discovery:
    return discovery(tuple(Offer(OfferKind.TOOL, name, definition(OfferKind.TOOL, name)) for name in names))


def resources(*uris: str) -> Discovery:
    offers = tuple(Offer(OfferKind.RESOURCE, uri, definition(OfferKind.RESOURCE, uri)) for uri in uris)
    return discovery(offers, b'{"resources":{}}')


def source(declared: Declared, **discoveries: Discovery) -> Source:
    return known(discoveries, dict.fromkeys(discoveries, run_one), declared, None)


THREE = Declared(
    servers=tuple(ServerSpec(name, "echo", {}) for name in ("a", "b", "c")),
    virtual=(VirtualSpec("v", (PicksFrom("a", (Pick("*"),)),)), VirtualSpec("w", (PicksFrom("b", (Pick("*"),)),))),
    teams=(TeamSpec("t"),),
    keys=(KeySpec("k", b"k", ("t",)), KeySpec("l", b"l", ("t",)), KeySpec("m", b"m")),
    grants=(
        GrantSpec("team:t", "allow", ("*",), ("*",)),
        GrantSpec("key:m", "allow", ("a",), ("x",)),
    ),
)


@pytest.mark.promise("reload.reuse")
def test_what_did_not_change_is_the_same_object():
    before = source(THREE, a=tools("x"), b=tools("y"), c=tools("z"))
    first = compile_all(before)
    changed = msgspec.structs.replace(before, discoveries={**before.discoveries, "b": tools("y", "y2")})
    second = compile_all(changed, first)
    kept = [name for name in first.parts if second.parts[name] is first.parts[name]]
    assert kept == ["a", "c", "v"]
    endpoints = [n for n, e in first.snapshot.endpoints.items() if second.snapshot.endpoints[n] is e]
    assert endpoints == ["a", "c", "v"], "those of b, of w that chooses from it, and of all are new"
    assert second.snapshot.rows["key:m"] is first.snapshot.rows["key:m"], "nothing that m may use has changed"
    assert second.snapshot.rows["key:k"] is not first.snapshot.rows["key:k"]


@pytest.mark.parametrize(
    "change",
    [
        lambda now: source(THREE, a=tools("x"), b=tools("y")),
        lambda now: msgspec.structs.replace(now, discoveries={**now.discoveries, "a": tools("other")}),
        lambda now: with_declared(now, grants=(msgspec.structs.replace(THREE.grants[0], effect="deny"),)),
        lambda now: with_declared(now, grants=(*THREE.grants, msgspec.structs.replace(THREE.grants[0], effect="deny"))),
        lambda now: with_declared(now, servers=(*THREE.servers, ServerSpec("unknown", "echo", {}))),
    ],
    ids=["a server is lost", "a tool is another", "allow becomes deny", "denied", "a server that is not known yet"],
)
def test_one_small_change_is_the_same_as_from_scratch(change: Callable[[Source], Source]):
    before = source(THREE, a=tools("x"), b=tools("y"), c=tools("z"))
    after = change(before)
    fresh = plain(compile_all(after).snapshot)
    assert plain(compile_all(after, compile_all(before)).snapshot) == fresh
    assert plain(compile_all(before).snapshot) != fresh


def test_a_file_that_was_read_anew_changes_nothing():
    before = source(THREE, a=tools("x"), b=tools("y"), c=tools("z"))
    again = msgspec.json.decode(msgspec.json.encode(msgspec.structs.replace(THREE, keys=())), type=Declared)
    again = msgspec.structs.replace(again, keys=THREE.keys)
    assert again.servers[0] is not THREE.servers[0]
    first = compile_all(before)
    second = compile_all(msgspec.structs.replace(before, declared=again), first)
    assert dict(second.parts) == dict(first.parts)
    assert dict(second.snapshot.endpoints) == dict(first.snapshot.endpoints)
    assert dict(second.snapshot.rows) == dict(first.snapshot.rows)


@pytest.mark.parametrize(
    "change",
    [
        lambda now: msgspec.structs.replace(now, runs={**now.runs, "a": run_other}),
        lambda now: msgspec.structs.replace(
            now,
            declared=msgspec.structs.replace(
                now.declared, servers=(ServerSpec("a", "echo", {}, timeout=1.0), *now.declared.servers[1:])
            ),
        ),
        lambda now: msgspec.structs.replace(now, discoveries={**now.discoveries, "a": tools("x")}),
    ],
    ids=["opened anew", "declared otherwise", "discovered anew"],
)
def test_a_part_is_made_anew_when_anything_of_it_changed(change: Callable[[Source], Source]):
    first = compile_all(source(THREE, a=tools("x"), b=tools("y"), c=tools("z")))
    second = compile_all(change(first.source), first)
    assert [name for name in first.parts if second.parts[name] is not first.parts[name]] == ["a", "v"]


def test_rows_are_shared_by_what_they_say():
    grants = (
        GrantSpec("key:k", "allow", ("a",), ("x",)),
        GrantSpec("key:l", "allow", ("a", "b"), ("x*",)),
        GrantSpec("key:m", "allow", ("b",), ("*",)),
    )
    snapshot = compile_all(
        source(msgspec.structs.replace(THREE, grants=grants), a=tools("x"), b=tools("y"), c=tools("z"))
    ).snapshot
    assert shared(snapshot) == {frozenset({"key:k", "key:l"}), frozenset({"key:m"})}


def test_a_server_that_comes_leaves_the_rows_of_others():
    grants = (GrantSpec("everyone", "allow", ("a",), ("*",)),)
    declared = msgspec.structs.replace(THREE, grants=grants)
    first = compile_all(source(declared, a=tools("x")))
    second = compile_all(source(declared, a=tools("x"), b=tools("y")), first)
    assert second.snapshot.rows["key:k"] is first.snapshot.rows["key:k"]
    assert "b" in second.snapshot.endpoints[AGGREGATE].tools["b__y"].part


def test_what_several_have_is_known_of_all_of_them_and_lists_stay_in_order():
    declared = msgspec.structs.replace(THREE, virtual=())
    many = [f"r:{number:04}" for number in range(30)]
    found = {"a": resources(*many[::2]), "b": resources(*many, "b+r:0000"), "c": resources("r:0004")}
    snapshot = compile_all(source(declared, **found)).snapshot
    endpoint = snapshot.endpoints[AGGREGATE]
    assert target_values(endpoint.resources["r:0000"])[:3] == ("a", 0, "a")
    assert {uri: [one.server for one in several] for uri, several in endpoint.shared.items()} == {
        uri: ["a", "b", "c"] if uri == "r:0004" else ["a", "b"] for uri in many[::2]
    }
    assert set(endpoint.resources) == {*many, "b+r:0000"}
    assert all(one.public == one.name for several in endpoint.shared.values() for one in several)
    listed = [line.key for line in chain.from_iterable(endpoint.lists[OfferKind.RESOURCE])]
    assert listed == sorted(listed)
    assert len(set(listed)) == 15 + 31 + 1


def test_what_is_chosen_by_name_cannot_be_taken_by_a_glob():
    virtual = VirtualSpec(
        "v", (PicksFrom("a", (Pick("*"),)), PicksFrom("b", (Pick("x"),)), PicksFrom("c", (Pick("*"),)))
    )
    declared = msgspec.structs.replace(THREE, virtual=(virtual,))
    endpoint = compile_all(source(declared, a=tools("x"), b=tools("x"), c=tools("x", "y"))).snapshot.endpoints["v"]
    assert {name: target.server for name, target in endpoint.tools.items()} == {
        "x": "b",
        "a__x": "a",
        "c__x": "c",
        "y": "c",
    }


def test_only_the_first_of_one_name_is_served():
    twice = discovery(
        (
            Offer(OfferKind.TOOL, "x", definition(OfferKind.TOOL, "x", 0)),
            Offer(OfferKind.TOOL, "x", definition(OfferKind.TOOL, "x", 1)),
        )
    )
    endpoint = compile_all(source(THREE, a=twice)).snapshot.endpoints["a"]
    assert [b"flavour 0" in line.modern for line in chain.from_iterable(endpoint.lists[OfferKind.TOOL])] == [True]


def test_a_server_that_was_not_reached_has_an_endpoint_and_a_note():
    snapshot = compile_all(source(THREE, a=tools("x"))).snapshot
    assert snapshot.endpoints["b"].lists == {}
    assert snapshot.notes == {"b": "it is down", "c": "it is down"}


# How long a step may be: counted in calls, so that no machine's mood decides ----------------------------------------

CALLS = 6_000
"""Python and C calls between two yields: a few of them take a microsecond. What is compiled here takes ten times as
many in each of its parts, so that one forgotten yield shows."""


def longest_step(source: Source) -> int:
    """The most calls that are made between two yields."""
    calls = longest = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    steps = compile_steps(source)
    ended = False
    while not ended:
        calls = 0
        sys.setprofile(count)
        try:
            next(steps)
        except StopIteration:
            ended = True
        finally:
            sys.setprofile(None)
        longest = max(longest, calls)
    return longest


def large(servers: int, offers: int, keys: int, *, grants: int = 1) -> Source:
    """That many servers with that many offers each, of every kind, not in order and all with the same URIs."""
    kinds = list(OfferKind)
    names = [f"s{number}" for number in range(servers)]

    def found() -> Discovery:
        numbers = [number * 7919 % offers for number in range(offers)]
        return discovery(
            tuple(
                Offer(kinds[n % 4], f"{n % 4}:{n:05}", definition(kinds[n % 4], f"{n % 4}:{n:05}", n % 2))
                for n in numbers
            ),
            b'{"resources":{}}',
        )

    declared = Declared(
        servers=tuple(ServerSpec(name, "echo", {}) for name in names),
        virtual=(VirtualSpec("v", tuple(PicksFrom(name, (Pick("*"),), (), (Pick("*"),)) for name in names)),),
        keys=tuple(KeySpec(f"k{number}", b"%d" % number) for number in range(keys)),
        grants=(
            *(
                GrantSpec("everyone", "allow", ("*",), (f"*{number}",), (), (f"*{number}*",))
                for number in range(grants)
            ),
            *(GrantSpec(f"key:k{number}", "allow", (f"s{number % servers}",), ("0:*",)) for number in range(keys)),
            GrantSpec("everyone", "deny", ("*",), (), (), ("2:0000?",)),
        ),
    )
    return source(declared, **{name: found() for name in names})


@pytest.mark.promise("reload.slices")
@pytest.mark.parametrize(
    "shape",
    [
        large(1, 2_000, 0),
        large(40, 25, 100),
        large(2, 300, 500),
        large(3, 40, 20, grants=300),
    ],
    ids=["many offers", "many servers", "many keys", "many grants"],
)
def test_no_step_is_long(shape: Source):
    assert longest_step(shape) < CALLS
