"""Valid teams, users, service accounts, roles, bindings and group mappings."""

import re
from collections.abc import Iterator

from toolgate.model.entities import Binding, GroupMapping, Role, ServiceAccount, Team, User
from toolgate.rules import permissions
from toolgate.rules.facts import Facts, Finding
from toolgate.rules.names import GROUP, GROUP_RULE, PERSON, PERSON_RULE, meant
from toolgate.rules.permissions import ORGANISATION
from toolgate.rules.validity import fields

DEEPEST = 16
"""Teams above each other, the lowest included."""

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")


def team(value: Team, facts: Facts) -> Iterator[Finding]:
    yield from fields.name(value)
    yield from fields.undeclared(value, [spec.name for spec in facts.directory.declared.teams], facts)
    yield from fields.prose("description", value.description)
    yield from fields.words("cost_center", value.cost_center)
    yield from fields.team("parent", value.parent, _with_itself(value, facts))
    if value.parent is not None:
        above = facts.directory.above(value.parent)
        if value.name in above:
            names = (value.name, *above[: above.index(value.name) + 1])
            told = names if len(names) <= DEEPEST else (*names[:DEEPEST], "...", value.name)
            chain = " > ".join(told)
            yield "parent", f"a team cannot be above itself: {chain}"
        elif len(above) + 1 > DEEPEST:
            yield "parent", f"teams can be nested {DEEPEST} deep at most"
    for field, subjects in (("members", value.members), ("owners", value.owners)):
        for place, subject in enumerate(subjects):
            yield from fields.subject(f"{field}[{place}]", subject, ("user", "service"), facts)
        yield from fields.unique(field, subjects)


def _with_itself(value: Team, facts: Facts) -> Facts:
    """So that a team which is its own parent is told so, and not that it does not exist."""
    return facts if value.parent != value.name else facts.beside(value)


def user(value: User, facts: Facts) -> Iterator[Finding]:
    yield from fields.name(value, PERSON, PERSON_RULE)
    yield from fields.words("display", value.display)
    if value.email is not None and not _EMAIL.fullmatch(value.email):
        yield "email", "expected an e-mail address"
    for place, group in enumerate(value.groups):
        if not GROUP.fullmatch(group):
            yield f"groups[{place}]", GROUP_RULE
    yield from fields.unique("groups", value.groups)


def service(value: ServiceAccount, facts: Facts) -> Iterator[Finding]:
    yield from fields.name(value)
    yield from fields.prose("description", value.description)
    yield from fields.words("cost_center", value.cost_center)
    yield from fields.team("owner", value.owner, facts)


def role(value: Role, facts: Facts) -> Iterator[Finding]:
    yield from fields.name(value)
    if value.name in permissions.ROLES:
        yield "name", "is a built-in role, which nobody can change: take another name"
    yield from fields.prose("description", value.description)
    if not value.permissions:
        yield "permissions", "a role without permissions is none"
    for place, permission in enumerate(value.permissions):
        if permission not in permissions.PERMISSIONS:
            near = meant(permission, permissions.PERMISSIONS)
            yield f"permissions[{place}]", f"there is no permission of this name{near}"
    yield from fields.unique("permissions", value.permissions)


def binding(value: Binding, facts: Facts) -> Iterator[Finding]:
    yield from fields.name(value)
    yield from fields.subject("subject", value.subject, ("user", "service", "team", "group"), facts)
    yield from fields.subject("role", f"role:{value.role}", ("role",), facts)
    yield from fields.expires(value, facts)
    if value.scope == ORGANISATION:
        return
    kind, _, named = value.scope.partition(":")
    if kind == "server":
        if named not in facts.directory.servers:
            yield "scope", f"there is no server of this name{meant(named, facts.directory.servers)}"
    elif kind == "team":
        yield from fields.team("scope", named, facts)
    else:
        yield "scope", "expected organisation, team:NAME or server:NAME"


def group(value: GroupMapping, facts: Facts) -> Iterator[Finding]:
    yield from fields.name(value, GROUP, GROUP_RULE)
    yield from fields.teams("teams", value.teams, facts)
