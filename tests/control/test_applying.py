"""Records declared as a whole: the plan, the one transaction, and the fixed point."""

from __future__ import annotations

import asyncio
import string
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.control.company import LOCAL, Company, by
from toolgate.control.applying import MOST_UNWRITTEN, Applying
from toolgate.control.plan import Action, Plan, Wanted, planning, wholly
from toolgate.model.declared import Declared
from toolgate.model.entities import Binding, Entity, Key, Role, Secret, Stamp, Team, User
from toolgate.model.errors import Conflict, NotAllowed, Refused
from toolgate.rules.directory import Directory
from toolgate.rules.steps import finished

SOURCE = "apply:platform"
NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=3)
RECORDS = st.one_of(
    st.builds(User, name=NAMES, display=st.text(string.printable, max_size=5)),
    st.builds(Team, name=NAMES, description=st.text(max_size=5)),
    st.builds(Role, name=NAMES, permissions=st.just(("team:read",))),
)
SETS = st.lists(RECORDS, max_size=6, unique_by=lambda record: (record.KIND, record.name))


def plan(there: Directory, wanted: list[Wanted], source: str, *, prune: bool) -> Plan:
    return finished(planning(there, wanted, source, prune=prune))


def carried_out(there: Directory, wanted: list[Entity], *, prune: bool) -> Directory:
    for step in plan(there, whole(wanted), SOURCE, prune=prune).steps:
        if step.action is Action.REMOVE:
            there = there.without(type(step.record), step.record.name)
        else:
            stamp = Stamp(version=1, managed_by=SOURCE, owned=dict(step.owned))
            there = there.with_(msgspec.structs.replace(step.record, stamp=stamp))
    return there


def whole(records: Iterable[Entity]) -> list[Wanted]:
    return [wholly(record) for record in records]


@pytest.mark.promise("gitops.fixed-point")
@given(SETS, SETS, st.booleans())
def test_what_was_carried_out_leaves_nothing_to_do(first: list[Entity], then: list[Entity], prune: bool):
    there = carried_out(carried_out(Directory(()), first, prune=prune), then, prune=prune)
    assert plan(there, whole(then), SOURCE, prune=prune).steps == ()
    exported = [record for record in there.records() if record.stamp.managed_by == SOURCE]
    assert plan(there, whole(exported), SOURCE, prune=True).steps == ()
    if prune:
        assert {(record.KIND, record.name) for record in exported} == {(record.KIND, record.name) for record in then}


@pytest.mark.promise("gitops.fixed-point")
async def test_what_is_exported_and_applied_changes_nothing(acme: Company):
    applying = Applying(acme.administration)
    wanted = [
        Team(name="child", parent="parent", members=("user:zoe",)),
        Team(name="parent"),
        User(name="zoe"),
        Binding(name="zoe-there", subject="team:child", role="member", scope="team:child"),
        Key(name="zoe-key", digest="ab" * 32, owner="user:zoe"),
    ]
    planned = await applying.plan(LOCAL, whole(wanted), SOURCE)
    assert [step.action for step in planned.steps] == [Action.CREATE] * 5
    await applying.apply(LOCAL, whole(wanted), SOURCE, seq=planned.seq)
    exported = await applying.export(LOCAL, SOURCE)
    assert len(exported) == 5
    assert (await applying.plan(LOCAL, whole(exported), SOURCE, prune=True)).steps == ()
    assert (await applying.plan(LOCAL, whole(wanted), SOURCE, prune=True)).steps == ()
    fewer = await applying.plan(LOCAL, whole(wanted[1:3]), SOURCE, prune=True)
    await applying.apply(LOCAL, whole(wanted[1:3]), SOURCE, seq=fewer.seq, prune=True)
    assert {record.name for record in await applying.export(LOCAL, SOURCE)} == {"parent", "zoe"}


@pytest.mark.promise("gitops.one-transaction")
async def test_a_stale_plan_is_refused_and_a_refused_one_changes_nothing(acme: Company):
    applying = Applying(acme.administration)
    planned = await applying.plan(LOCAL, whole([User(name="zoe")]), SOURCE)
    await acme.add(User(name="max"))
    with pytest.raises(Conflict, match="again"):
        await applying.apply(LOCAL, whole([User(name="zoe")]), SOURCE, seq=planned.seq)
    seq = await acme.seq()
    wrong = [User(name="zoe"), Binding(name="b-zoe", subject="user:nobody-at-all", role="member")]
    with pytest.raises(Refused, match=r"binding\.b-zoe"):
        await applying.apply(LOCAL, whole(wrong), SOURCE, seq=seq)
    with pytest.raises(NotAllowed):
        await applying.apply(by("bea"), whole([User(name="zoe")]), SOURCE, seq=seq)
    assert await acme.seq() == seq


@pytest.mark.promise("gitops.own-only")
async def test_what_others_made_is_left_alone(acme: Company):
    applying = Applying(acme.administration)
    for record in (User(name="ann"), Team(name="red")):
        with pytest.raises(Refused, match="made by hand"):
            await applying.plan(LOCAL, whole([record]), SOURCE, prune=True)
    planned = await applying.plan(LOCAL, whole([User(name="zoe")]), SOURCE, prune=True)
    await applying.apply(LOCAL, whole([User(name="zoe")]), SOURCE, seq=planned.seq, prune=True)
    with pytest.raises(Refused, match=SOURCE):
        await applying.plan(LOCAL, whole([User(name="zoe")]), "apply:other")
    assert (await applying.plan(LOCAL, [], "apply:other", prune=True)).steps == ()
    with pytest.raises(Refused, match="managed by apply:platform"):
        await acme.administration.remove(LOCAL, User, "zoe", expected=1)
    with pytest.raises(Refused, match="secret put"):
        await applying.plan(LOCAL, whole([Secret(name="s", sealed="", key_id="")]), SOURCE)
    with pytest.raises(Refused, match="digest"):
        await applying.plan(LOCAL, whole([Key(name="k", digest="")]), SOURCE)


@pytest.mark.promise("gitops.adopt")
async def test_what_is_adopted_keeps_every_field_that_is_not_declared(acme: Company):
    applying = Applying(acme.administration)
    await acme.add(Team(name="hand", description="Mine", cost_center="42", members=("user:ann",)))
    wanted = [Wanted(Team(name="hand", description="Ours"), frozenset({"description", "parent"}))]
    planned = await applying.plan(LOCAL, wanted, SOURCE, prune=True, adopt=True)
    (step,) = planned.steps
    assert (step.action, step.adopted_from) == (Action.ADOPT, "hand")
    assert (step.fields, step.claimed) == (("description",), ("parent",))
    with pytest.raises(NotAllowed):
        await applying.apply(by("ann"), wanted, SOURCE, seq=planned.seq, adopt=True)
    await applying.apply(LOCAL, wanted, SOURCE, seq=planned.seq, prune=True, adopt=True)
    (taken,) = await applying.export(LOCAL, SOURCE)
    kept = msgspec.structs.replace(taken, stamp=Stamp())
    assert kept == Team(name="hand", description="Ours", cost_center="42", members=("user:ann",))
    assert set(taken.stamp.owned) == {"description", "parent"}
    assert (await applying.plan(LOCAL, wanted, SOURCE, prune=True)).steps == ()


@pytest.mark.promise("gitops.adopt")
async def test_a_record_of_another_label_is_adopted_and_one_of_the_watched_file_is_not(acme: Company):
    applying = Applying(acme.administration)
    await applying.apply(LOCAL, whole([User(name="zoe")]), "apply:other", seq=await acme.seq())
    wanted = [Wanted(User(name="zoe", display="Zoe"), frozenset({"display"}))]
    with pytest.raises(Refused, match="--adopt"):
        await applying.plan(LOCAL, wanted, SOURCE)
    (step,) = await applying.apply(LOCAL, wanted, SOURCE, seq=await acme.seq(), adopt=True)
    assert step.adopted_from == "apply:other"
    assert [record.name for record in await applying.export(LOCAL, SOURCE)] == ["zoe"]
    assert await applying.export(LOCAL, "apply:other") == ()
    filed = Team(name="filed", stamp=Stamp(managed_by="file:toolgate.yaml"))
    acme.declared = Declared(records=(filed,))
    with pytest.raises(Refused, match=r"declared by file:toolgate\.yaml"):
        await applying.plan(LOCAL, whole([Team(name="filed")]), SOURCE, adopt=True)


@pytest.mark.promise("gitops.no-holding-up")
async def test_a_plan_is_made_while_somebody_writes(acme: Company):
    applying = Applying(acme.administration)
    wanted = whole([User(name="zoe"), Team(name="new", members=("user:zoe",))])
    async with asyncio.timeout(10), acme.administration.open(LOCAL) as desk:
        await desk.create(User(name="max"))
        planned = await applying.plan(LOCAL, wanted, SOURCE)
        assert [step.action for step in planned.steps] == [Action.CREATE] * 2
        # What would be refused does not even wait for its turn to write.
        with pytest.raises(NotAllowed):
            await applying.apply(by("ann"), wanted, SOURCE, seq=planned.seq)
    with pytest.raises(Conflict, match="again"):
        await applying.apply(LOCAL, wanted, SOURCE, seq=planned.seq)


@pytest.mark.promise("gitops.no-holding-up")
async def test_many_records_are_refused_of_those_who_could_write_none(acme: Company):
    applying = Applying(acme.administration)
    await applying.admit(by("ann"), {User, Team}, MOST_UNWRITTEN)
    with pytest.raises(NotAllowed, match=f"a plan takes {MOST_UNWRITTEN}"):
        await applying.admit(by("ann"), {User, Team}, MOST_UNWRITTEN + 1)
    for who, kinds in ((by("auditor"), {User}), (by("otto"), {User, Team}), (by("admin"), {User})):
        await applying.admit(who, kinds, MOST_UNWRITTEN + 1)
