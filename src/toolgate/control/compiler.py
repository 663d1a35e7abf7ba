"""Records in, Snapshot out: pure, and in slices. What did not change is reused, and the outcome is the same as from scratch."""

from collections.abc import Generator, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from toolgate.control.parts import Part, Placed, Run, listed, server_part, virtual_part
from toolgate.model.catalog import Discovery, OfferKind
from toolgate.model.declared import LOCAL_KEY, Declared, GrantSpec, KeySpec
from toolgate.model.identity import Principal
from toolgate.model.snapshot import Endpoint, Listed, Row, Snapshot, Target
from toolgate.protocol import naming
from toolgate.protocol.capabilities import merge_server
from toolgate.rules import access

AGGREGATE = ""
"""The name of the endpoint that merges everything."""


class Source(msgspec.Struct, frozen=True):
    """Everything that a snapshot is made of. `discoveries` and `notes` are by server: what is known, or why it is not.

    `runs` are the handlers that each server's targets end in; `local` is the digest of the bootstrap key.
    """

    declared: Declared
    discoveries: Mapping[str, Discovery]
    notes: Mapping[str, str]
    runs: Mapping[str, Run]
    local: bytes | None


class Compiled(msgspec.Struct, frozen=True, eq=False):
    """A snapshot with the parts that the next compilation may reuse."""

    snapshot: Snapshot
    source: Source
    parts: Mapping[str, Part]
    part_rows: Mapping[tuple[tuple[GrantSpec, ...], str], bytes]


def compile_all(source: Source, previous: Compiled | None = None) -> Compiled:
    """The whole at once."""
    steps = compile_steps(source, previous)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value


def compile_steps(source: Source, previous: Compiled | None = None) -> Generator[None, None, Compiled]:
    """Yields between slices of a few hundred microseconds; returns the outcome."""
    parts = yield from _parts(source, previous)
    endpoints = yield from _endpoints(source, parts, previous)
    principals = _principals(source)
    rows, part_rows = yield from _rows(source.declared.grants, principals, parts, previous)
    generation = 1 if previous is None else previous.snapshot.generation + 1
    snapshot = Snapshot(generation, endpoints, principals, rows, dict(source.notes))
    return Compiled(snapshot, source, parts, part_rows)


def _parts(source: Source, previous: Compiled | None) -> Generator[None, None, dict[str, Part]]:
    parts: dict[str, Part] = {}
    for spec in source.declared.servers:
        discovery = source.discoveries.get(spec.name)
        if discovery is None:
            continue
        if previous is not None and _same_server(spec.name, source, previous.source) and spec.name in previous.parts:
            parts[spec.name] = previous.parts[spec.name]
        else:
            parts[spec.name] = yield from server_part(spec, discovery, source.runs[spec.name])
    for virtual in source.declared.virtual:
        if previous is not None and virtual in previous.source.declared.virtual:
            sources = {picks.server for picks in virtual.offers}
            if all(parts.get(name) is previous.parts.get(name) for name in sources):
                parts[virtual.name] = previous.parts[virtual.name]
                continue
        parts[virtual.name] = yield from virtual_part(virtual, parts)
    return parts


def _same_server(name: str, now: Source, before: Source) -> bool:
    same_spec = _spec(now, name) is _spec(before, name)
    return (
        same_spec and now.discoveries[name] is before.discoveries.get(name) and now.runs[name] is before.runs.get(name)
    )


def _spec(source: Source, name: str) -> Any:
    return next((spec for spec in source.declared.servers if spec.name == name), None)


def _endpoints(
    source: Source, parts: Mapping[str, Part], previous: Compiled | None
) -> Generator[None, None, dict[str, Endpoint]]:
    endpoints: dict[str, Endpoint] = {}
    names = [spec.name for spec in (*source.declared.servers, *source.declared.virtual)]
    for name in names:
        part = parts.get(name)
        if part is None:
            endpoints[name] = _empty(name)
        elif previous is not None and previous.parts.get(name) is part and name in previous.snapshot.endpoints:
            endpoints[name] = previous.snapshot.endpoints[name]
        else:
            endpoints[name] = _own_endpoint(part)
            yield
    members = [parts[name] for name in sorted(names) if name in parts]
    before = None if previous is None else [previous.parts[name] for name in sorted(previous.parts)]
    if previous is not None and before == members:
        endpoints[AGGREGATE] = previous.snapshot.endpoints[AGGREGATE]
    else:
        endpoints[AGGREGATE] = yield from _aggregate(members)
    return endpoints


def _empty(name: str) -> Endpoint:
    """The endpoint of a server that has not been reached: it serves nothing, and `Snapshot.notes` says why."""
    kinds: dict[str, Any] = {name: {"listChanged": True} for name in ("tools", "prompts", "resources")}
    return Endpoint(name, {}, {}, {}, (), {}, kinds, None, WeakKeyDictionary())


def _capabilities(parts: Sequence[Part]) -> Mapping[str, Any]:
    kinds = {place.offer.kind for part in parts for place in part.placed}
    named = {OfferKind.TOOL: "tools", OfferKind.PROMPT: "prompts"}
    return merge_server(
        (raw for part in parts for raw in part.capabilities),
        kinds=frozenset(named.get(kind, "resources") for kind in kinds),
    )


def _own_endpoint(part: Part) -> Endpoint:
    targets = [(place.offer.kind, place.own) for place in part.placed]
    templates = tuple(target for kind, target in targets if kind is OfferKind.TEMPLATE)
    return Endpoint(
        part.name,
        _by_public(targets, OfferKind.TOOL),
        _by_public(targets, OfferKind.PROMPT),
        _by_public(targets, OfferKind.RESOURCE),
        templates if part.unlisted is None else (*templates, part.unlisted),
        part.own,
        _capabilities([part]),
        part.instructions,
        WeakKeyDictionary(),
    )


def _by_public(targets: Sequence[tuple[OfferKind, Target]], kind: OfferKind) -> dict[str, Target]:
    return {target.public: target for own, target in targets if own is kind}


def _aggregate(members: Sequence[Part]) -> Generator[None, None, Endpoint]:
    """Everything under one URL. A resource keeps its URI unless a server earlier in the order has taken it."""
    tools: dict[str, Target] = {}
    prompts: dict[str, Target] = {}
    resources: dict[str, Target] = {}
    templates: list[Target] = []
    lists: dict[OfferKind, list[Listed]] = {kind: [] for kind in OfferKind}
    for part in members:
        targets = [(place.offer.kind, place.merged) for place in part.placed]
        tools.update(_by_public(targets, OfferKind.TOOL))
        prompts.update(_by_public(targets, OfferKind.PROMPT))
        yield
        for kind, lines in part.merged.items():
            if kind is not OfferKind.RESOURCE:
                lists[kind].extend(lines)
        templates.extend(target for kind, target in targets if kind is OfferKind.TEMPLATE)
        for place in part.placed:
            if place.offer.kind is OfferKind.RESOURCE:
                target = _distinct(place, resources)
                resources[target.public] = target
                lists[OfferKind.RESOURCE].append(listed(place, target))
        yield
    lines_of = {kind: tuple(lines) for kind, lines in lists.items() if lines}
    return Endpoint(
        AGGREGATE, tools, prompts, resources, tuple(templates), lines_of, _capabilities(members), None,
        WeakKeyDictionary(),
    )  # fmt: skip


def _distinct(place: Placed, taken: Mapping[str, Target]) -> Target:
    target = place.merged
    if target.public not in taken:
        return target
    return msgspec.structs.replace(target, public=naming.distinct_uri(target.part, target.public))


def _principals(source: Source) -> dict[bytes, Principal]:
    principals = {key.digest: _principal(key) for key in source.declared.keys}
    if source.local is not None:
        principals[source.local] = Principal(f"key:{LOCAL_KEY}", LOCAL_KEY, observer=True)
    return principals


def _principal(key: KeySpec) -> Principal:
    return Principal(f"key:{key.name}", key.name, tuple(sorted(key.teams)), key.observer, key.expires)


def _rows(
    grants: Sequence[GrantSpec],
    principals: Mapping[bytes, Principal],
    parts: Mapping[str, Part],
    previous: Compiled | None,
) -> Generator[None, None, tuple[dict[str, Row], dict[tuple[tuple[GrantSpec, ...], str], bytes]]]:
    """One row per set of applicable grants, shared by all principals with the same set; its parts are reused."""
    known: dict[tuple[tuple[GrantSpec, ...], str], bytes] = {}
    by_grants: dict[tuple[GrantSpec, ...], Row] = {}
    rows: dict[str, Row] = {}
    for principal in principals.values():
        applicable = access.applicable(principal.subjects, grants)
        row = by_grants.get(applicable)
        if row is None:
            for name, part in parts.items():
                key = (applicable, name)
                if previous is not None and previous.parts.get(name) is part and key in previous.part_rows:
                    known[key] = previous.part_rows[key]
                else:
                    known[key] = access.part_bits(applicable, part.known)
                    yield
            row = by_grants[applicable] = _row(applicable, parts, known, previous, principal)
        rows[principal.id] = row
    return rows, known


def _row(
    applicable: tuple[GrantSpec, ...],
    parts: Mapping[str, Part],
    known: Mapping[tuple[tuple[GrantSpec, ...], str], bytes],
    previous: Compiled | None,
    principal: Principal,
) -> Row:
    """The row itself; the very same object as before when nothing in it changed, so that its rendered pages stay."""
    own = {name: known[applicable, name] for name in parts}
    denied = access.denied_uris(applicable)
    before = None if previous is None else previous.snapshot.rows.get(principal.id)
    if before is not None and before.parts == own and before.denied_uris == denied:
        return before
    return Row(own, denied)
