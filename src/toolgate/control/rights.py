"""Grants in, rows out: what each principal may use, folded over the targets of every part."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import cast

import msgspec

from toolgate.control import horizon
from toolgate.control.horizon import Horizon
from toolgate.control.parts import Part
from toolgate.control.slices import Pace
from toolgate.model.declared import GrantSpec
from toolgate.model.identity import Principal
from toolgate.model.snapshot import Row, Rule
from toolgate.rules import access, conditions, globs
from toolgate.rules.access import Reach

EVERY_TOOL = ("*",)
"""The ceiling on tools that is none."""

Bits = tuple[tuple[str, bytes], ...]
Counted = tuple[str, bool, int, bytes, float | None, str]
"""One grant of one part that counts for some calls: the part, whether it allows, its bits, its conditions as
`rules.conditions` encodes them, when it expires, its name."""


class Rights(msgspec.Struct, frozen=True, gc=False):
    """What a row says, as a value: see `model.snapshot.Row`. URIs are globs here."""

    parts: Bits
    denied_uris: tuple[tuple[str, str], ...]
    conditional: Bits
    rules: tuple[Counted, ...]
    sees: frozenset[str]


Ceilings = dict[tuple[str, ...], dict[str, int]]
"""By the globs of a ceiling on tools and by part: the bits of the tools that it keeps away."""


Whose = tuple[tuple[int, ...], tuple[str, ...]]
"""The numbers of the grants that hold for a principal, in order, and the globs of its ceiling on tools."""


Identity = tuple[str, Reach, bytes, float | None, str]
"""All of a grant that a row depends on: its effect, its reach, its conditions, when it expires, its name."""


class Known(msgspec.Struct, frozen=True, eq=False):
    """What the last compilation found, to be reused where it still holds: for parts that are the very same.

    `numbers` are those of grants by all that a row depends on: a grant keeps its number for as long as it stays the
    same. `folded` is what came of such numbers, with these parts and this horizon.
    """

    parts: Mapping[str, Part]
    named: Mapping[Reach, Mapping[str, int]]
    ceilings: Ceilings
    rows: Mapping[Rights, Row]
    numbers: Mapping[Identity, int] = {}
    folded: Mapping[Whose, tuple[Rights, Row]] = {}
    horizon: Horizon | None = None


NOTHING_KNOWN = Known({}, {}, {}, {})


class Asked(msgspec.Struct, frozen=True):
    """Whose rows are wanted: `ceilings` are the globs of each principal's ceiling on tools, by its id."""

    grants: Sequence[GrantSpec]
    principals: Iterable[Principal]
    ceilings: Mapping[str, tuple[str, ...]]
    horizon: Horizon


def compile_rows(
    asked: Asked, parts: Mapping[str, Part], before: Known, pace: Pace
) -> Generator[None, None, tuple[dict[str, Row], Known]]:
    """The rows by principal id, and what the next compilation may reuse."""
    reaches: list[Reach] = []
    for grant in asked.grants:
        reaches.append(access.reach(grant))
        if pace.spent(1):
            yield
    named = yield from _named(dict.fromkeys(reaches), parts, before, pace)
    numbers, numbered = yield from _numbered(asked.grants, reaches, before.numbers, pace)
    known = Known(parts, named, {}, {}, numbers, {}, asked.horizon)
    opened = yield from horizon.openings(tuple(named), asked.horizon, pace)
    yield
    folding = _Folding(asked, known, before, [named[reach] for reach in reaches], opened, pace)
    yield
    rows = yield from folding.rows(numbered)
    return rows, known


def _named(
    reaches: Iterable[Reach], parts: Mapping[str, Part], before: Known, pace: Pace
) -> Generator[None, None, dict[Reach, dict[str, int]]]:
    """What each reach names, by part; parts of which it names nothing are left out."""
    fresh = {name: part for name, part in parts.items() if before.parts.get(name) is not part}
    stale = frozenset(name for name, part in before.parts.items() if parts.get(name) is not part)
    named: dict[Reach, dict[str, int]] = {}
    for reach in reaches:
        known = before.named.get(reach)
        if known is None:
            by_part, missing = dict[str, int](), parts
        else:
            by_part, missing = {name: bits for name, bits in known.items() if name not in stale}, fresh
        named[reach] = by_part
        if pace.spent(1):
            yield
        for name, part in missing.items():
            if pace.spent(1):
                yield
            bits = yield from _named_of(part, reach, pace)
            if bits:
                by_part[name] = bits
    return named


def _numbered(
    grants: Sequence[GrantSpec], reaches: Sequence[Reach], before: Mapping[Identity, int], pace: Pace
) -> Generator[None, None, tuple[dict[Identity, int], list[int]]]:
    """The numbers by identity, and that of each grant; new ones get numbers that were not in use."""
    unused = max(before.values(), default=-1) + 1
    numbers: dict[Identity, int] = {}
    numbered: list[int] = []
    for place, (grant, reach) in enumerate(zip(grants, reaches, strict=True)):
        tests = conditions.encoded(grant.conditions) if grant.conditions else b""
        identity = grant.effect, reach, tests, grant.expires, grant.name
        number = numbers[identity] = before.get(identity, unused + place)
        numbered.append(number)
        if pace.spent(1):
            yield
    return numbers, numbered


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
    if reach.tags:
        bits &= _labelled(part.tags, reach.tags)
    if reach.risks:
        bits &= _labelled(part.risks, reach.risks) & part.tools
    return bits


def _labelled(labels: Mapping[str, int], wanted: Sequence[str]) -> int:
    bits = 0
    for label in wanted:
        bits |= labels.get(label, 0)
    return bits


class _Folding:
    """One row per set of rights, shared by all principals that have them, and the very same object as before where
    there was one: what is rendered for a row lives as long as the row."""

    def __init__(
        self,
        asked: Asked,
        known: Known,
        before: Known,
        reached: Sequence[Mapping[str, int]],
        opened: Mapping[Reach, tuple[int, int]],
        pace: Pace,
    ) -> None:
        """`reached` is what each grant names."""
        self._asked = asked
        self._known = known
        self._before = before
        self._pace = pace
        self._grants = asked.grants
        self._reached = reached
        self._opened = opened
        self._shared = cast("dict[Rights, Row]", known.rows)
        self._made = cast("dict[Whose, tuple[Rights, Row]]", known.folded)
        same = before.horizon == asked.horizon and before.parts.keys() == known.parts.keys()
        same = same and all(before.parts[name] is part for name, part in known.parts.items())
        self._folded: Mapping[Whose, tuple[Rights, Row]] = before.folded if same else {}

    def rows(self, numbers: Sequence[int]) -> Generator[None, None, dict[str, Row]]:
        """By principal id. `numbers` are those of the grants."""
        places = access.by_subject(self._grants)
        rows: dict[str, Row] = {}
        for principal in self._asked.principals:
            ceiling = self._asked.ceilings.get(principal.id, EVERY_TOOL)
            applicable = access.applicable(principal.subjects, places)
            whose = (tuple([numbers[place] for place in applicable]), ceiling)
            found = self._made.get(whose)
            if found is None:
                found = self._made[whose] = yield from self._fold(whose, applicable)
            rows[principal.id] = found[1]
            if self._pace.spent(1 + len(applicable) // 100):
                yield
        return rows

    def _fold(self, whose: Whose, applicable: tuple[int, ...]) -> Generator[None, None, tuple[Rights, Row]]:
        ceiling = whose[1]
        known = self._folded.get(whose)
        if known is None:
            rights = yield from self._rights(applicable, ceiling)
            known = rights, self._shared.get(rights) or self._before.rows.get(rights) or _row(rights)
        elif ceiling in self._before.ceilings:
            self._known.ceilings.setdefault(ceiling, self._before.ceilings[ceiling])
        self._shared[known[0]] = known[1]
        return known

    def _rights(self, applicable: tuple[int, ...], ceiling: tuple[str, ...]) -> Generator[None, None, Rights]:
        sums = yield from self._sums(applicable)
        parts: list[tuple[str, bytes]] = []
        depending: list[tuple[str, bytes]] = []
        rules: list[Counted] = []
        for name in sorted({*sums.allowed, *sums.maybe_allowed}):
            kept = ~(sums.denied.get(name, 0) | (yield from self._away(name, ceiling)))
            certain = sums.allowed.get(name, 0) & kept
            possible = certain | sums.maybe_allowed.get(name, 0) & kept
            depends = possible & ~certain | certain & sums.maybe_denied.get(name, 0)
            if certain & ~depends:
                parts.append((name, access.fold(certain & ~depends)))
            if depends:
                depending.append((name, access.fold(depends)))
                rules.extend(self._rules(name, depends, certain, sums.places))
                if self._pace.spent(1 + len(sums.places)):
                    yield
        grants = [self._grants[place] for place in applicable]
        within = self._asked.horizon
        barred = 0 if ceiling else horizon.TOOLS
        sees = within.seen(horizon.sees(grants, self._opened, barred, within))
        return Rights(
            tuple(parts), access.denied_uris(grants, within.tags), tuple(depending), tuple(rules),
            sees.union(name for name, _ in (*parts, *depending)),
        )  # fmt: skip

    def _sums(self, applicable: tuple[int, ...]) -> Generator[None, None, "_Sums"]:
        sums = _Sums()
        for place in applicable:
            grant = self._grants[place]
            side = sums.side(grant)
            if depends(grant):
                sums.places.append(place)
            for name, bits in self._reached[place].items():
                side[name] = side.get(name, 0) | bits
            if self._pace.spent(1 + len(self._reached[place]) // 10):
                yield
        return sums

    def _rules(self, name: str, depends: int, certain: int, places: Sequence[int]) -> Iterable[Counted]:
        if certain & depends:
            yield name, True, certain & depends, b"[]", None, ""
        for place in places:
            grant = self._grants[place]
            bits = self._reached[place].get(name, 0) & depends
            if bits:
                tests = conditions.encoded(grant.conditions)
                yield name, grant.effect == "allow", bits, tests, grant.expires, grant.name

    def _away(self, name: str, ceiling: tuple[str, ...]) -> Generator[None, None, int]:
        """The bits of the tools of one part that a ceiling keeps away."""
        if ceiling == EVERY_TOOL:
            return 0
        by_part = self._known.ceilings.setdefault(ceiling, {})
        bits = by_part.get(name)
        if bits is None:
            part = self._known.parts[name]
            if self._before.parts.get(name) is part:
                bits = self._before.ceilings.get(ceiling, {}).get(name)
            if bits is None:
                bits = part.tools & ~(yield from _under(part, ceiling, self._pace))
            by_part[name] = bits
        return bits


class _Sums:
    """What the grants of one principal name together, by part. `places` are those of grants that count for some calls
    only."""

    def __init__(self) -> None:
        self.allowed: dict[str, int] = {}
        self.denied: dict[str, int] = {}
        self.maybe_allowed: dict[str, int] = {}
        self.maybe_denied: dict[str, int] = {}
        self.places: list[int] = []

    def side(self, grant: GrantSpec) -> dict[str, int]:
        if grant.effect == "allow":
            return self.maybe_allowed if depends(grant) else self.allowed
        return self.maybe_denied if depends(grant) else self.denied


def depends(grant: GrantSpec) -> bool:
    """Whether a grant must be judged with each call. A deny that only expires need not be: it is in force until the
    snapshot without it is."""
    return bool(grant.conditions) or (grant.effect == "allow" and grant.expires is not None)


def _under(part: Part, ceiling: tuple[str, ...], pace: Pace) -> Generator[None, None, int]:
    """The bits of the tools whose name, on the part's own endpoint or on the aggregate, is under the ceiling."""
    bits = bytearray(len(part.placed) // 8 + 1)
    for tools in (part.own.tools, part.merged.tools):
        for glob in ceiling:
            if globs.is_literal(glob):
                found = [tools[glob]] if glob in tools else []
            else:
                fullmatch = globs.compiled(glob).fullmatch
                found = [target for name, target in tools.items() if fullmatch(name) is not None]
            for target in found:
                bits[target.bit >> 3] |= 1 << (target.bit & 7)
            if pace.spent(1 if globs.is_literal(glob) else 1 + len(tools) // 10):
                yield
    return int.from_bytes(bits, "little")


def _row(rights: Rights) -> Row:
    rules: dict[str, list[Rule]] = {}
    for part, allows, bits, encoded, expires, name in rights.rules:
        try:
            tests = conditions.compiled(encoded)
        except ValueError:
            tests = (conditions.never,) if allows else ()
        rules.setdefault(part, []).append(Rule(allows, bits, tests, expires, name))
    return Row(
        dict(rights.parts),
        tuple((globs.compiled(server), globs.compiled(uri)) for server, uri in rights.denied_uris),
        dict(rights.conditional),
        {part: tuple(own) for part, own in rules.items()},
        rights.sees,
    )
