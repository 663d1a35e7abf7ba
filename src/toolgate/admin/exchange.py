"""One request and its answer, whichever server carries them, and what a handler is given."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from toolgate.control.administration import Administration
from toolgate.control.applying import Applying
from toolgate.control.bundles import Bundles
from toolgate.control.health import ServersHealth
from toolgate.control.keys import Keys
from toolgate.control.last_use import LastUse
from toolgate.control.products import Products
from toolgate.control.repeating import Repeat
from toolgate.control.searching import Search
from toolgate.control.servers import Servers
from toolgate.control.tools import Tools
from toolgate.control.vault import Vault
from toolgate.model.entities import Entity
from toolgate.model.identity import Principal

Header = tuple[bytes, bytes]


class Asked(msgspec.Struct, frozen=True):
    """A request whose body is complete. `path` is percent-decoded and begins with `/api/v1`; `headers` are by
    lower-case name, `repeated` the names that stood more than once. `identify` answers who asks, by the authenticators
    of the data plane; it raises Unauthenticated. `repeating` is there where the request has an idempotency key: told
    how what was done is answered, it makes what a creation remembers it by."""

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


class Uses(msgspec.Struct, frozen=True):
    """The use cases that the API is a skin over."""

    records: Administration
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
