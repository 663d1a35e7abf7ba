"""Field ownership: what a source declares is its own, the rest is anybody's; drift, cycles, and what goes at once."""

from __future__ import annotations

import msgspec
import pytest

from tests.control.company import LOCAL, Company, by, server
from toolgate.control.applying import Applying, Planned
from toolgate.control.plan import Action, Wanted, wholly
from toolgate.control.servers import Servers
from toolgate.model.entities import Binding, Entity, Server, ServerState, ServiceAccount, Team, User
from toolgate.model.errors import NotAllowed, Refused

SOURCE = "apply:platform"


def declares(record: Entity, *fields: str) -> Wanted:
    return Wanted(record, frozenset(fields))


async def apply(acme: Company, *wanted: Wanted, prune: bool = False) -> Planned:
    applying = Applying(acme.administration)
    planned = await applying.plan(LOCAL, wanted, SOURCE, prune=prune)
    await applying.apply(LOCAL, wanted, SOURCE, seq=planned.seq, prune=prune)
    return planned


@pytest.mark.promise("gitops.own-fields")
async def test_fields_that_are_not_declared_are_anybodys(acme: Company):
    admin = acme.administration
    declared = declares(Team(name="ops", description="Runs it"), "description")
    await apply(acme, declared)
    ops = await admin.get(LOCAL, Team, "ops")
    changed = msgspec.structs.replace(ops, members=("user:ann",))
    await admin.replace(LOCAL, changed, expected=1)
    with pytest.raises(Refused, match=r"description: is declared by apply:platform"):
        await admin.replace(LOCAL, msgspec.structs.replace(ops, description="Mine"), expected=2)
    with pytest.raises(Refused, match="managed by apply:platform"):
        await admin.remove(LOCAL, Team, "ops", expected=2)
    assert (await Applying(admin).plan(LOCAL, [declared], SOURCE, prune=True)).steps == ()
    assert (await admin.get(LOCAL, Team, "ops")).members == ("user:ann",)


@pytest.mark.promise("gitops.own-fields")
async def test_what_is_declared_no_more_goes_back_and_what_is_declared_anew_is_taken_over(acme: Company):
    admin = acme.administration
    await apply(acme, declares(Team(name="ops", description="Runs it", cost_center="42"), "description", "cost_center"))
    await apply(acme, declares(Team(name="ops", cost_center="42"), "cost_center"))
    ops = await admin.get(LOCAL, Team, "ops")
    assert (ops.description, ops.cost_center, set(ops.stamp.owned)) == ("", "42", {"cost_center"})
    await admin.replace(LOCAL, msgspec.structs.replace(ops, description="By hand"), expected=ops.stamp.version)
    wanted = declares(Team(name="ops", cost_center="42", description="By hand"), "cost_center", "description")
    (step,) = (await apply(acme, wanted)).steps
    assert (step.fields, step.claimed, step.drifted) == ((), ("description",), ())
    assert (await Applying(admin).plan(LOCAL, [wanted], SOURCE)).steps == ()


@pytest.mark.promise("gitops.drift")
async def test_a_server_is_paused_by_hand_and_the_plan_says_so(acme: Company):
    wanted = declares(server("crm", state=ServerState.LIVE), "kind", "settings", "state")
    await apply(acme, wanted)
    await Servers(acme.administration).move(by("admin"), Server, "crm", ServerState.PAUSED, expected=1)
    (step,) = (await Applying(acme.administration).plan(LOCAL, [wanted], SOURCE)).steps
    assert (step.action, step.fields, step.drifted) == (Action.CHANGE, ("state",), ("state",))
    assert step.before is not None
    assert step.before.stamp.updated_by == "key:admin"
    wished = declares(server("crm", state=ServerState.DRAINING), "kind", "settings", "state")
    (step,) = (await Applying(acme.administration).plan(LOCAL, [wished], SOURCE)).steps
    assert step.drifted == ("state",)
    await apply(acme, wished)
    again = declares(server("crm", state=ServerState.LIVE), "kind", "settings", "state")
    (step,) = (await Applying(acme.administration).plan(LOCAL, [again], SOURCE)).steps
    assert (step.fields, step.drifted) == (("state",), ())


@pytest.mark.promise("gitops.cycles")
async def test_a_team_and_a_service_account_that_refer_to_each_other(acme: Company):
    there = [
        wholly(Team(name="ops", members=("service:bot",), owners=("service:bot",))),
        wholly(ServiceAccount(name="bot", owner="ops")),
    ]
    await apply(acme, *there)
    assert (await acme.administration.get(LOCAL, ServiceAccount, "bot")).owner == "ops"
    await apply(acme, prune=True)
    assert not await Applying(acme.administration).export(LOCAL, SOURCE)


@pytest.mark.promise("gitops.cycles")
async def test_teams_swap_places_but_none_is_above_itself(acme: Company):
    await apply(acme, wholly(Team(name="a")), wholly(Team(name="b", parent="a")))
    await apply(acme, wholly(Team(name="a", parent="b")), wholly(Team(name="b")))
    assert (await acme.administration.get(LOCAL, Team, "a")).parent == "b"
    with pytest.raises(Refused, match=r"team\.c\.parent: a team cannot be above itself: c > d > c") as refused:
        await apply(acme, wholly(Team(name="c", parent="d")), wholly(Team(name="d", parent="c")))
    assert [path for path, _ in refused.value.findings] == ["team.c.parent", "team.d.parent"]


@pytest.mark.promise("gitops.one-transaction")
async def test_a_plan_finds_all_that_is_wrong_and_leaves_nothing(acme: Company):
    seq = await acme.seq()
    wanted = [wholly(User(name="zoe")), wholly(Team(name="t", parent="none")), wholly(Team(name="u", members=("x",)))]
    with pytest.raises(Refused) as refused:
        await Applying(acme.administration).plan(LOCAL, wanted, SOURCE)
    assert {path for path, _ in refused.value.findings} == {"team.t.parent", "team.u.members[0]"}
    await Applying(acme.administration).plan(LOCAL, wanted[:1], SOURCE)
    assert await acme.seq() == seq


async def test_who_may_not_apply_may_look(acme: Company):
    applying = Applying(acme.administration)
    planned = await applying.plan(by("auditor"), [wholly(User(name="zoe"))], SOURCE)
    assert [step.record.name for step in planned.steps] == ["zoe"]
    assert "user:write" in planned.lacking or "may not" in planned.lacking
    with pytest.raises(NotAllowed):
        await applying.apply(by("auditor"), [wholly(User(name="zoe"))], SOURCE, seq=planned.seq)


async def test_nobody_rises_by_a_declaration(acme: Company):
    """An admin may make bindings, and cannot make itself an owner, be it declared."""
    wanted = [wholly(Binding(name="up", subject="user:admin", role="owner"))]
    planned = await Applying(acme.administration).plan(by("admin"), wanted, SOURCE)
    assert "would gain" in planned.lacking
    with pytest.raises(NotAllowed, match="would gain"):
        await Applying(acme.administration).apply(by("admin"), wanted, SOURCE, seq=planned.seq)


@pytest.mark.promise("gitops.own-only")
async def test_a_plan_tells_nobody_what_they_may_not_see(acme: Company):
    """A name that is taken, by hand or under the label, looks like one that is free."""
    await apply(acme, wholly(Team(name="ours")), wholly(User(name="zoe")))
    told: set[tuple[str, str]] = set()
    for name in ("ann", "zoe", "nobody-of-this-name"):
        planned = await Applying(acme.administration).plan(by("bea"), [wholly(User(name=name))], SOURCE, prune=True)
        told.add((planned.lacking.replace(name, "X"), planned.steps[0].action.value))
        assert [step.record.name for step in planned.steps] == [name]
    assert len(told) == 1, told
