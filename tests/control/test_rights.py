"""Rights: the rows of a compiled snapshot say what a plain reading of the grants says, target by target."""

from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.control.sources import CONDITIONS, NOW, definition, discovery, run_one, sources
from toolgate.control.compiler import Source, compile_all
from toolgate.control.parts import ANY_URI
from toolgate.model.catalog import Offer, OfferKind
from toolgate.model.declared import EVERYONE, Condition, Declared, GrantSpec, KeySpec, ServerSpec
from toolgate.model.identity import Principal
from toolgate.model.snapshot import Row, Snapshot, Target
from toolgate.rules import access
from toolgate.rules.conditions import Facts, judged


def glob_matches(glob: str, name: str) -> bool:
    """By the definition: `*` is any run, `?` one character, everything else itself."""
    if not glob:
        return not name
    if glob[0] == "*":
        return any(glob_matches(glob[1:], name[start:]) for start in range(len(name) + 1))
    return bool(name) and glob[0] in ("?", name[0]) and glob_matches(glob[1:], name[1:])


class Asked(NamedTuple):
    """One call, as far as conditions look at it."""

    arguments: dict[str, Any]
    client: str | None
    peer: str
    now: float


calls = st.builds(
    Asked,
    st.fixed_dictionaries(
        {},
        optional={
            "n": st.sampled_from([1, 1.0, True, 2, 2.5, "1", None]),
            "who": st.sampled_from([{"name": "alice"}, {"name": "bob"}, {"name": 1}, "alice", None]),
        },
    ),
    st.sampled_from([None, "good-client", "bad-client"]),
    st.sampled_from(["", "10.1.2.3", "::ffff:10.1.2.3", "192.0.2.1", "fe80::1"]),
    st.sampled_from([NOW, NOW + 99.9, NOW + 100, NOW + 201]),
)


def passes(condition: Condition, call: Asked, effect: str) -> bool:
    """By the definition of each of `CONDITIONS`; what cannot be told passes that of a deny."""
    number, who = call.arguments.get("n"), call.arguments.get("who")
    is_number = type(number) in (int, float)
    untold = (*[number in (True, "1") and not is_number] * 2, who in ({"name": 1}, "alice"), *[False] * 3)
    if untold[CONDITIONS.index(condition)]:
        return effect == "deny"
    passed = (
        is_number and number == 1,
        isinstance(number, int | float) and number is not True and number >= 2,
        who == {"name": "alice"},
        call.client == "good-client",
        call.peer.endswith("10.1.2.3"),
        call.now < 20 * 60,
    )
    return passed[CONDITIONS.index(condition)]


def names(grant: GrantSpec, kind: OfferKind | None, server: str, name: str) -> bool:
    globs = {OfferKind.TOOL: grant.tools, OfferKind.PROMPT: grant.prompts}.get(
        kind or OfferKind.RESOURCE, grant.resources
    )
    return any(glob_matches(glob, server) for glob in grant.servers) and any(glob_matches(g, name) for g in globs)


class Reading:
    """A plain reading of a source for one principal: target by target, grant by grant."""

    def __init__(self, source: Source, principal: Principal) -> None:
        mine = {*principal.subjects, EVERYONE}
        declared = source.declared
        self.grants = [
            grant
            for grant in declared.grants
            if grant.subject in mine and (grant.expires is None or grant.expires > NOW)
        ]
        self.ceiling = next((key.tools for key in declared.keys if f"key:{key.name}" == principal.id), ("*",))
        self.servers = {spec.name: spec for spec in declared.servers}
        self.tags = {spec.name: set(spec.tags) for spec in (*declared.servers, *declared.virtual)}

    def _labels(self, target: Target) -> tuple[set[str], str | None]:
        tags = self.tags[target.part] | self.tags[target.server]
        override = self.servers[target.server].overrides.get(target.name) if target.kind is OfferKind.TOOL else None
        return (tags, None) if override is None else (tags | set(override.tags), override.risk)

    def applying(self, target: Target, merged: str) -> list[GrantSpec] | None:
        """The grants about a target; None where the ceiling keeps it away. `merged` is its name on the aggregate."""
        if target.kind is OfferKind.TOOL and not any(
            glob_matches(glob, name) for glob in self.ceiling for name in (target.public, merged)
        ):
            return None
        if target.kind is OfferKind.RESOURCE and target.pattern is not None:
            known = [(target.server, ANY_URI)]
        elif target.part == target.server:
            known = [(target.server, target.name)]
        else:
            known = [(target.part, target.public), (target.server, target.name)]
        tags, risk = self._labels(target)
        return [
            grant
            for grant in self.grants
            if any(names(grant, target.kind, *where) for where in known)
            and (not grant.tags or tags & set(grant.tags))
            and (not grant.risks or risk in grant.risks)
        ]


def may(grants: list[GrantSpec], call: Asked) -> bool:
    """Some allow counts for the call, and no deny does. A deny without conditions holds until the next compilation."""
    counting = {
        grant.effect
        for grant in grants
        if all(passes(condition, call, grant.effect) for condition in grant.conditions)
        and (grant.expires is None or call.now < grant.expires or (grant.effect == "deny" and not grant.conditions))
    }
    return "allow" in counting and "deny" not in counting


def could(grants: list[GrantSpec]) -> bool:
    """Some allow is there, and no deny that holds for all calls."""
    return any(grant.effect == "allow" for grant in grants) and not any(
        grant.effect == "deny" and not grant.conditions for grant in grants
    )


def targets(snapshot: Snapshot) -> list[Target]:
    """Each target once, as its own endpoint shows it."""
    return [
        target
        for name, endpoint in snapshot.endpoints.items()
        if name
        for target in (
            *endpoint.tools.values(),
            *endpoint.prompts.values(),
            *endpoint.resources.values(),
            *endpoint.templates,
        )
    ]


def permitted(row: Row, target: Target, call: Asked) -> bool:
    """As the gate judges it."""
    if access.allowed(row, target.part, target.bit):
        return True
    facts = Facts(lambda: call.arguments, call.client, call.peer, call.now)
    return access.conditional(row, target.part, target.bit) and judged(row, target.part, target.bit, facts)


@pytest.mark.promise("policy.rows", "policy.conditions", "policy.ceilings")
@given(sources, st.lists(calls, min_size=1, max_size=4))
def test_rows_say_what_the_grants_say(source: Source, asked: list[Asked]):
    """What is listed is what some call may use; what a call may use is what grants say of it; deny beats allow; and
    nothing means nothing."""
    check_rows(source, asked)


@st.composite
def dense(draw: st.DrawFn) -> Source:
    """One server and one key, and grants that meet: most are about the same tools, and depend on the call."""
    grant = st.builds(
        GrantSpec,
        st.just(EVERYONE),
        st.sampled_from(["allow", "deny"]),
        st.just(("*",)),
        st.sampled_from([("*",), ("x*",), ("y",)]),
        conditions=st.lists(st.sampled_from(CONDITIONS), max_size=2).map(tuple),
        expires=st.sampled_from([None, NOW + 100]),
    )
    offered = tuple(Offer(OfferKind.TOOL, name, definition(OfferKind.TOOL, name)) for name in ("x", "xy", "y"))
    declared = Declared(
        servers=(ServerSpec("a", "echo", {}),),
        keys=(KeySpec("k", b"k"),),
        grants=tuple(draw(st.lists(grant, min_size=1, max_size=4))),
    )
    return Source(declared, {"a": discovery(offered)}, {}, {"a": run_one}, None, NOW)


@pytest.mark.promise("policy.rows", "policy.conditions")
@settings(max_examples=300)
@given(dense(), st.lists(calls, min_size=2, max_size=5))
def test_deny_beats_allow_call_by_call(source: Source, asked: list[Asked]):
    check_rows(source, asked)


def check_rows(source: Source, asked: list[Asked]) -> None:
    snapshot = compile_all(source).snapshot
    merged = {(one.part, one.bit): name for name, one in snapshot.endpoints[""].tools.items()}
    assert set(snapshot.rows) == {principal.id for principal in snapshot.principals.values()}
    for principal in snapshot.principals.values():
        row, reading = snapshot.rows[principal.id], Reading(source, principal)
        for target in targets(snapshot):
            grants = reading.applying(target, merged.get((target.part, target.bit), ""))
            assert access.listed(row, target.part, target.bit) == (grants is not None and could(grants))
            for call in asked:
                expected = grants is not None and may(grants, call)
                assert permitted(row, target, call) == expected, (principal.id, target.public, call)
                assert not expected or access.listed(row, target.part, target.bit)
                assert not expected or target.part in row.sees


@pytest.mark.promise("policy.unseen")
@given(sources)
def test_of_what_may_not_be_used_nothing_is_seen(source: Source):
    """A server is there for those alone whom some allow lets use something of it, by its name or that of a server
    behind it, whether its offers are known or not."""
    snapshot = compile_all(source).snapshot
    behind = {spec.name: {one.server for one in spec.offers} for spec in source.declared.virtual}
    for principal in snapshot.principals.values():
        row, reading = snapshot.rows[principal.id], Reading(source, principal)
        assert row.sees <= snapshot.endpoints.keys() - {""}
        for name in row.sees:
            named = {name, *behind.get(name, ())}
            allows = [one for one in reading.grants if one.effect == "allow"]
            assert any(glob_matches(glob, one) for grant in allows for glob in grant.servers for one in named)
        if not any(grant.effect == "allow" for grant in reading.grants):
            assert not row.sees


@given(sources)
def test_a_target_has_the_same_place_on_every_endpoint(source: Source):
    """What is called on the aggregate is judged as what is called on the server's own URL."""
    snapshot = compile_all(source).snapshot
    own = {(t.part, t.bit): (t.kind, t.server, t.name) for t in targets(snapshot)}
    merged = snapshot.endpoints[""]
    for target in (*merged.tools.values(), *merged.prompts.values(), *merged.resources.values(), *merged.templates):
        assert own[target.part, target.bit] == (target.kind, target.server, target.name)


def test_nothing_means_nothing():
    for row in (Row({}), Row({"a": b""}), Row({"b": b"\xff"})):
        assert not any(access.allowed(row, "a", bit) for bit in range(20))
    assert not access.allowed(Row({"a": b"\xff"}), "a", 8), "a bit beyond the row"


def test_whoever_no_grant_names_has_no_rights():
    places = access.by_subject((GrantSpec("team:t", "allow", ("*",), ("*",)),))
    assert access.applicable(("key:k", "team:u"), places) == ()


def row_of(*grants: GrantSpec) -> Row:
    return Row({}, tuple((access.globs.compiled(s), access.globs.compiled(u)) for s, u in access.denied_uris(grants)))


SECRET = row_of(GrantSpec("everyone", "deny", ("files", "v"), ("*",), (), ("file:///secret/*",)))


@pytest.mark.promise("policy.uris")
@pytest.mark.parametrize(
    "uri",
    [
        "file:///secret/key",
        "file:///secret/",
        "file:///%73ecret/key",
        "file:///%2573ecret/key",
        "file:///secret%2Fkey",
        "file:///public/../secret/key",
        "file:///public/%2e%2e/secret/key",
        "file:///./secret//key",
        "file:////secret/key",
        "file:///secret/key?raw",
        "file:///secret/key#part",
        "FILE:///secret/key",
        " file:///secret/key\n",
        "file:///se\tcret/key",
        "file:///public\\..\\secret\\key",
        "file:///secret/%00.txt",
    ],
)
def test_a_denied_uri_is_denied_in_every_spelling(uri: str):
    assert access.uri_denied(SECRET, ("files",), uri)
    assert access.uri_denied(SECRET, ("other", "v"), uri), "under any name of its server"
    assert not access.uri_denied(SECRET, ("other",), uri)


@pytest.mark.parametrize("uri", ["file:///public/key", "file:///secret", "file:///a/secret/b", "mem:secret/x", "", ":"])
def test_other_uris_are_not(uri: str):
    assert not access.uri_denied(SECRET, ("files",), uri)


@pytest.mark.promise("policy.uris")
@pytest.mark.parametrize(
    "uri",
    [
        "https://host/a",
        "https://HOST/a",
        "https://host/a?x=1",
        "https://host/a#b",
        "https://host//a",
        "https://host/a\0b",
        "https://host/%61%3Fx",
    ],
)
def test_a_deny_on_one_uri_counts_whatever_is_hung_on_it(uri: str):
    row = row_of(GrantSpec("everyone", "deny", ("*",), (), (), ("https://host/a",)))
    assert access.uri_denied(row, ("files",), uri)
    assert not access.uri_denied(row, ("files",), uri.replace("/a", "/b").replace("/%61", "/b"))


def test_a_deny_that_is_written_with_escapes_counts_for_the_plain_uri():
    row = row_of(GrantSpec("everyone", "deny", ("*",), (), (), ("file:///my%20keys/*",)))
    assert access.uri_denied(row, ("files",), "file:///my%20keys/a")
    assert access.uri_denied(row, ("files",), "file:///my keys/a")


def test_only_denies_on_resources_deny_uris():
    grants = (GrantSpec("everyone", "allow", ("*",), (), (), ("*",)), GrantSpec("everyone", "deny", ("*",), ("*",)))
    assert access.denied_uris(grants) == ()


def test_unlisted_resources_need_a_grant_for_everything():
    """The name that stands for them is matched by `*`, and by no glob that is narrower."""
    assert access.named("*", {ANY_URI: 1}) == 1
    assert not any(access.named(glob, {ANY_URI: 1}) for glob in ("?", "file:*", "*:*", "?*"))
