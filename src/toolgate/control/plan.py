"""What to do so that the records are as somebody declares them: pure.

A source (`apply:platform`) declares records as a whole and owns those that carry its label: of each, the fields that it
declares. What it declares no more is removed only when that is asked for (`prune`). What others made, by hand or from
another source, is not touched: a declared name that is theirs is a finding, and then there is no plan, unless the
source is to `adopt` what it declares. It owns the declared fields from then on, and nothing else of the record changes.

Fields that a source does not declare keep what they have. One that it declared before and declares no more goes back to
its default. A field that it owns and that somebody else changed has drifted: the plan sets it back, and says so.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from hashlib import blake2b
from typing import Any

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
from toolgate.rules.validity import people

ORDER: tuple[type[Entity], ...] = (
    User, Team, ServiceAccount, Role, GroupMapping, Server, Virtual, Key, Binding, Grant,
)  # fmt: skip
"""In which kinds are made, so that what is referred to comes first; they are removed the other way around. Secrets are
in no declaration: they have values. What the gateway keeps for itself is in none either."""

HAND = "hand"
"""Who made what carries no label."""

NEVER_DECLARED = frozenset({"name", "stamp"})


class Action(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    ADOPT = "adopt"
    REMOVE = "remove"


class Wanted(msgspec.Struct, frozen=True):
    """A record as a source declares it; `fields` are those that it says something of."""

    record: Entity
    fields: frozenset[str]


class Step(msgspec.Struct, frozen=True):
    """One change. `before` is what is there and `after` what there shall be, None for nothing; `fields` are those that
    become different, and `drifted` those of them that somebody else changed. `owned` is what the record's stamp says
    afterwards; `claimed` are fields that the source owns from then on, or no more, while their value stays.
    `adopted_from` is whose the record was: `hand`, or a label.
    """

    action: Action
    before: Entity | None
    after: Entity | None
    fields: tuple[str, ...] = ()
    drifted: tuple[str, ...] = ()
    claimed: tuple[str, ...] = ()
    owned: Mapping[str, str] = {}
    adopted_from: str | None = None

    @property
    def record(self) -> Entity:
        found = self.after or self.before
        assert found is not None
        return found


class Plan(msgspec.Struct, frozen=True):
    """In the order in which it is carried out. With `findings` (path, reason) there are no steps."""

    steps: tuple[Step, ...] = ()
    findings: tuple[Finding, ...] = ()


def wholly(record: Entity) -> Wanted:
    """A record of which every field is declared. A key without a digest declares none."""
    unsaid = NEVER_DECLARED if getattr(record, "digest", "-") else NEVER_DECLARED | {"digest"}
    return Wanted(record, frozenset(field.name for field in msgspec.structs.fields(record)) - unsaid)


def planning(
    there: Directory, wanted: Sequence[Wanted], source: str, *, prune: bool, adopt: bool = False
) -> Generator[None, None, Plan]:
    """From the records that are there to the wanted ones, yielding after each record. A wanted key without a digest
    keeps the one it has."""
    findings = (*_impossible(wanted), *_of_others(there, wanted, source, adopt))
    if findings:
        return Plan(findings=findings)
    depths = _depths(wanted)
    steps: list[Step] = []
    for one in sorted(wanted, key=lambda one: (ORDER.index(type(one.record)), depths.get(_id(one.record), 0))):
        step = _step(there, one, source)
        if step is not None:
            steps.append(step)
        yield
    if prune:
        steps.extend(_surplus(there, wanted, source))
    return Plan(tuple(steps))


def goal(there: Directory, steps: Iterable[Step]) -> Directory:
    """The records when every step is done."""
    records = {_id(record): record for record in there.records()}
    for step in steps:
        if step.after is None:
            records.pop(_id(step.record), None)
        else:
            records[_id(step.after)] = step.after
    return Directory(records.values(), there.declared)


def digest(value: Any) -> str:
    """What tells one value of a field from another."""
    return blake2b(msgspec.json.encode(value, order="deterministic"), digest_size=8).hexdigest()


def _id(record: Entity) -> tuple[str, str]:
    return record.KIND, record.name


def _depths(wanted: Sequence[Wanted]) -> dict[tuple[str, str], int]:
    """How many of the wanted teams stand above each: whoever may only change one of those can make it so, from the
    top. Those that stand deeper than any may are refused, and not looked at to the end."""
    parents = {one.record.name: one.record.parent for one in wanted if isinstance(one.record, Team)}
    depths: dict[tuple[str, str], int] = {}
    for name in parents:
        above = [name]
        while (parent := parents.get(above[-1])) is not None and parent not in above and len(above) <= people.DEEPEST:
            above.append(parent)
        depths[Team.KIND, name] = len(above)
    return depths


def _impossible(wanted: Sequence[Wanted]) -> Iterator[Finding]:
    seen: set[tuple[str, str]] = set()
    for record in (one.record for one in wanted):
        path = f"{record.KIND}.{record.name}"
        if type(record) not in ORDER:
            yield path, "secrets are not declared: they are set by `toolgate secret put`"
        if _id(record) in seen:
            yield path, "is declared twice"
        seen.add(_id(record))


def _of_others(there: Directory, wanted: Iterable[Wanted], source: str, adopt: bool) -> Iterator[Finding]:
    for record in (one.record for one in wanted):
        known = there.get(type(record), record.name)
        path = f"{record.KIND}.{record.name}"
        if known is not None and known.stamp.managed_by != source:
            reason = _kept_by(known, source, adopt)
            if reason:
                yield path, reason
        if known is None and isinstance(record, Key) and not record.digest:
            yield f"{path}.digest", "a new key needs its digest: `toolgate key add --file` prints one"


def _kept_by(known: Entity, source: str, adopt: bool) -> str:
    """Why a record that is somebody else's stays so; empty where it is adopted."""
    maker = known.stamp.managed_by or HAND
    if known.stamp.version == 0:  # it was never stored
        return f"is declared by {maker}: take it out there, or here"
    if adopt:
        return ""
    return f"is there already, made by {maker}, and {source} leaves what it did not make: --adopt takes it over"


def _step(there: Directory, wanted: Wanted, source: str) -> Step | None:
    record = wanted.record
    owned = {name: digest(getattr(record, name)) for name in sorted(wanted.fields)}
    known = there.get(type(record), record.name)
    if known is None:
        after = msgspec.structs.replace(record, stamp=Stamp())
        return Step(Action.CREATE, None, after, tuple(sorted(wanted.fields)), owned=owned)
    given = {name: getattr(record, name) for name in wanted.fields}
    if known.stamp.managed_by != source:
        return _adoption(known, msgspec.structs.replace(known, **given), owned)
    left = known.stamp.owned.keys() - wanted.fields
    after = msgspec.structs.replace(known, **given, **_defaults(type(record), left))
    fields = tuple(name for name in _names(record) if getattr(after, name) != getattr(known, name))
    if not fields and owned == known.stamp.owned:
        return None
    before = known.stamp.owned
    drifted = tuple(name for name in fields if name in before and digest(getattr(known, name)) != before[name])
    claimed = tuple(
        sorted(name for name in owned.keys() | before if owned.get(name) != before.get(name) and name not in fields)
    )
    return Step(Action.CHANGE, known, after, fields, drifted, claimed, owned)


def _adoption(known: Entity, after: Entity, owned: Mapping[str, str]) -> Step:
    """Of a record that is somebody else's, the declared fields become the source's; all others stay as they are."""
    fields = tuple(name for name in owned if getattr(after, name) != getattr(known, name))
    claimed = tuple(name for name in owned if name not in fields)
    return Step(Action.ADOPT, known, after, fields, (), claimed, owned, known.stamp.managed_by or HAND)


def _names(record: Entity) -> list[str]:
    return [field.name for field in msgspec.structs.fields(record) if field.name not in NEVER_DECLARED]


def _defaults(entity: type[Entity], names: Iterable[str]) -> dict[str, Any]:
    """The values of fields that nobody says anything of."""
    wanted = set(names)
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(entity):
        if field.name in wanted and not field.required:
            made = field.default_factory
            found[field.name] = field.default if made is msgspec.NODEFAULT else made()
    return found


def _surplus(there: Directory, wanted: Iterable[Wanted], source: str) -> Iterator[Step]:
    """What carries the label and is declared no more."""
    kept = {_id(one.record) for one in wanted}
    for entity in reversed(ORDER):
        for name, record in sorted(there.all(entity).items()):
            if record.stamp.managed_by == source and (entity.KIND, name) not in kept:
                yield Step(Action.REMOVE, record, None)


assert {*ORDER, *KEPT, Secret} == set(ENTITIES.values())
