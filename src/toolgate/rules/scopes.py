"""In which scopes a record is: where a permission for it may be held.

`Needed` lists the permissions that something needs, each with its scopes: all of them are needed, and each may be held
in any one of its scopes.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from toolgate.model.entities import (
    Acceptance,
    Binding,
    Entity,
    Grant,
    Key,
    Secret,
    Server,
    ServiceAccount,
    Team,
    User,
    Virtual,
)
from toolgate.rules import globs
from toolgate.rules.directory import Directory
from toolgate.rules.filed import find
from toolgate.rules.permissions import ORGANISATION


class Need(NamedTuple):
    """One permission, and the scopes in which it would do, from the widest to the narrowest."""

    permission: str
    scopes: tuple[str, ...]


def of_server(directory: Directory, name: str) -> tuple[str, ...]:
    """The scopes of a server or virtual server by its name."""
    record = find(directory, Server, name) or find(directory, Virtual, name)
    return (*directory.team_scopes(None if record is None else record.owner), f"server:{name}")


def of_subject(directory: Directory, subject: str | None) -> tuple[str, ...]:
    """The scopes of what belongs to a `user:`, `service:`, `team:` or `key:`."""
    kind, _, name = (subject or "").partition(":")
    if kind == "user":
        return (ORGANISATION, f"user:{name}")
    if kind == "service":
        account = directory.get(ServiceAccount, name)
        return (*directory.team_scopes(None if account is None else account.owner), f"service:{name}")
    if kind == "team":
        return directory.team_scopes(name)
    if kind == "key":
        key = find(directory, Key, name)
        return of_subject(directory, None if key is None else key.owner)
    return (ORGANISATION,)


def of_scope(directory: Directory, scope: str) -> tuple[str, ...]:
    """The scopes that lie around a scope, itself included."""
    kind, _, name = scope.partition(":")
    return of_server(directory, name) if kind == "server" else of_subject(directory, scope)


def of_grant(directory: Directory, grant: Grant) -> tuple[tuple[str, ...], ...]:
    """One tuple of scopes for each server that a grant names. What could reach servers to come needs the
    organisation."""
    if not grant.servers or not all(globs.is_literal(server) for server in grant.servers):
        return ((ORGANISATION,),)
    return tuple(of_server(directory, server) for server in grant.servers)


def _server(directory: Directory, record: Server | Virtual) -> tuple[str, ...]:
    return (*directory.team_scopes(record.owner), f"server:{record.name}")


def _service(directory: Directory, record: ServiceAccount) -> tuple[str, ...]:
    return (*directory.team_scopes(record.owner), f"service:{record.name}")


def _team(directory: Directory, record: Team) -> tuple[str, ...]:
    """Not by its own name alone: of a new team, nobody could be an owner yet; but of one that is, its owners are."""
    return (*directory.team_scopes(record.parent), f"team:{record.name}")


_SCOPES: Mapping[type[Entity], Callable[[Directory, Any], tuple[str, ...]]] = {
    Server: _server,
    Virtual: _server,
    Team: _team,
    User: lambda directory, record: (ORGANISATION, f"user:{record.name}"),
    ServiceAccount: _service,
    Key: lambda directory, record: of_subject(directory, record.owner),
    Secret: lambda directory, record: directory.team_scopes(record.owner),
    Binding: lambda directory, record: of_scope(directory, record.scope),
    Acceptance: lambda directory, record: of_server(directory, record.name),
}


def of_record(directory: Directory, record: Entity) -> tuple[str, ...]:
    """The scopes of one record. A kind without an entry (roles, groups) is the organisation's own; grants have several,
    see `of_grant`."""
    scopes = _SCOPES.get(type(record))
    return (ORGANISATION,) if scopes is None else scopes(directory, record)


def to_read(directory: Directory, record: Entity) -> tuple[Need, ...]:
    """What seeing a record needs. Whom a grant or binding is for may see it too."""
    permission = f"{area(record)}:read"
    if isinstance(record, Grant):
        concerned = of_subject(directory, record.subject)[1:]
        return tuple(Need(permission, (*scopes, *concerned)) for scopes in of_grant(directory, record))
    scopes = of_record(directory, record)
    if isinstance(record, Binding):
        scopes = tuple(dict.fromkeys((*scopes, *of_subject(directory, record.subject))))
    return (Need(permission, scopes),)


def area(record: Entity | type[Entity]) -> str:
    """The first half of the permissions for a kind: virtual servers are servers here, and so is what was accepted."""
    return "server" if record.KIND in (Virtual.KIND, Acceptance.KIND) else record.KIND
