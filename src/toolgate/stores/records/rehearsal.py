"""Changes tried out in memory (`ports.Store.rehearsal`): judged as the database would judge them, kept nowhere, and
nobody waits for them."""

from collections.abc import Mapping
from typing import TypeVar, cast

import msgspec

from toolgate.model.entities import Entity, Stamp
from toolgate.model.remembered import Remembered
from toolgate.stores.records import bodies
from toolgate.stores.records.held import ByKind

E = TypeVar("E", bound=Entity)


class Rehearsal:
    """A transaction over the records of one moment, which it leaves as they are."""

    def __init__(self, records: ByKind) -> None:
        self._before = records
        self._changed: dict[str, dict[str, Entity]] = {}
        """The kinds of which something was written, whole."""

    async def get(self, entity: type[E], name: str, /) -> E | None:
        return cast("E | None", self._of(entity.KIND).get(name))

    async def find(self, entity: type[E], /) -> tuple[E, ...]:
        of_kind = self._of(entity.KIND)
        ordered = (of_kind[name] for name in sorted(of_kind)) if entity.KIND in self._changed else of_kind.values()
        return cast("tuple[E, ...]", tuple(ordered))

    async def put(self, entity: E, /, *, expected: int) -> E:
        bodies.judge_name(entity.KIND, entity.name)
        _, read = bodies.encode(entity)
        current = self._of(entity.KIND).get(entity.name)
        bodies.judge(entity.KIND, entity.name, current, expected, entity.stamp.id)
        known = Stamp() if current is None else current.stamp
        stamp = msgspec.structs.replace(
            known, version=expected + 1, managed_by=entity.stamp.managed_by, owned=entity.stamp.owned
        )
        stored = msgspec.structs.replace(read, stamp=stamp)
        self._writable(entity.KIND)[entity.name] = stored
        return stored

    async def remove(self, entity: type[Entity], name: str, /, *, expected: int) -> None:
        bodies.judge_removal(entity, name, self._of(entity.KIND).get(name), expected)
        del self._writable(entity.KIND)[name]

    async def recall(self, key: str, /) -> Remembered | None:
        """Nothing was asked before."""

    async def remember(self, key: str, remembered: Remembered, /) -> None:
        """Nothing is kept."""

    def _of(self, kind: str) -> Mapping[str, Entity]:
        changed = self._changed.get(kind)
        return self._before.get(kind, {}) if changed is None else changed

    def _writable(self, kind: str) -> dict[str, Entity]:
        if kind not in self._changed:
            self._changed[kind] = dict(self._before.get(kind, {}))
        return self._changed[kind]
