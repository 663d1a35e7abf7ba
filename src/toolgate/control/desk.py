"""One transaction of changes, each judged before it is made: may the actor, is the record ours to change, is it the
version that was seen, is it right, and does nobody get more than the actor has."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

import msgspec

from toolgate.control.actors import Actor
from toolgate.control.collections import COLLECTIONS, judged
from toolgate.control.needs import Edit
from toolgate.control.registry import Registry
from toolgate.control.selection import shown
from toolgate.control.slices import others
from toolgate.model.entities import Acceptance, Entity, Key, Server, Stamp
from toolgate.model.errors import ConfigError, Conflict, NotFound, Refused
from toolgate.ports import Transaction
from toolgate.rules import conditions
from toolgate.rules.directory import Directory
from toolgate.rules.facts import Finding
from toolgate.rules.filed import find, is_filed, told, told_taken
from toolgate.rules.referrers import referrers
from toolgate.rules.rising import CONCERNED, rise_steps
from toolgate.rules.scopes import Need, of_server

E = TypeVar("E", bound=Entity)

_AT_ONCE = 20
"""People and keys that are looked at before others get their turn on the loop."""


class Desk:
    """`directory` follows the changes. `source` is the label of what this desk may change and gives to what it makes.

    Where a source makes many changes, `goal` are the records after all of them: values are judged against those, and
    what is referred to may come later. `owned` says of a record which fields the source declares (`Stamp.owned`).
    """

    def __init__(
        self, transaction: Transaction, directory: Directory, actor: Actor, registry: Registry, source: str | None
    ) -> None:
        self.transaction = transaction
        self.directory = directory
        self.actor = actor
        self.registry = registry
        self.source = source
        self.goal: Directory | None = None

    async def create(self, value: E, *, owned: Mapping[str, str] | None = None) -> E:
        """Stores a new record. Raises NotAllowed, Conflict (the name is taken), Refused."""
        after = self.directory.with_(value)
        self._judge_rights(Edit(None, value, self.directory, after, self.registry.facts(self.directory)))
        judge_free(self.directory, self.actor, value)
        await self._judge_value(value)
        await self._judge_rise(value, after)
        return await self._put(value, 0, owned)

    async def replace(self, value: E, *, expected: int, owned: Mapping[str, str] | None = None) -> E:
        """Changes a record. Raises NotFound, NotAllowed, Conflict, Refused."""
        after = self.judge_edit(value, expected=expected)
        await self._judge_value(value)
        await self._judge_rise(value, after)
        return await self._put(value, expected, owned)

    async def restrict(self, value: E, *, expected: int) -> E:
        """Changes a record so that it takes rights or service away and gives none, which must work whatever else is
        wrong with the record by now (a team that has left its file), also of what a source declares: its next plan
        shows it. Raises NotFound, NotAllowed, Conflict, and Refused where a file that is being watched declares it."""
        self.judge_edit(value, expected=expected, urgent=True)
        return await self._put(value, expected)

    async def adopt(self, value: E, *, expected: int, owned: Mapping[str, str]) -> E:
        """Changes a record that was made by hand, or carries another label, and puts it under this desk's. Raises
        NotFound, NotAllowed, Conflict, Refused."""
        after = self.judge_edit(value, expected=expected, adopting=True)
        await self._judge_value(value)
        await self._judge_rise(value, after)
        return await self._put(value, expected, owned)

    def judge_edit(self, value: Entity, *, expected: int, urgent: bool = False, adopting: bool = False) -> Directory:
        """Whether the actor may make this change to what is there at all; answers the records after it."""
        before = self._current(type(value), value.name)
        after = self.directory.with_(value)
        self._judge_rights(Edit(before, value, self.directory, after, self.registry.facts(self.directory)))
        if is_filed(before) or not (urgent or adopting):
            self._judge_hold(before, value)
        self._judge_version(before, expected)
        return after

    async def remove(self, entity: type[Entity], name: str, *, expected: int) -> None:
        """Removes a record that nothing refers to. Raises NotFound, NotAllowed, Conflict, Refused."""
        before = self._current(entity, name)
        after = self.directory.without(entity, name)
        self._judge_rights(Edit(before, None, self.directory, after, self.registry.facts(self.directory)))
        self._judge_hold(before, None)
        self._judge_version(before, expected)
        self._judge_unused(entity, name)
        await self.transaction.remove(entity, name, expected=expected)
        self.directory = after
        await self._forget(entity, name)

    async def _forget(self, entity: type[Entity], name: str) -> None:
        """What was accepted of a server goes with it: another of its name begins anew."""
        accepted = self.directory.get(Acceptance, name) if entity is Server else None
        if accepted is not None:
            await self.transaction.remove(Acceptance, name, expected=accepted.stamp.version)
            self.directory = self.directory.without(Acceptance, name)

    def _current(self, entity: type[E], name: str) -> E:
        record = find(self.directory, entity, name)
        if record is None or not self.actor.may_read(self.directory, record):
            raise NotFound(f"there is no {entity.noun()} named {name!r}, or none that you may see")
        return record

    def _judge_rights(self, edit: Edit[Entity]) -> None:
        self.actor.require(self.directory, COLLECTIONS[edit.entity].needs(edit))

    def _judge_hold(self, record: Entity, after: Entity | None) -> None:
        """Whether the record is this desk's to change: what a file or another source declares is changed there, and
        that may be some of its fields only."""
        holder = record.stamp.managed_by
        if is_filed(record):
            raise Refused((("", told(self.directory, record)),))
        if holder == self.source:
            return
        if holder is None:
            raise Refused((("", f"the {record.noun()} {record.name!r} was made by hand, and {self.source} leaves it"),))
        owned = record.stamp.owned  # none of them, where the source says no more than that there is such a record
        if self.source is not None or after is None:
            raise Refused((("", f"the {record.noun()} {record.name!r} is managed by {holder}: change it there"),))
        held = [name for name in owned if getattr(record, name) != getattr(after, name)]
        if held:
            raise Refused(tuple((name, f"is declared by {holder}: change it there") for name in held))

    def _judge_version(self, record: Entity, expected: int) -> None:
        if record.stamp.version != expected:
            found = f"it is at version {record.stamp.version}, and you saw {expected}"
            raise Conflict(f"the {record.noun()} {record.name!r} was changed meanwhile: {found}", shown(record))

    async def _judge_value(self, value: Entity) -> None:
        """Judged against all other records, so that nothing can refer to itself by accident."""
        await others()
        facts = msgspec.structs.replace(self.registry.facts(self.goal or self.directory).about(value), sees=self._sees)
        if self.goal is not None:
            facts = msgspec.structs.replace(facts, before=self.directory.get(type(value), value.name))
        findings = (*await judged(value, facts), *self._outliving(value)) or tuple(self._elsewhere(value))
        if findings:
            raise Refused(findings)

    def _sees(self, server: str) -> bool:
        return self.actor.may(Need("server:read", of_server(self.directory, server)))

    def _outliving(self, value: Entity) -> Iterator[Finding]:
        """A key that ends makes no key that goes on: whoever found it would keep what it gave."""
        end = self.actor.expires
        if end is None or not isinstance(value, Key):
            return
        known = self.directory.get(Key, value.name)
        goes_on = value.expires is None or value.expires > end
        if goes_on and (known is None or known.digest != value.digest or known.expires != value.expires):
            yield "expires", f"the key that makes it ends first: give {end:g} or less, or use another key"

    def _elsewhere(self, value: Entity) -> Iterator[Finding]:
        """A key for certain networks makes none for others, for the same reason. Asked where the value is right else:
        its ranges can be read."""
        if not isinstance(value, Key) or conditions.narrowed(value.networks, self.actor.networks):
            return
        known = self.directory.get(Key, value.name)
        if known is None or known.digest != value.digest or known.networks != value.networks:
            here = ", ".join(self.actor.networks)
            yield "networks", f"the key that makes it is for {here} only: give these or narrower, or use another key"

    async def _judge_rise(self, value: Entity, after: Directory) -> None:
        if not isinstance(value, CONCERNED):
            return
        await others()
        actor = self.actor
        steps = rise_steps(self.directory, after, actor.holdings, actor.subject, actor.now, value)
        for place, rise in enumerate(steps):
            if rise is None:
                if place % _AT_ONCE == 0:
                    await others()
                continue
            why = f"{rise.subject} would gain {rise.permission} by {rise.source}, and nobody can give what they lack: "
            raise actor.refusal(self.directory, Need(rise.permission, rise.scopes), why)

    def _judge_unused(self, entity: type[Entity], name: str) -> None:
        users = referrers(self.goal or self.directory, entity, name)
        if users:
            told = ", ".join(f"{kind} {user} ({field})" for kind, user, field in users[:10])
            more = f" and {len(users) - 10} more" if len(users) > 10 else ""
            raise Refused((("", f"the {entity.noun()} {name!r} is still used by {told}{more}: change these first"),))

    async def _put(self, value: E, expected: int, owned: Mapping[str, str] | None = None) -> E:
        stamped = msgspec.structs.replace(value, stamp=self._stamp(value, owned))
        try:
            stored = await self.transaction.put(stamped, expected=expected)
        except ConfigError as error:  # what JSON or the database cannot hold
            raise Refused(tuple(("", finding) for finding in error.findings)) from None
        self.directory = self.directory.with_(stored)
        return shown(stored)

    def _stamp(self, value: Entity, owned: Mapping[str, str] | None) -> Stamp:
        """The stamp is the store's, but for the source: what a caller put there counts for nothing."""
        known = self.directory.get(type(value), value.name)
        stamp = Stamp() if known is None else known.stamp
        if self.source is not None:
            stamp = msgspec.structs.replace(stamp, managed_by=self.source)
        return stamp if owned is None else msgspec.structs.replace(stamp, owned=dict(owned))


def judge_free(directory: Directory, actor: Actor, value: Entity) -> None:
    """Whether a new record may have its name. Raises Refused where the file that is served declares one of that name,
    and Conflict where there is a record."""
    taken = find(directory, type(value), value.name)
    if taken is None:
        return
    if is_filed(taken):
        raise Refused((("name", told_taken(directory, taken)),))
    current = shown(taken) if actor.may_read(directory, taken) else None
    raise Conflict(f"there is a {value.noun()} named {value.name!r} already", current)
