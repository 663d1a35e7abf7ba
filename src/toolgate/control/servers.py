"""Servers: registered as a draft or live depending on the person's rights, linted, and moved from state to state."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from toolgate.control.administration import Administration
from toolgate.control.collections import COLLECTIONS
from toolgate.control.needs import Edit
from toolgate.model.catalog import Discovery
from toolgate.model.entities import Server, ServerState, Virtual
from toolgate.model.errors import NotFound, Refused
from toolgate.model.identity import Principal
from toolgate.rules import lifecycle
from toolgate.rules.linting import Lint, Severity
from toolgate.rules.linting.server import lint
from toolgate.rules.scopes import Need, of_record

V = TypeVar("V", Server, Virtual)

_STOPPING = frozenset({ServerState.PAUSED, ServerState.DRAINING, ServerState.RETIRED})

Probe = Callable[[Server], Awaitable[Discovery]]
"""Connects to a server that is not registered, once, with its own credential. Raises UpstreamFailed, ConfigError."""


class Registered(msgspec.Struct, frozen=True):
    """What was registered, what it was found to offer (None: it was not asked), and the lints of that."""

    server: Server
    discovery: Discovery | None
    lints: tuple[Lint, ...]


class Servers:
    """`probe` is how a server is asked before it is registered; None where nothing can be asked."""

    def __init__(self, administration: Administration, probe: Probe | None = None) -> None:
        self._administration = administration
        self._probe = probe

    async def register(
        self, actor: Principal, value: Server, *, state: ServerState | None = None, request: str = ""
    ) -> Registered:
        """Registers a server. Without a `state` it is live if the actor may publish it and no lint is an error, and a
        draft otherwise. What may not be registered is not connected to either."""
        draft = msgspec.structs.replace(value, state=ServerState.DRAFT)
        may_publish = await self._rehearse(actor, draft)
        discovery = None if self._probe is None else await self._probe(draft)
        lints = () if discovery is None else lint(discovery, value.overrides, await self._names(actor))
        if state is None:
            flawed = any(one.severity is Severity.ERROR for one in lints)
            state = ServerState.LIVE if may_publish and not flawed else ServerState.DRAFT
        wanted = msgspec.structs.replace(value, state=state)
        return Registered(await self._administration.create(actor, wanted, request=request), discovery, lints)

    async def _rehearse(self, actor: Principal, draft: Server) -> bool:
        """Raises what registering it as a draft would; says whether the actor could make it live."""
        registry = self._administration.registry
        directory = await registry.directory()
        who = await self._administration.whoami(actor)
        facts = registry.facts(directory)
        after = directory.with_(draft)
        who.require(directory, COLLECTIONS[Server].needs(Edit(None, draft, directory, after, facts)))
        findings = tuple(COLLECTIONS[Server].findings(draft, facts.about(draft)))
        if findings:
            raise Refused(findings)
        return who.may(Need("server:publish", of_record(after, draft)))

    async def lint(self, actor: Principal, name: str) -> tuple[Lint, ...]:
        """Lints of what a registered server is known to offer. Raises NotFound, also while nothing is known of it."""
        server = await self._administration.get(actor, Server, name)
        discovery = self._administration.registry.discoveries().get(name)
        if discovery is None:
            raise NotFound(f"it is not known yet what {name} offers: it has not been reached")
        return lint(discovery, server.overrides, await self._names(actor) - {name})

    async def move(
        self, actor: Principal, entity: type[V], name: str, state: ServerState, *, expected: int, request: str = ""
    ) -> V:
        """Publishes, pauses, drains or retires a server or virtual server. Raises Refused for a move that there is not
        (`rules.lifecycle`). Taking it out of service works whatever else is wrong with it."""
        known = await self._administration.get(actor, entity, name)
        flaw = lifecycle.flaw(known.state, state)
        if flaw is not None:
            raise Refused((("state", flaw),))
        changed = msgspec.structs.replace(known, state=state)
        if state not in _STOPPING:
            return await self._administration.replace(actor, changed, expected=expected, request=request)
        async with self._administration.open(actor, request=request) as desk:
            return await desk.restrict(changed, expected=expected)

    async def _names(self, actor: Principal) -> frozenset[str]:
        """The names of the other servers that the actor may know of."""
        servers, _ = await self._administration.list(actor, Server, limit=1000)
        return frozenset(server.name for server in servers)
