"""Tags and risks that grants name, held against those that servers and tools have."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from toolgate.model.declared import Override, PicksFrom, ServerSpec, VirtualSpec
from toolgate.model.entities import Server, Virtual
from toolgate.rules.directory import Directory
from toolgate.rules.facts import Finding
from toolgate.rules.names import meant


class Labels(msgspec.Struct, frozen=True):
    """The tags and risks that something of a server has."""

    tags: frozenset[str] = frozenset()
    risks: frozenset[str] = frozenset()

    def union(self, other: "Labels") -> "Labels":
        return Labels(self.tags | other.tags, self.risks | other.risks)


def unmatched(field: str, given: Sequence[str], known: Iterable[str]) -> Iterator[Finding]:
    """Labels that nothing has. A rule that rests on a mistyped one would allow less, or deny less, than it says."""
    there = sorted(known)
    word = field.removesuffix("s")
    for place, label in enumerate(given):
        if label not in there:
            step = f"give a server or tool this {word} first, or correct it"
            yield (
                f"{field}[{place}]",
                f"can never match: nothing that it names has this {word}{meant(label, there)}: {step}",
            )


def of_servers(directory: Directory, names: Iterable[str]) -> Labels:
    """What the servers and virtual servers of these names have, and their tools."""
    filed: Mapping[str, ServerSpec | VirtualSpec] = {
        spec.name: spec for spec in (*directory.declared.servers, *directory.declared.virtual)
    }
    found = Labels()
    for name in names:
        one = directory.get(Server, name) or directory.get(Virtual, name) or filed.get(name)
        if isinstance(one, (Server, ServerSpec)):
            found = found.union(_of_server(one.tags, one.overrides))
        elif one is not None:
            sources = of_servers(directory, _sources(one.offers))
            found = found.union(Labels(frozenset(one.tags))).union(sources)
    return found


def _of_server(tags: Sequence[str], overrides: Mapping[str, Override]) -> Labels:
    said = overrides.values()
    return Labels(
        frozenset(tags).union(*(one.tags for one in said)), frozenset(one.risk for one in said if one.risk is not None)
    )


def _sources(offers: Sequence[PicksFrom]) -> Iterator[str]:
    """A virtual server takes from servers only, so that this ends."""
    return (picks.server for picks in offers)
