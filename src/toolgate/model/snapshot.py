"""Everything that the data plane knows, compiled beforehand: one immutable root, swapped as one reference."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from toolgate.model.catalog import OfferKind
from toolgate.model.identity import Principal


class MirroredParam(msgspec.Struct, frozen=True):
    """One argument that must be mirrored in `Mcp-Param-<token>` (SPEC-DIGEST 2.3). `path` are property names from the root."""

    token: str
    path: tuple[str, ...]
    type: str


class Target(msgspec.Struct, frozen=True):
    """One offer seen from inside: `bit` is its place in every row; `server` and `name` are the upstream's own.

    `run` is the fold of exactly the stages that this target needs, ending in dispatch. `pattern` is a compiled regular
    expression for templates and for the unlisted resources of a server.
    """

    bit: int
    server: str
    kind: OfferKind
    name: str
    public: str
    run: Callable[[Any, Any], Awaitable[Any]]
    timeout: float
    mirrored: tuple[MirroredParam, ...] = ()
    pattern: Any = None


class Listed(msgspec.Struct, frozen=True, gc=False):
    """One line of a merged list: its place in every row, its sort key, and its definition as JSON with the public name.

    `legacy` is the definition as the handshake era may see it; the very same object where nothing differs.
    """

    bit: int
    key: tuple[str, str]
    modern: bytes
    legacy: bytes


class Endpoint(msgspec.Struct, frozen=True, weakref=True):
    """One URL: `name` is a server's or virtual server's, or empty for the aggregate `/mcp`.

    `pages` caches rendered list pages by (row, kind, era, position): filled on first use, dropped with the endpoint.
    """

    name: str
    tools: Mapping[str, Target]
    prompts: Mapping[str, Target]
    resources: Mapping[str, Target]
    templates: tuple[Target, ...]
    lists: Mapping[OfferKind, tuple[Listed, ...]]
    capabilities: Mapping[str, Any]
    instructions: str | None
    pages: dict[Any, Any]


class Row(msgspec.Struct, frozen=True):
    """The rights of one principal set: bit i allows target i. `denied_uris` are checked where a URI was not listed:
    (server, compiled pattern)."""

    bits: bytes
    denied_uris: tuple[tuple[str, Any], ...] = ()


class Snapshot(msgspec.Struct, frozen=True):
    """The root. `principals` are found by keyed digest of their key, `rows` by principal id; absent means no rights.

    `notes` says what an endpoint lacks at the moment (server name -> why its offers are not known).
    """

    generation: int
    endpoints: Mapping[str, Endpoint]
    principals: Mapping[bytes, Principal]
    rows: Mapping[str, Row]
    notes: Mapping[str, str] = {}
