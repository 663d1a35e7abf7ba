"""Virtual servers carried from one gateway to another: exported as a bundle, and made of one."""

from collections.abc import AsyncIterator, Iterator, Mapping

import msgspec

from toolgate.control.actors import Actor, actor_of
from toolgate.control.administration import Administration
from toolgate.control.bundle import (
    KINDS,
    Bundle,
    Needed,
    chosen,
    differing,
    flaws,
    mapped_offers,
    missing,
    needed,
    picks_tool,
    sources,
)
from toolgate.control.collections import COLLECTIONS
from toolgate.control.desk import Desk
from toolgate.control.needs import Edit
from toolgate.model.catalog import Discovery, OfferKind
from toolgate.model.declared import Pick, PicksFrom
from toolgate.model.entities import Server, ServerState, Virtual
from toolgate.model.errors import NotFound, Refused
from toolgate.model.identity import Principal
from toolgate.rules import globs
from toolgate.rules.directory import Directory
from toolgate.rules.filed import find
from toolgate.rules.scopes import Need, of_server

_OFFERED: Mapping[str, tuple[OfferKind, ...]] = {
    "tools": (OfferKind.TOOL,),
    "prompts": (OfferKind.PROMPT,),
    "resources": (OfferKind.RESOURCE, OfferKind.TEMPLATE),
}


class Taking(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a bundle is taken: under another `name`, for the team `owner`, with servers that are called otherwise here
    (`map`: name in the bundle -> name here), in this `state` (without one, live if that is allowed and else a draft).
    With `overrides` the servers here get what the bundle says of the chosen tools."""

    bundle: Bundle
    name: str | None = None
    owner: str | None = None
    map: dict[str, str] = {}
    state: ServerState | None = None
    overrides: bool = False


class Taken(msgspec.Struct, frozen=True):
    """The new virtual server, and what whoever took it should know."""

    virtual: Virtual
    notes: tuple[str, ...] = ()


class Bundles:
    def __init__(self, administration: Administration) -> None:
        self._administration = administration

    async def export(self, actor: Principal, name: str) -> Bundle:
        """Raises NotFound, also for what the actor may not see. Of servers that they may not see there is the name."""
        registry = self._administration.registry
        directory = await registry.directory()
        who = actor_of(directory, actor, registry.clock.now())
        virtual = _seen_virtual(directory, who, name)
        if virtual is None:
            raise NotFound(f"there is no virtual server named {name!r}, or none that you may see")
        servers: dict[str, Needed] = {}
        for picks in virtual.offers:
            server = _seen_server(directory, who, picks.server)
            servers[picks.server] = Needed() if server is None else needed(server, virtual.offers)
        return Bundle(virtual=chosen(virtual), servers=servers)

    async def take(self, actor: Principal, taking: Taking, *, request: str = "") -> Taken:
        """Makes the virtual server, all of it or nothing. Raises Refused (each missing server with what to do about
        it), NotAllowed, Conflict when there is one of this name."""
        findings = tuple(flaws(taking.bundle, taking.map))
        if findings:
            raise Refused(findings)
        async with self._administration.open(actor, request=request) as desk:
            findings = tuple(_missing(desk, taking))
            if findings:
                raise Refused(findings)
            made = await desk.create(_virtual(desk, taking))
            notes = [*_unfitting(made.offers, self._administration.registry.discoveries())]
            for name in sources(taking.bundle):
                notes += [note async for note in _overridden(desk, taking, name)]
            return Taken(made, tuple(notes))


def _may_see(directory: Directory, who: Actor, name: str) -> bool:
    return who.may(Need("server:read", of_server(directory, name)))


def _seen_server(directory: Directory, who: Actor, name: str) -> Server | None:
    """A server of the records or of the file; None also for one that is not seen."""
    found = find(directory, Server, name)
    return found if found is not None and _may_see(directory, who, name) else None


def _seen_virtual(directory: Directory, who: Actor, name: str) -> Virtual | None:
    found = find(directory, Virtual, name)
    return found if found is not None and _may_see(directory, who, name) else None


def _missing(desk: Desk, taking: Taking) -> Iterator[tuple[str, str]]:
    for name in sources(taking.bundle):
        here = taking.map.get(name, name)
        if _seen_server(desk.directory, desk.actor, here) is None:
            yield missing(name, here, taking.bundle.servers.get(name, Needed()))


def _virtual(desk: Desk, taking: Taking) -> Virtual:
    virtual = taking.bundle.virtual
    made = Virtual(
        name=taking.name or virtual.name,
        offers=mapped_offers(taking.bundle, taking.map),
        owner=taking.owner,
        description=virtual.description,
        tags=virtual.tags,
        environment=virtual.environment,
        sensitivity=virtual.sensitivity,
        links=virtual.links,
        icon=virtual.icon,
        state=taking.state or ServerState.LIVE,
    )
    if taking.state is not None:
        return made
    facts = desk.registry.facts(desk.directory)
    wanted = COLLECTIONS[Virtual].needs(Edit(None, made, desk.directory, desk.directory.with_(made), facts))
    allowed = all(desk.actor.may(need) for need in wanted)
    return made if allowed else msgspec.structs.replace(made, state=ServerState.DRAFT)


async def _overridden(desk: Desk, taking: Taking, name: str) -> AsyncIterator[str]:
    """Gives a server here what the bundle says of its tools, where that was asked for; else says what differs."""
    here = taking.map.get(name, name)
    server = _seen_server(desk.directory, desk.actor, here)
    said = taking.bundle.servers.get(name, Needed()).overrides
    # Of other tools, whoever made the bundle says nothing here: their risk and tags decide who may call them.
    wanted = {tool: one for tool, one in said.items() if picks_tool(name, tool, taking.bundle.virtual.offers)}
    tools = () if server is None else differing(server.overrides, wanted)
    if not tools:
        return
    if taking.overrides and isinstance(server, Server):
        changed = {**server.overrides, **{tool: wanted[tool] for tool in tools}}
        await desk.replace(msgspec.structs.replace(server, overrides=changed), expected=server.stamp.version)
    elif taking.overrides:
        yield f"{here} is declared in the file: what the bundle says of {', '.join(tools)} belongs there"
    else:
        yield f"the bundle says something else of {here}'s {', '.join(tools)}: --overrides takes that over"


def _unfitting(offers: tuple[PicksFrom, ...], discoveries: Mapping[str, Discovery]) -> Iterator[str]:
    """What is chosen and not there, as far as it is known what servers offer."""
    for picks in offers:
        discovery = discoveries.get(picks.server)
        if discovery is None:
            yield f"it is not known yet what {picks.server} offers: whether all that is chosen is there, too"
            continue
        for kind in KINDS:
            offered = [offer.name for offer in discovery.offers if offer.kind in _OFFERED[kind]]
            chosen_: tuple[Pick, ...] = getattr(picks, kind)
            lacking = [pick.name for pick in chosen_ if not any(globs.matches(pick.name, one) for one in offered)]
            if lacking:
                yield f"{picks.server} offers no such {kind}: {', '.join(lacking)}"
