"""What the catalogue answers to people: hits of a search, and tools as the registry knows them."""

from enum import StrEnum
from typing import Any

import msgspec

from toolgate.model.declared import Override


class Reachable(StrEnum):
    """What whoever asks can do with a hit. `callable`: some call of theirs is allowed. `requestable`: they see it in
    the registry, it is served, and no grant allows them a call. `visible`: they see it, and nobody can call it now."""

    CALLABLE = "callable"
    REQUESTABLE = "requestable"
    VISIBLE = "visible"


class HitKind(StrEnum):
    SERVER = "server"
    VIRTUAL = "virtual"
    TOOL = "tool"


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is a server's name, or a tool's as that server calls it; `public` is the tool's name on `/mcp`. What a
    server or its overrides say stands as it is, shortened."""

    kind: HitKind
    server: str
    name: str
    public: str = ""
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    access: Reachable


class Hits(msgspec.Struct, frozen=True, kw_only=True):
    """One page. `total` is how many there are for whoever asks; `near` are the words that were taken for one that
    nothing has. `next` is where to go on: the `after` of the next page, None at the end."""

    items: tuple[Hit, ...]
    total: int
    near: dict[str, tuple[str, ...]] = {}
    next: str | None = None


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """One tool of a server with what the registry adds: a title and description in place of the server's, tags (with
    those of the server), a risk. A hidden tool is offered to nobody."""

    server: str
    name: str
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    risk: str | None = None
    hidden: bool = False


class ToolPage(msgspec.Struct, frozen=True, kw_only=True):
    """`next` is where to go on: the `after` of the next page, None at the end."""

    items: tuple[Tool, ...]
    next: str | None = None


class NamingGrant(msgspec.Struct, frozen=True, kw_only=True):
    """A grant that names a tool. `conditional` says that it counts for some calls only."""

    name: str
    subject: str
    effect: str
    conditional: bool
    expires: float | None


class ToolLint(msgspec.Struct, frozen=True, kw_only=True):
    """A lint of one tool: see `rules.linting`."""

    severity: str
    rule: str
    path: str
    reason: str


class ToolView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that there is to know of one tool. `definition` is the server's own, as it was discovered, and None
    where it is not known; `override` what the registry sets. `grants` are those that name it and that whoever asks may
    see. `managed_by` is the file or source in which the server is declared, None where people change it."""

    tool: Tool
    definition: Any
    override: Override
    lints: tuple[ToolLint, ...]
    grants: tuple[NamingGrant, ...]
    managed_by: str | None
    version: int


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a server was found to offer. `name` is a tool's or prompt's name, a URI, or a URI template."""

    name: str
    definition: Any


class OfferedPage(msgspec.Struct, frozen=True, kw_only=True):
    """What a server was found to offer of one kind, as it says it, and in which eras and protocol versions it speaks.
    `note` says why nothing is known, or why what is known may be old; empty where all is well."""

    server: str
    eras: tuple[str, ...]
    versions: tuple[str, ...]
    note: str
    items: tuple[Offered, ...]
    next: str | None = None
