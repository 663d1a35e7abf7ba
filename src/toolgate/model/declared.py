"""What the operator declares: the contents of `toolgate.yaml` once read, defaulted and found consistent.

`control.declarative` makes these values and has checked every rule stated here; `control.compiler` turns them into a
Snapshot. Nothing here holds a secret: secrets are references (`env:NAME`, `file:/absolute/path`), keys are digests.

Names (of servers, virtual servers, teams and keys) match `[a-z0-9][a-z0-9-]{0,39}`. Servers and virtual servers share
one name space, because both are served at `/servers/{name}/mcp`. Globs are those of `rules.globs`: `*` is any run of
characters, `?` is one character, everything else stands for itself.
"""

from pathlib import Path
from typing import Any, Literal

import msgspec

EraChoice = Literal["auto", "legacy", "modern"]
Sharing = Literal["all", "team", "principal"]
Effect = Literal["allow", "deny"]

EVERYONE = "everyone"
"""The subject of a grant that holds for every key, `local` included."""

LOCAL_KEY = "local"
"""The name of the bootstrap key: always known, never declared."""

TIMEOUT_S = 60.0
MAX_BYTES = 8 * 1024 * 1024


class ServerSpec(msgspec.Struct, frozen=True):
    """One MCP server (or anything that a kind turns into one).

    `settings` are the kind's own, valid for its `Config`, with paths made absolute; references in them are not
    resolved. `headers` are (name, text) pairs that a remote server is shown with every request; a text is a literal, a
    reference, or an authentication scheme and a reference (`Bearer env:TOKEN`): see `rules.references`. `sharing` says
    who may share one session of the handshake era; None means that the kind's own default holds. `timeout` is the most
    seconds that one call may take; `max_bytes` the most bytes of one message from the server.
    """

    name: str
    kind: str
    settings: dict[str, Any]
    headers: tuple[tuple[str, str], ...] = ()
    era: EraChoice = "auto"
    sharing: Sharing | None = None
    timeout: float = TIMEOUT_S
    max_bytes: int = MAX_BYTES


class Pick(msgspec.Struct, frozen=True):
    """Offers chosen for a virtual server. `name` is a glob over the server's own names (URIs and URI templates for
    resources). `rename` and `description` are set only where `name` is literal; `rename` never for resources."""

    name: str
    rename: str | None = None
    description: str | None = None


class PicksFrom(msgspec.Struct, frozen=True):
    """What a virtual server takes from one server; at least one pick. `server` is always a declared (real) server.
    Where several picks match one offer, the first counts."""

    server: str
    tools: tuple[Pick, ...] = ()
    prompts: tuple[Pick, ...] = ()
    resources: tuple[Pick, ...] = ()


class VirtualSpec(msgspec.Struct, frozen=True):
    """Chosen offers of several servers at one URL of their own, under the names declared here. `offers` is never
    empty."""

    name: str
    offers: tuple[PicksFrom, ...]
    description: str | None = None


class TeamSpec(msgspec.Struct, frozen=True):
    """A set of keys that grants can name."""

    name: str
    description: str | None = None


class KeySpec(msgspec.Struct, frozen=True):
    """Who may call. `digest` is `rules.keys.digest` of the key; `expires` is Unix time in seconds, from which the key
    is refused. `observer` may read metrics and every caller's records; it gives no right to call anything."""

    name: str
    digest: bytes
    teams: tuple[str, ...] = ()
    observer: bool = False
    expires: float | None = None


class GrantSpec(msgspec.Struct, frozen=True):
    """Who may (or may not) see and call what. Deny beats allow; what no allow names is not allowed.

    `subject` is `key:NAME`, `team:NAME` or EVERYONE. `servers` are globs over the names of servers *and* virtual
    servers, never empty. `tools`, `prompts` and `resources` are globs over the offers' names as that server names them
    (URIs and URI templates for resources); an empty tuple means none of that kind, and at least one of the three is
    not empty.

    An offer of a virtual server has two names: the one declared there, and the one at the server it comes from. It is
    allowed when an allow names either, and denied when a deny names either.
    """

    subject: str
    effect: Effect
    servers: tuple[str, ...]
    tools: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()


class Declared(msgspec.Struct, frozen=True):
    """The whole file, in its own order. `file` is where it was read from; None for what is built in."""

    servers: tuple[ServerSpec, ...] = ()
    virtual: tuple[VirtualSpec, ...] = ()
    teams: tuple[TeamSpec, ...] = ()
    keys: tuple[KeySpec, ...] = ()
    grants: tuple[GrantSpec, ...] = ()
    file: Path | None = None
