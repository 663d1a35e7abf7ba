"""Nobody gives or gains what the one who makes the change has not: each way by name over a real store, and random
changes of random companies against a plain reading."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.control.company import LOCAL, Company, by, digest, key
from toolgate.model.entities import (
    Binding,
    Entity,
    GroupMapping,
    Key,
    Role,
    Secret,
    Server,
    ServiceAccount,
    Team,
    User,
)
from toolgate.model.errors import Conflict, NotAllowed, Refused
from toolgate.rules.directory import Directory, own_holding
from toolgate.rules.keyholders import capped, holdings_of_key, narrowness
from toolgate.rules.permissions import PERMISSIONS, ROLES, Holding, may
from toolgate.rules.rising import rise_steps
from toolgate.rules.scopes import of_scope


async def _refused(acme: Company, who: str, *, create: Entity | None = None, replace: Any = None) -> NotAllowed:
    before = await acme.seq()
    admin = acme.administration
    attempt = admin.create(by(who), create) if create is not None else admin.replace(by(who), replace, expected=1)
    with pytest.raises(NotAllowed) as refused:
        await attempt
    assert await acme.seq() == before
    return refused.value


@pytest.mark.promise("control.no-rise")
async def test_an_admin_makes_no_owners(acme: Company):
    admin = acme.administration
    told = await _refused(acme, "admin", create=Binding(name="up", subject="user:admin", role="owner"))
    assert "nobody can give what they lack" in str(told)
    assert told.givers == ("user:admin", "user:boss")
    made = await admin.create(by("admin"), Role(name="sealer", permissions=("secret:rotate",)))
    await _refused(acme, "admin", create=Binding(name="up", subject="user:ann", role="sealer"))
    await admin.create(by("admin"), Role(name="empty", permissions=("audit:read",)))
    await admin.create(by("admin"), Binding(name="ok", subject="user:ann", role="empty"))
    wider = Role(name="empty", permissions=("audit:read", "secret:rotate"))
    await _refused(acme, "admin", replace=wider)
    assert made.stamp.version == 1


@pytest.mark.promise("control.no-rise")
async def test_no_way_around_by_teams_and_groups(acme: Company):
    await acme.add(
        Team(name="chiefs"),
        Binding(name="b-chiefs", subject="team:chiefs", role="owner"),
        Binding(name="b-group", subject="group:idp-owners", role="owner"),
        User(name="sleeper", active=False),
        Binding(name="b-sleeper", subject="user:sleeper", role="owner"),
    )
    admin = acme.administration
    await _refused(acme, "admin", replace=Team(name="chiefs", members=("user:admin",)))
    await _refused(acme, "admin", replace=Team(name="chiefs", owners=("user:admin",)))
    await _refused(acme, "admin", create=Team(name="squad", parent="chiefs", members=("user:admin",)))
    await _refused(acme, "admin", replace=User(name="ann", groups=("idp-owners",)))
    await _refused(acme, "admin", create=User(name="new", groups=("idp-owners",)))
    await _refused(acme, "admin", replace=User(name="sleeper", active=True))
    await admin.create(by("admin"), GroupMapping(name="crew", teams=("chiefs",)))  # nobody is in it yet
    await _refused(acme, "admin", replace=User(name="ann", groups=("crew",)))
    await admin.replace(by("boss"), Team(name="chiefs", members=("user:admin",)), expected=1)


@pytest.mark.promise("control.no-rise")
async def test_nobody_makes_or_takes_a_key_of_somebody_who_may_more(acme: Company):
    admin = acme.administration
    await _refused(acme, "admin", create=key("fake-boss", "user:boss"))
    boss = await admin.get(LOCAL, Key, "boss")
    await _refused(acme, "admin", replace=msgspec.structs.replace(boss, digest=digest("mine now")))
    ann = await admin.get(LOCAL, Key, "ann")
    await _refused(acme, "admin", replace=msgspec.structs.replace(ann, owner="user:boss"))
    await admin.replace(by("admin"), msgspec.structs.replace(boss, tools=("none",)), expected=1)  # less, not more
    await admin.create(by("admin"), key("for-ann", "user:ann"))
    await admin.create(by("admin"), key("own", "user:admin"))
    await admin.create(by("otto"), key("robot-2", "service:robot"))  # an account of the team that he owns


@pytest.mark.promise("control.no-rise")
async def test_what_ends_can_be_given_for_as_long_only(acme: Company):
    end = acme.clock.now() + 3600
    await acme.add(Binding(name="for-now", subject="user:ann", role="admin", expires=end))
    admin = acme.administration
    await _refused(acme, "ann", create=Binding(name="for-ever", subject="user:bea", role="admin"))
    await _refused(acme, "ann", create=Binding(name="longer", subject="user:bea", role="admin", expires=end + 1))
    await admin.create(by("ann"), Binding(name="as-long", subject="user:bea", role="admin", expires=end))
    await _refused(acme, "ann", replace=Binding(name="as-long", subject="user:bea", role="admin", expires=end + 1))
    await _refused(acme, "ann", replace=Binding(name="as-long", subject="user:bea", role="admin"))


@pytest.mark.promise("control.no-rise")
async def test_no_key_is_widened_or_outlived_by_those_who_may_less(acme: Company):
    end = acme.clock.now() + 3600
    await acme.add(
        key("boss-crm", "user:boss", audiences=("",)),
        key("ends", "user:ann", expires=end),
        key("chief", "user:boss", expires=end),
    )
    admin = acme.administration
    narrow = await admin.get(LOCAL, Key, "boss-crm")
    await admin.replace(by("admin"), msgspec.structs.replace(narrow, cost_center="c1"), expected=1)
    narrow = await admin.get(LOCAL, Key, "boss-crm")
    with pytest.raises(NotAllowed):
        await admin.replace(by("admin"), msgspec.structs.replace(narrow, audiences=("*",)), expected=2)
    await _refused(acme, "admin", replace=key("chief", "user:boss", expires=end + 1))
    for longer in (key("mine", "user:ann"), key("mine", "user:ann", expires=end + 1), key("ends", "user:ann")):
        with pytest.raises((Refused, Conflict), match=r"ends first|already"):
            await admin.create(by("ends"), longer)
    with pytest.raises(Refused, match="ends first"):
        await admin.replace(by("ends"), key("ends", "user:ann"), expected=1)
    await admin.create(by("ends"), key("mine", "user:ann", expires=end))
    with pytest.raises(NotAllowed):
        await admin.create(by("chief"), Binding(name="b-new", subject="user:ann", role="owner"))


@pytest.mark.promise("control.no-rise")
async def test_a_key_for_certain_networks_makes_none_for_others(acme: Company):
    home, wide = ("10.0.0.0/8", "2001:db8::/32"), ("0.0.0.0/0", "::/0")
    await acme.add(key("at-home", "user:ann", networks=home), key("roams", "user:ann"))
    admin = acme.administration
    for networks in (wide, ("10.0.0.0/7",), ("10.1.0.0/16", "192.0.2.0/24"), ("::/0",)):
        with pytest.raises(Refused, match=r"for 10\.0\.0\.0/8"):
            await admin.create(by("at-home"), key("mine", "user:ann", networks=networks))
    with pytest.raises(Refused, match=r"for 10\.0\.0\.0/8"):
        await admin.replace(by("at-home"), key("at-home", "user:ann", networks=wide), expected=1)
    roams = await admin.get(LOCAL, Key, "roams")
    with pytest.raises(Refused, match=r"for 10\.0\.0\.0/8"):  # a new secret for it, as rotating makes one
        await admin.replace(by("at-home"), msgspec.structs.replace(roams, digest="ab" * 32), expected=1)
    await admin.replace(by("at-home"), msgspec.structs.replace(roams, cost_center="c1"), expected=1)
    await admin.create(by("at-home"), key("mine", "user:ann", networks=("10.1.0.0/16", "2001:db8:1::/48")))
    await admin.create(by("ann"), key("other", "user:ann", networks=wide))


@pytest.mark.promise("control.invisible-is-not-there")
async def test_a_refusal_does_not_tell_whose_something_is(acme: Company):
    """Who names a record that they may not see is told what they would be told if there were none."""
    await acme.add(Secret(name="theirs", sealed="x", key_id="k", owner="blue"))
    told: list[str] = []
    for name in ("theirs", "nobodys"):
        settings = {"url": "https://a.example/mcp"}
        server = Server(
            name="mine", kind="streamable_http", owner="red", settings=settings, headers={"x": f"store:{name}"}
        )
        with pytest.raises(NotAllowed) as refused:
            await acme.administration.create(by("ann"), server)
        told.append(f"{refused.value} {refused.value.scope} {refused.value.givers}".replace(name, "NAME"))
    assert told[0] == told[1]
    assert "blue" not in told[0]


async def test_team_owners_look_after_their_own_team(acme: Company):
    admin = acme.administration
    red = await admin.get(by("otto"), Team, "red")
    grown = msgspec.structs.replace(red, members=("user:ann", "user:bea"), owners=("user:otto", "user:ann"))
    await admin.replace(by("otto"), grown, expected=1)
    await admin.create(by("otto"), Team(name="red-ops", parent="red", members=("user:ann",)))
    await admin.create(by("otto"), ServiceAccount(name="helper", owner="red-ops"))
    await _refused(acme, "otto", create=Team(name="top"))
    await _refused(acme, "otto", create=Team(name="in-blue", parent="blue"))
    await _refused(acme, "otto", create=ServiceAccount(name="spy", owner="blue"))
    await _refused(acme, "otto", create=Binding(name="b", subject="user:otto", role="publisher", scope="team:red"))
    await _refused(acme, "carl", create=Team(name="red-art", parent="red"))


# The same by drawing: small companies, one change each, and every person and key asked for every permission everywhere.

_PEOPLE = ("a", "b", "c")
_TEAMS = ("t", "u", "v")
_subjects = st.sampled_from([f"user:{name}" for name in _PEOPLE])
_roles = st.sampled_from([*ROLES, "custom"])
_scopes = st.sampled_from(["organisation", *(f"team:{team}" for team in _TEAMS)])
_ends = st.sampled_from([None, 50.0, 200.0, 300.0])
_permissions = st.sampled_from(["team:write", "binding:write", "secret:rotate", "server:publish", "key:write"])


def _teams(name: st.SearchStrategy[str]) -> st.SearchStrategy[Team]:
    some = st.lists(_subjects, max_size=2, unique=True).map(tuple)
    parent = st.sampled_from([None, *_TEAMS])
    return st.builds(lambda n, m, o, p: Team(name=n, members=m, owners=o, parent=p), name, some, some, parent)


def _bindings(name: st.SearchStrategy[str]) -> st.SearchStrategy[Binding]:
    subjects = st.one_of(_subjects, st.sampled_from(["team:t", "team:u", "group:g"]))
    return st.builds(
        lambda n, s, r, w, e: Binding(name=n, subject=s, role=r, scope=w, expires=e),
        name,
        subjects,
        _roles,
        _scopes,
        _ends,
    )


def _users(name: st.SearchStrategy[str]) -> st.SearchStrategy[User]:
    groups = st.sampled_from([(), ("g",), ("h",)])
    return st.builds(lambda n, a, g: User(name=n, active=a, groups=g), name, st.booleans(), groups)


def _keys(name: st.SearchStrategy[str]) -> st.SearchStrategy[Key]:
    owners = st.one_of(st.none(), _subjects)
    teams = st.lists(st.sampled_from(_TEAMS), max_size=1).map(tuple)
    ceilings = st.sampled_from([("*",), ("crm__*",)])
    return st.builds(
        lambda n, o, t, d, c, e: Key(name=n, digest=d, owner=o, teams=t, tools=c, expires=e),
        name, owners, teams, st.sampled_from(["1", "2"]), ceilings, _ends,
    )  # fmt: skip


_custom = st.builds(
    lambda p: Role(name="custom", permissions=tuple(p)), st.lists(_permissions, max_size=3, unique=True)
)
_groups = st.builds(lambda t: GroupMapping(name="h", teams=tuple(t)), st.lists(st.sampled_from(_TEAMS), max_size=1))
_just = st.sampled_from


@st.composite
def companies(draw: st.DrawFn) -> Directory:
    records: list[Entity] = [draw(_users(st.just(name))) for name in _PEOPLE]
    records += [draw(_teams(st.just(name))) for name in draw(st.sampled_from([_TEAMS, _TEAMS[:2]]))]
    records += [draw(_bindings(st.just(f"b{place}"))) for place in range(draw(st.integers(0, 4)))]
    records += [draw(_keys(st.just("k"))), draw(_custom), draw(_groups)]
    # Somebody who may give much, for a while: most changes of others are refused altogether.
    end = draw(st.sampled_from([200.0, 300.0, None]))
    records.append(Binding(name="b-a", subject="user:a", role=draw(st.sampled_from(["admin", "owner"])), expires=end))
    return Directory(records)


_changes = st.one_of(
    _users(_just(_PEOPLE)),
    _teams(_just(_TEAMS)),
    _bindings(_just(["b0", "b9"])),
    _keys(_just(["k", "l"])),
    _custom,
    _groups,
)

NOW = 100.0


def _powers(directory: Directory, holdings: tuple[Holding, ...], at: float) -> set[tuple[str, str]]:
    """A plain reading: every permission in the organisation and in every team."""
    places = ["organisation", *(f"team:{team}" for team in _TEAMS)]
    return {
        (permission, place) for permission in PERMISSIONS for place in places if may(holdings, permission, [place], at)
    }


def _everybody(directory: Directory) -> dict[str, tuple[Holding, ...]]:
    people = {f"user:{name}": directory.holdings_of(f"user:{name}") for name in directory.all(User)}
    keys = directory.all(Key).values()
    able = [one for one in keys if not narrowness(directory, one, NOW)]
    return people | {f"key:{one.name}": capped(holdings_of_key(directory, one), one.expires) for one in able}


@pytest.mark.promise("control.no-rise")
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(companies(), _changes, st.sampled_from(["user:a", "user:a", "user:b"]))
def test_whatever_is_changed_nobody_rises_above_the_one_who_changes(before: Directory, change: Entity, actor: str):
    after = before.with_(change)
    own = (own_holding(actor), *before.holdings_of(actor))
    found = [one for one in rise_steps(before, after, own, actor, NOW) if one is not None]
    assert [one for one in rise_steps(before, after, own, actor, NOW, change) if one is not None] == found
    assume(not found)
    had = _everybody(before)
    for moment in (NOW, 199.0, 299.0, 1e9):
        for subject, holdings in _everybody(after).items():
            known = had.get(subject, ())
            if isinstance(change, Key) and subject == f"key:{change.name}":
                old = before.get(Key, change.name)
                same = old is not None and old.digest == change.digest
                known = known if same else own if change.owner == actor else ()
            gained = _powers(after, holdings, moment) - _powers(before, known, moment)
            for permission, place in gained:
                fresh = place.startswith("team:") and place.removeprefix("team:") not in before.teams
                assert fresh or may(own, permission, of_scope(before, place), moment), (subject, permission, place)


def test_what_is_looked_at_for_a_change_does_not_grow_with_what_it_cannot_concern():
    """A plan of many keys holds up every other change while it is judged."""
    people = [User(name=f"p{number}") for number in range(50)]
    keys = [key(f"k{number}", f"user:p{number % 50}") for number in range(200)]
    before = Directory([*people, *keys])
    own = (own_holding("user:p0"),)
    for changed, looked_at in ((key("new", "user:p0"), 1), (User(name="p1", display="x"), 1 + 4)):
        steps = list(rise_steps(before, before.with_(changed), own, "user:p0", NOW, changed))
        assert steps == [None] * looked_at
