"""One part of a snapshot: everything that depends on a single server or virtual server alone, compiled once per version.

Compilation is a generator that yields now and then, so that its driver can give other work a turn: a server with ten
thousand tools never holds the event loop for long.
"""

import re
from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import Any

import msgspec

from toolgate.model.call import Fields
from toolgate.model.catalog import Discovery, Offer, OfferKind
from toolgate.model.declared import Pick, PicksFrom, ServerSpec, VirtualSpec
from toolgate.model.snapshot import Listed, MirroredParam, Target
from toolgate.protocol import bridge, jsonrpc, mirror, naming, uritemplate
from toolgate.rules import globs
from toolgate.rules.access import Known

SLICE = 100
"""Offers compiled between two yields."""

ANY_URI = "*"
"""The name under which grants see the resources that a server serves without listing them."""

Run = Callable[[Any, Any], Awaitable[Any]]


class Placed(msgspec.Struct, frozen=True, gc=False):
    """One offer at its place: what it is called on the part's own endpoint, and on the aggregate."""

    offer: Offer
    own: Target
    merged: Target
    definition: Fields


class Part(msgspec.Struct, frozen=True, eq=False):
    """A server or virtual server, ready for every endpoint that shows it. `known` is what grants decide on, by bit.

    `own` and `merged` are its list lines under plain and under prefixed names.
    """

    name: str
    placed: tuple[Placed, ...]
    known: tuple[Known, ...]
    own: Mapping[OfferKind, tuple[Listed, ...]]
    merged: Mapping[OfferKind, tuple[Listed, ...]]
    unlisted: Target | None
    capabilities: tuple[bytes, ...]
    instructions: str | None


Step = Generator[None, None, Part]


def server_part(spec: ServerSpec, discovery: Discovery, run: Run) -> Step:
    """The part of one real server. Tools whose `x-mcp-header` annotations are invalid are left out (SPEC-DIGEST 2.3)."""
    placed: list[Placed] = []
    known: list[Known] = []
    offers = sorted(discovery.offers, key=lambda offer: (offer.kind.value, offer.name))
    for count, offer in enumerate(offers):
        if count % SLICE == 0:
            yield
        mirrored = _mirrored(offer)
        if mirrored is None:
            continue
        bit = len(known)
        own = _target(spec.name, bit, spec, offer, offer.name, run, mirrored)
        merged = _target(spec.name, bit, spec, offer, _merged_name(spec.name, offer), run, mirrored)
        known.append(Known(bit, offer.kind, ((spec.name, offer.name),)))
        placed.append(Placed(offer, own, merged, offer.definition))
    unlisted = None
    if b'"resources"' in discovery.capabilities:
        unlisted = Target(
            spec.name, len(known), spec.name, OfferKind.RESOURCE, ANY_URI, ANY_URI, run, spec.timeout,
            pattern=re.compile(".*", re.DOTALL),
        )  # fmt: skip
        known.append(Known(len(known), OfferKind.RESOURCE, ((spec.name, ANY_URI),)))
    own_lists = yield from _listed(placed, "own")
    merged_lists = yield from _listed(placed, "merged")
    return Part(
        spec.name, tuple(placed), tuple(known), own_lists, merged_lists, unlisted,
        (discovery.capabilities,), discovery.instructions,
    )  # fmt: skip


def virtual_part(spec: VirtualSpec, parts: Mapping[str, Part]) -> Step:
    """The part of one virtual server, from the parts of its servers; those that are not known yet are left out."""
    placed: list[Placed] = []
    known: list[Known] = []
    sources = [(picks, parts[picks.server]) for picks in spec.offers if picks.server in parts]
    for picks, source in sources:
        for count, candidate in enumerate(source.placed):
            if count % SLICE == 0:
                yield
            pick = _picked(picks, candidate.offer)
            if pick is not None:
                place = _renamed(spec.name, len(known), candidate, pick)
                placed.append(place)
                names = ((spec.name, place.own.public), (candidate.own.server, candidate.offer.name))
                known.append(Known(len(known), candidate.offer.kind, names))
    own_lists = yield from _listed(placed, "own")
    merged_lists = yield from _listed(placed, "merged")
    capabilities = tuple(raw for _, source in sources for raw in source.capabilities)
    return Part(spec.name, tuple(placed), tuple(known), own_lists, merged_lists, None, capabilities, spec.description)


def _target(
    part: str, bit: int, spec: ServerSpec, offer: Offer, public: str, run: Run, mirrored: tuple[MirroredParam, ...]
) -> Target:
    pattern = uritemplate.pattern(offer.name) if offer.kind is OfferKind.TEMPLATE else None
    return Target(part, bit, spec.name, offer.kind, offer.name, public, run, spec.timeout, mirrored, pattern)


def _merged_name(part: str, offer: Offer) -> str:
    return naming.prefixed(part, offer.name) if offer.kind in (OfferKind.TOOL, OfferKind.PROMPT) else offer.name


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


def _renamed(part: str, bit: int, source: Placed, pick: Pick) -> Placed:
    offer = source.offer
    public = pick.rename or offer.name
    definition = offer.definition
    if pick.description is not None:
        definition = {**definition, "description": jsonrpc.encode_raw(pick.description)}
    named = Offer(offer.kind, public, definition)
    own = msgspec.structs.replace(source.own, part=part, bit=bit, public=public)
    merged = msgspec.structs.replace(source.own, part=part, bit=bit, public=_merged_name(part, named))
    return Placed(offer, own, merged, definition)


def _listed(placed: list[Placed], side: str) -> Generator[None, None, Mapping[OfferKind, tuple[Listed, ...]]]:
    lists: dict[OfferKind, list[Listed]] = {kind: [] for kind in OfferKind}
    for count, place in enumerate(placed):
        if count % SLICE == 0:
            yield
        target = place.own if side == "own" else place.merged
        lists[place.offer.kind].append(listed(place, target))
    return {kind: tuple(sorted(lines, key=lambda line: line.key)) for kind, lines in lists.items() if lines}


_MEMBER = {OfferKind.RESOURCE: "uri", OfferKind.TEMPLATE: "uriTemplate"}


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
