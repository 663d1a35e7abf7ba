"""What a company keeps in its registry: one frozen Struct per kind of record. `control` makes and changes them, the
store keeps them, the compiler turns them into what the data plane reads. Nothing here holds a secret in clear.

Every record has an id of its own for ever (`srv_...`), a name that people use, unique within its kind, and a version
that grows by one with each change: whoever changes it says which version it saw. `managed_by` is the label of the
source that created it (`file:toolgate.yaml`); None means a person did, by API or command line.

References between records are by name in what people write and by name here too: a rename is a new record, on purpose,
since grants, URLs and public tool names are made of names.
"""

from enum import StrEnum
from typing import Any, ClassVar

import msgspec

from toolgate.model.declared import (
    MAX_BYTES,
    PROBE_INTERVAL_S,
    TIMEOUT_S,
    Condition,
    Effect,
    EraChoice,
    Override,
    PicksFrom,
    Sharing,
)


class Environment(StrEnum):
    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


class Sensitivity(StrEnum):
    """How bad it is when data of this server gets out."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    RESTRICTED = "restricted"


class ServerState(StrEnum):
    """`draft`: seen by its owners only. `live`: served. `paused`: listed nowhere, calls refused. `draining`: not
    listed, calls in flight and of open sessions go on. `retired`: kept for the record."""

    DRAFT = "draft"
    LIVE = "live"
    PAUSED = "paused"
    DRAINING = "draining"
    RETIRED = "retired"


class Stamp(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the store knows of a record. Times are Unix seconds; `version` 0 and `id` empty mean: not stored yet.

    `owned` are the fields that the source in `managed_by` declares, each with a digest of the value that it gave: what
    is another now was changed by somebody else. `used_at` is when a key was last shown and was valid; None for never,
    and for what is no key.
    """

    id: str = ""
    version: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0
    created_by: str = ""
    updated_by: str = ""
    managed_by: str | None = None
    owned: dict[str, str] = {}
    used_at: float | None = None


class Entity(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """What all records share. `KIND` names the collection, `PREFIX` begins its ids; `NOUN` is what people call one of
    them, where that is not the collection's name."""

    KIND: ClassVar[str] = ""
    PREFIX: ClassVar[str] = ""
    NOUN: ClassVar[str] = ""

    name: str
    stamp: Stamp = Stamp()

    @classmethod
    def noun(cls) -> str:
        return cls.NOUN or cls.KIND


class Server(Entity, frozen=True, kw_only=True):
    """An MCP server, or anything that a kind turns into one. `headers` hold literals or references, never secrets.

    `owner` is a team. While it is served, it is asked how it is every `probe_interval` seconds. `links` are label ->
    https URL. `overrides` are by the server's own tool name.
    """

    KIND = "server"
    PREFIX = "srv"

    kind: str
    settings: dict[str, Any] = {}
    headers: dict[str, str] = {}
    era: EraChoice = "auto"
    sharing: Sharing | None = None
    timeout: float = TIMEOUT_S
    max_bytes: int = MAX_BYTES
    probe_interval: float = PROBE_INTERVAL_S
    owner: str | None = None
    description: str = ""
    tags: tuple[str, ...] = ()
    environment: Environment = Environment.DEVELOPMENT
    sensitivity: Sensitivity = Sensitivity.INTERNAL
    links: dict[str, str] = {}
    icon: str | None = None
    state: ServerState = ServerState.LIVE
    overrides: dict[str, Override] = {}


class Virtual(Entity, frozen=True, kw_only=True):
    """Chosen offers of several servers at one URL of their own."""

    KIND = "virtual"
    PREFIX = "vir"
    NOUN = "virtual server"

    offers: tuple[PicksFrom, ...]
    owner: str | None = None
    description: str = ""
    tags: tuple[str, ...] = ()
    environment: Environment = Environment.DEVELOPMENT
    sensitivity: Sensitivity = Sensitivity.INTERNAL
    links: dict[str, str] = {}
    icon: str | None = None
    state: ServerState = ServerState.LIVE


class Team(Entity, frozen=True, kw_only=True):
    """People and service accounts that belong together. Members of a team are members of its `parent` too, and so on
    up.

    `members` and `owners` are subjects: `user:NAME` or `service:NAME`; owners are members who may change the team.
    """

    KIND = "team"
    PREFIX = "team"

    description: str = ""
    parent: str | None = None
    members: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    cost_center: str | None = None


class User(Entity, frozen=True, kw_only=True):
    """A person. `name` is a login name; `email` is for people to read and never an identity."""

    KIND = "user"
    PREFIX = "usr"

    display: str = ""
    email: str | None = None
    active: bool = True
    groups: tuple[str, ...] = ()
    """External groups that the identity provider says this person is in."""


class ServiceAccount(Entity, frozen=True, kw_only=True):
    """A program's identity, owned by a team."""

    KIND = "service"
    PREFIX = "svc"
    NOUN = "service account"

    description: str = ""
    owner: str | None = None
    active: bool = True
    cost_center: str | None = None


class Role(Entity, frozen=True, kw_only=True):
    """A named set of permissions of the control plane (`rules.permissions`). Built-in roles are not records."""

    KIND = "role"
    PREFIX = "role"

    description: str = ""
    permissions: tuple[str, ...]


class Binding(Entity, frozen=True, kw_only=True):
    """Who has a role, and where. `subject` is `user:`, `service:`, `team:` or `group:NAME`; `scope` is `organisation`,
    `team:NAME` or `server:NAME`."""

    KIND = "binding"
    PREFIX = "bnd"

    subject: str
    role: str
    scope: str = "organisation"
    expires: float | None = None


class GroupMapping(Entity, frozen=True, kw_only=True):
    """An external group (its `name`) and the teams that its members are in."""

    KIND = "group"
    PREFIX = "grp"

    teams: tuple[str, ...] = ()


class Key(Entity, frozen=True, kw_only=True):
    """An API key, known by its keyed digest (hexadecimal). `owner` is `user:NAME` or `service:NAME`; None for a key
    that stands for itself, as keys in files do.

    Ceilings only ever narrow: `audiences` are endpoint names (`*` for all), `tools` globs over public tool names of
    those, `networks` address ranges in CIDR form. Empty `audiences`, `tools` or `networks` would allow nothing, so they
    are spelled out as `*`, `*` and `0.0.0.0/0`, `::/0` by whoever makes the key.
    """

    KIND = "key"
    PREFIX = "key"

    digest: str
    owner: str | None = None
    teams: tuple[str, ...] = ()
    observer: bool = False
    expires: float | None = None
    audiences: tuple[str, ...] = ("*",)
    tools: tuple[str, ...] = ("*",)
    networks: tuple[str, ...] = ("0.0.0.0/0", "::/0")
    cost_center: str | None = None
    revoked: bool = False


class Grant(Entity, frozen=True, kw_only=True):
    """Who may (or may not) see and call what. Deny beats allow; what no allow names is not allowed.

    `subject` is `user:`, `service:`, `key:`, `team:` or `role:NAME`, or `everyone`. What is meant is named by globs
    over servers and their offers, or by `tags` (of servers and tools) and `risks`; all that are given must fit.
    """

    KIND = "grant"
    PREFIX = "grn"

    subject: str
    effect: Effect = "allow"
    servers: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    expires: float | None = None
    reason: str = ""


class Secret(Entity, frozen=True, kw_only=True):
    """A secret of the store (`store:NAME`), sealed with AES-256-GCM under the data key `key_id`; never shown again.

    `owner` is the team whose servers may use it; None keeps it to those who may use every secret.
    """

    KIND = "secret"
    PREFIX = "sec"

    sealed: str
    key_id: str
    owner: str | None = None
    description: str = ""


class Acceptance(Entity, frozen=True, kw_only=True):
    """What the server of this name offered when it was last accepted: digests by offer, as `rules.drift` makes them.
    The gateway keeps it beside every server, those of a file too; nobody writes it but by registering or accepting."""

    KIND = "acceptance"
    PREFIX = "acp"

    offers: dict[str, str] = {}


ENTITIES: dict[str, type[Entity]] = {
    entity.KIND: entity
    for entity in (
        Server, Virtual, Team, User, ServiceAccount, Role, Binding, GroupMapping, Key, Grant, Secret, Acceptance,
    )
}  # fmt: skip

KEPT: frozenset[type[Entity]] = frozenset({Acceptance})
"""The kinds that the gateway keeps for itself, beside what people write: no collection of the API, and in no
declaration."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the audit: who changed what, when, and what it was before. `before` and `after` are JSON objects
    without secrets; None where there was nothing. `seq` orders all changes of an installation."""

    seq: int
    at: float
    actor: str
    action: str
    kind: str
    id: str
    name: str
    before: msgspec.Raw | None
    after: msgspec.Raw | None
    request: str = ""
