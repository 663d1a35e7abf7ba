"""One request and its answer, whichever server carries them, and what a handler is given."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from toolgate.control.bundle import Bundle
from toolgate.control.bundles import Taken, Taking
from toolgate.control.plan import Step, Wanted
from toolgate.control.repeating import Repeat
from toolgate.model.catalog import Discovery
from toolgate.model.entities import Change, Entity, Key, Secret, Server, ServerState, Virtual
from toolgate.model.found import Hits, OfferedPage, ToolPage, ToolView
from toolgate.model.health import Health, HealthState
from toolgate.model.identity import Principal
from toolgate.model.products import Adding, Product, ProductPage
from toolgate.model.remembered import Remembered
from toolgate.rules.drift import Drift
from toolgate.rules.linting import Lint
from toolgate.rules.permissions import Holding

E = TypeVar("E", bound=Entity)
V = TypeVar("V", Server, Virtual)
Header = tuple[bytes, bytes]


class Asked(msgspec.Struct, frozen=True):
    """A request whose body is complete. `path` is percent-decoded and begins with `/api/v1`; `headers` are by
    lower-case name, `repeated` the names that stood more than once. `identify` answers who asks, by the authenticators
    of the data plane; it raises Unauthenticated. `repeating` is there where the request has an idempotency key: it
    makes, of how what is done is answered, how it is remembered."""

    method: str
    path: str
    query: str
    headers: Mapping[bytes, bytes]
    repeated: frozenset[bytes]
    body: bytes
    identify: Callable[[], Awaitable[Principal]]
    repeating: "Callable[[Callable[[Any], Answer]], Repeat] | None" = None

    def header(self, name: bytes) -> str | None:
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def repeat(self, answered: "Callable[[Any], Answer]") -> Repeat | None:
        """What a creation is given so that it is done once."""
        return None if self.repeating is None else self.repeating(answered)

    def __repr__(self) -> str:
        return f"Asked({self.method} {self.path!r}, {len(self.body)} bytes)"


class Answer(msgspec.Struct, frozen=True):
    status: int
    body: bytes = b""
    headers: tuple[Header, ...] = ()

    def __repr__(self) -> str:  # a body may hold a key that is shown once
        return f"Answer({self.status}, {len(self.body)} bytes)"


class Who(Protocol):
    """An actor of the control plane with everything that it holds; see `control.actors`."""

    @property
    def id(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def holdings(self) -> Sequence[Holding]: ...
    @property
    def powerless(self) -> str: ...


class Records(Protocol):
    """The use cases over every kind of record. All raise NotAllowed, NotFound, Refused, Conflict or StoreFailed, and
    then nothing was changed; see `control.administration`."""

    async def list(
        self,
        actor: Principal,
        entity: type[E],
        *,
        after: str | None = None,
        limit: int = 100,
        filters: Mapping[str, str] | None = None,
    ) -> tuple[tuple[E, ...], str | None]: ...
    async def get(self, actor: Principal, entity: type[E], name: str) -> E: ...
    async def create(self, actor: Principal, value: E, *, request: str = "", repeat: Repeat | None = None) -> E: ...
    async def recall(self, actor: Principal, key: str) -> Remembered | None: ...
    async def replace(self, actor: Principal, value: E, *, expected: int, request: str = "") -> E: ...
    async def remove(
        self, actor: Principal, entity: type[Entity], name: str, *, expected: int, request: str = ""
    ) -> None: ...
    async def audit(
        self, actor: Principal, *, after: int = 0, limit: int = 100, request: str = ""
    ) -> tuple[Change, ...]: ...
    async def sees_all(self, actor: Principal) -> bool: ...
    async def whoami(self, actor: Principal) -> Who: ...


class Minted(Protocol):
    """A key's record, and its clear text, which is answered once."""

    @property
    def key(self) -> Key: ...
    @property
    def clear(self) -> str: ...


class Keys(Protocol):
    """See `control.keys`."""

    async def mint(
        self, actor: Principal, value: Key, *, request: str = "", repeat: Repeat | None = None
    ) -> Minted: ...
    async def rotate(self, actor: Principal, name: str, *, expected: int, request: str = "") -> Minted: ...
    async def revoke(self, actor: Principal, name: str, *, expected: int, request: str = "") -> Key: ...


class Rotated(Protocol):
    @property
    def key_id(self) -> str: ...
    @property
    def secrets(self) -> int: ...


class Vault(Protocol):
    """See `control.vault`. `secret` says owner and description; what is sealed is the vault's to fill."""

    async def create(self, actor: Principal, secret: Secret, value: str, *, request: str = "") -> Secret: ...
    async def replace(
        self, actor: Principal, secret: Secret, value: str | None, *, expected: int, request: str = ""
    ) -> Secret: ...
    async def rotate(self, actor: Principal, *, request: str = "") -> Rotated: ...


class Tried(Protocol):
    """What a server was found to offer, or why it was not reached, and the state that it would be registered in."""

    @property
    def discovery(self) -> Discovery | None: ...
    @property
    def unreached(self) -> str: ...
    @property
    def lints(self) -> Sequence[Lint]: ...
    @property
    def state(self) -> ServerState: ...


class Registered(Protocol):
    @property
    def server(self) -> Server: ...
    @property
    def tried(self) -> Tried: ...


class Servers(Protocol):
    """See `control.servers`."""

    async def register(
        self,
        actor: Principal,
        value: Server,
        *,
        state: ServerState | None = None,
        request: str = "",
        repeat: Repeat | None = None,
    ) -> Registered: ...
    async def attempt(self, actor: Principal, value: Server, *, state: ServerState | None = None) -> Tried: ...
    async def lint(self, actor: Principal, name: str) -> Sequence[Lint]: ...
    async def move(
        self, actor: Principal, entity: type[V], name: str, state: ServerState, *, expected: int, request: str = ""
    ) -> V: ...


class Plan(Protocol):
    """What applying would do; see `control.applying`."""

    @property
    def seq(self) -> int: ...
    @property
    def steps(self) -> Sequence[Step]: ...
    @property
    def lacking(self) -> str: ...


class Applying(Protocol):
    """Records declared as a whole; see `control.applying`."""

    async def admit(self, actor: Principal, kinds: Collection[type[Entity]], count: int) -> None: ...
    async def plan(
        self, actor: Principal, wanted: Sequence[Wanted], source: str, *, prune: bool = False, adopt: bool = False
    ) -> Plan: ...
    async def apply(
        self,
        actor: Principal,
        wanted: Sequence[Wanted],
        source: str,
        *,
        seq: int,
        prune: bool = False,
        adopt: bool = False,
        request: str = "",
    ) -> Sequence[Step]: ...
    async def export(self, actor: Principal, source: str) -> Sequence[Entity]: ...


class Search(Protocol):
    """See `control.searching`. `run` keeps its index up to date, until it is cancelled."""

    async def run(self) -> None: ...
    async def search(
        self, actor: Principal, query: str, *, kind: str | None = None, limit: int = 20, after: str | None = None
    ) -> Hits: ...


class Tools(Protocol):
    """See `control.tools`."""

    async def list(
        self, actor: Principal, *, after: str | None = None, limit: int = 100, filters: Mapping[str, str] | None = None
    ) -> ToolPage: ...
    async def offered(
        self, actor: Principal, server: str, what: str, *, after: str | None = None, limit: int = 100
    ) -> OfferedPage: ...
    async def show(self, actor: Principal, server: str, tool: str) -> ToolView: ...
    async def change(
        self, actor: Principal, server: str, tool: str, patch: Mapping[str, Any], *, expected: int, request: str = ""
    ) -> ToolView: ...


class HealthTold(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def health(self) -> Health: ...
    @property
    def drift(self) -> Drift | None: ...
    @property
    def accepted_at(self) -> float | None: ...
    @property
    def accepted_by(self) -> str | None: ...


class ServersHealth(Protocol):
    """See `control.health`."""

    async def list(
        self, actor: Principal, *, after: str | None = None, limit: int = 100, state: HealthState | None = None
    ) -> tuple[Sequence[HealthTold], str | None]: ...
    async def get(self, actor: Principal, name: str) -> HealthTold: ...
    async def accept(self, actor: Principal, name: str, *, request: str = "") -> HealthTold: ...


class Bundles(Protocol):
    """See `control.bundles`."""

    async def export(self, actor: Principal, name: str) -> Bundle: ...
    async def take(self, actor: Principal, taking: Taking, *, request: str = "") -> Taken: ...


class Added(Protocol):
    @property
    def server(self) -> Server: ...
    @property
    def tried(self) -> Tried: ...
    @property
    def secrets(self) -> Sequence[str]: ...
    @property
    def tested(self) -> bool: ...


class Products(Protocol):
    """See `control.products`."""

    async def list(self) -> ProductPage: ...
    async def get(self, id_: str) -> Product: ...
    async def add(self, actor: Principal, id_: str, adding: Adding, *, request: str = "") -> Added: ...


class LastUse(Protocol):
    """See `control.last_use`. `run` keeps when keys were used, until it is cancelled."""

    async def run(self) -> None: ...


class Uses(msgspec.Struct, frozen=True):
    """The use cases that the API is a skin over."""

    records: Records
    keys: Keys
    vault: Vault
    servers: Servers
    health: ServersHealth
    applying: Applying
    search: Search
    tools: Tools
    bundles: Bundles
    products: Products
    last_use: LastUse


class Task(msgspec.Struct, frozen=True):
    """What a handler is given: a request whose route and principal are known. `request` is its id in the audit; `item`
    is what the path names below the record, a tool of a server."""

    uses: Uses
    asked: Asked
    principal: Principal
    entity: type[Entity]
    name: str
    request: str
    argument: Any = None
    item: str = ""
