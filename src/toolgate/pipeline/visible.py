"""What a caller may know of: servers of which it may see nothing are not there for it, and nothing that it is told
depends on them."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from toolgate.model.catalog import OfferKind
from toolgate.model.errors import Denied, Fault, UnknownEndpoint
from toolgate.model.identity import Principal
from toolgate.model.snapshot import Endpoint, Listed, Row, Snapshot, Target
from toolgate.protocol.capabilities import merge_all
from toolgate.rules import access, conditions

NO_RIGHTS = Row({})

_CAPABILITIES = "capabilities"
_CONTESTED = "contested"


def endpoint(snapshot: Snapshot, name: str, row: Row) -> Endpoint:
    """The endpoint of this name. Raises UnknownEndpoint where there is none for who has this row."""
    found = snapshot.endpoints.get(name)
    if found is None or (name and name not in row.sees):
        raise no_endpoint(name)
    return found


def no_endpoint(name: str) -> Fault:
    return UnknownEndpoint(f"there is no server {name[:100]!r} here")


def capabilities(endpoint: Endpoint, row: Row) -> Mapping[str, Any]:
    """What of an endpoint's capabilities comes from servers that this row sees."""
    if not endpoint.members:
        return endpoint.capabilities
    pages = endpoint.pages.get(row)
    if pages is None:
        pages = endpoint.pages[row] = {}
    known = pages.get(_CAPABILITIES)
    if known is None:
        seen = (raw for name, own in endpoint.members.items() if name in row.sees for raw in own)
        known = pages[_CAPABILITIES] = merge_all(seen)
    return known


def lines(endpoint: Endpoint, kind: OfferKind, row: Row, after: tuple[str, str] | None = None) -> Iterator[Listed]:
    """What of one list this row may use, in order; only what comes behind `after`, where that is given."""
    for own in endpoint.lists.get(kind, ()):
        part = own[0].part
        if (part in row.parts or part in row.conditional) and (after is None or own[-1].key > after):
            for line in own:
                if (after is None or line.key > after) and access.listed(row, part, line.bit):
                    yield line


class Contested(msgspec.Struct, frozen=True):
    """What a caller finds of the resources that share their URIs with others. `targets` are by what the caller calls
    them; `renamed` says what stands under another URI than its own, by place in the row."""

    targets: Mapping[str, Target]
    renamed: Mapping[tuple[str, int], str]


NONE_CONTESTED = Contested({}, {})


def contested(endpoint: Endpoint, row: Row) -> Contested:
    """Of several that have one URI, the first that the row sees keeps it; those after it are called `server+URI`. What
    it does not see has no part in that: neither what a caller finds nor what it is called tells that there is more."""
    if not endpoint.shared:
        return NONE_CONTESTED
    pages = endpoint.pages.get(row)
    if pages is None:
        pages = endpoint.pages[row] = {}
    known = pages.get(_CONTESTED)
    if known is None:
        known = pages[_CONTESTED] = _contested(endpoint, row)
    return known


def _contested(endpoint: Endpoint, row: Row) -> Contested:
    seen = [(uri, [one for one in sharing if one.part in row.sees]) for uri, sharing in endpoint.shared.items()]
    targets = {uri: sharing[0] for uri, sharing in seen if sharing}
    renamed: dict[tuple[str, int], str] = {}
    later = [(target.part, uri, target) for uri, sharing in seen for target in sharing[1:]]
    for part, uri, target in sorted(later, key=lambda one: one[:2]):  # the order of `shared` is not for the caller
        public = f"{part}+{uri}"
        while public in targets or _has(endpoint, row, public):
            public = f"{part}+{public}"
        targets[public] = msgspec.structs.replace(target, public=public)
        renamed[part, target.bit] = public
    return Contested(targets, renamed)


def _has(endpoint: Endpoint, row: Row, uri: str) -> bool:
    """Whether something that the row sees has this very URI."""
    target = endpoint.resources.get(uri)
    return target is not None and target.part in row.sees


def outside(principal: Principal, name: str, peer: str) -> Fault | None:
    """Why a credential may not be used at this endpoint, or from this address; None where it may."""
    ceiling = principal.ceiling
    if ceiling is None:
        return None
    if "*" not in ceiling.audiences and name not in ceiling.audiences:
        where = ", ".join(f"/servers/{one}/mcp" if one else "/mcp" for one in sorted(ceiling.audiences)) or "nowhere"
        return Denied(f"{principal.id} may not be used at this URL: it is a key for {where}")
    return outside_networks(principal, peer)


def outside_networks(principal: Principal, peer: str) -> Fault | None:
    """Why a credential may not be used from this address."""
    if principal.ceiling is None or conditions.within(peer, principal.ceiling.networks):
        return None
    where = peer or "an address that is not known"
    return Denied(f"{principal.id} may not be used from {where}: it is a key for certain networks")
