"""Servers: tried out, registered as a draft or live depending on the person's rights, linted, and moved from state to
state."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec

from toolgate.control import repeating
from toolgate.control.actors import Actor
from toolgate.control.administration import Administration
from toolgate.control.collections import COLLECTIONS, judged
from toolgate.control.desk import Desk, judge_free
from toolgate.control.needs import Edit
from toolgate.control.offered import digested
from toolgate.control.repeating import Repeat
from toolgate.model.catalog import Discovery
from toolgate.model.entities import Acceptance, Secret, Server, ServerState, Virtual
from toolgate.model.errors import Conflict, NotFound, Refused, ToolgateError
from toolgate.model.identity import Principal
from toolgate.rules import lifecycle
from toolgate.rules.directory import Directory
from toolgate.rules.facts import Facts
from toolgate.rules.linting import Lint, Severity
from toolgate.rules.linting.server import lint
from toolgate.rules.referrers import secrets_of
from toolgate.rules.scopes import Need, of_record

V = TypeVar("V", Server, Virtual)

_STOPPING = frozenset({ServerState.PAUSED, ServerState.DRAINING, ServerState.RETIRED})

Probe = Callable[[Server, bool], Awaitable[Discovery]]
"""Connects to a server that is not registered, once, with its own credential; where the second argument is true, also
in private networks. Raises UpstreamFailed, ConfigError."""


class Tried(msgspec.Struct, frozen=True):
    """What a server was found to offer, and the lints of that; with `discovery` None nothing was found, and
    `unreached` says why (empty where nobody asked). `state` is the one that it would be registered in."""

    discovery: Discovery | None
    unreached: str
    lints: tuple[Lint, ...]
    state: ServerState


class Registered(msgspec.Struct, frozen=True):
    """What was registered, and what it was found to offer."""

    server: Server
    tried: Tried


class Servers:
    """`probe` is how a server is asked before it is registered; None where nothing can be asked."""

    def __init__(self, administration: Administration, probe: Probe | None = None) -> None:
        self._administration = administration
        self._probe = probe

    async def register(
        self,
        actor: Principal,
        value: Server,
        *,
        state: ServerState | None = None,
        request: str = "",
        repeat: Repeat | None = None,
        beside: Sequence[Secret] = (),
        tried: Tried | None = None,
    ) -> Registered:
        """Registers a server in the state that `attempt` says. What it offers is what was accepted of it. `beside` are
        new secrets of its own, made in the same transaction; `tried` is what it was found to offer a moment ago."""
        tried = tried or await self.attempt(actor, value, state=state, beside=beside)
        wanted = msgspec.structs.replace(value, state=tried.state)
        async with self._administration.open(actor, request=request, repeat=repeat) as desk:
            for secret in beside:
                await desk.create(secret)
            made = Registered(await desk.create(wanted), tried)
            if tried.discovery is not None:
                await _accept(desk, made.server.name, tried.discovery)
            await repeating.keep(desk.transaction, repeat, made)
        return made

    async def attempt(
        self,
        actor: Principal,
        value: Server,
        *,
        state: ServerState | None = None,
        beside: Sequence[Secret] = (),
        probe: Probe | None = None,
        unasked: str = "",
    ) -> Tried:
        """What registering a server would find; changes nothing. Without a `state` it would be live if the actor may
        publish it, it can be reached and no lint is an error, and a draft otherwise. What may not be registered is not
        connected to either, nor what would be shown secrets by somebody who may not publish it, other than new ones
        `beside` it, which are theirs. `probe` is asked instead of the usual one; `unasked` says why nobody is asked at
        all. Raises what registering it would: Refused also where it shall be live and cannot be reached."""
        draft = msgspec.structs.replace(value, state=ServerState.DRAFT)
        probe = probe or self._probe
        may_publish = await self._rehearse(actor, draft, beside)
        shown = sorted(secrets_of(draft) - {secret.name for secret in beside})
        if unasked:
            discovery, unreached = None, unasked
        elif shown and probe is not None and not may_publish:
            # Whoever connects shows the secret to an address of their own choice, and so reads it.
            discovery, unreached = None, f"it would be shown the secret {shown[0]}, which takes server:publish"
        else:
            discovery, unreached = await _asked(probe, draft, private=may_publish)
        lints = () if discovery is None else lint(discovery, value.overrides, await self._names(actor))
        if unreached and state is ServerState.LIVE:
            step = "until that is mended, register it as a draft"
            raise Refused((("state", f"what cannot be reached is not made live: {unreached}: {step}"),))
        if state is None:
            flawed = bool(unreached) or any(one.severity is Severity.ERROR for one in lints)
            state = ServerState.LIVE if may_publish and not flawed else ServerState.DRAFT
        return Tried(discovery, unreached, lints, state)

    async def _rehearse(self, actor: Principal, draft: Server, beside: Sequence[Secret] = ()) -> bool:
        """Raises what registering it as a draft would; says whether the actor could make it live."""
        registry = self._administration.registry
        if draft.kind in registry.kinds.names:
            await asyncio.to_thread(registry.kinds.fields, draft.kind)  # the first of a kind loads what it needs
        directory = await registry.directory()
        who = await self._administration.whoami(actor)
        for secret in beside:
            directory = _with_secret(secret, directory, who, registry.facts(directory))
        facts = registry.facts(directory)
        after = directory.with_(draft)
        who.require(directory, COLLECTIONS[Server].needs(Edit(None, draft, directory, after, facts)))
        judge_free(directory, who, draft)
        findings = await judged(draft, facts.about(draft))
        if findings:
            raise Refused(tuple(findings))
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


async def _accept(desk: Desk, name: str, discovery: Discovery) -> None:
    known = desk.directory.get(Acceptance, name)
    accepted = Acceptance(name=name, offers=await digested(discovery))
    if known is None:
        await desk.create(accepted)
    else:
        await desk.replace(accepted, expected=known.stamp.version)


async def _asked(probe: Probe | None, draft: Server, *, private: bool) -> tuple[Discovery | None, str]:
    """What it offers, or why that is not known. Only for those who may publish it is it looked for in `private`
    networks: the answer, and why there is none, would tell others what stands there."""
    if probe is None:
        return None, ""
    try:
        return await probe(draft, private), ""
    except ToolgateError as error:
        narrow = "" if private else " (in a private network it is looked for only by holders of server:publish)"
        return None, f"{error}{narrow}"


def _with_secret(secret: Secret, directory: Directory, who: Actor, facts: Facts) -> Directory:
    """The records with a new secret. Raises what making it would."""
    after = directory.with_(secret)
    who.require(directory, COLLECTIONS[Secret].needs(Edit(None, secret, directory, after, facts)))
    if directory.get(Secret, secret.name) is not None:
        raise Conflict(f"there is a secret named {secret.name!r} already: take another name for the server, or use it")
    findings = tuple(COLLECTIONS[Secret].findings(secret, facts.about(secret)))
    if findings:
        raise Refused(findings)
    return after
