"""Records declared as a whole: planned, applied in one transaction, exported."""

from collections.abc import Collection, Sequence

import msgspec

from toolgate.control.actors import actor_of
from toolgate.control.administration import AUDIT, Administration
from toolgate.control.desk import Desk
from toolgate.control.plan import ORDER, Action, Step, Wanted, goal, planning
from toolgate.control.slices import done, others
from toolgate.model.entities import KEPT, Entity
from toolgate.model.errors import Conflict, NotAllowed, Refused
from toolgate.model.identity import Principal
from toolgate.ports import Store
from toolgate.rules.directory import Directory
from toolgate.rules.facts import Finding
from toolgate.rules.permissions import ORGANISATION
from toolgate.rules.scopes import Need, area

_KEPT = frozenset(entity.KIND for entity in KEPT)
_PAGE = 1000


class Planned(msgspec.Struct, frozen=True):
    """`seq` is that of the last change that was seen: who applies the plan says it. `lacking` is what the one who
    planned would be told on applying it, where that is a missing permission."""

    seq: int
    steps: tuple[Step, ...]
    lacking: str = ""


MOST_UNWRITTEN = 200
"""Records of a plan by somebody who could make none of them, and does not see everything either."""


class Applying:
    """A source's label begins with `apply:`."""

    def __init__(self, administration: Administration) -> None:
        self._administration = administration

    async def admit(self, actor: Principal, kinds: Collection[type[Entity]], count: int) -> None:
        """Before much is read: raises NotAllowed for more records than MOST_UNWRITTEN where the actor may write none of
        these kinds anywhere. Whoever sees everything may plan what others apply."""
        if count <= MOST_UNWRITTEN or not kinds:
            return
        registry = self._administration.registry
        directory = await registry.directory()
        who = actor_of(directory, actor, registry.clock.now())
        wanted = sorted(f"{area(kind)}:write" for kind in kinds)
        if who.may(AUDIT) or any(who.may_somewhere(permission) for permission in wanted):
            return
        why = f"{count} records, and you may write none of their kinds; a plan takes {MOST_UNWRITTEN} of those: "
        raise who.refusal(directory, Need(wanted[0], (ORGANISATION,)), why)

    async def plan(
        self, actor: Principal, wanted: Sequence[Wanted], source: str, *, prune: bool = False, adopt: bool = False
    ) -> Planned:
        """What `apply` would do. It is carried out where nothing is kept, so that everything that is wrong with it is
        found now: nothing is changed, and no change of others waits for it. Raises Refused and StoreFailed."""
        seq, steps, lacking = await self._rehearsed(actor, wanted, source, prune, adopt)
        return Planned(seq, steps, "" if lacking is None else str(lacking))

    async def apply(
        self,
        actor: Principal,
        wanted: Sequence[Wanted],
        source: str,
        *,
        seq: int,
        prune: bool = False,
        adopt: bool = False,
        request: str = "",
    ) -> tuple[Step, ...]:
        """Carries the plan out, all of it or nothing. Raises Conflict when anything was changed since `seq`, and what
        the single changes raise."""
        store = self._administration.registry.store
        await _judge_stale(store, seq)
        # What would be refused is refused before it is the one writer for which all others wait.
        _, _, lacking = await self._rehearsed(actor, wanted, source, prune, adopt)
        if lacking is not None:
            raise lacking
        async with self._administration.open(actor, request=request, source=source) as desk:
            # The transaction is the one writer by now: what is not in the audit yet comes after us.
            await _judge_stale(store, seq)
            steps = await _planned(desk, wanted, source, prune, adopt)
            await _carry_out(desk, steps)
            return steps

    async def _rehearsed(
        self, actor: Principal, wanted: Sequence[Wanted], source: str, prune: bool, adopt: bool
    ) -> tuple[int, tuple[Step, ...], NotAllowed | None]:
        seq, desk = await self._administration.rehearse(actor, source=source)
        steps = await _planned(desk, wanted, source, prune, adopt)
        try:
            await _carry_out(desk, steps)
        except NotAllowed as error:
            return seq, steps, error
        return seq, steps, None

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


async def _judge_stale(store: Store, seq: int) -> None:
    """Raises Conflict where anybody changed anything since. What the gateway keeps for itself is in no plan."""
    while True:
        page = await store.changes(seq, limit=_PAGE)
        if any(change.kind not in _KEPT for change in page):
            raise Conflict("something was changed since the plan was made: make it again, and look at it")
        if len(page) < _PAGE:
            return
        seq = page[-1].seq


async def _planned(desk: Desk, wanted: Sequence[Wanted], source: str, prune: bool, adopt: bool) -> tuple[Step, ...]:
    """Raises Refused."""
    found = await done(planning(await _seen(desk, wanted, source), wanted, source, prune=prune, adopt=adopt))
    if found.findings:
        raise Refused(found.findings)
    return found.steps


async def _seen(desk: Desk, wanted: Sequence[Wanted], source: str) -> Directory:
    """The records without those that this is about and that the actor may not read: they are planned as if they were
    not there, and whoever lacks the right to make them is told no more than that."""
    about = {(one.record.KIND, one.record.name) for one in wanted}
    there = desk.directory
    kept: list[Entity] = []
    hidden: list[Entity] = []
    for record in there.records():
        concerned = (record.KIND, record.name) in about or record.stamp.managed_by == source
        (hidden if concerned and not desk.actor.may_read(there, record) else kept).append(record)
        await others()
    seen = Directory(kept, there.declared)
    for record in hidden:  # those of the file are among what it declares
        if seen.get(type(record), record.name) is not None:
            seen = seen.without(type(record), record.name)
    return seen


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
    elif step.action is Action.ADOPT:
        await desk.adopt(step.record, expected=step.record.stamp.version, owned=step.owned)
    else:
        await desk.replace(step.record, expected=step.record.stamp.version, owned=step.owned)
