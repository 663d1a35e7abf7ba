"""Records and the file together -> Declared, which the compiler reads: pure.

The file is one source, and what it declares is its own: a name that both have is an error, and nothing is gathered
then. Of the records only what is served goes on: drafts and retired servers are left out as if they were not there,
paused ones are withheld with the reason (listed nowhere, calls refused), draining ones answer but stand in no list.

Who a key stands for is resolved here, once: its owner, the teams that it is in by membership, by external groups and
through teams above, and its roles. A key whose owner is deactivated, or that was revoked, is no key.
"""

from collections.abc import Container, Generator, Iterator, Mapping
from math import inf
from typing import TypeVar

import msgspec

from toolgate.control.slices import Pace
from toolgate.model.declared import (
    Declared,
    GrantSpec,
    KeySpec,
    PicksFrom,
    ServerSpec,
    TeamSpec,
    VirtualSpec,
)
from toolgate.model.entities import Binding, Entity, Grant, Key, Secret, Server, ServerState, Team, Virtual
from toolgate.rules.directory import Directory
from toolgate.rules.facts import Finding
from toolgate.rules.permissions import ORGANISATION
from toolgate.rules.referrers import secrets_of
from toolgate.rules.steps import finished

E = TypeVar("E", bound=Entity)

_KEY_UNITS = 3
ANSWERING = frozenset({ServerState.LIVE, ServerState.DRAINING})


class Gathered(msgspec.Struct, frozen=True):
    """`declared` is what to compile; when there are `findings` (path, reason) it is the file alone, and the source of
    before should be kept. `until` is Unix time in seconds at which the outcome changes by itself (a role ends), None
    for never. `secrets` are those of the store; `uses` says which of them each server refers to."""

    declared: Declared
    findings: tuple[Finding, ...] = ()
    until: float | None = None
    secrets: tuple[Secret, ...] = ()
    uses: Mapping[str, frozenset[str]] = {}


def gather(directory: Directory, now: float) -> Gathered:
    """The whole at once. `directory` holds the records and the file (`directory.declared`)."""
    return finished(gather_steps(directory, now))


def gather_steps(directory: Directory, now: float) -> Generator[None, None, Gathered]:
    """Yields between slices of a fraction of a millisecond; returns the outcome."""
    file = directory.declared
    findings = tuple(_twice(directory))
    if findings:
        return Gathered(file, findings)
    yield
    pace = Pace()
    servers = [one for one in _by_name(directory, Server) if one.state in ANSWERING]
    answering = {one.name for one in servers} | {spec.name for spec in file.servers}
    virtual = {one.name: virtual_spec(one, answering) for one in _by_name(directory, Virtual)}
    yield from directory.tables()
    keys: list[KeySpec] = [_filed(directory, key, now) for key in file.keys if _is_active(directory, key.owner)]
    for key in _by_name(directory, Key):
        if _stands(directory, key):
            keys.append(_key_spec(directory, key, now))
        if pace.spent(_KEY_UNITS):
            yield
    grants: list[GrantSpec] = list(file.grants)
    for grant in _by_name(directory, Grant):
        grants.append(grant_spec(grant))
        if pace.spent(1):
            yield
    served = (*file.servers, *map(server_spec, servers))
    yield
    declared = Declared(
        servers=served,
        virtual=(*file.virtual, *(spec for spec in virtual.values() if spec is not None)),
        teams=(*file.teams, *_teams(directory)),
        keys=tuple(keys),
        grants=tuple(grants),
        withheld={**file.withheld, **dict(_withheld(directory, answering))},
        file=file.file,
    )
    uses: dict[str, frozenset[str]] = {}
    for one in (*servers, *file.servers):
        if pace.spent(1):
            yield
        used = secrets_of(one)
        if used:
            uses[one.name] = used
    yield
    until = _until(directory, now)
    yield
    return Gathered(declared, until=until, secrets=tuple(_by_name(directory, Secret)), uses=uses)


def _by_name(directory: Directory, entity: type[E]) -> list[E]:
    return [record for _, record in sorted(directory.all(entity).items())]


def _twice(directory: Directory) -> Iterator[Finding]:
    """Names that the file and the records both have; servers and virtual servers share one name space."""
    file = directory.declared
    label = "the file" if file.file is None else file.file.name
    served = {spec.name for spec in (*file.servers, *file.virtual)}
    tables: tuple[tuple[type[Entity], str, set[str]], ...] = (
        (Server, "servers", served),
        (Virtual, "virtual", served),
        (Team, "teams", {spec.name for spec in file.teams}),
        (Key, "keys", {spec.name for spec in file.keys}),
    )
    filed = {(record.KIND, record.name): record for record in directory.filed}
    for entity, section, names in tables:
        for name in sorted(names & directory.all(entity).keys()):
            if filed.pop((entity.KIND, name), None) is not directory.all(entity)[name]:
                yield _both(f"{section}.{name}", label, directory.all(entity)[name])
    for kind, name in sorted(filed):
        record = directory.get(type(filed[kind, name]), name)
        if record is not None and record is not filed[kind, name]:
            yield _both(f"{kind}.{name}", label, record)


def _both(path: str, label: str, record: Entity) -> Finding:
    maker = record.stamp.managed_by or "the registry"
    return path, f"{label} and {maker} both have a {record.noun()} of this name: remove one of them"


def _teams(directory: Directory) -> Iterator[TeamSpec]:
    """Those of records alone."""
    filed = {spec.name for spec in directory.declared.teams}
    return (
        TeamSpec(team.name, team.description or None) for team in _by_name(directory, Team) if team.name not in filed
    )


def server_spec(server: Server) -> ServerSpec:
    return ServerSpec(
        name=server.name,
        kind=server.kind,
        settings=server.settings,
        headers=tuple(server.headers.items()),
        era=server.era,
        sharing=server.sharing,
        timeout=server.timeout,
        max_bytes=server.max_bytes,
        tags=server.tags,
        overrides=server.overrides,
        listed=server.state is ServerState.LIVE,
        probe_interval=server.probe_interval,
    )


def virtual_spec(virtual: Virtual, answering: Container[str]) -> VirtualSpec | None:
    """None where nothing of it can be served: it does not answer, or no server that it takes from does."""
    offers = tuple(picks for picks in virtual.offers if picks.server in answering)
    if virtual.state not in ANSWERING or not offers:
        return None
    listed = virtual.state is ServerState.LIVE
    return VirtualSpec(virtual.name, offers, virtual.description or None, virtual.tags, listed)


def _withheld(directory: Directory, answering: set[str]) -> Iterator[tuple[str, str]]:
    for server in directory.all(Server).values():
        if server.state is ServerState.PAUSED:
            yield server.name, f"the server {server.name} is paused"
    for virtual in directory.all(Virtual).values():
        if virtual.state is ServerState.PAUSED:
            yield virtual.name, f"the virtual server {virtual.name} is paused"
        elif virtual.state in ANSWERING and not _serves(virtual.offers, answering):
            sources = ", ".join(sorted({picks.server for picks in virtual.offers}))
            yield virtual.name, f"none of the servers of {virtual.name} is live ({sources})"


def _serves(offers: tuple[PicksFrom, ...], answering: set[str]) -> bool:
    return any(picks.server in answering for picks in offers)


def _stands(directory: Directory, key: Key) -> bool:
    """An expired key stays: it is refused with that reason."""
    return not key.revoked and _is_active(directory, key.owner)


def _is_active(directory: Directory, owner: str | None) -> bool:
    return owner is None or directory.is_active(owner)


def _key_spec(directory: Directory, key: Key, now: float) -> KeySpec:
    teams, subjects = _subjects(directory, key.owner, key.teams, now)
    return KeySpec(
        name=key.name,
        digest=bytes.fromhex(key.digest),
        teams=teams,
        observer=key.observer,
        expires=key.expires,
        subjects=subjects,
        owner=key.owner,
        audiences=key.audiences,
        tools=key.tools,
        networks=key.networks,
        cost_center=key.cost_center,
    )


def _filed(directory: Directory, key: KeySpec, now: float) -> KeySpec:
    """A key of the file is in the teams that the file says, which records may nest and give roles to."""
    teams, subjects = _subjects(directory, key.owner, key.teams, now)
    return msgspec.structs.replace(key, teams=teams, subjects=subjects)


def _subjects(
    directory: Directory, owner: str | None, own: tuple[str, ...], now: float
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(teams, all subjects beyond the key itself), sorted. Only roles in the whole organisation are subjects: one that
    somebody has in a team or on a server says nothing about what else they may call."""
    teams = {above for team in own for above in directory.above(team)}
    if owner is not None:
        teams.update(directory.teams_of(owner))
    subject = owner or ""
    roles = {
        f"role:{binding.role}"
        for binding in directory.bindings_of(subject, teams)
        if binding.scope == ORGANISATION and (binding.expires is None or now < binding.expires)
    }
    subjects = {*roles, *(f"team:{team}" for team in teams)}
    if owner is not None:
        subjects.add(owner)
    return tuple(sorted(teams)), tuple(sorted(subjects))


def grant_spec(grant: Grant) -> GrantSpec:
    """With what its labels leave unsaid spelled out: a tag alone means all that has it, a risk all tools."""
    offers = (grant.tools, grant.prompts, grant.resources)
    if not any(offers):
        offers = (("*",), (), ()) if grant.risks else (("*",), ("*",), ("*",))
    tools, prompts, resources = offers
    return GrantSpec(
        subject=grant.subject,
        effect=grant.effect,
        servers=grant.servers or ("*",),
        tools=tools,
        prompts=prompts,
        resources=resources,
        tags=grant.tags,
        risks=grant.risks,
        conditions=grant.conditions,
        expires=grant.expires,
        name=grant.name,
    )


def _until(directory: Directory, now: float) -> float | None:
    """When the next role or grant ends."""
    ends = [one.expires for entity in (Binding, Grant) for one in directory.all(entity).values() if one.expires]
    soonest = min((end for end in ends if end > now), default=inf)
    return None if soonest == inf else soonest
