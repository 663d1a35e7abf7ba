"""Everything that the data plane knows, compiled beforehand: one immutable root, swapped as one reference."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import msgspec

from toolgate.model.catalog import OfferKind
from toolgate.model.identity import Principal


class MirroredParam(msgspec.Struct, frozen=True, gc=False):
    """One argument that must be mirrored in `Mcp-Param-<token>` (SPEC-DIGEST 2.3). `header` is that name in lower case;
    `path` are property names from the root."""

    token: str
    header: bytes
    path: tuple[str, ...]
    type: str


class Target(msgspec.Struct, frozen=True, gc=False):
    """One offer seen from inside. `part` and `bit` are its place in every row; `server` and `name` are the upstream's
    own, `public` the name on its endpoint.

    `run` is the fold of exactly the stages that this target needs, ending in dispatch; `timeout` the most seconds that
    it may take (0: no bound). `pattern` has a `fullmatch` for the URIs of templates and of unlisted resources.
    """

    part: str
    bit: int
    server: str
    kind: OfferKind | None
    name: str
    public: str
    run: Callable[[Any, Any], Awaitable[Any]]
    timeout: float
    mirrored: tuple[MirroredParam, ...] = ()
    pattern: Any = None


class Rule(msgspec.Struct, frozen=True, gc=False, eq=False):
    """One grant that holds for some calls only. `bits` are its targets in the part that it stands under, bit i for
    target i. It counts for a call that passes all of `tests` (they take a `rules.conditions.Facts`; None is that it
    cannot be said) before `expires` (Unix seconds). `name` is for explanations."""

    allows: bool
    bits: int
    tests: tuple[Callable[[Any], bool | None], ...] = ()
    expires: float | None = None
    name: str = ""


class Row(msgspec.Struct, frozen=True, eq=False, weakref=True):
    """The rights of one principal set: per part (server or virtual server) a row of bits; bit i allows its target i,
    and an absent part allows nothing. `denied_uris` (server pattern, URI pattern) are checked where a URI was not
    listed itself.

    `conditional` are the bits of further targets which some calls may use; `rules` say which, by part. `sees` names the
    servers and virtual servers that there are at all for these principals: those of which they may use something, or
    could, once it is known what there is.

    Compared by identity: what is rendered for one row is kept for as long as that row lives.
    """

    parts: Mapping[str, bytes]
    denied_uris: tuple[tuple[Any, Any], ...] = ()
    conditional: Mapping[str, bytes] = {}
    rules: Mapping[str, tuple[Rule, ...]] = {}
    sees: frozenset[str] = frozenset()


class Listed(msgspec.Struct, frozen=True, gc=False):
    """One line of a merged list: its place in every row, its sort key, and its definition as JSON with the public name.

    `legacy` is the definition as the handshake era may see it; the very same object where nothing differs.
    """

    part: str
    bit: int
    key: tuple[str, str]
    modern: bytes
    legacy: bytes


class Endpoint(msgspec.Struct, frozen=True, eq=False):
    """One URL: `name` is a server's or virtual server's, or empty for the aggregate `/mcp`.

    `templates` are tried in order for URIs that are not in `resources`. `lists` hold the lines of one part after those
    of another, none of them empty, so that what a caller does not see is passed over as a whole. `pages` holds rendered
    list pages per row: filled on first use, dropped with the row or the endpoint. `capabilities` are what all parts can
    do together; `members` what each can, where there are several, since a caller is told only of those that it sees.
    For the same reason `shared` are the resources of which several parts have one URI, in order: what they are called
    depends on which of them the caller sees (`pipeline.visible`). `resources` has the first of each.
    """

    name: str
    tools: Mapping[str, Target]
    prompts: Mapping[str, Target]
    resources: Mapping[str, Target]
    templates: tuple[Target, ...]
    lists: Mapping[OfferKind, tuple[tuple[Listed, ...], ...]]
    capabilities: Mapping[str, Any]
    instructions: str | None
    pages: MutableMapping[Row, dict[Any, Any]]
    members: Mapping[str, tuple[bytes, ...]] = {}
    shared: Mapping[str, tuple[Target, ...]] = {}


class Snapshot(msgspec.Struct, frozen=True, eq=False):
    """The root. `principals` are found by keyed digest of their key, `rows` by principal id; absent means no rights.

    `notes` says what is missing at the moment (server name -> why its offers are not known); `withheld` what is not
    served on purpose (name -> reason).
    """

    generation: int
    endpoints: Mapping[str, Endpoint]
    principals: Mapping[bytes, Principal]
    rows: Mapping[str, Row]
    notes: Mapping[str, str]
    withheld: Mapping[str, str] = {}
