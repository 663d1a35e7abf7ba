"""Records declared as a whole: planned, applied in one transaction, exported."""

from collections.abc import Sequence

import msgspec

from toolgate.control.actors import actor_of
from toolgate.control.administration import Administration
from toolgate.control.desk import Desk
from toolgate.control.plan import ORDER, Action, Plan, Step, Wanted, goal, plan
from toolgate.model.entities import KEPT, Entity
from toolgate.model.errors import Conflict, NotAllowed, Refused
from toolgate.model.identity import Principal
from toolgate.ports import Store
from toolgate.rules.directory import Directory
from toolgate.rules.facts import Finding

_KEPT = frozenset(entity.KIND for entity in KEPT)
_PAGE = 1000


class Planned(msgspec.Struct, frozen=True):
    """`seq` is that of the last change that was seen: who applies the plan says it. `lacking` is what the one who
    planned would be told on applying it, where that is a missing permission."""

    seq: int
    steps: tuple[Step, ...]
    lacking: str = ""


class _Rehearsed(Exception):
    """Ends the transaction of a plan: nothing of it stays."""


class Applying:
    """A source's label begins with `apply:`."""

    def __init__(self, administration: Administration) -> None:
        self._administration = administration

    async def plan(self, actor: Principal, wanted: Sequence[Wanted], source: str, *, prune: bool = False) -> Planned:
        """What `apply` would do. It is carried out and taken back, so that everything that is wrong with it is found
        now: nothing is changed. Raises Refused, Conflict and StoreFailed."""
        store = self._administration.registry.store
        seq, _ = await store.load()
        steps: tuple[Step, ...] = ()
        lacking = ""
        try:
            async with self._administration.open(actor, source=source) as desk:
                steps = _accepted(plan(_seen(desk, wanted, source), wanted, source, prune=prune))
                try:
                    await _carry_out(desk, steps)
                except NotAllowed as error:
                    lacking = str(error)
                raise _Rehearsed
        except _Rehearsed:
            return Planned(seq, steps, lacking)

    async def apply(
        self,
        actor: Principal,
        wanted: Sequence[Wanted],
        source: str,
        *,
        seq: int,
        prune: bool = False,
        request: str = "",
    ) -> tuple[Step, ...]:
        """Carries the plan out, all of it or nothing. Raises Conflict when anything was changed since `seq`, and what
        the single changes raise."""
        store = self._administration.registry.store
        async with self._administration.open(actor, request=request, source=source) as desk:
            # The transaction is the one writer by now: what is not in the audit yet comes after us.
            if await _is_stale(store, seq):
                raise Conflict("something was changed since the plan was made: make it again, and look at it")
            steps = _accepted(plan(_seen(desk, wanted, source), wanted, source, prune=prune))
            await _carry_out(desk, steps)
            return steps

    async def export(self, actor: Principal, source: str) -> tuple[Entity, ...]:
        """The records that carry the label and that the actor may read. Applied again with the fields that their stamps
        say are owned, they change nothing."""
        registry = self._administration.registry
        directory = await registry.directory()
        who = actor_of(directory, actor, registry.clock.now())
        return tuple(
            record
            for entity in ORDER
            for _, record in sorted(directory.all(entity).items())
            if record.stamp.managed_by == source and who.may_read(directory, record)
        )


async def _is_stale(store: Store, seq: int) -> bool:
    """Whether anybody changed anything since. What the gateway keeps for itself is in no plan."""
    while True:
        page = await store.changes(seq, limit=_PAGE)
        if any(change.kind not in _KEPT for change in page):
            return True
        if len(page) < _PAGE:
            return False
        seq = page[-1].seq


def _accepted(found: Plan) -> tuple[Step, ...]:
    if found.findings:
        raise Refused(found.findings)
    return found.steps


def _seen(desk: Desk, wanted: Sequence[Wanted], source: str) -> Directory:
    """The records without those that this is about and that the actor may not read: they are planned as if they were
    not there, and whoever lacks the right to make them is told no more than that."""
    about = {(one.record.KIND, one.record.name) for one in wanted}
    there = desk.directory
    for record in tuple(desk.directory.records()):
        concerned = (record.KIND, record.name) in about or record.stamp.managed_by == source
        if concerned and not desk.actor.may_read(desk.directory, record):
            there = there.without(type(record), record.name)
    return there


async def _carry_out(desk: Desk, steps: Sequence[Step]) -> None:
    """Every value is judged against what shall be there in the end, so that records may refer to each other whichever
    way; every finding is told at once."""
    desk.goal = goal(desk.directory, steps)
    findings: list[Finding] = []
    for step in steps:
        try:
            await _take(desk, step)
        except Refused as error:
            spot = f"{step.record.KIND}.{step.record.name}"
            findings.extend((f"{spot}.{path}" if path else spot, reason) for path, reason in error.findings)
    if findings:
        raise Refused(tuple(findings))


async def _take(desk: Desk, step: Step) -> None:
    if step.action is Action.REMOVE:
        await desk.remove(type(step.record), step.record.name, expected=step.record.stamp.version)
    elif step.action is Action.CREATE:
        await desk.create(step.record, owned=step.owned)
    else:
        await desk.replace(step.record, expected=step.record.stamp.version, owned=step.owned)
