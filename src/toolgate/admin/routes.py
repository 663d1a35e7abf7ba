"""Every route of the API in one table: what it does, who may ask, what it takes and what it answers.

Matching, authentication, the OpenAPI document and docs/reference/api.md are made from this table or tested against it.
"""

from collections.abc import Awaitable, Callable, Iterator
from enum import StrEnum
from typing import NamedTuple

import msgspec

from toolgate.admin import bundles, data_keys, health, products, records, searching, special, trying
from toolgate.admin.exchange import Answer, Task
from toolgate.admin.gitops import applied, exported, planned
from toolgate.admin.paths import PLURALS
from toolgate.model.entities import Entity, GroupMapping, Key, Secret, Server, Virtual

Handler = Callable[[Task], Awaitable[Answer]]


class Access(StrEnum):
    """`key`: a bearer key, by the authenticators of the data plane; what it may do, the use cases judge. `public`:
    everybody, and then the route stands in PUBLIC."""

    KEY = "key"
    PUBLIC = "public"


class Takes(StrEnum):
    """What a request's body is."""

    NOTHING = ""
    RECORD = "record"
    PATCH = "patch"
    SECRET = "secret"
    DECLARED = "declared records"
    PLANNED = "planned records"
    BUNDLE = "bundle to import"
    ADDING = "product to add"


class Gives(StrEnum):
    """What the answer of success is."""

    NOTHING = ""
    PAGE = "page"
    RECORD = "record"
    CLEAR_KEY = "clear key"
    CHANGES = "changes"
    ME = "me"
    DOCUMENT = "document"
    REGISTERED = "registered"
    LINTS = "lints"
    ATTEMPT = "attempt"
    HEALTH = "health"
    HEALTH_PAGE = "health page"
    HITS = "hits"
    TOOLS = "tools"
    OFFERED = "offered"
    TOOL = "tool"
    PLANNED = "plan"
    APPLIED = "applied"
    EXPORTED = "export"
    BUNDLE = "bundle"
    IMPORTED = "imported"
    ROTATED = "rotated"
    CALLS = "calls"
    PRODUCTS = "products"
    PRODUCT = "product"
    ADDED = "added"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """`path` is below /api/v1. `errors` are the statuses beside those that every route may answer. `version` says what
    If-Match is: `required`, `optional`, or empty where it means nothing. `does` is None for the document itself, and
    for the records of calls, which the gateway answers also where it administers nothing (see `edge.observing`)."""

    method: str
    path: str
    name: str
    summary: str
    does: Handler | None
    access: Access = Access.KEY
    entity: type[Entity] | None = None
    argument: str = ""
    takes: Takes = Takes.NOTHING
    gives: Gives = Gives.RECORD
    statuses: tuple[int, ...] = (200,)
    errors: tuple[int, ...] = ()
    version: str = ""
    repeatable: bool = False


PUBLIC = frozenset({("GET", "/openapi.json")})
"""The routes that need no key."""

_READ = (403, 404)
_WRITE = (403, 404, 412, 413, 415, 422, 428)
_MAKE = (403, 404, 409, 413, 415, 422)


class _Making(NamedTuple):
    does: Handler
    gives: Gives
    summary: str = ""


_MAKING: dict[type[Entity], _Making] = {
    Key: _Making(special.minted, Gives.CLEAR_KEY, "Makes a key; its clear text is in this answer only."),
    Server: _Making(
        trying.registered,
        Gives.REGISTERED,
        "Registers a server; without a `state` it is live if you may publish and nothing speaks against it.",
    ),
}
"""The kinds that are made in ways of their own."""


def _of(entity: type[Entity]) -> Iterator[Route]:
    plural, kind, noun = PLURALS[entity], entity.KIND, entity.noun()
    one = f"/{plural}/{{name}}"
    making = _MAKING.get(entity, _Making(records.created, Gives.RECORD))
    yield Route(
        method="GET", path=f"/{plural}", name=f"list-{plural}", entity=entity, does=records.listed, gives=Gives.PAGE,
        summary=f"The {noun}s that you may see, by name.", errors=(403, 422),
    )  # fmt: skip
    if entity is not Secret:
        yield Route(
            method="POST", path=f"/{plural}", name=f"create-{kind}", entity=entity, takes=Takes.RECORD,
            does=making.does, gives=making.gives, summary=making.summary or f"Makes a {noun}.",
            statuses=(201,), errors=_MAKE, repeatable=True,
        )  # fmt: skip
    yield Route(
        method="GET", path=one, name=f"get-{kind}", entity=entity, does=records.got,
        summary=f"One {noun}.", errors=_READ,
    )  # fmt: skip
    if entity is Secret:
        yield Route(
            method="PUT", path=one, name="put-secret", entity=entity, does=special.sealed, takes=Takes.SECRET,
            summary="Sets a secret; without If-Match it must be new. Its value is never answered.",
            statuses=(200, 201), errors=(403, 404, 409, 412, 413, 415, 422), version="optional",
        )  # fmt: skip
    else:
        yield Route(
            method="PUT", path=one, name=f"replace-{kind}", entity=entity, does=records.replaced, takes=Takes.RECORD,
            summary=f"Replaces a {noun}.", errors=_WRITE, version="required",
        )  # fmt: skip
        yield Route(
            method="PATCH", path=one, name=f"patch-{kind}", entity=entity, does=records.patched, takes=Takes.PATCH,
            summary=f"Changes a {noun} by a JSON merge patch.", errors=_WRITE, version="required",
        )  # fmt: skip
    yield Route(
        method="DELETE", path=one, name=f"remove-{kind}", entity=entity, does=records.removed, gives=Gives.NOTHING,
        summary=f"Removes a {noun} that nothing refers to.", statuses=(204,), errors=(403, 404, 412, 422, 428),
        version="required",
    )  # fmt: skip


def _states(entity: type[Entity]) -> Iterator[Route]:
    for verb, state in special.STATES.items():
        yield Route(
            method="POST", path=f"/{PLURALS[entity]}/{{name}}/{verb}", name=f"{verb}-{entity.KIND}", entity=entity,
            does=special.moved, argument=verb, summary=f"Makes it {state.value}.", errors=(403, 404, 412, 422),
            version="optional",
        )  # fmt: skip


def _offered(what: str) -> Route:
    return Route(
        method="GET", path=f"/servers/{{name}}/{what}", name=f"offered-{what}", entity=Server, does=searching.offered,
        argument=what, gives=Gives.OFFERED, errors=_READ,
        summary=f"The {what} that it was found to offer, as it says them; its eras and protocol versions.",
    )  # fmt: skip


ROUTES: tuple[Route, ...] = (
    *(route for entity in PLURALS for route in _of(entity)),
    *_states(Server),
    *_states(Virtual),
    Route(
        method="GET", path="/virtual-servers/{name}/bundle", name="export-virtual", entity=Virtual,
        does=bundles.exported, gives=Gives.BUNDLE, errors=_READ,
        summary="A virtual server to be carried to another gateway, with what it needs and without secrets.",
    ),
    Route(
        method="POST", path="/bundles", name="import-bundle", does=bundles.imported, takes=Takes.BUNDLE,
        gives=Gives.IMPORTED, statuses=(201,), errors=_MAKE, summary="Makes a virtual server of a bundle.",
    ),
    Route(
        method="GET", path="/servers/{name}/lint", name="lint-server", entity=Server, does=special.linted,
        gives=Gives.LINTS, summary="What is wrong with what it offers.", errors=_READ,
    ),
    Route(
        method="POST", path="/servers/{name}/dry-run", name="try-server", entity=Server, does=trying.tried,
        takes=Takes.RECORD, gives=Gives.ATTEMPT, errors=_MAKE,
        summary="Connects to a server and says what registering it would find; registers nothing.",
    ),
    Route(
        method="GET", path="/servers/{name}/health", name="get-server-health", entity=Server, does=health.got,
        gives=Gives.HEALTH, summary="How a server is, and what it offers otherwise than accepted.", errors=_READ,
    ),
    Route(
        method="POST", path="/servers/{name}/accept", name="accept-server", entity=Server, does=health.accepted,
        gives=Gives.HEALTH, summary="Accepts what a server offers now.", errors=(403, 404, 409, 412, 422),
    ),
    Route(
        method="GET", path="/health", name="list-health", does=health.listed, gives=Gives.HEALTH_PAGE,
        summary="How the servers are that you may see, by name.", errors=(403,),
    ),
    *map(_offered, ("tools", "resources", "prompts")),
    Route(
        method="GET", path="/servers/{name}/tools/{tool}", name="get-tool", entity=Server, does=searching.tool,
        gives=Gives.TOOL, errors=_READ,
        summary="One tool: its definition, what the registry adds, its lints, and the grants that name it.",
    ),
    Route(
        method="PATCH", path="/servers/{name}/tools/{tool}", name="patch-tool", entity=Server,
        does=searching.tool_changed, takes=Takes.PATCH, gives=Gives.TOOL, errors=_WRITE, version="required",
        summary="Sets a tool's texts, tags and risk, and whether it is hidden, by a JSON merge patch.",
    ),
    Route(
        method="GET", path="/tools", name="list-tools", does=searching.tools, gives=Gives.TOOLS, errors=(422,),
        summary="The tools of the servers that you may see, by server and name.",
    ),
    Route(
        method="GET", path="/search", name="search", does=searching.searched, gives=Gives.HITS, errors=(422,),
        summary="Servers, virtual servers and tools that you may call or see, by words, best first.",
    ),
    Route(
        method="POST", path="/keys/{name}/rotate", name="rotate-key", entity=Key, does=special.rotated,
        gives=Gives.CLEAR_KEY, summary="Gives a key a new clear text; the old one is unknown from now on.",
        errors=(403, 404, 412, 422, 428), version="required",
    ),
    Route(
        method="POST", path="/keys/{name}/revoke", name="revoke-key", entity=Key, does=special.revoked,
        summary="Revokes a key, for ever.", errors=(403, 404, 412, 422), version="optional",
    ),
    Route(
        method="GET", path="/catalog", name="list-products", does=products.listed, gives=Gives.PRODUCTS,
        summary="The products that can be added as servers, by id, and the entries that cannot be used.",
    ),
    Route(
        method="GET", path="/catalog/{name}", name="get-product", does=products.got, gives=Gives.PRODUCT,
        summary="One product: its routes, ways to sign in, tools, variables and constraints.", errors=(404, 422),
    ),
    Route(
        method="POST", path="/catalog/{name}/add", name="add-product", does=products.added, takes=Takes.ADDING,
        gives=Gives.ADDED, statuses=(201,), errors=(403, 404, 409, 413, 415, 422),
        summary="Makes a server of a product, and seals its secrets; its credential is tried first.",
    ),
    Route(
        method="POST", path="/data-keys", name="rotate-data-key", does=data_keys.rotated, gives=Gives.ROTATED,
        summary="Makes a new data key, seals all secrets anew under it, and drops the old one.", errors=(403, 422),
    ),
    Route(
        method="POST", path="/plan", name="plan", does=planned, takes=Takes.DECLARED, gives=Gives.PLANNED,
        summary="What applying declared records would do; nothing is changed.", errors=(403, 409, 413, 415, 422),
    ),
    Route(
        method="POST", path="/apply", name="apply", does=applied, takes=Takes.PLANNED, gives=Gives.APPLIED,
        summary="Carries out a plan in one transaction, unless anything was changed since.",
        errors=(403, 404, 409, 413, 415, 422),
    ),
    Route(
        method="GET", path="/export", name="export", does=exported, gives=Gives.EXPORTED,
        summary="The records that carry a label, as they are declared.", errors=(403, 422),
    ),
    Route(
        method="GET", path="/audit", name="list-changes", does=special.audit, gives=Gives.CHANGES,
        summary="What was changed, by whom, and what it was before; oldest first.", errors=(403,),
    ),
    Route(
        method="GET", path="/calls", name="list-calls", does=None, gives=Gives.CALLS, errors=(429,),
        summary="The latest call records that you may see; with `follow` a stream of them. Also without records.",
    ),
    Route(
        method="GET", path="/me", name="who-am-i", does=special.me, gives=Gives.ME,
        summary="Who you are here, and what you hold.",
    ),
    Route(
        method="GET", path="/openapi.json", name="get-document", does=None, gives=Gives.DOCUMENT,
        access=Access.PUBLIC, summary="This document.",
    ),
)  # fmt: skip

SLASHED = GroupMapping
"""The kind whose names may hold a slash, as external groups do; nothing stands below its records."""
