"""Records in, Snapshot out: pure, and in slices. What did not change is reused, and the outcome is the same as from
scratch."""

from collections.abc import Generator, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from toolgate.control.horizon import Horizon, horizon
from toolgate.control.parts import Part, Run, server_part, virtual_part
from toolgate.control.rights import NOTHING_KNOWN, Asked, Known, compile_rows
from toolgate.control.slices import Pace
from toolgate.model.catalog import Discovery, OfferKind
from toolgate.model.declared import LOCAL_KEY, Declared, KeySpec, VirtualSpec
from toolgate.model.identity import Ceiling, Principal
from toolgate.model.snapshot import Endpoint, Listed, Snapshot, Target
from toolgate.protocol.capabilities import merge_all, merge_server
from toolgate.rules import conditions
from toolgate.rules.steps import finished

AGGREGATE = ""
"""The name of the endpoint that merges everything."""

EVERYWHERE = frozenset({"0.0.0.0/0", "::/0"})


class Source(msgspec.Struct, frozen=True):
    """Everything that a snapshot is made of. `discoveries` and `notes` are by server: what is known, or why it is not.

    `runs` are the handlers that each server's targets end in; `local` is the digest of the bootstrap key. `now` is Unix
    time in seconds: grants that have expired by then are out.
    """

    declared: Declared
    discoveries: Mapping[str, Discovery]
    notes: Mapping[str, str]
    runs: Mapping[str, Run]
    local: bytes | None
    now: float = 0.0


class Compiled(msgspec.Struct, frozen=True, eq=False):
    """A snapshot with what the next compilation may reuse. `until` is when the next grant expires, in Unix seconds:
    then it must be compiled anew."""

    snapshot: Snapshot
    source: Source
    parts: Mapping[str, Part]
    known: Known
    until: float | None


def compile_all(source: Source, previous: Compiled | None = None) -> Compiled:
    """The whole at once."""
    return finished(compile_steps(source, previous))


def compile_steps(source: Source, previous: Compiled | None = None) -> Generator[None, None, Compiled]:
    """Yields between slices of a fraction of a millisecond; returns the outcome."""
    pace = Pace()
    parts = yield from _parts(source, previous, pace)
    endpoints = yield from _endpoints(source, parts, previous, pace)
    principals = yield from _principals(source, pace)
    grants = tuple(grant for grant in source.declared.grants if grant.expires is None or grant.expires > source.now)
    yield
    ceilings = {f"key:{key.name}": key.tools for key in source.declared.keys if "*" not in key.tools}
    yield
    asked = Asked(grants, principals.values(), ceilings, _horizon(source, parts, previous))
    yield
    rows, known = yield from compile_rows(asked, parts, NOTHING_KNOWN if previous is None else previous.known, pace)
    generation = 1 if previous is None else previous.snapshot.generation + 1
    withheld = dict(source.declared.withheld)
    snapshot = Snapshot(generation, endpoints, principals, rows, dict(source.notes), withheld)
    until = min((grant.expires for grant in grants if grant.expires is not None), default=None)
    return Compiled(snapshot, source, parts, known, until)


def _parts(source: Source, previous: Compiled | None, pace: Pace) -> Generator[None, None, dict[str, Part]]:
    parts: dict[str, Part] = {}
    servers_before = {} if previous is None else {spec.name: spec for spec in previous.source.declared.servers}
    for spec in source.declared.servers:
        discovery = source.discoveries.get(spec.name)
        if discovery is None or spec.name in source.declared.withheld:
            continue
        known = None if previous is None or servers_before.get(spec.name) != spec else previous.parts.get(spec.name)
        if known is None or previous is None or not _same(spec.name, source, previous.source):
            known = yield from server_part(spec, discovery, source.runs[spec.name], pace)
        parts[spec.name] = known
    virtual_before = {} if previous is None else {spec.name: spec for spec in previous.source.declared.virtual}
    for spec in source.declared.virtual:
        if spec.name in source.declared.withheld:
            continue
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
    declared = source.declared
    names = dict.fromkeys((*(spec.name for spec in (*declared.servers, *declared.virtual)), *declared.withheld))
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
    lists = {kind: (lines,) for kind, lines in own.lists.items()}
    return Endpoint(
        part.name, own.tools, own.prompts, own.resources,
        own.templates if part.unlisted is None else (*own.templates, part.unlisted),
        lists, _capabilities(part), part.instructions, WeakKeyDictionary(),
    )  # fmt: skip


def _capabilities(part: Part) -> Mapping[str, Any]:
    own = part.own
    offered = {"tools": own.tools, "prompts": own.prompts, "resources": own.resources or own.templates}
    return merge_server(part.capabilities, kinds=frozenset(name for name, targets in offered.items() if targets))


def _aggregate(members: Sequence[Part], pace: Pace) -> Generator[None, None, Endpoint]:
    """Everything under one URL. Resources keep their URIs, which several parts may have (`Endpoint.shared`)."""
    tools: dict[str, Target] = {}
    prompts: dict[str, Target] = {}
    resources: dict[str, Target] = {}
    shared: dict[str, tuple[Target, ...]] = {}
    templates: list[Target] = []
    lists: dict[OfferKind, list[tuple[Listed, ...]]] = {kind: [] for kind in OfferKind}
    for part in members:
        side = part.merged
        if pace.spent(5 + len(part.placed) // 20):
            yield
        tools.update(side.tools)
        prompts.update(side.prompts)
        templates.extend(side.templates)
        if resources.keys().isdisjoint(side.resources):
            resources.update(side.resources)
        else:
            yield from _share(side.resources, resources, shared, pace)
        for kind, lines in side.lists.items():
            lists[kind].append(lines)
    lists_of = {kind: tuple(own) for kind, own in lists.items() if own}
    return Endpoint(
        AGGREGATE, tools, prompts, resources, tuple(templates), lists_of,
        merge_all(raw for part in members for raw in part.capabilities), None,
        WeakKeyDictionary(), {part.name: part.capabilities for part in members}, shared,
    )  # fmt: skip


def _share(
    added: Mapping[str, Target], resources: dict[str, Target], shared: dict[str, tuple[Target, ...]], pace: Pace
) -> Generator[None, None, None]:
    """Adds resources of which others have some URIs already."""
    for uri, target in added.items():
        if pace.spent(1):
            yield
        first = resources.setdefault(uri, target)
        if first is not target:
            shared[uri] = (*shared.get(uri, (first,)), target)


def _horizon(source: Source, parts: Mapping[str, Part], previous: Compiled | None) -> Horizon:
    known = None if previous is None else previous.known.horizon
    if previous is not None and known is not None and parts.keys() == previous.parts.keys():
        now, before = source.declared, previous.source.declared
        if (now.servers, now.virtual, now.withheld) == (before.servers, before.virtual, before.withheld):
            return known
    return horizon(source.declared, parts)


def _principals(source: Source, pace: Pace) -> Generator[None, None, dict[bytes, Principal]]:
    principals: dict[bytes, Principal] = {}
    for key in source.declared.keys:
        if pace.spent(1):
            yield
        principals[key.digest] = _principal(key)
    if source.local is not None:
        principals[source.local] = local_principal()
    return principals


def local_principal() -> Principal:
    """Who holds the bootstrap key."""
    name = f"key:{LOCAL_KEY}"
    return Principal(name, LOCAL_KEY, observer=True, subjects=(name,))


def _principal(key: KeySpec) -> Principal:
    name = f"key:{key.name}"
    teams = tuple(sorted(key.teams))
    subjects = tuple(dict.fromkeys((name, *key.subjects, *(f"team:{team}" for team in teams))))
    return Principal(
        name, key.name, teams, key.observer, key.expires, subjects, key.owner, key.cost_center, _ceiling(key)
    )


def _ceiling(key: KeySpec) -> Ceiling | None:
    anywhere = EVERYWHERE.issubset(key.networks)
    if "*" in key.audiences and anywhere:
        return None
    try:
        networks = conditions.networks(key.networks)
    except ValueError:
        networks = ()
    return Ceiling(frozenset(key.audiences), networks)
