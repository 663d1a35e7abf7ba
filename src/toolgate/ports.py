"""Every seam of the house, one to four methods each. The outer ring implements them; the planes see only these."""

import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from toolgate.model.call import Call, Notification, Outbound, Result
from toolgate.model.catalog import Change, Discovery
from toolgate.model.declared import ServerSpec
from toolgate.model.entities import Change as EntityChange
from toolgate.model.entities import Entity
from toolgate.model.identity import Credential, Grant, Principal
from toolgate.model.products import Adding, Product, ProductPage, Recipe
from toolgate.model.records import CallRecord
from toolgate.model.remembered import Remembered
from toolgate.model.snapshot import Snapshot, Target
from toolgate.rules.key_ring import KeyRing


class Caller(Protocol):
    """The way back to who called."""

    def notify(self, notification: Notification, /) -> None:
        """Never waits: a bounded queue per exchange; progress is coalesced, drops are counted."""
        ...

    async def ask(self, method: str, params: bytes, /) -> bytes:
        """Puts a server's request to the caller and returns the result object. Raises NoWayBack where the era has
        none."""
        ...


class Handler(Protocol):
    async def __call__(self, call: Call, caller: Caller, /) -> Result: ...


class Stage(Protocol):
    async def __call__(self, call: Call, caller: Caller, proceed: Handler, /) -> Result: ...


class Upstream(Protocol):
    """Anything behind us. Every method raises UpstreamFailed (naming the server) when the upstream is down or lies."""

    async def discover(self, grant: Grant, /) -> Discovery: ...

    def call(self, out: Outbound, caller: Caller, /) -> Coroutine[Any, Any, Result]: ...

    def changes(self, grant: Grant, /) -> AsyncIterator[Change]:
        """Announcements, for as long as the upstream can be heard; ends when it cannot, and may then be asked again."""
        ...

    async def watch(self, uris: frozenset[str], /) -> None:
        """Sets the resources whose updates `changes` must report (the union over all listeners)."""
        ...


class Authenticator(Protocol):
    async def identify(self, snapshot: Snapshot, credential: Credential, /) -> Principal | None:
        """None: not mine. Raises Unauthenticated: mine, and bad."""
        ...


class CredentialSource(Protocol):
    async def grant(self, principal: Principal, target: Target, /) -> Grant: ...


class Sink(Protocol):
    def write(self, records: Sequence[CallRecord], /) -> None:
        """Takes a batch from the one ring of records; never on the path of a call."""
        ...


class Secrets(Protocol):
    def resolve(self, reference: str, /) -> str:
        """The value behind `env:NAME` or `file:PATH`. Raises ConfigError naming the reference, never the value."""
        ...


class HttpAnswer(Protocol):
    """An answer whose head has arrived. Unless the content type is `text/event-stream`, `body` is complete."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def chunks(self) -> AsyncIterator[bytes]:
        """The rest of a streamed body, chunk by chunk; raises UpstreamFailed when the connection breaks."""
        ...

    def close(self) -> None:
        """Gives the connection back if the answer is complete, else drops it (which a modern server reads as
        cancellation)."""
        ...


class HttpRoute(Protocol):
    """One remote origin with its pool of kept-alive connections and its trust settings."""

    def prepare(self, headers: Sequence[tuple[str, str]], /) -> bytes:
        """Headers that many requests share, checked and written once."""
        ...

    async def send(
        self,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes = b"",
        /,
        *,
        prepared: bytes = b"",
        idempotent: bool = False,
    ) -> HttpAnswer:
        """One request. Raises UpstreamFailed: refused, reset, too large, malformed, or an address that may not be
        dialled. Only what is `idempotent` (or such by its method) may be sent again when a kept-alive connection turns
        out dead."""
        ...

    async def close(self) -> None: ...


class Http(Protocol):
    """The outgoing HTTP client: every address is judged when it is dialled."""

    def route(
        self, origin: str, /, *, server: str, limit: int, ca_file: Path | None = None, private: bool = True
    ) -> HttpRoute:
        """`origin` is scheme://host[:port]; `limit` the most bytes of one body; `private` allows addresses of this
        machine and its networks (never link-local or metadata ones); `server` names the upstream in errors."""
        ...


class Clock(Protocol):
    def now(self) -> float:
        """Unix time in seconds."""
        ...

    def monotonic(self) -> float: ...


class SessionState(Protocol):
    """What a handshake-era session holds beside what is sealed in its id; all of it bounded."""

    log_level: str | None
    subscriptions: set[str]


class Sessions(Protocol):
    """State of handshake-era sessions, bounded; a shared store can serve it for many replicas. `session` is the uid
    that the session's id seals."""

    def state(self, session: str, /) -> SessionState | None:
        """The session's state, fresh if nothing is known of it; None when it was ended."""
        ...

    def keep(self, session: str, stream: str, data: bytes, /) -> str:
        """Remembers one event of a stream for replay and returns its event id, unique in the session."""
        ...

    def replay(self, session: str, event_id: str, /) -> tuple[str, list[tuple[str, bytes]]] | None:
        """The stream that an event id belongs to and its later events; None when they are no longer known."""
        ...

    def end(self, session: str, until: float, /) -> None:
        """Ends the session: `state` answers None from now on, also after a restart, until Unix time `until`."""
        ...


E = TypeVar("E", bound=Entity)


class Transaction(Protocol):
    """Reads and writes of records that happen all together or not at all. Every write leaves a Change behind."""

    async def get(self, entity: type[E], name: str, /) -> E | None: ...

    async def find(self, entity: type[E], /) -> tuple[E, ...]:
        """All records of one kind, by name."""
        ...

    async def put(self, entity: E, /, *, expected: int) -> E:
        """Stores a record and returns it with its new stamp. `expected` is the version that the writer saw, 0 for a new
        one. Raises Conflict with the record that is there instead."""
        ...

    async def remove(self, entity: type[Entity], name: str, /, *, expected: int) -> None:
        """Raises Conflict, also when there is no such record."""
        ...

    async def recall(self, key: str, /) -> Remembered | None:
        """What this actor was answered to this idempotency key within the last day."""
        ...

    async def remember(self, key: str, remembered: Remembered, /) -> None:
        """Keeps an answer with the change that it tells of: both or neither."""
        ...


class Store(Protocol):
    """Where records live. Raises StoreFailed when the database cannot be reached or is full; nothing is half done."""

    def transaction(self, actor: str, /, *, request: str = "") -> AbstractAsyncContextManager[Transaction]:
        """Commits when the block ends, rolls back when it raises. `actor` is the principal's id, for the audit."""
        ...

    async def load(self) -> tuple[int, tuple[Entity, ...]]:
        """Every record, and the `seq` of the last change that is in them."""
        ...

    async def rehearsal(self) -> tuple[int, Transaction]:
        """A transaction whose writes are judged and kept nowhere, over the records after the change `seq`. Nobody waits
        for it, and it has no end."""
        ...

    async def changes(self, after: int, /, *, limit: int) -> tuple[EntityChange, ...]:
        """The audit after this `seq`, oldest first."""
        ...

    async def wait(self, after: int, /) -> int:
        """Until there is a change after this `seq`, by whichever process; its `seq`."""
        ...


class KeyUses(Protocol):
    """When keys were last used, by their names, in Unix seconds; kept for all processes of an installation, and no
    change of a record. Raises StoreFailed."""

    async def used(self) -> Mapping[str, float]: ...

    async def keep(self, used: Mapping[str, float], /) -> None:
        """Later uses replace earlier ones, never the other way round."""
        ...


class DataKeys(Protocol):
    """Where the data keys of stored secrets are kept. Both may take some milliseconds, and raise ConfigError."""

    def add(self) -> KeyRing:
        """Puts a new current key before the others, for certain; the ring then."""
        ...

    def keep_only(self, used: frozenset[str], /) -> KeyRing:
        """Drops all others but the current one; the ring then."""
        ...


class Shelf(Protocol):
    """The catalogue's entries. Each method reads files: call it in a thread."""

    def page(self) -> ProductPage:
        """All products, and what is wrong with entries that cannot be used."""
        ...

    def product(self, id_: str, /) -> Product:
        """Raises NotFound, and Refused for an entry that is broken."""
        ...

    def recipe(self, id_: str, adding: Adding, /) -> Recipe:
        """What adding it comes to. Raises NotFound, and Refused with everything that is missing or wrong."""
        ...


def _passing_key(purpose: str) -> bytes:
    return os.urandom(32)


class Toolbox(msgspec.Struct, frozen=True):
    """What `open()` of an extension receives: capabilities, never other extensions.

    `key(purpose)` is 32 bytes to seal or sign with, for this purpose alone: the same in all replicas and after a
    restart, where a data directory stands behind it.
    """

    http: Http
    secrets: Secrets
    clock: Clock
    data: Path
    key: Callable[[str], bytes] = _passing_key


class UpstreamKind(Protocol):
    """One file in `upstreams/` is one kind; its file name is the kind.

    `Settings` are the kind's own settings (unknown ones forbidden), `SHARING` the default for sessions of the handshake
    era. `open` has no side effect until it is entered.
    """

    Settings: type[msgspec.Struct]
    SHARING: str

    def open(self, spec: ServerSpec, settings: Any, toolbox: Toolbox, /) -> AbstractAsyncContextManager[Upstream]: ...
