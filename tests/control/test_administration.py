"""The use cases over every kind: what may be seen, what is taken, what is refused, and that a refusal changes
nothing."""

from __future__ import annotations

from collections.abc import Awaitable

import msgspec
import pytest

from tests.control.company import LOCAL, Company, by, draft, key, server
from toolgate.control.collections import COLLECTIONS
from toolgate.model.declared import Declared, KeySpec, TeamSpec
from toolgate.model.entities import (
    ENTITIES,
    Binding,
    Grant,
    Key,
    Role,
    Secret,
    Server,
    Stamp,
    Team,
    User,
)
from toolgate.model.errors import Conflict, NotAllowed, NotFound, Refused
from toolgate.model.identity import Principal


def test_every_kind_is_in_the_table():
    assert set(COLLECTIONS) == set(ENTITIES.values())


@pytest.mark.promise("control.bootstrap")
async def test_the_bootstrap_key_begins_everything(acme: Company):
    admin = acme.administration
    made = await admin.create(LOCAL, Role(name="reader", permissions=("server:read",)))
    assert made.stamp.version == 1
    assert made.stamp.created_by == LOCAL.id
    changed = await admin.replace(LOCAL, msgspec.structs.replace(made, permissions=("audit:read",)), expected=1)
    assert changed.stamp.version == 2
    assert (await admin.get(LOCAL, Role, "reader")).permissions == ("audit:read",)
    await admin.remove(LOCAL, Role, "reader", expected=2)
    with pytest.raises(NotFound):
        await admin.get(LOCAL, Role, "reader")


@pytest.mark.parametrize(
    "stranger", [Principal("key:nobody", "nobody"), Principal("user:nobody", "nobody"), Principal("", "")]
)
async def test_who_is_not_known_may_nothing(acme: Company, stranger: Principal):
    for entity in ENTITIES.values():
        assert await acme.administration.list(stranger, entity) == ((), None)
    with pytest.raises(NotAllowed):
        await acme.administration.create(stranger, User(name="me"))
    with pytest.raises(NotAllowed):
        await acme.administration.audit(stranger)


@pytest.mark.promise("control.invisible-is-not-there")
async def test_what_an_actor_may_not_read_is_not_there_for_it(acme: Company):
    await acme.add(
        draft("secret-plan", "blue"), Grant(name="g", subject="team:blue", servers=("secret-plan",), tools=("*",))
    )
    admin, ann = acme.administration, by("ann")
    before = await acme.seq()
    absent = await _error(admin.get(ann, Server, "no-such-server"))
    hidden = await _error(admin.get(ann, Server, "secret-plan"))
    assert type(absent) is type(hidden) is NotFound
    assert str(absent).replace("no-such-server", "secret-plan") == str(hidden)
    assert isinstance(await _error(admin.replace(ann, draft("secret-plan", "red"), expected=1)), NotFound)
    assert isinstance(await _error(admin.remove(ann, Server, "secret-plan", expected=1)), NotFound)
    assert isinstance(await _error(admin.get(ann, Grant, "g")), NotFound)
    assert (await admin.list(ann, Server))[0] == ()
    assert [one.name for one in (await admin.list(by("bea"), Server))[0]] == ["secret-plan"]
    assert [one.name for one in (await admin.list(by("bea"), Grant))[0]] == ["g"]
    assert await acme.seq() == before


async def _error(attempt: Awaitable[object]) -> Exception:
    with pytest.raises(Exception) as caught:
        await attempt
    return caught.value


async def test_what_is_hidden_and_in_the_way_is_not_shown(acme: Company):
    await acme.add(draft("plan", "blue"))
    with pytest.raises(Conflict) as taken:
        await acme.administration.create(by("ann"), draft("plan", "red"))
    assert taken.value.current is None


@pytest.mark.promise("control.conflict")
async def test_the_second_of_two_editors_gets_the_difference(acme: Company):
    admin = acme.administration
    seen = await admin.get(by("otto"), Team, "red")
    await admin.replace(by("admin"), msgspec.structs.replace(seen, description="first"), expected=1)
    with pytest.raises(Conflict) as late:
        await admin.replace(by("otto"), msgspec.structs.replace(seen, description="second"), expected=1)
    assert late.value.current.description == "first"
    assert late.value.current.stamp.version == 2
    with pytest.raises(Conflict):
        await admin.remove(by("admin"), Team, "red", expected=1)
    assert (await admin.get(LOCAL, Team, "red")).description == "first"


async def test_a_list_goes_on_where_it_stopped(acme: Company):
    await acme.add(*(User(name=f"u{number}") for number in range(25)))
    seen: list[str] = []
    after: str | None = None
    while True:
        page, after = await acme.administration.list(LOCAL, User, after=after, limit=7)
        assert len(page) <= 7
        seen += [user.name for user in page]
        if after is None:
            break
    assert seen == sorted(seen)
    assert len(seen) == len(set(seen)) == 25 + 8


async def test_lists_are_filtered_by_fields(acme: Company):
    await acme.add(server("s1", "red", tags=("crm",)), draft("s2", "red", tags=("crm", "x")), server("s3", "blue"))

    async def names(**filters: str) -> list[str]:
        return [one.name for one in (await acme.administration.list(LOCAL, Server, filters=filters))[0]]

    assert await names(owner="red") == ["s1", "s2"]
    assert await names(tags="crm", state="draft") == ["s2"]
    assert await names(managed_by="") == ["s1", "s2", "s3"]
    with pytest.raises(Refused, match=r"onwer.*did you mean `owner`"):
        await names(onwer="red")
    with pytest.raises(Refused):
        await names(settings="x")


async def test_a_filter_says_yes_and_no_as_people_do(acme: Company):
    await acme.add(User(name="gone", active=False))

    async def names(active: str) -> set[str]:
        return {one.name for one in (await acme.administration.list(LOCAL, User, filters={"active": active}))[0]}

    assert await names("no") == await names("false") == {"gone"}
    assert await names("yes") == await names("true") != set()
    assert await names("maybe") == set()


@pytest.mark.promise("control.managed")
async def test_what_a_source_manages_is_changed_there_only(acme: Company):
    admin = acme.administration
    async with admin.open(LOCAL, source="apply:platform") as desk:
        await desk.create(Team(name="ops"), owned={"description": "0a"})
    managed = await admin.get(LOCAL, Team, "ops")
    assert managed.stamp.managed_by == "apply:platform"
    before = await acme.seq()
    with pytest.raises(Refused, match="description: is declared by apply:platform: change it there"):
        await admin.replace(LOCAL, msgspec.structs.replace(managed, description="x"), expected=1)
    with pytest.raises(Refused, match="apply:platform"):
        await admin.remove(LOCAL, Team, "ops", expected=1)
    async with admin.open(LOCAL, source="apply:platform") as desk:
        with pytest.raises(Refused, match="made by hand"):
            await desk.remove(Team, "blue", expected=1)
    assert await acme.seq() == before
    async with admin.open(LOCAL, source="apply:platform") as desk:
        await desk.replace(msgspec.structs.replace(managed, description="x"), expected=1)
    assert (await admin.get(LOCAL, Team, "ops")).stamp.managed_by == "apply:platform"


async def test_a_caller_cannot_write_the_stamp(acme: Company):
    forged = Stamp(id="team_forged", version=41, created_by="user:boss", managed_by="file:x")
    made = await acme.administration.create(LOCAL, Team(name="ops", stamp=forged))
    assert made.stamp.id != "team_forged"
    assert made.stamp.version == 1
    assert made.stamp.created_by == LOCAL.id
    assert made.stamp.managed_by is None


async def test_several_changes_happen_together_or_not_at_all(acme: Company):
    before = await acme.seq()

    async def change() -> None:
        async with acme.administration.open(LOCAL) as desk:
            await desk.create(Team(name="one"))
            await desk.create(Team(name="two", parent="one"))
            await desk.create(Team(name="three", parent="nowhere"))

    assert isinstance(await _error(change()), Refused)
    assert await acme.seq() == before
    assert (await acme.administration.list(LOCAL, Team, filters={"parent": "one"}))[0] == ()


@pytest.mark.promise("control.references")
async def test_what_is_still_used_cannot_be_removed_and_says_by_whom(acme: Company):
    await acme.add(
        server("crm", "red"),
        Grant(name="g", subject="team:red", servers=("crm",), tools=("*",)),
        key("k", teams=("red",)),
    )
    admin = acme.administration
    with pytest.raises(Refused) as team:
        await admin.remove(LOCAL, Team, "red", expected=1)
    for user in ("server crm (owner)", "grant g (subject)", "key k (teams)", "team red-web (parent)", "service robot"):
        assert user in str(team.value)
    with pytest.raises(Refused, match=r"grant g \(servers\)"):
        await admin.remove(LOCAL, Server, "crm", expected=1)
    with pytest.raises(Refused, match=r"team red \(members\)"):
        await admin.remove(LOCAL, User, "ann", expected=1)
    await admin.remove(LOCAL, Grant, "g", expected=1)
    await admin.remove(LOCAL, Server, "crm", expected=1)


async def test_every_finding_is_told_with_its_field(acme: Company):
    wrong = Team(name="Bad Name", parent="nowhere", members=("user:nobody", "ann"), owners=("user:boss", "user:boss"))
    with pytest.raises(Refused) as refused:
        await acme.administration.create(LOCAL, wrong)
    assert [path for path, _ in refused.value.findings] == ["name", "parent", "members[0]", "members[1]", "owners[1]"]


async def test_secrets_are_written_by_their_own_use_case_only(acme: Company):
    with pytest.raises(Refused, match="its own use case"):
        await acme.administration.create(LOCAL, Secret(name="s", sealed="x", key_id="y"))


@pytest.mark.promise("control.audit")
async def test_the_audit_needs_its_permission_and_tells_who_changed_what(acme: Company):
    made = await acme.administration.create(by("otto"), draft("plan", "red"), request="req-7")
    for name in ("ann", "otto", "publisher"):
        with pytest.raises(NotAllowed) as refused:
            await acme.administration.audit(by(name))
        assert refused.value.permission == "audit:read"
        assert refused.value.givers == ("user:admin", "user:boss")
    line = (await acme.administration.audit(by("auditor"), after=await acme.seq() - 1))[0]
    assert (line.actor, line.kind, line.name, line.request) == ("key:otto", "server", "plan", "req-7")
    assert line.before is None
    assert line.id == made.stamp.id


async def test_what_a_kind_of_another_package_does_on_our_machine_nobody_knows(acme: Company):
    told = draft("told", "red")
    await acme.administration.create(by("otto"), told)
    with pytest.raises(NotAllowed) as refused:
        await acme.administration.create(by("otto"), msgspec.structs.replace(told, name="dice", kind="dice"))
    assert refused.value.permission == "server:host"


@pytest.mark.promise("control.rights-now")
async def test_a_key_without_power_says_why(acme: Company):
    await acme.add(
        key("narrow", "user:boss", audiences=("",)),
        key("one-tool", "user:boss", tools=("crm__*",)),
        key("ends", "user:boss", expires=acme.clock.now() + 60),
    )
    admin = acme.administration
    await admin.audit(by("ends"))
    acme.clock.ahead = 61
    for name, reason in (("narrow", "narrowed"), ("one-tool", "narrowed"), ("ends", "expired")):
        with pytest.raises(NotAllowed, match=reason):
            await admin.audit(by(name))
    boss = await admin.get(LOCAL, User, "boss")
    await admin.audit(by("boss"))
    await admin.replace(LOCAL, msgspec.structs.replace(boss, active=False), expected=1)
    with pytest.raises(NotAllowed, match="deactivated"):
        await admin.audit(by("boss"))


@pytest.mark.promise("control.rights-now")
async def test_a_right_that_was_taken_is_gone_with_the_next_request(acme: Company):
    admin = acme.administration
    await admin.audit(by("auditor"))
    await admin.remove(by("admin"), Binding, "b-auditor", expected=1)
    with pytest.raises(NotAllowed):
        await admin.audit(by("auditor"))


async def test_a_role_that_ends_gives_nothing_afterwards(acme: Company):
    end = acme.clock.now() + 3600
    await acme.add(Binding(name="for-now", subject="user:ann", role="auditor", expires=end))
    await acme.administration.audit(by("ann"))
    acme.clock.ahead = 3601
    with pytest.raises(NotAllowed, match="has expired"):
        await acme.administration.audit(by("ann"))


async def test_keys_of_a_file_have_what_their_teams_have(acme: Company):
    acme.declared = Declared(teams=(TeamSpec("filed"),))
    await acme.add(Binding(name="b-filed", subject="team:filed", role="auditor"))
    filed = Principal("key:ci", "ci", teams=("filed",))
    with pytest.raises(NotAllowed):
        await acme.administration.audit(filed)  # a key that no file declares and no record holds
    acme.declared = Declared(teams=(TeamSpec("filed"),), keys=(KeySpec("ci", b"d", teams=("filed",)),))
    await acme.administration.audit(filed)


async def test_everybody_sees_themselves_and_keeps_their_own_keys(acme: Company):
    admin = acme.administration
    assert [one.name for one in (await admin.list(by("ann"), User))[0]] == ["ann"]
    assert [one.name for one in (await admin.list(by("ann"), Key))[0]] == ["ann"]
    assert (await admin.create(by("ann"), key("mine", "user:ann"))).name == "mine"
    with pytest.raises(NotAllowed):
        await admin.create(by("ann"), key("not-mine", "user:bea"))
    with pytest.raises(NotAllowed):
        await admin.create(by("ann"), key("in-blue", "user:ann", teams=("blue",)))
    with pytest.raises(NotAllowed):
        await admin.create(by("ann"), key("observing", "user:ann", observer=True))


async def test_who_keeps_keys_learns_of_no_server_by_narrowing_them(acme: Company):
    """Anybody may make keys for themselves; there is a server that they may not see."""
    await acme.add(server("merger-data", "blue"))
    for number, audience in enumerate(("merger-data", "merger-dat", "no-such-thing")):
        await acme.administration.create(by("ann"), key(f"mine-{number}", "user:ann", audiences=(audience,)))
    with pytest.raises(Refused, match=r"did you mean `merger-data`"):
        await acme.administration.create(by("admin"), key("his", "user:admin", audiences=("merger-dat",)))
