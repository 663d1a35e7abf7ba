"""Rights: the rows of a compiled snapshot say what a plain reading of the grants says, target by target."""

import pytest
from hypothesis import given

from tests.control.sources import sources
from toolgate.control.compiler import Source, compile_all
from toolgate.control.parts import ANY_URI
from toolgate.model.catalog import OfferKind
from toolgate.model.declared import EVERYONE, GrantSpec
from toolgate.model.snapshot import Row, Snapshot, Target
from toolgate.rules import access


def glob_matches(glob: str, name: str) -> bool:
    """By the definition: `*` is any run, `?` one character, everything else itself."""
    if not glob:
        return not name
    if glob[0] == "*":
        return any(glob_matches(glob[1:], name[start:]) for start in range(len(name) + 1))
    return bool(name) and glob[0] in ("?", name[0]) and glob_matches(glob[1:], name[1:])


def names(grant: GrantSpec, kind: OfferKind | None, server: str, name: str) -> bool:
    globs = {OfferKind.TOOL: grant.tools, OfferKind.PROMPT: grant.prompts}.get(
        kind or OfferKind.RESOURCE, grant.resources
    )
    return any(glob_matches(glob, server) for glob in grant.servers) and any(glob_matches(g, name) for g in globs)


def may(grants: list[GrantSpec], target: Target) -> bool:
    """A plain reading: some allow names it under either of its names, and no deny does."""
    if target.kind is OfferKind.RESOURCE and target.pattern is not None:
        known = [(target.server, ANY_URI)]
    elif target.part == target.server:
        known = [(target.server, target.name)]
    else:
        known = [(target.part, target.public), (target.server, target.name)]
    named = {grant.effect for grant in grants for where in known if names(grant, target.kind, *where)}
    return "allow" in named and "deny" not in named


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


@pytest.mark.promise("policy.rows")
@given(sources)
def test_rows_say_what_the_grants_say(source: Source):
    snapshot = compile_all(source).snapshot
    assert set(snapshot.rows) == {principal.id for principal in snapshot.principals.values()}
    for principal in snapshot.principals.values():
        mine = {*principal.subjects, EVERYONE}
        grants = [grant for grant in source.declared.grants if grant.subject in mine]
        row = snapshot.rows[principal.id]
        for target in targets(snapshot):
            assert access.allowed(row, target.part, target.bit) == may(grants, target), (principal.id, target.public)


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
    ],
)
def test_a_denied_uri_is_denied_in_every_spelling(uri: str):
    assert access.uri_denied(SECRET, ("files",), uri)
    assert access.uri_denied(SECRET, ("other", "v"), uri), "under any name of its server"
    assert not access.uri_denied(SECRET, ("other",), uri)


@pytest.mark.parametrize("uri", ["file:///public/key", "file:///secret", "file:///a/secret/b", "mem:secret/x", "", ":"])
def test_other_uris_are_not(uri: str):
    assert not access.uri_denied(SECRET, ("files",), uri)


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
