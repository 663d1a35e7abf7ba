"""What the operator declares: the contents of `toolgate.yaml` once read, defaulted and found consistent.

`control.declarative` makes these values and has checked every rule stated here; `control.compiler` turns them into a
Snapshot. Nothing here holds a secret: secrets are references (`env:NAME`, `file:/absolute/path`), keys are digests.

Names (of servers, virtual servers, teams and keys) match `[a-z0-9][a-z0-9-]{0,39}`. Servers and virtual servers share
one name space, because both are served at `/servers/{name}/mcp`. Globs are those of `rules.globs`: `*` is any run of
characters, `?` is one character, everything else stands for itself.
"""

from collections.abc import Mapping
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
PROBE_INTERVAL_S = 60.0
MAX_BYTES = 8 * 1024 * 1024


class Override(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the registry says of one tool beyond what its server says: it may add what is missing and label the risk.
    `parameters` are descriptions, by the names of the tool's own parameters."""

    description: str | None = None
    title: str | None = None
    parameters: dict[str, str] = {}
    hidden: bool = False
    tags: tuple[str, ...] = ()
    risk: str | None = None


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One test that a call must pass for its grant to count.

    Either `argument`, a dotted path into the call's arguments, with exactly one of its operators: `equals`, `one_of`,
    `prefix`, `pattern` (RE2, anywhere in the text), or a range of `minimum`, `maximum` or both (inclusive). Or exactly
    one of `client` (a glob over the client's name), `networks` (CIDR), and `hours` (`HH:MM-HH:MM`, may pass midnight),
    `days` (`mon`..`sun`) or both, in `zone` (IANA; UTC when it is not given).

    Where the argument is not there, or null, the condition is not passed. Where it is not what the operator can test,
    an allow does not count, and a deny does.
    """

    argument: str | None = None
    equals: Any = None
    one_of: tuple[Any, ...] | None = None
    prefix: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    client: str | None = None
    networks: tuple[str, ...] | None = None
    hours: str | None = None
    days: tuple[str, ...] | None = None
    zone: str | None = None


class ServerSpec(msgspec.Struct, frozen=True):
    """One MCP server (or anything that a kind turns into one).

    `settings` are the kind's own, valid for its `Config`, with paths made absolute; references in them are not
    resolved. `headers` are (name, text) pairs that a remote server is shown with every request; a text is a literal, a
    reference, or an authentication scheme and a reference (`Bearer env:TOKEN`): see `rules.references`. `sharing` says
    who may share one session of the handshake era; None means that the kind's own default holds. `timeout` is the most
    seconds that one call may take; `max_bytes` the most bytes of one message from the server.

    `tags` are those that grants may choose by; `overrides` are by the server's own tool name. A server that is not
    `listed` (it drains) answers calls, but stands in no list. It is asked how it is every `probe_interval` seconds. One
    that is not `private` is dialled in public networks only.
    """

    name: str
    kind: str
    settings: dict[str, Any]
    headers: tuple[tuple[str, str], ...] = ()
    era: EraChoice = "auto"
    sharing: Sharing | None = None
    timeout: float = TIMEOUT_S
    max_bytes: int = MAX_BYTES
    tags: tuple[str, ...] = ()
    overrides: Mapping[str, Override] = {}
    listed: bool = True
    probe_interval: float = PROBE_INTERVAL_S
    private: bool = True


class Pick(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Offers chosen for a virtual server. `name` is a glob over the server's own names (URIs and URI templates for
    resources). `rename` and `description` are set only where `name` is literal; `rename` never for resources."""

    name: str
    rename: str | None = None
    description: str | None = None


class PicksFrom(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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
    tags: tuple[str, ...] = ()
    listed: bool = True


class TeamSpec(msgspec.Struct, frozen=True):
    """A set of keys that grants can name."""

    name: str
    description: str | None = None


class KeySpec(msgspec.Struct, frozen=True, gc=False):
    """Who may call. `digest` is `rules.keys.digest` of the key; `expires` is Unix time in seconds, from which the key
    is refused. `observer` may read metrics and every caller's records; it gives no right to call anything.

    `subjects` are all names beyond `key:NAME` that grants may use for it: its owner (`user:`, `service:`), every
    `team:` (with the teams above) and every `role:` that owner or key is in. `teams` are those of them that are teams.

    Ceilings only ever narrow: `audiences` are endpoint names (`*` for all, the aggregate is ``), `tools` globs over
    public names, `networks` address ranges in CIDR form. An empty one allows nothing.
    """

    name: str
    digest: bytes
    teams: tuple[str, ...] = ()
    observer: bool = False
    expires: float | None = None
    subjects: tuple[str, ...] = ()
    owner: str | None = None
    audiences: tuple[str, ...] = ("*",)
    tools: tuple[str, ...] = ("*",)
    networks: tuple[str, ...] = ("0.0.0.0/0", "::/0")
    cost_center: str | None = None


class GrantSpec(msgspec.Struct, frozen=True, gc=False):
    """Who may (or may not) see and call what. Deny beats allow; what no allow names is not allowed.

    `subject` is `key:`, `user:`, `service:`, `team:` or `role:NAME`, or EVERYONE. `servers` are globs over the names of
    servers *and* virtual servers, never empty. `tools`, `prompts` and `resources` are globs over the offers' names as
    that server names them (URIs and URI templates for resources); an empty tuple means none of that kind, and at least
    one of the three is not empty.

    `tags` and `risks` narrow it further: where they are given, only what has one of the tags (its own or its server's),
    and only tools with one of the risks, is meant. Only calls that pass every one of `conditions` are allowed, or
    denied. `expires` is Unix time in seconds, from which the grant says nothing. `name` is for explanations.

    An offer of a virtual server has two names: the one declared there, and the one at the server it comes from. It is
    allowed when an allow names either, and denied when a deny names either.
    """

    subject: str
    effect: Effect
    servers: tuple[str, ...]
    tools: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    expires: float | None = None
    name: str = ""


class Declared(msgspec.Struct, frozen=True):
    """The whole file, in its own order. `file` is where it was read from; None for what is built in. `withheld` are the
    servers and virtual servers that are known but not served, with the reason.

    `records` are what else it declares, as `model.entities` with the file's label: users, service accounts, roles,
    bindings, external groups, its teams with their members, and servers that are not in service. `served` are servers,
    virtual servers, keys and grants as such records, too, by `KIND` and name: for people to look at. `lines` say where
    each record stands in the file, by `KIND.NAME`.
    """

    servers: tuple[ServerSpec, ...] = ()
    virtual: tuple[VirtualSpec, ...] = ()
    teams: tuple[TeamSpec, ...] = ()
    keys: tuple[KeySpec, ...] = ()
    grants: tuple[GrantSpec, ...] = ()
    withheld: Mapping[str, str] = {}
    file: Path | None = None
    records: tuple[msgspec.Struct, ...] = ()
    served: Mapping[str, Mapping[str, msgspec.Struct]] = {}
    lines: Mapping[str, int] = {}
