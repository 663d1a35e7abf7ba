"""The use cases over every kind of record: list, get, create, replace, remove, and the audit.

Whoever acts is judged by the records as they are at that moment, in the same transaction as the change: nothing is
cached, so a right that was taken is gone with the next request. What each kind needs and how it is judged stands in
one table, `collections.COLLECTIONS`.

Errors, and on each of them nothing was changed: NotAllowed (who could give the permission is in it), NotFound (also for
what the actor may not read), Refused (every finding), Conflict (another version, or the name is taken), StoreFailed.
"""

import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar, cast

from toolgate.control import repeating
from toolgate.control.actors import Actor, actor_of
from toolgate.control.desk import Desk
from toolgate.control.last_use import LastUse
from toolgate.control.registry import Registry
from toolgate.control.repeating import Repeat
from toolgate.control.selection import matching, shown
from toolgate.model.entities import Change, Entity, Secret
from toolgate.model.errors import NotFound, Refused, StoreFailed
from toolgate.model.identity import Principal
from toolgate.model.records import AUDIT_LOG
from toolgate.model.remembered import Remembered
from toolgate.ports import Transaction
from toolgate.rules.directory import Directory
from toolgate.rules.filed import everything, find
from toolgate.rules.permissions import ORGANISATION
from toolgate.rules.scopes import Need

E = TypeVar("E", bound=Entity)

MOST_LISTED = 1000

AUDIT = Need("audit:read", (ORGANISATION,))

audit_log = logging.getLogger(AUDIT_LOG)


class Administration:
    def __init__(self, registry: Registry, last_use: LastUse | None = None) -> None:
        self.registry = registry
        self._last_use = last_use or LastUse({})

    @asynccontextmanager
    async def open(
        self, actor: Principal, *, request: str = "", source: str | None = None, repeat: Repeat | None = None
    ) -> AsyncGenerator[Desk]:
        """One transaction for several changes: all of them happen when the block ends, or none when it raises. Raises
        Repeated where this was done before; whoever gives a `repeat` keeps what is done for it (`repeating.keep`).

        `source` is the label of whoever declares records as a whole (`file:toolgate.yaml`, `apply:platform`): it
        changes what carries its label and nothing else. Without one, only what carries none can be changed.
        """
        async with self.registry.store.transaction(actor.id, request=request) as transaction:
            await repeating.judge(transaction, repeat)
            yield await self._desk(transaction, actor, source)

    async def rehearse(self, actor: Principal, *, source: str) -> tuple[int, Desk]:
        """A desk whose changes are judged as ever and kept nowhere, and the `seq` of the last change that it sees. It
        holds nobody up."""
        seq, transaction = await self.registry.store.rehearsal()
        return seq, await self._desk(transaction, actor, source)

    async def _desk(self, transaction: Transaction, actor: Principal, source: str | None) -> Desk:
        directory = await self.registry.directory_in(transaction)
        who = actor_of(directory, actor, self.registry.clock.now())
        return Desk(transaction, directory, who, self.registry, source)

    async def list(
        self,
        actor: Principal,
        entity: type[E],
        *,
        after: str | None = None,
        limit: int = 100,
        filters: Mapping[str, str] | None = None,
    ) -> tuple[tuple[E, ...], str | None]:
        """The records that the actor may read, by name, and the name to go on `after` (None at the end).

        `filters` are field -> text: equal to it, or holding it where the field is a list; `managed_by` is a field here.
        Raises Refused for a field that there is not.
        """
        directory, who = await self._look(actor)
        wanted = matching(entity, filters or {})
        most = max(1, min(limit, MOST_LISTED))
        found: list[E] = []
        for name, record in sorted(everything(directory, entity).items()):
            if (after is None or name > after) and wanted(record) and who.may_read(directory, record):
                if len(found) == most:
                    return await self._told(*found), found[-1].name
                found.append(record)
        return await self._told(*found), None

    async def get(self, actor: Principal, entity: type[E], name: str) -> E:
        directory, who = await self._look(actor)
        record = find(directory, entity, name)
        if record is None or not who.may_read(directory, record):
            raise NotFound(f"there is no {entity.noun()} named {name!r}, or none that you may see")
        (told,) = await self._told(record)
        return told

    async def _told(self, *records: E) -> tuple[E, ...]:
        return cast("tuple[E, ...]", await self._last_use.told(*map(shown, records)))

    async def create(self, actor: Principal, value: E, *, request: str = "", repeat: Repeat | None = None) -> E:
        _judge_kind(value)
        async with self.open(actor, request=request, repeat=repeat) as desk:
            made = await desk.create(value)
            await repeating.keep(desk.transaction, repeat, made)
            return made

    async def recall(self, actor: Principal, key: str) -> Remembered | None:
        """What the actor was answered to this idempotency key, by whichever process."""
        async with self.registry.store.transaction(actor.id) as transaction:
            return await transaction.recall(key)

    async def replace(self, actor: Principal, value: E, *, expected: int, request: str = "") -> E:
        """The record of this name becomes `value`; its stamp is the store's business. `expected` is the version that
        the actor saw."""
        _judge_kind(value)
        async with self.open(actor, request=request) as desk:
            made = await desk.replace(value, expected=expected)
        (told,) = await self._told(made)
        return told

    async def remove(
        self, actor: Principal, entity: type[Entity], name: str, *, expected: int, request: str = ""
    ) -> None:
        async with self.open(actor, request=request) as desk:
            await desk.remove(entity, name, expected=expected)

    async def audit(
        self, actor: Principal, *, after: int = 0, limit: int = 100, request: str = ""
    ) -> tuple[Change, ...]:
        """What was changed after this `seq`, oldest first. Needs audit:read in the organisation. Who reads it is told
        in the log: in the audit itself, whoever follows it would follow themselves, and reading would be writing."""
        directory, who = await self._look(actor)
        who.require(directory, (AUDIT,))
        told = {"event": "audit_read", "request": request}
        audit_log.info("%s reads the audit after %d (up to %d changes)", actor.id, after, limit, extra=told)
        return await self.registry.store.changes(after, limit=max(1, min(limit, MOST_LISTED)))

    async def sees_all(self, actor: Principal) -> bool:
        """Whether the actor may read every caller's records, by what it holds; False also while that cannot be said."""
        try:
            _, who = await self._look(actor)
        except StoreFailed:
            return False
        return who.may(AUDIT)

    async def whoami(self, actor: Principal) -> Actor:
        """Who the actor is here, with everything that it holds."""
        _, who = await self._look(actor)
        return who

    async def _look(self, actor: Principal) -> tuple[Directory, Actor]:
        directory = await self.registry.directory()
        return directory, actor_of(directory, actor, self.registry.clock.now())


def _judge_kind(value: Entity) -> None:
    """Nobody but the vault seals: whatever a caller gives as sealed could not be opened."""
    if isinstance(value, Secret):
        raise Refused((("", "a secret is written by its own use case, which seals it"),))
