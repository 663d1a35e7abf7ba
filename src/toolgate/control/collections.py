"""Every kind of record with what a change of it needs, and how a value of it is judged: one table, so that no kind can
be forgotten and the whole policy is seen at once."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from itertools import islice
from typing import Any, cast

import msgspec

from toolgate.control import needs
from toolgate.control.needs import Edit
from toolgate.model.entities import (
    Acceptance,
    Binding,
    Entity,
    Grant,
    GroupMapping,
    Key,
    Role,
    Secret,
    Server,
    ServiceAccount,
    Team,
    User,
    Virtual,
)
from toolgate.rules.facts import Facts, Finding
from toolgate.rules.scopes import Need
from toolgate.rules.validity import access, fields, people, servers


class Collection(msgspec.Struct, frozen=True):
    """`needs` are the permissions that an edit takes, all of them; `findings` what is wrong with a value."""

    needs: Callable[[Edit[Any]], Sequence[Need]]
    findings: Callable[[Any, Facts], Iterable[Finding]]


COLLECTIONS: Mapping[type[Entity], Collection] = {
    Server: Collection(needs.of_server, servers.server),
    Virtual: Collection(needs.of_virtual, servers.virtual),
    Team: Collection(needs.of_team, people.team),
    User: Collection(needs.of_owned, people.user),
    ServiceAccount: Collection(needs.of_owned, people.service),
    Role: Collection(needs.of_owned, people.role),
    Binding: Collection(needs.of_owned, people.binding),
    GroupMapping: Collection(needs.of_owned, people.group),
    Key: Collection(needs.of_key, access.key),
    Grant: Collection(needs.of_grant, access.grant),
    Secret: Collection(needs.of_owned, access.secret),
    Acceptance: Collection(needs.of_acceptance, servers.acceptance),
}


_LARGE = 2000
"""Characters of settings from which on they are judged in a thread: documents and schemas in them take a second."""

_LONG = 100
"""Items of one field from which on a record is judged in a thread: what was meant by each is looked for."""

MOST_TOLD = 99
"""Findings of one record."""


async def judged(value: Entity, facts: Facts) -> Sequence[Finding]:
    """What is wrong with a value, the first of it where that is much. It holds nobody up."""
    shape = {name: getattr(value, name) for name in value.__struct_fields__}
    crowded = [*fields.crowded(shape)]
    if crowded:
        return crowded
    long = any(isinstance(one, (tuple, dict)) and len(cast("Sized", one)) > _LONG for one in shape.values())
    if long or (isinstance(value, Server) and len(repr(value.settings)) > _LARGE):
        return await asyncio.to_thread(_first, value, facts)
    return _first(value, facts)


def _first(value: Entity, facts: Facts) -> list[Finding]:
    found = [*islice(COLLECTIONS[type(value)].findings(value, facts), MOST_TOLD + 1)]
    return found if len(found) <= MOST_TOLD else [*found[:MOST_TOLD], ("", "and there is more: mend these first")]
