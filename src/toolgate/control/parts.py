"""One part of a snapshot: everything that depends on a single server or virtual server alone, compiled once per
version.

Compilation is a generator that yields now and then, so that its driver can give other work a turn: a server with ten
thousand tools never holds the event loop for long.
"""

import re
from collections.abc import Awaitable, Callable, Container, Generator, Mapping, Sequence
from typing import Any

import msgspec

from toolgate.control.slices import Pace, in_order
from toolgate.model.call import Fields
from toolgate.model.catalog import Discovery, Offer, OfferKind
from toolgate.model.declared import Override, Pick, PicksFrom, ServerSpec, VirtualSpec
from toolgate.model.snapshot import Listed, MirroredParam, Target
from toolgate.protocol import bridge, jsonrpc, mirror, naming, uritemplate
from toolgate.rules import globs, overriding
from toolgate.rules.access import Names

ANY_URI = ""
"""The name under which grants see the resources that a server serves without listing them: `*` matches it, and nothing
that is narrower."""

_PIECE = 1000
"""Names that are held against a grant's globs in one go."""

Run = Callable[[Any, Any], Awaitable[Any]]


class Labels(msgspec.Struct, frozen=True, gc=False):
    """By what else than its name grants may choose an offer: its own tags with its server's, and its risk."""

    tags: frozenset[str] = frozenset()
    risk: str | None = None


class Placed(msgspec.Struct, frozen=True, gc=False):
    """One offer at its place: what it is called on the part's own endpoint, and on the aggregate. What is not `listed`
    can be called, and stands in no list."""

    offer: Offer
    own: Target
    merged: Target
    definition: Fields
    labels: Labels
    listed: bool


class Side(msgspec.Struct, frozen=True, eq=False):
    """A part as one endpoint shows it: its targets by public name, and the lines of its lists in order."""

    tools: Mapping[str, Target]
    prompts: Mapping[str, Target]
    resources: Mapping[str, Target]
    templates: tuple[Target, ...]
    lists: Mapping[OfferKind, tuple[Listed, ...]]


class Part(msgspec.Struct, frozen=True, eq=False):
    """A server or virtual server, ready for every endpoint that shows it. `names` is what grants decide on.

    `own` has plain names, `merged` those of the aggregate. `unlisted` stands for the resources that a server serves
    without listing them; None where it has none. `tools` are the bits of all tools; `tags` and `risks` those of what
    has the tag, or the risk.
    """

    name: str
    placed: tuple[Placed, ...]
    names: tuple[Names, ...]
    own: Side
    merged: Side
    unlisted: Target | None
    capabilities: tuple[bytes, ...]
    instructions: str | None
    tools: int
    tags: Mapping[str, int]
    risks: Mapping[str, int]


def server_part(spec: ServerSpec, discovery: Discovery, run: Run, pace: Pace) -> Generator[None, None, Part]:
    """The part of one real server. Tools whose `x-mcp-header` annotations are invalid are left out (SPEC-DIGEST 2.3);
    of several offers of one name, only the first is taken: no other could ever be called. Tools that the registry hides
    are not offered to anyone."""
    placed: list[Placed] = []
    names = _Names()
    taken: dict[OfferKind, set[str]] = {kind: set() for kind in OfferKind}
    offers = yield from in_order(discovery.offers, key=_by_kind_and_name, pace=pace)
    before: tuple[str, str] | None = None
    tags = frozenset(spec.tags)
    for offer in offers:
        override = spec.overrides.get(offer.name) if offer.kind is OfferKind.TOOL else None
        mirrored = _mirrored(offer)
        if pace.spent(1 + len(offer.definition.get("inputSchema", b"")) // 1000):
            yield
        if mirrored is None or _by_kind_and_name(offer) == before or (override is not None and override.hidden):
            continue
        before = _by_kind_and_name(offer)
        bit = len(placed)
        own = _target(spec, bit, offer, run, mirrored)
        merged = msgspec.structs.replace(own, public=_merged_name(spec.name, offer.kind, offer.name, taken[offer.kind]))
        taken[offer.kind].add(merged.public)
        names.add(spec.name, offer.kind, offer.name, bit)
        labels = Labels(tags) if override is None else Labels(tags.union(override.tags), override.risk)
        placed.append(Placed(offer, own, merged, _overridden(offer.definition, override), labels, spec.listed))
    unlisted = None
    if "resources" in jsonrpc.fields(discovery.capabilities, "capabilities"):
        unlisted = Target(
            spec.name, len(placed), spec.name, OfferKind.RESOURCE, "*", "*", run, spec.timeout,
            pattern=re.compile(".*", re.DOTALL),
        )  # fmt: skip
        names.add(spec.name, OfferKind.RESOURCE, ANY_URI, len(placed))
    own_side = yield from _side(placed, [place.own for place in placed], pace)
    merged_side = yield from _side(placed, [place.merged for place in placed], pace)
    tools, tagged, risks = yield from _labelled(placed, tags, unlisted is not None, pace)
    return Part(
        spec.name, tuple(placed), names.slices(), own_side, merged_side, unlisted,
        (discovery.capabilities,), discovery.instructions, tools, tagged, risks,
    )  # fmt: skip


def virtual_part(spec: VirtualSpec, parts: Mapping[str, Part], pace: Pace) -> Generator[None, None, Part]:
    """The part of one virtual server, from the parts of its servers; those that are not known yet are left out.

    Where globs choose offers of one name from several servers, the first keeps it, and those after it are called as on
    the aggregate. What is chosen by its very name goes before all that globs choose: no server can take it away.
    """
    by_name: list[tuple[Placed, Pick]] = []
    by_glob: list[tuple[Placed, Pick]] = []
    for picks in spec.offers:
        for candidate in parts[picks.server].placed if picks.server in parts else ():
            if pace.spent(1):
                yield
            pick = _picked(picks, candidate.offer)
            if pick is not None:
                (by_name if globs.is_literal(pick.name) else by_glob).append((candidate, pick))
    placed: list[Placed] = []
    names = _Names()
    taken = _Taken()
    for candidate, pick in (*by_name, *by_glob):
        if pace.spent(1):
            yield
        place = _renamed(spec, len(placed), candidate, pick, taken)
        names.add(spec.name, candidate.offer.kind, place.own.public, len(placed))
        names.add(candidate.own.server, candidate.offer.kind, candidate.offer.name, len(placed))
        placed.append(place)
    own = yield from _side(placed, [place.own for place in placed], pace)
    merged = yield from _side(placed, [place.merged for place in placed], pace)
    capabilities = tuple(
        raw for picks in spec.offers if picks.server in parts for raw in parts[picks.server].capabilities
    )
    tags = frozenset(spec.tags)
    tools, tagged, risks = yield from _labelled(placed, tags, False, pace)
    return Part(
        spec.name, tuple(placed), names.slices(), own, merged, None, capabilities, spec.description,
        tools, tagged, risks,
    )  # fmt: skip


def _overridden(definition: Fields, override: Override | None) -> Fields:
    """The definition with what the registry says instead of the server."""
    if override is None:
        return definition
    given = {member: jsonrpc.encode_raw(text) for member, text in overriding.texts(override).items()}
    known = definition.get("inputSchema")
    if override.parameters and known is not None:
        schema = overriding.schema(msgspec.json.decode(known), override.parameters)
        given["inputSchema"] = jsonrpc.encode_raw(schema)
    return {**definition, **given} if given else definition


def _labelled(
    placed: Sequence[Placed], own: frozenset[str], unlisted: bool, pace: Pace
) -> Generator[None, None, tuple[int, dict[str, int], dict[str, int]]]:
    """The bits of all tools, by tag, and by risk. What is served without being listed has the part's own tags."""
    size = (len(placed) + 1 + 7) // 8
    tools = bytearray(size)
    tags: dict[str, bytearray] = {}
    risks: dict[str, bytearray] = {}
    for bit, place in enumerate(placed):
        if pace.spent(1):
            yield
        within = [tags.setdefault(tag, bytearray(size)) for tag in place.labels.tags]
        if place.offer.kind is OfferKind.TOOL:
            within.append(tools)
        if place.labels.risk is not None:
            within.append(risks.setdefault(place.labels.risk, bytearray(size)))
        for bits in within:
            bits[bit >> 3] |= 1 << (bit & 7)
    if unlisted:
        for tag in own:
            tags.setdefault(tag, bytearray(size))[len(placed) >> 3] |= 1 << (len(placed) & 7)
    tagged, risky = (
        {label: int.from_bytes(bits, "little") for label, bits in found.items()} for found in (tags, risks)
    )
    return int.from_bytes(tools, "little"), tagged, risky


class _Names:
    """Collects the names of one part's targets, in pieces that are judged in one go each."""

    def __init__(self) -> None:
        self._pieces: list[dict[tuple[str, OfferKind], dict[str, int]]] = []
        self._count = 0

    def add(self, server: str, kind: OfferKind, name: str, bit: int) -> None:
        if self._count % _PIECE == 0:
            self._pieces.append({})
        self._count += 1
        names = self._pieces[-1].setdefault((server, kind), {})
        names[name] = names.get(name, 0) | 1 << bit

    def slices(self) -> tuple[Names, ...]:
        return tuple(self._pieces)


def _by_kind_and_name(offer: Offer) -> tuple[str, str]:
    return (offer.kind.value, offer.name)


def _target(spec: ServerSpec, bit: int, offer: Offer, run: Run, mirrored: tuple[MirroredParam, ...]) -> Target:
    pattern = uritemplate.pattern(offer.name) if offer.kind is OfferKind.TEMPLATE else None
    return Target(spec.name, bit, spec.name, offer.kind, offer.name, offer.name, run, spec.timeout, mirrored, pattern)


def _merged_name(part: str, kind: OfferKind, name: str, taken: Container[str]) -> str:
    return naming.prefixed(part, name, taken) if kind in (OfferKind.TOOL, OfferKind.PROMPT) else name


def _mirrored(offer: Offer) -> tuple[MirroredParam, ...] | None:
    """The mirrored parameters of a tool; None when an annotation is invalid, which makes the whole tool unusable."""
    schema = offer.definition.get("inputSchema")
    if offer.kind is not OfferKind.TOOL or schema is None or mirror.ANNOTATION.encode() not in bytes(schema):
        return ()
    try:
        return mirror.annotations(msgspec.json.decode(schema))
    except ValueError:
        return None


def _picked(picks: PicksFrom, offer: Offer) -> Pick | None:
    choices = {OfferKind.TOOL: picks.tools, OfferKind.PROMPT: picks.prompts}.get(offer.kind, picks.resources)
    return next((pick for pick in choices if globs.matches(pick.name, offer.name)), None)


class _Taken:
    """The names that one part has given already, by kind: on its own endpoint, and on the aggregate."""

    def __init__(self) -> None:
        self.own: dict[OfferKind, set[str]] = {kind: set() for kind in OfferKind}
        self.merged: dict[OfferKind, set[str]] = {kind: set() for kind in OfferKind}


def _renamed(spec: VirtualSpec, bit: int, source: Placed, pick: Pick, taken: _Taken) -> Placed:
    part, offer = spec.name, source.offer
    kind, public = offer.kind, pick.rename or offer.name
    own_taken = taken.own[kind]
    # A template cannot be renamed: what is read is found by its pattern.
    if public in own_taken and kind is not OfferKind.TEMPLATE:
        given = naming.distinct_uri if kind is OfferKind.RESOURCE else naming.prefixed
        public = given(source.own.server, offer.name, own_taken)
    own_taken.add(public)
    definition = source.definition
    if pick.description is not None:
        definition = {**definition, "description": jsonrpc.encode_raw(pick.description)}
    own = msgspec.structs.replace(source.own, part=part, bit=bit, public=public)
    merged = msgspec.structs.replace(own, public=_merged_name(part, kind, public, taken.merged[kind]))
    taken.merged[kind].add(merged.public)
    labels = msgspec.structs.replace(source.labels, tags=source.labels.tags.union(spec.tags))
    return Placed(offer, own, merged, definition, labels, source.listed and spec.listed)


def _side(placed: Sequence[Placed], targets: Sequence[Target], pace: Pace) -> Generator[None, None, Side]:
    by_name: dict[OfferKind, dict[str, Target]] = {kind: {} for kind in OfferKind}
    lists: dict[OfferKind, list[Listed]] = {kind: [] for kind in OfferKind}
    templates: list[Target] = []
    for place, target in zip(placed, targets, strict=True):
        kind = place.offer.kind
        if not place.listed:
            if pace.spent(1):
                yield
        else:
            line = listed(place, target)
            if pace.spent(1 + len(line.modern) // 2000):
                yield
            lists[kind].append(line)
        if kind is OfferKind.TEMPLATE:
            templates.append(target)
        else:
            by_name[kind][target.public] = target
    ordered: dict[OfferKind, tuple[Listed, ...]] = {}
    for kind, lines in lists.items():
        if lines:
            ordered[kind] = tuple((yield from in_order(lines, key=by_key, pace=pace)))
    tools, prompts, resources = (by_name[kind] for kind in (OfferKind.TOOL, OfferKind.PROMPT, OfferKind.RESOURCE))
    return Side(tools, prompts, resources, tuple(templates), ordered)


_MEMBER = {OfferKind.RESOURCE: "uri", OfferKind.TEMPLATE: "uriTemplate"}


def by_key(line: Listed) -> tuple[str, str]:
    """The order of lists: by part, then by public name."""
    return line.key


def listed(place: Placed, target: Target) -> Listed:
    """One list line under the target's public name."""
    kind = place.offer.kind
    definition = {**place.definition, _MEMBER.get(kind, "name"): jsonrpc.encode_raw(target.public)}
    modern = bridge.definition_for_modern(definition)
    legacy = bridge.definition_for_legacy(definition)
    encoded = jsonrpc.encode(modern)
    same = legacy is modern
    return Listed(
        target.part, target.bit, (target.part, target.public), encoded, encoded if same else jsonrpc.encode(legacy)
    )
