"""What to do so that the records are as somebody declares them: pure.

A source (`apply:platform`) declares records as a whole and owns those that carry its label. What it declares no more is
removed only when that is asked for (`prune`). What others made, by hand or from another source, is never touched: a
declared name that is theirs is a finding, and then there is no plan.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

import msgspec

from toolgate.model.entities import (
    ENTITIES,
    KEPT,
    Binding,
    Entity,
    Grant,
    GroupMapping,
    Key,
    Role,
    Secret,
    Server,
    ServiceAccount,
    Stamp,
    Team,
    User,
    Virtual,
)
from toolgate.rules.directory import Directory
from toolgate.rules.facts import Finding

ORDER: tuple[type[Entity], ...] = (
    User, Team, ServiceAccount, Role, GroupMapping, Server, Virtual, Key, Binding, Grant,
)  # fmt: skip
"""In which kinds are made, so that what is referred to comes first; they are removed the other way around. Secrets are
in no declaration: they have values."""


class Action(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    REMOVE = "remove"


class Step(msgspec.Struct, frozen=True):
    """One change. `before` is what is there and `after` what there shall be, None for nothing; `fields` are those that
    become different."""

    action: Action
    before: Entity | None
    after: Entity | None
    fields: tuple[str, ...] = ()

    @property
    def record(self) -> Entity:
        found = self.after or self.before
        assert found is not None
        return found


class Plan(msgspec.Struct, frozen=True):
    """In the order in which it is carried out. With `findings` (path, reason) there are no steps."""

    steps: tuple[Step, ...] = ()
    findings: tuple[Finding, ...] = ()


def plan(there: Directory, wanted: Sequence[Entity], source: str, *, prune: bool) -> Plan:
    """From the records that are there to the wanted ones. A wanted key without a digest keeps the one it has."""
    findings = (*_impossible(wanted), *_of_others(there, wanted, source))
    if findings:
        return Plan(findings=findings)
    ordered = sorted(wanted, key=lambda record: ORDER.index(type(record)))
    steps = [step for record in ordered if (step := _step(there, record)) is not None]
    return Plan((*steps, *_surplus(there, wanted, source))) if prune else Plan(tuple(steps))


def _impossible(wanted: Sequence[Entity]) -> Iterator[Finding]:
    seen: set[tuple[str, str]] = set()
    for record in wanted:
        path = f"{record.KIND}.{record.name}"
        if isinstance(record, Secret):
            yield path, "secrets are not declared: they are set by `toolgate secret put`"
        if (record.KIND, record.name) in seen:
            yield path, "is declared twice"
        seen.add((record.KIND, record.name))


def _of_others(there: Directory, wanted: Iterable[Entity], source: str) -> Iterator[Finding]:
    for record in wanted:
        known = there.get(type(record), record.name)
        path = f"{record.KIND}.{record.name}"
        if known is not None and known.stamp.managed_by != source:
            maker = known.stamp.managed_by or "hand"
            yield path, f"is there already, made by {maker}, and {source} leaves what it did not make"
        if known is None and isinstance(record, Key) and not record.digest:
            yield path, "a new key needs its digest: `toolgate key new --file` prints one"


def _step(there: Directory, record: Entity) -> Step | None:
    known = there.get(type(record), record.name)
    if known is None:
        return Step(Action.CREATE, None, msgspec.structs.replace(record, stamp=Stamp()))
    after = msgspec.structs.replace(record, stamp=known.stamp)
    if isinstance(after, Key) and isinstance(known, Key) and not after.digest:
        after = msgspec.structs.replace(after, digest=known.digest)
    fields = tuple(
        field.name
        for field in msgspec.structs.fields(type(after))
        if getattr(after, field.name) != getattr(known, field.name)
    )
    return Step(Action.CHANGE, known, after, fields) if fields else None


def _surplus(there: Directory, wanted: Iterable[Entity], source: str) -> Iterator[Step]:
    """What carries the label and is declared no more."""
    kept = {(record.KIND, record.name) for record in wanted}
    for entity in reversed(ORDER):
        for name, record in sorted(there.all(entity).items()):
            if record.stamp.managed_by == source and (entity.KIND, name) not in kept:
                yield Step(Action.REMOVE, record, None)


assert {*ORDER, *KEPT, Secret} == set(ENTITIES.values())
