"""Records declared as a whole: what would be done, done, and what is declared now."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from toolgate.admin.bodies import JSON, parameters, read_object
from toolgate.admin.exchange import Answer, Task
from toolgate.admin.forms import DEFAULT, Applied, ApplyInput, FieldChange, PlanInput, Planned, PlannedStep
from toolgate.admin.paths import HIDDEN
from toolgate.admin.problems import Wrong
from toolgate.admin.showing import said, shown
from toolgate.control.kinds import flaws
from toolgate.control.plan import NEVER_DECLARED, ORDER, Step, Wanted
from toolgate.control.slices import others
from toolgate.model.entities import Entity
from toolgate.model.errors import Refused
from toolgate.rules.facts import Finding
from toolgate.rules.names import NAME, NAME_RULE, meant

MOST_RECORDS = 10_000

T = TypeVar("T")

_KINDS: Mapping[str, type[Entity]] = {entity.KIND: entity for entity in ORDER}


async def planned(task: Task) -> Answer:
    """What applying would do; nothing is changed."""
    given = _given(task, PlanInput)
    source = _source(given.label)
    wanted = await _wanted(task, given.records)
    plan = await task.uses.applying.plan(task.principal, wanted, source, prune=given.prune, adopt=given.adopt)
    steps = await _told(plan.steps)
    return said(msgspec.to_builtins(Planned(plan.seq, given.label, plan.lacking, steps), str_keys=True))


async def applied(task: Task) -> Answer:
    """All of it in one transaction, unless anything was changed since the plan."""
    given = _given(task, ApplyInput)
    source = _source(given.label)
    steps = await task.uses.applying.apply(
        task.principal,
        await _wanted(task, given.records),
        source,
        seq=given.seq,
        prune=given.prune,
        adopt=given.adopt,
        request=task.request,
    )
    return said(msgspec.to_builtins(Applied(given.label, await _told(steps)), str_keys=True))


async def exported(task: Task) -> Answer:
    """What carries the label."""
    found = parameters(task.asked)
    label = found.pop("label", DEFAULT)
    if found:
        raise Wrong(400, "An export takes `label`.", tuple((name, "not known here") for name in found))
    records = await task.uses.applying.export(task.principal, _source(label))
    return said({"label": label, "records": [_declared(record) for record in records]})


def _declared(record: Entity) -> dict[str, Any]:
    values = shown(record)
    owned = {name: values[name] for name in values if name in record.stamp.owned}
    return {"record": record.KIND, "name": record.name, **owned}


def _given(task: Task, form: type[T]) -> T:
    """Raises Wrong, Refused."""
    try:
        return msgspec.convert(read_object(task.asked, JSON), form)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        raise Refused(((path.strip("`."), reason),)) from None


def _source(label: str) -> str:
    """Raises Refused."""
    if not NAME.fullmatch(label):
        raise Refused((("label", NAME_RULE),))
    return f"apply:{label}"


async def _wanted(task: Task, records: Sequence[Mapping[str, Any]]) -> list[Wanted]:
    """Raises NotAllowed for many that the principal could not make, and Refused with every finding, whose path begins
    with kind and name where there are any."""
    if len(records) > MOST_RECORDS:
        raise Refused((("records", f"more than {MOST_RECORDS} of them"),))
    kinds = {_KINDS[kind] for kind in (str(values.get("record")) for values in records) if kind in _KINDS}
    await task.uses.applying.admit(task.principal, kinds, len(records))
    wanted: list[Wanted] = []
    findings: list[Finding] = []
    for place, values in enumerate(records):
        read = _read(values, f"records[{place}]")
        if isinstance(read, Wanted):
            wanted.append(read)
        else:
            findings.extend(read)
        await others()
    if findings:
        raise Refused(tuple(findings))
    return wanted


def _read(values: Mapping[str, Any], place: str) -> Wanted | list[Finding]:
    kind = str(values.get("record"))
    entity = _KINDS.get(kind)
    if entity is None:
        return [(f"{place}.record", f"expected one of {', '.join(_KINDS)}{meant(kind, _KINDS)}")]
    name = values.get("name")
    if not isinstance(name, str) or not name:
        return [(f"{place}.name", "is missing: expected a text")]
    spot = f"{entity.KIND}.{name}"
    known = [field.name for field in msgspec.structs.fields(entity) if field.name not in NEVER_DECLARED]
    given = {field: value for field, value in values.items() if field not in ("record", "name")}
    findings = [
        (f"{spot}.{field}", f"a {entity.noun()} has no such field{meant(field, known)}")
        for field in given
        if field not in known
    ]
    made = {**dict.fromkeys(HIDDEN.get(entity, ()), ""), **given, "name": name}
    findings += [
        (f"{spot}.{path}" if path else spot, reason)
        for path, reason in flaws(entity, {field: one for field, one in made.items() if field in (*known, "name")})
    ]
    return findings or Wanted(msgspec.convert(made, entity), frozenset(given))


async def _told(steps: Sequence[Step]) -> tuple[PlannedStep, ...]:
    told: list[PlannedStep] = []
    for step in steps:
        told.append(_step(step))
        await others()
    return tuple(told)


def _step(step: Step) -> PlannedStep:
    before, after = ({} if one is None else shown(one) for one in (step.before, step.after))
    return PlannedStep(
        action=step.action.value,
        kind=step.record.KIND,
        name=step.record.name,
        fields=tuple(
            FieldChange(field, before.get(field), after.get(field), field in step.drifted) for field in step.fields
        ),
        claimed=step.claimed,
        updated_by=None if step.before is None else step.before.stamp.updated_by,
        updated_at=None if step.before is None else step.before.stamp.updated_at,
        adopted_from=step.adopted_from,
    )
