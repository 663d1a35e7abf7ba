"""The straight line, put together: whoever reads this file has seen every part of the data plane in its place."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from toolgate import __version__
from toolgate.assembly.servers import ServerOpener
from toolgate.control.catalog import Catalog
from toolgate.control.compiler import Source, local_principal
from toolgate.control.publisher import Publisher
from toolgate.credentials import references
from toolgate.edge.methods import SessionMethods
from toolgate.egress.client import HttpClient
from toolgate.identity import anyone, api_key
from toolgate.model.catalog import OfferKind
from toolgate.model.declared import Declared
from toolgate.model.identity import Principal
from toolgate.model.snapshot import Target
from toolgate.pipeline import gates
from toolgate.pipeline.front_door import FrontDoor
from toolgate.pipeline.gates import OPEN_BIT, Gate
from toolgate.pipeline.listening import Hub, Listen
from toolgate.pipeline.listing import Listing
from toolgate.pipeline.ring import Ring
from toolgate.pipeline.wheel import Wheel
from toolgate.ports import Authenticator, Clock, Handler, Secrets, Sessions, Sink, Toolbox
from toolgate.protocol.sealed import Seal, derived_key
from toolgate.rules import keys
from toolgate.stores import sessions as session_store
from toolgate.stores.clock import SystemClock
from toolgate.stores.data_dir import DataDir

SERVER_INFO: dict[str, Any] = {"name": "toolgate", "title": "Toolgate", "version": __version__}


def in_order(clock: Clock) -> tuple[Gate, ...]:
    """Every call passes these, in this order, before anything is done for it. Order is policy."""
    return (gates.ceiling, gates.authorizing(clock.now), gates.mirrored)


LIST_TTL_MS = 60_000
"""How long modern clients may keep a list; changes are announced to those who listen."""


class Sealing(msgspec.Struct, frozen=True):
    """One seal per purpose."""

    session: Seal
    cursor: Seal
    state: Seal


class Line(msgspec.Struct, frozen=True):
    """The running parts that edges and the composition root need. `used` is when each key was last used (Unix seconds),
    by its name."""

    door: FrontDoor
    hub: Hub
    wheel: Wheel
    ring: Ring
    publisher: Publisher
    catalog: Catalog
    sessions: Sessions
    session_methods: SessionMethods
    clock: Clock
    seals: Sealing
    apply: Any
    local: Principal
    declared: Callable[[], Declared]
    toolbox: Toolbox
    used: Mapping[str, float]


class Setup(msgspec.Struct, frozen=True):
    """What a line is made from. `open` lets callers without a key in, as the local key's principal. `sinks` get every
    record. `secrets` adds places to those that references are resolved from."""

    data: DataDir
    declared: Declared
    environment: Mapping[str, str]
    sinks: tuple[Sink, ...] = ()
    open: bool = False
    secrets: Callable[[Secrets], Secrets] | None = None

    def __repr__(self) -> str:
        return f"Setup({self.data!r}, {len(self.environment)} variables)"


class _Held:
    """The declared configuration in force; replaced whole."""

    def __init__(self, declared: Declared) -> None:
        self.declared = declared


@asynccontextmanager
async def open_line(setup: Setup) -> AsyncGenerator[Line]:
    """Everything from the front door to the upstreams, without any edge. Its background work is the caller's to run:
    `publisher.run()` and `ring.run()`."""
    async with AsyncExitStack() as stack:
        toolbox = await _toolbox(setup, stack)
        seals = Sealing(*(Seal(setup.data.sealing_key, purpose) for purpose in ("session", "cursor", "state")))
        held = _Held(setup.declared)
        local = local_principal()
        used: dict[str, float] = {}
        digest = keys.digest(setup.data.key_pepper, setup.data.local_key.encode())

        def changed() -> None:
            publisher.changed()

        def updated(server: str, uri: str | None) -> None:
            hub.relisted(server) if uri is None else hub.updated(server, uri)

        async def published() -> None:
            await publisher.published()

        catalog = Catalog(ServerOpener(toolbox, seals.state), changed, updated, published)
        publisher = Publisher(lambda: _source(held.declared, catalog, digest), toolbox.clock.now)
        hub = Hub(publisher.current, catalog.watch)
        publisher.on_swap(hub.swapped)
        stack.push_async_callback(catalog.close)
        store = await stack.enter_async_context(session_store.open(session_store.Config(), toolbox))
        methods = SessionMethods(store, SERVER_INFO)
        ring = Ring(setup.sinks)
        wheel = Wheel()
        door = FrontDoor(
            current=publisher.current,
            authenticators=await _authenticators(setup, toolbox, local, used, stack),
            gates=in_order(toolbox.clock),
            own=_own_targets(seals, hub, methods),
            ring=ring,
            wheel=wheel,
        )

        def apply(declared: Declared) -> None:
            held.declared = declared
            catalog.apply(declared.servers)

        apply(setup.declared)
        yield Line(
            door, hub, wheel, ring, publisher, catalog, store, methods, toolbox.clock, seals, apply, local,
            lambda: held.declared, toolbox, used,
        )  # fmt: skip


async def _toolbox(setup: Setup, stack: AsyncExitStack) -> Toolbox:
    base = Path.cwd() if setup.declared.file is None else setup.declared.file.parent
    clock = SystemClock()
    http = HttpClient()
    bare = Toolbox(http, _NoSecrets(), clock, setup.data.path)
    secrets = await stack.enter_async_context(references.open(references.Config(setup.environment, base), bare))
    resolved = secrets if setup.secrets is None else setup.secrets(secrets)
    return Toolbox(http, resolved, clock, setup.data.path, lambda purpose: derived_key(setup.data.sealing_key, purpose))


class _NoSecrets(Secrets):
    """Before references can be resolved, there are none."""

    def resolve(self, reference: str, /) -> str:
        raise LookupError(reference)


async def _authenticators(
    setup: Setup, toolbox: Toolbox, local: Principal, used: dict[str, float], stack: AsyncExitStack
) -> tuple[Authenticator, ...]:
    """Each says None to what is not its own; who passes none of them is refused."""
    key = await stack.enter_async_context(api_key.open(api_key.Config(setup.data.key_pepper, used), toolbox))
    if not setup.open:
        return (key,)
    return (key, await stack.enter_async_context(anyone.open(anyone.Config(local), toolbox)))


def _own_targets(seals: Sealing, hub: Hub, methods: SessionMethods) -> dict[str, Target]:
    """What the gateway answers itself, each as a target like any other."""
    listing = Listing(seals.cursor, SERVER_INFO, LIST_TTL_MS)
    handlers: dict[str, Handler] = {
        "tools/list": listing.handler(OfferKind.TOOL),
        "prompts/list": listing.handler(OfferKind.PROMPT),
        "resources/list": listing.handler(OfferKind.RESOURCE),
        "resources/templates/list": listing.handler(OfferKind.TEMPLATE),
        "server/discover": listing.discover,
        "subscriptions/listen": Listen(hub),
        **methods.handlers(),
    }
    return {method: Target("", OPEN_BIT, "", None, "", "", handler, 0.0) for method, handler in handlers.items()}


def _source(declared: Declared, catalog: Catalog, local: bytes) -> Source:
    discoveries = {name: opened.discovery for name, opened in catalog.opened.items() if opened.discovery is not None}
    runs = {name: opened.run for name, opened in catalog.opened.items()}
    return Source(declared, discoveries, catalog.notes(), runs, local)
