"""Who refers to a record by its name: what must not be removed while something does."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from toolgate.model.declared import ServerSpec
from toolgate.model.entities import (
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
from toolgate.rules import plaintext, references
from toolgate.rules.directory import Directory
from toolgate.rules.nesting import too_deep

_SUBJECTS: Mapping[type[Entity], str] = {
    User: "user",
    ServiceAccount: "service",
    Team: "team",
    Role: "role",
    Key: "key",
}
"""The kinds that subjects (`user:NAME`) name, with the word for each."""


def referrers(directory: Directory, entity: type[Entity], name: str) -> tuple[tuple[str, str, str], ...]:
    """(kind, name, field) of every record that refers to this one, in order."""
    return tuple(sorted(set(_of_subjects(directory, entity, name)) | set(_of_names(directory, entity, name))))


def _of_subjects(directory: Directory, entity: type[Entity], name: str) -> Iterator[tuple[str, str, str]]:
    word = _SUBJECTS.get(entity)
    if word is None:
        return
    subject = f"{word}:{name}"
    for record in directory.records():
        for field in ("subject", "owner", "members", "owners", "scope"):
            value = getattr(record, field, None)
            if value == subject or (isinstance(value, tuple) and subject in value):
                yield record.KIND, record.name, field


def _of_names(directory: Directory, entity: type[Entity], name: str) -> Iterator[tuple[str, str, str]]:
    if entity is Team:
        yield from _to_team(directory, name)
    elif entity is Role:
        yield from ((b.KIND, b.name, "role") for b in directory.all(Binding).values() if b.role == name)
    elif entity in (Server, Virtual):
        yield from _to_server(directory, name)
    elif entity is Secret:
        yield from _to_secret((*directory.all(Server).values(), *directory.declared.servers), name)


def _to_team(directory: Directory, name: str) -> Iterator[tuple[str, str, str]]:
    for entity in (Server, Virtual, ServiceAccount, Secret):
        yield from ((r.KIND, r.name, "owner") for r in directory.all(entity).values() if r.owner == name)
    yield from ((t.KIND, t.name, "parent") for t in directory.all(Team).values() if t.parent == name)
    for entity in (GroupMapping, Key):
        yield from ((r.KIND, r.name, "teams") for r in directory.all(entity).values() if name in r.teams)


def _to_server(directory: Directory, name: str) -> Iterator[tuple[str, str, str]]:
    for virtual in directory.all(Virtual).values():
        if any(picks.server == name for picks in virtual.offers):
            yield virtual.KIND, virtual.name, "offers"
    for grant in directory.all(Grant).values():
        if name in grant.servers:
            yield grant.KIND, grant.name, "servers"
    for key in directory.all(Key).values():
        if name in key.audiences:
            yield key.KIND, key.name, "audiences"
    for binding in directory.all(Binding).values():
        if binding.scope == f"server:{name}":
            yield binding.KIND, binding.name, "scope"


def _to_secret(servers: Iterable[Server | ServerSpec], name: str) -> Iterator[tuple[str, str, str]]:
    """Servers of the file count: whoever owns the file is not asked."""
    for server in servers:
        if name in secrets_of(server):
            yield Server.KIND, server.name, "headers" if name in _named(server.headers) else "settings"


def references_of(value: Any) -> Iterator[references.Reference]:
    """Every reference to a secret in plain values (`env:`, `file:`, `store:`). What is nested too deep has none, and is
    never stored."""
    if not too_deep(value):
        yield from _references(value)


def _references(value: Any) -> Iterator[references.Reference]:
    if isinstance(value, str):
        found = references.find(value)
        if found is not None:
            yield found
    elif isinstance(value, dict):
        for item in value.values():  # pyright: ignore[reportUnknownVariableType]
            yield from _references(item)
    elif isinstance(value, (list, tuple)):
        for item in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _references(item)


def secrets_of(server: Server | ServerSpec) -> frozenset[str]:
    """The names of the stored secrets that a server refers to, be it a record's or the file's."""
    return _named(server.headers) | _named(referring(server))


def referring(server: Server | ServerSpec) -> Mapping[str, Any]:
    """The settings in which references count: in a whole document, what looks like one is a text."""
    return {name: one for name, one in server.settings.items() if not plaintext.is_document(server.kind, name)}


def _named(value: Any) -> frozenset[str]:
    return frozenset(reference.name for reference in references_of(value) if reference.source == "store")
