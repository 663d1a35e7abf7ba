"""The sections of the file whose records are nothing but their fields: teams, users, services, roles, bindings,
groups."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from toolgate.control.filed import Filed, read_fields
from toolgate.control.places import Place
from toolgate.model.entities import Binding, Entity, GroupMapping, Role, ServiceAccount, Team, User
from toolgate.rules.names import GROUP, GROUP_RULE, NAME, NAME_RULE, PERSON, PERSON_RULE


class Section(NamedTuple):
    """`pattern` and `rule` are those of the names."""

    entity: type[Entity]
    pattern: re.Pattern[str] = NAME
    rule: str = NAME_RULE


PEOPLE: Mapping[str, Section] = {
    "teams": Section(Team),
    "users": Section(User, PERSON, PERSON_RULE),
    "services": Section(ServiceAccount),
    "roles": Section(Role),
    "bindings": Section(Binding),
    "groups": Section(GroupMapping, GROUP, GROUP_RULE),
}


def read_people(name: str, section: Place) -> list[Filed]:
    entity, pattern, rule = PEOPLE[name]
    fields = [field for field in msgspec.structs.fields(entity) if field.name not in ("name", "stamp")]
    names = [field.name for field in fields]
    found: list[Filed] = []
    for named, place in section.named(pattern, rule).items():
        entries = place.record(names, required=[field.name for field in fields if field.required])
        values = read_fields(entries, entity, names)
        if all(field.name in values for field in fields if field.required):
            found.append(Filed(entity(name=named, **values), frozenset(entries), place, entries))
    return found
