"""What a caller may know of: servers of which it may see nothing are not there for it, and nothing that it is told
depends on them."""

from collections.abc import Mapping
from typing import Any

from toolgate.model.errors import Denied, Fault, UnknownEndpoint
from toolgate.model.identity import Principal
from toolgate.model.snapshot import Endpoint, Row, Snapshot
from toolgate.protocol.capabilities import merge_all
from toolgate.rules import conditions

NO_RIGHTS = Row({})

_CAPABILITIES = "capabilities"


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
