"""Records in, Snapshot out: pure, and in slices. What did not change is reused, and the outcome is the same as from
scratch."""

from collections.abc import Generator, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from toolgate.control.parts import Part, Placed, Run, Side, by_key, listed, server_part, virtual_part
from toolgate.control.slices import Pace, in_order
from toolgate.model.catalog import Discovery, OfferKind
from toolgate.model.declared import LOCAL_KEY, Declared, GrantSpec, KeySpec, VirtualSpec
from toolgate.model.identity import Principal
from toolgate.model.snapshot import Endpoint, Listed, Row, Snapshot, Target
from toolgate.protocol import naming
from toolgate.protocol.capabilities import merge_server
from toolgate.rules import access, globs
from toolgate.rules.access import Reach

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


Rights = tuple[tuple[tuple[str, bytes], ...], tuple[tuple[str, str], ...]]
"""What a row says, as a value: its parts, and the denied URIs as globs."""


class Compiled(msgspec.Struct, frozen=True, eq=False):
    """A snapshot with what the next compilation may reuse. `named` holds what each reach names, by part."""

    snapshot: Snapshot
    source: Source
    parts: Mapping[str, Part]
    named: Mapping[Reach, Mapping[str, int]]
    rows: Mapping[Rights, Row]


def compile_all(source: Source, previous: Compiled | None = None) -> Compiled:
    """The whole at once."""
    steps = compile_steps(source, previous)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value


def compile_steps(source: Source, previous: Compiled | None = None) -> Generator[None, None, Compiled]:
    """Yields between slices of a millisecond or two; returns the outcome."""
    pace = Pace()
    parts = yield from _parts(source, previous, pace)
    endpoints = yield from _endpoints(source, parts, previous, pace)
    principals = yield from _principals(source, pace)
    named = yield from _named(source.declared.grants, parts, previous, pace)
    rows, shared = yield from _rows(source.declared.grants, principals, named, previous, pace)
    generation = 1 if previous is None else previous.snapshot.generation + 1
    snapshot = Snapshot(generation, endpoints, principals, rows, dict(source.notes))
    return Compiled(snapshot, source, parts, named, shared)


def _parts(source: Source, previous: Compiled | None, pace: Pace) -> Generator[None, None, dict[str, Part]]:
    parts: dict[str, Part] = {}
    servers_before = {} if previous is None else {spec.name: spec for spec in previous.source.declared.servers}
    for spec in source.declared.servers:
        discovery = source.discoveries.get(spec.name)
        if discovery is None:
            continue
        known = None if previous is None or servers_before.get(spec.name) != spec else previous.parts.get(spec.name)
        if known is None or previous is None or not _same(spec.name, source, previous.source):
            known = yield from server_part(spec, discovery, source.runs[spec.name], pace)
        parts[spec.name] = known
    virtual_before = {} if previous is None else {spec.name: spec for spec in previous.source.declared.virtual}
    for spec in source.declared.virtual:
        known = None if previous is None or virtual_before.get(spec.name) != spec else previous.parts.get(spec.name)
        if known is None or previous is None or not _same_sources(spec, parts, previous.parts):
            known = yield from virtual_part(spec, parts, pace)
        parts[spec.name] = known
    return parts


def _same(name: str, now: Source, before: Source) -> bool:
    """The very objects: comparing ten thousand definitions would cost as much as compiling them."""
    return now.discoveries[name] is before.discoveries.get(name) and now.runs[name] is before.runs.get(name)


def _same_sources(spec: VirtualSpec, now: Mapping[str, Part], before: Mapping[str, Part]) -> bool:
    return all(now.get(picks.server) is before.get(picks.server) for picks in spec.offers)


def _endpoints(
    source: Source, parts: Mapping[str, Part], previous: Compiled | None, pace: Pace
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
        if pace.spent(5):
            yield
    members = [parts[name] for name in sorted(parts)]
    before = None if previous is None else [previous.parts[name] for name in sorted(previous.parts)]
    if previous is not None and before == members:
        endpoints[AGGREGATE] = previous.snapshot.endpoints[AGGREGATE]
    else:
        endpoints[AGGREGATE] = yield from _aggregate(members, pace)
    return endpoints


def _empty(name: str) -> Endpoint:
    """The endpoint of a server that has not been reached: it serves nothing, and `Snapshot.notes` says why."""
    kinds: dict[str, Any] = {name: {"listChanged": True} for name in ("tools", "prompts", "resources")}
    return Endpoint(name, {}, {}, {}, (), {}, kinds, None, WeakKeyDictionary())


def _own_endpoint(part: Part) -> Endpoint:
    own = part.own
    return Endpoint(
        part.name, own.tools, own.prompts, own.resources,
        own.templates if part.unlisted is None else (*own.templates, part.unlisted),
        own.lists, _capabilities([part]), part.instructions, WeakKeyDictionary(),
    )  # fmt: skip


def _capabilities(parts: Sequence[Part]) -> Mapping[str, Any]:
    named = {OfferKind.TOOL: "tools", OfferKind.PROMPT: "prompts"}
    return merge_server(
        (raw for part in parts for raw in part.capabilities),
        kinds=frozenset(named.get(kind, "resources") for part in parts for kind in part.own.lists),
    )


def _aggregate(members: Sequence[Part], pace: Pace) -> Generator[None, None, Endpoint]:
    """Everything under one URL. A resource keeps its URI unless a server earlier in the order has taken it."""
    tools: dict[str, Target] = {}
    prompts: dict[str, Target] = {}
    resources: dict[str, Target] = {}
    templates: list[Target] = []
    lists: dict[OfferKind, list[Listed]] = {kind: [] for kind in OfferKind}
    for part in members:
        side = part.merged
        if pace.spent(5 + len(part.placed) // 20):
            yield
        tools.update(side.tools)
        prompts.update(side.prompts)
        templates.extend(side.templates)
        apart = yield from _apart(part, resources, pace)
        resources.update(side.resources if apart is None else apart.resources)
        for kind, lines in side.lists.items():
            lists[kind].extend(lines if kind is not OfferKind.RESOURCE or apart is None else apart.lists[kind])
    lines_of = {kind: tuple(lines) for kind, lines in lists.items() if lines}
    return Endpoint(
        AGGREGATE, tools, prompts, resources, tuple(templates), lines_of, _capabilities(members), None,
        WeakKeyDictionary(),
    )  # fmt: skip


def _apart(part: Part, taken: Mapping[str, Target], pace: Pace) -> Generator[None, None, Side | None]:
    """The resources of a part of which some have URIs that others have taken; None when none has."""
    if taken.keys().isdisjoint(part.merged.resources):
        return None
    resources: dict[str, Target] = {}
    lines: list[Listed] = []
    for place in part.placed:
        if place.offer.kind is OfferKind.RESOURCE:
            if pace.spent(1):
                yield
            target = _distinct(place, part.merged.resources, taken)
            resources[target.public] = target
            lines.append(listed(place, target))
    ordered = yield from in_order(lines, key=by_key, pace=pace)
    return Side({}, {}, resources, (), {OfferKind.RESOURCE: tuple(ordered)})


def _distinct(place: Placed, own: Mapping[str, Target], taken: Mapping[str, Target]) -> Target:
    target = place.merged
    if target.public not in taken:
        return target
    public = naming.distinct_uri(target.part, target.public, own, taken)
    return msgspec.structs.replace(target, public=public)


def _principals(source: Source, pace: Pace) -> Generator[None, None, dict[bytes, Principal]]:
    principals: dict[bytes, Principal] = {}
    for key in source.declared.keys:
        if pace.spent(1):
            yield
        principals[key.digest] = _principal(key)
    if source.local is not None:
        principals[source.local] = Principal(f"key:{LOCAL_KEY}", LOCAL_KEY, observer=True)
    return principals


def _principal(key: KeySpec) -> Principal:
    return Principal(f"key:{key.name}", key.name, tuple(sorted(key.teams)), key.observer, key.expires)


def _named(
    grants: Sequence[GrantSpec], parts: Mapping[str, Part], previous: Compiled | None, pace: Pace
) -> Generator[None, None, dict[Reach, dict[str, int]]]:
    """What each reach names, by part; parts of which it names nothing are left out."""
    named: dict[Reach, dict[str, int]] = {}
    for reach in dict.fromkeys(access.reach(grant) for grant in grants):
        known = None if previous is None else previous.named.get(reach)
        by_part = named[reach] = {}
        for name, part in parts.items():
            if pace.spent(1):
                yield
            if known is not None and previous is not None and previous.parts.get(name) is part:
                bits = known.get(name, 0)
            else:
                bits = yield from _named_of(part, reach, pace)
            if bits:
                by_part[name] = bits
    return named


def _named_of(part: Part, reach: Reach, pace: Pace) -> Generator[None, None, int]:
    bits = 0
    for names in part.names:
        for (server, kind), own in names.items():
            globs_of_kind = access.chosen(reach, kind)
            if globs_of_kind and access.names_server(reach, server):
                for glob in globs_of_kind:
                    bits |= access.named(glob, own)
                    if pace.spent(1 if globs.is_literal(glob) else 1 + len(own) // 10):
                        yield
    return bits


def _rows(
    grants: Sequence[GrantSpec],
    principals: Mapping[bytes, Principal],
    named: Mapping[Reach, Mapping[str, int]],
    previous: Compiled | None,
    pace: Pace,
) -> Generator[None, None, tuple[dict[str, Row], dict[Rights, Row]]]:
    """One row per set of rights, shared by all principals that have them, and the very same object as before where
    there was one: what is rendered for a row lives as long as the row."""
    places = access.by_subject(grants)
    reached = [named[access.reach(grant)] for grant in grants]
    by_grants: dict[tuple[int, ...], Row] = {}
    shared: dict[Rights, Row] = {}
    rows: dict[str, Row] = {}
    for principal in principals.values():
        applicable = access.applicable(principal.subjects, places)
        row = by_grants.get(applicable)
        if row is None:
            rights = yield from _rights(applicable, grants, reached, pace)
            row = shared.get(rights) or (None if previous is None else previous.rows.get(rights)) or _row(rights)
            by_grants[applicable] = shared[rights] = row
        rows[principal.id] = row
        if pace.spent(1 + len(applicable) // 100):
            yield
    return rows, shared


def _rights(
    applicable: tuple[int, ...], grants: Sequence[GrantSpec], reached: Sequence[Mapping[str, int]], pace: Pace
) -> Generator[None, None, Rights]:
    allows: dict[str, int] = {}
    denies: dict[str, int] = {}
    for place in applicable:
        side = allows if grants[place].effect == "allow" else denies
        for name, bits in reached[place].items():
            side[name] = side.get(name, 0) | bits
        if pace.spent(1 + len(reached[place]) // 10):
            yield
    folded = [(name, access.fold(allows[name], denies.get(name, 0))) for name in sorted(allows)]
    parts = tuple((name, bits) for name, bits in folded if bits)
    return parts, access.denied_uris(grants[place] for place in applicable)


def _row(rights: Rights) -> Row:
    parts, denied = rights
    return Row(dict(parts), tuple((globs.compiled(server), globs.compiled(uri)) for server, uri in denied))
