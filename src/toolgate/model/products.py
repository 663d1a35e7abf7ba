"""The catalogue: products that can be added as servers, the routes to each, and what adding one takes."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

import msgspec

from toolgate.model.entities import Server, ServerState

API = "api"
"""The route of every product that has a connector: its API, as tools of ours."""


class RouteState(StrEnum):
    """`ready`: can be added now. `needs sign-in`: each person has to sign in at the vendor (OAuth), which cannot be
    done here yet."""

    READY = "ready"
    SIGN_IN = "needs sign-in"


class Origin(StrEnum):
    """Where an entry is from."""

    TOOLGATE = "toolgate"
    ORGANISATION = "organisation"


class Asked(msgspec.Struct, frozen=True):
    """One part of a credential. A `secret` is stored sealed, and never shown."""

    name: str
    help: str
    secret: bool


class ProductVariable(msgspec.Struct, frozen=True):
    """What may be set, such as an address. Without a `default` it must be; `pattern` (RE2) describes all of it."""

    name: str
    help: str
    pattern: str
    default: str | None


class ProductConstraint(msgspec.Struct, frozen=True):
    """What the tools can be narrowed by: to globs over it."""

    name: str
    help: str


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One way to sign in. `test` is the harmless tool that shows whether a credential works; null where connecting
    does. For OAuth, `client` says how a gateway gets to be a client there: `dcr` (RFC 7591), `cimd` (a client ID
    metadata document), or `preregistered`. `steps` are what an administrator of the product does first."""

    id: str
    title: str
    state: RouteState
    fields: tuple[Asked, ...] = ()
    test: str | None = None
    client: str | None = None
    authorize_url: str | None = None
    token_url: str | None = None
    scopes: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()


class ProductRoute(msgspec.Struct, frozen=True, kw_only=True):
    """One way to the product: a server of this `kind`. `url` is a template over the variables. `narrows` says whether
    tools can be chosen and constraints set; `read_only` whether it can be held to reading."""

    id: str
    title: str
    kind: str
    url: str
    state: RouteState
    narrows: bool
    read_only: bool
    docs: str = ""
    help: str = ""
    variables: tuple[ProductVariable, ...] = ()
    ways: tuple[Way, ...] = ()


class ProductTool(msgspec.Struct, frozen=True):
    """One tool. `scopes` are what the credential must be allowed; `tokens` is about what its definition costs a
    model."""

    name: str
    title: str
    description: str
    read_only: bool
    destructive: bool
    idempotent: bool
    scopes: tuple[str, ...]
    tokens: int


class Source(msgspec.Struct, frozen=True):
    """`folder` is the name of the folder that an organisation's entry is in, `commit` what is checked out there; both
    are empty where there is none."""

    origin: Origin
    folder: str = ""
    commit: str = ""


class ProductLine(msgspec.Struct, frozen=True):
    """A product in the list: its routes as id -> state, and how many tools its API has."""

    id: str
    title: str
    description: str
    source: Source
    routes: dict[str, RouteState]
    tools: int
    tokens: int


class Broken(msgspec.Struct, frozen=True):
    """An entry that cannot be used, and why."""

    id: str
    source: Source
    findings: tuple[str, ...]


class ProductPage(msgspec.Struct, frozen=True):
    """All products, by id."""

    items: tuple[ProductLine, ...]
    broken: tuple[Broken, ...]


class Product(msgspec.Struct, frozen=True):
    """Everything about one product. The tools are those of its API: what a vendor's own server has, it says itself."""

    id: str
    title: str
    description: str
    docs: str
    categories: tuple[str, ...]
    source: Source
    routes: tuple[ProductRoute, ...]
    tools: tuple[ProductTool, ...]
    constraints: tuple[ProductConstraint, ...]
    tokens: int


_FEW = msgspec.Meta(max_length=100)
_SOME = msgspec.Meta(max_length=500)


class Adding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a product shall become a server called `name` (the product's id unless given).

    `auth` chooses among the ways to sign in; the first that is ready unless given. `credentials` are its fields by
    reference (`store:`, `env:` or `file:`), or in clear where a field is no secret; `secrets` are fields in clear that
    are sealed in the store, each as NAME-FIELD. With `read_only`, `tools` (globs) and `allow` (constraints, as globs)
    less is offered. `private` lets the product be in your own network. Without a `state` it is live if it may be.
    Without `test` the credential is not tried, and the server stays a draft.
    """

    name: str | None = None
    route: str = API
    auth: str | None = None
    credentials: Annotated[dict[str, str], _FEW] = {}
    secrets: Annotated[dict[str, str], _FEW] = {}
    variables: Annotated[dict[str, str], _FEW] = {}
    read_only: bool = False
    tools: Annotated[tuple[str, ...], _SOME] = ()
    allow: Annotated[dict[str, Annotated[tuple[str, ...], _SOME]], _FEW] = {}
    private: bool = False
    owner: str | None = None
    description: str | None = None
    state: ServerState | None = None
    test: bool = True

    def __repr__(self) -> str:
        return f"Adding({self.name!r}, {self.route!r}, {len(self.secrets)} secrets)"


class Recipe(msgspec.Struct, frozen=True):
    """What adding comes to: the server, and the secrets in clear that it refers to as `store:NAME`. `test` is the tool
    that shows whether the credential works; where there is none, `connecting` may show it."""

    server: Server
    secrets: Mapping[str, str] = {}
    test: str | None = None
    connecting: bool = False

    def __repr__(self) -> str:
        return f"Recipe({self.server.name!r}, {len(self.secrets)} secrets)"
