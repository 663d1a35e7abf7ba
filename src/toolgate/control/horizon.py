"""What there is at all for whom: a server of which somebody may see nothing must look to them as if it were not there.

Of a server whose offers are known, its targets' bits say most of it. Here is the rest: who may use everything of a
server sees it while it offers nothing; and of a server whose offers are not known, or that is withheld, whoever some
allow lets have anything of it hears why. Each server has three bits here, one for each kind of offer that grants name.
"""

from collections.abc import Generator, Mapping, Sequence

import msgspec

from toolgate.control.slices import Pace
from toolgate.model.declared import Declared, GrantSpec
from toolgate.rules import access
from toolgate.rules.access import Reach

KINDS = 3
ALL = (1 << KINDS) - 1
TOOLS = 1
"""The bit of tools among those of one server."""


class Horizon(msgspec.Struct, frozen=True):
    """`names` are the servers and virtual servers in the order of their bits, `places` a bit (the first) for each name,
    and `through` for each server those of the virtual servers that wait for it. `unknown` are all bits of what is not
    known yet, `every` the first bits of all. `tags` are each name's own; `labels` also those of single tools, and
    `risks` theirs, which matter for what is not known yet."""

    names: tuple[str, ...]
    places: Mapping[str, int]
    through: Mapping[str, int]
    unknown: int
    tags: Mapping[str, frozenset[str]]
    labels: Mapping[str, frozenset[str]]
    risks: Mapping[str, frozenset[str]]
    every: int

    def seen(self, bits: int) -> frozenset[str]:
        """The names of which some bit is set."""
        found: list[str] = []
        while bits:
            place = ((bits & -bits).bit_length() - 1) // KINDS
            found.append(self.names[place])
            bits &= ~(ALL << place * KINDS)
        return frozenset(found)


def horizon(declared: Declared, known: Mapping[str, object]) -> Horizon:
    """`known` are the names whose offers are known."""
    names = tuple(
        dict.fromkeys((*(one.name for one in (*declared.servers, *declared.virtual)), *sorted(declared.withheld)))
    )
    places = {name: 1 << place * KINDS for place, name in enumerate(names)}
    unknown = {name for name in names if name not in known}
    through: dict[str, int] = {}
    for virtual in declared.virtual:
        for picks in virtual.offers:
            if picks.server in unknown or picks.server not in places:
                through[picks.server] = through.get(picks.server, 0) | places[virtual.name]
                unknown.add(virtual.name)
    tags = {one.name: frozenset(one.tags) for one in (*declared.servers, *declared.virtual)}
    labels = {
        one.name: tags[one.name].union(*(override.tags for override in one.overrides.values()))
        for one in declared.servers
    }
    risks = {
        one.name: frozenset(override.risk for override in one.overrides.values() if override.risk is not None)
        for one in declared.servers
    }
    bits = sum(places[name] for name in unknown) * ALL
    return Horizon(names, places, through, bits, tags, labels, risks, sum(places.values()))


def openings(
    reaches: Sequence[Reach], within: Horizon, pace: Pace
) -> Generator[None, None, dict[Reach, tuple[int, int]]]:
    """For each reach: the bits of what an allow opens, and of what a deny closes."""
    matched: dict[str, tuple[int, int]] = {}
    tagged: dict[tuple[str, ...], tuple[int, int]] = {}
    risky: dict[tuple[str, ...], int] = {}
    found: dict[Reach, tuple[int, int]] = {}
    for reach in reaches:
        if pace.spent(1):
            yield
        own = through = 0
        for glob in reach.servers:
            if glob not in matched:
                matched[glob] = (access.named(glob, within.places), access.named(glob, within.through))
            own |= matched[glob][0]
            through |= matched[glob][1]
        touched = (own | through) * ALL & within.unknown
        if reach.tags:
            if reach.tags not in tagged:
                tagged[reach.tags] = (_with(within.tags, reach.tags, within), _with(within.labels, reach.tags, within))
            own &= tagged[reach.tags][0]
            touched &= (tagged[reach.tags][0] | tagged[reach.tags][1]) * ALL
        if reach.risks:
            if reach.risks not in risky:
                risky[reach.risks] = _with(within.risks, reach.risks, within)
            own = 0
            touched &= risky[reach.risks]
        kinds = (reach.tools, reach.prompts, reach.resources)
        whole = sum(1 << kind for kind, names in enumerate(kinds) if "*" in names)
        some = sum(1 << kind for kind, names in enumerate(kinds) if names)
        found[reach] = (own * whole | touched & _spread(some, within), own * whole)
    return found


def _with(labels: Mapping[str, frozenset[str]], wanted: Sequence[str], within: Horizon) -> int:
    return sum(
        within.places[name] for name, own in labels.items() if name in within.places and own.intersection(wanted)
    )


def _spread(kinds: int, within: Horizon) -> int:
    """The bits of these kinds for every server."""
    return within.every * kinds


def sees(grants: Sequence[GrantSpec], opened: Mapping[Reach, tuple[int, int]], barred: int, within: Horizon) -> int:
    """The bits that grants leave open; `barred` are kinds of which nothing is left."""
    allowed = denied = 0
    for grant in grants:
        allow, deny = opened[access.reach(grant)]
        if grant.effect == "allow":
            allowed |= allow
        elif not grant.conditions:
            denied |= deny
    return allowed & ~denied & ~_spread(barred, within)
