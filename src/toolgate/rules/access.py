"""Who may see and call what: grants folded into one row of bits per principal set (default deny, deny beats
allow, no exemptions). Listing and calling read the same row."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from toolgate.model.catalog import OfferKind
from toolgate.model.declared import EVERYONE, GrantSpec
from toolgate.model.snapshot import Row
from toolgate.rules import globs


class Known(msgspec.Struct, frozen=True, gc=False):
    """One target as grants see it: its bit, its kind, and every (server, name) under which a grant may name it."""

    bit: int
    kind: OfferKind
    names: tuple[tuple[str, str], ...]


def allowed(row: Row, part: str, bit: int) -> bool:
    """One bit test. A part or a bit that the row does not have is not allowed."""
    bits = row.parts.get(part, b"")
    index = bit >> 3
    return index < len(bits) and bool(bits[index] >> (bit & 7) & 1)


def applicable(subjects: Iterable[str], grants: Sequence[GrantSpec]) -> tuple[GrantSpec, ...]:
    """The grants that hold for a principal with these subjects: principals with equal answers share one row."""
    own = {*subjects, EVERYONE}
    return tuple(grant for grant in grants if grant.subject in own)


def part_bits(grants: Sequence[GrantSpec], targets: Sequence[Known]) -> bytes:
    """The bits of one part for everyone for whom exactly `grants` hold."""
    bits = bytearray((len(targets) + 7) // 8)
    allows = [_Matcher(grant) for grant in grants if grant.effect == "allow"]
    denies = [_Matcher(grant) for grant in grants if grant.effect == "deny"]
    for target in targets:
        if _any(allows, target) and not _any(denies, target):
            bits[target.bit >> 3] |= 1 << (target.bit & 7)
    return bytes(bits)


def denied_uris(grants: Sequence[GrantSpec]) -> tuple[tuple[Any, Any], ...]:
    """(server pattern, URI pattern) of every deny on resources."""
    return tuple(
        (globs.compiled(server), globs.compiled(uri))
        for grant in grants
        if grant.effect == "deny"
        for server in grant.servers
        for uri in grant.resources
    )


def uri_denied(row: Row, server: str, uri: str) -> bool:
    """Whether a deny names this very URI: asked only where the URI itself had no bit (templates, unlisted resources)."""
    return any(s.fullmatch(server) is not None and u.fullmatch(uri) is not None for s, u in row.denied_uris)


class _Matcher:
    """One grant with its globs compiled."""

    def __init__(self, grant: GrantSpec) -> None:
        self.servers = tuple(globs.compiled(glob) for glob in grant.servers)
        self.resources = tuple(globs.compiled(glob) for glob in grant.resources)
        tools = tuple(globs.compiled(glob) for glob in grant.tools)
        prompts = tuple(globs.compiled(glob) for glob in grant.prompts)
        self._by_kind: dict[OfferKind, tuple[Any, ...]] = {
            OfferKind.TOOL: tools,
            OfferKind.PROMPT: prompts,
            OfferKind.RESOURCE: self.resources,
            OfferKind.TEMPLATE: self.resources,
        }

    def matches(self, target: Known) -> bool:
        patterns = self._by_kind[target.kind]
        return bool(patterns) and any(
            any(glob.fullmatch(server) for glob in self.servers) and any(glob.fullmatch(name) for glob in patterns)
            for server, name in target.names
        )


def _any(matchers: list[_Matcher], target: Known) -> bool:
    return any(matcher.matches(target) for matcher in matchers)
