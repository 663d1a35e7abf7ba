"""The `virtual` section of the file."""

import re

from toolgate.control.filed import Filed, read_fields
from toolgate.control.places import Names, Place
from toolgate.model.declared import Pick, PicksFrom
from toolgate.model.entities import Virtual
from toolgate.rules import globs

# What a tool or prompt may be called towards clients, many of which take no more (DESIGN section 7).
_PUBLIC = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PUBLIC_RULE = "a name towards clients is 1 to 64 of A-Z, a-z, 0-9, _ and -"
LONGEST_GLOB = 256
_OFFER_KINDS = ("tools", "prompts", "resources")


DESCRIBING = ("owner", "description", "tags", "environment", "sensitivity", "links", "icon", "state")


def read_virtual(section: Place, servers: Names) -> list[Filed]:
    """`servers` are the names of the declared servers, whose name space virtual servers share."""
    found: list[Filed] = []
    for name, place in section.named().items():
        if name in servers.known:
            place.wrong("a server has this name, and both would be served at the same URL")
        entries = place.record((*DESCRIBING, "offers"), required=("offers",))
        values = read_fields(entries, Virtual, DESCRIBING)
        if "offers" not in entries:
            continue
        given: _Given = {}
        read = [_read_offers(item, servers, given) for item in entries["offers"].items()]
        if entries["offers"].is_empty():
            entries["offers"].wrong("nothing is chosen: a virtual server offers what it lists, and only that")
        offers = tuple(picks for picks in read if picks is not None)
        found.append(Filed(Virtual(name=name, offers=offers, **values), frozenset(entries), place, entries))
    return found


_Given = dict[tuple[str, str], Place]
"""The names that one virtual server gives, by (kind, name), with the place that gives each."""


def _read_offers(place: Place, servers: Names, given: _Given) -> PicksFrom | None:
    entries = place.record(("server", *_OFFER_KINDS), required=("server",))
    server = entries["server"].text() if "server" in entries else None
    if server is not None and server not in servers:
        entries["server"].wrong("no server of this name is declared", servers.meant(server))
    lists = {kind: _read_picks(entries[kind], kind, given) for kind in _OFFER_KINDS if kind in entries}
    if all(entries[kind].is_empty() for kind in lists):
        place.wrong('nothing is chosen: name tools, prompts or resources (["*"] for all)')
    return None if server is None else PicksFrom(server, **lists)


def _read_picks(section: Place, kind: str, given: _Given) -> tuple[Pick, ...]:
    picks: list[Pick] = []
    for place in section.items():
        pick = _read_pick(place, kind)
        if pick is None:
            continue
        earlier = next((other for other in picks if globs.covers(other.name, pick.name)), None)
        if earlier is not None:
            place.wrong(f"can never match: `{earlier.name}` before it already chooses all of this")
        elif globs.is_literal(pick.name):
            # What globs choose is judged when the offers are known.
            public = pick.rename or pick.name
            first = given.setdefault((kind, public), place)
            if first is not place:
                place.wrong(f"another of the {kind} is called `{public}` here (line {first.line})")
        picks.append(pick)
    return tuple(picks)


def _read_pick(place: Place, kind: str) -> Pick | None:
    if isinstance(place.node.value, str):
        name = read_glob(place)
        return Pick(name) if name is not None else None
    if not isinstance(place.node.value, dict):
        place.expected("a name, a glob, or a mapping with `name`")
        return None
    entries = place.record(("name", "as", "description"), required=("name",))
    name = read_glob(entries["name"]) if "name" in entries else None
    rename = entries["as"].text() if "as" in entries else None
    description = entries["description"].text() if "description" in entries else None
    if rename is not None and kind == "resources":
        entries["as"].wrong("a resource is known by its URI, which cannot be changed")
    elif rename is not None and not _PUBLIC.fullmatch(rename):
        entries["as"].wrong(_PUBLIC_RULE)
    if name is not None and not globs.is_literal(name) and (rename is not None or description is not None):
        place.wrong("a glob can match several; `as` and `description` need the name of one")
    return Pick(name, rename, description) if name is not None else None


def read_glob(place: Place) -> str | None:
    """A glob; one with white space around it, or longer than LONGEST_GLOB, is a finding."""
    text = place.text()
    if text is None:
        return None
    if len(text) > LONGEST_GLOB:
        place.wrong(f"longer than {LONGEST_GLOB} characters")
        return None
    if text != text.strip():
        place.wrong("can never match: no name begins or ends with a space", text.strip())
        return None
    return text
