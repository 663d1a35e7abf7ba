"""What is no record in the database, but declared by the file that is served, or by how the gateway was started, or
built in: found beside the records, shown like them, and nobody's to change here."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from toolgate.model.declared import Declared, GrantSpec, KeySpec, ServerSpec, VirtualSpec
from toolgate.model.entities import Entity, Grant, Key, Role, Server, ServerState, Stamp, Virtual
from toolgate.rules.directory import Directory
from toolgate.rules.permissions import ROLES

E = TypeVar("E", bound=Entity)

STARTED = "toolgate up"
"""The label of what no file declares: the built-in demo, and what flags of `toolgate up` name."""


BUILT_IN = "built in"
"""The label of the roles that every installation has."""

_ROLES = {
    name: Role(name=name, permissions=tuple(sorted(held)), stamp=Stamp(managed_by=BUILT_IN))
    for name, held in ROLES.items()
}


def find(directory: Directory, entity: type[E], name: str) -> E | None:
    """A record, or what the file declares as one."""
    found = directory.get(entity, name)
    return found if found is not None else _beside(directory, entity).get(name)


def everything(directory: Directory, entity: type[E]) -> Mapping[str, E]:
    """All records of a kind with those that the file declares, by name."""
    beside, records = _beside(directory, entity), directory.all(entity)
    return {**beside, **records} if beside else records


def _beside(directory: Directory, entity: type[E]) -> Mapping[str, E]:
    return _ROLES if entity is Role else served(directory.declared).get(entity.KIND, {})  # pyright: ignore[reportReturnType] # each kind is one class


def is_filed(record: Entity) -> bool:
    """Whether it is in no database: such a record was never stored."""
    return record.stamp.managed_by is not None and record.stamp.version == 0


def told(directory: Directory, record: Entity) -> str:
    """Where one that is filed is to be changed, in words."""
    label = record.stamp.managed_by or ""
    if label == STARTED:
        how = "it is there by how `toolgate up` was started: give that a toolgate.yaml, or other flags"
        return f"the {record.noun()} {record.name!r} is no record: {how}"
    if label == BUILT_IN:
        return f"the {record.noun()} {record.name!r} is built in: make one of your own that says what yours shall"
    line = directory.declared.lines.get(f"{record.KIND}.{record.name}")
    where = label.partition(":")[2] + ("" if line is None else f":{line}")
    return f"the {record.noun()} {record.name!r} is declared in {where}: change it there"


def told_taken(directory: Directory, record: Entity) -> str:
    """Why no record can have the name of one that is filed."""
    return f"{told(directory, record)}, or take another name"


def served(declared: Declared) -> Mapping[str, Mapping[str, Entity]]:
    """The servers, virtual servers, keys and grants that are declared, as records, by kind and name."""
    if declared.served or declared.file is not None:
        return declared.served  # pyright: ignore[reportReturnType] # they are entities
    found: dict[str, dict[str, Entity]] = {}
    for record in _made(declared):
        found.setdefault(record.KIND, {})[record.name] = record
    return found


def _made(declared: Declared) -> Iterator[Entity]:
    stamp = Stamp(managed_by=STARTED)
    for spec in declared.servers:
        yield _server(spec, stamp)
    for spec in declared.virtual:
        yield _virtual(spec, stamp)
    for spec in declared.keys:
        yield _key(spec, stamp)
    for number, spec in enumerate(declared.grants, 1):
        yield _grant(spec, number, stamp)


def _server(spec: ServerSpec, stamp: Stamp) -> Server:
    return Server(
        name=spec.name,
        kind=spec.kind,
        settings=spec.settings,
        headers=dict(spec.headers),
        era=spec.era,
        sharing=spec.sharing,
        timeout=spec.timeout,
        max_bytes=spec.max_bytes,
        probe_interval=spec.probe_interval,
        tags=spec.tags,
        overrides=dict(spec.overrides),
        state=ServerState.LIVE if spec.listed else ServerState.DRAINING,
        stamp=stamp,
    )


def _virtual(spec: VirtualSpec, stamp: Stamp) -> Virtual:
    return Virtual(name=spec.name, offers=spec.offers, description=spec.description or "", tags=spec.tags, stamp=stamp)


def _key(spec: KeySpec, stamp: Stamp) -> Key:
    return Key(
        name=spec.name,
        digest=spec.digest.hex(),
        owner=spec.owner,
        teams=spec.teams,
        observer=spec.observer,
        expires=spec.expires,
        audiences=spec.audiences,
        tools=spec.tools,
        networks=spec.networks,
        cost_center=spec.cost_center,
        stamp=stamp,
    )


def _grant(spec: GrantSpec, number: int, stamp: Stamp) -> Grant:
    return Grant(
        name=spec.name or f"grant-{number}",
        subject=spec.subject,
        effect=spec.effect,
        servers=spec.servers,
        tools=spec.tools,
        prompts=spec.prompts,
        resources=spec.resources,
        tags=spec.tags,
        risks=spec.risks,
        conditions=spec.conditions,
        expires=spec.expires,
        stamp=stamp,
    )
