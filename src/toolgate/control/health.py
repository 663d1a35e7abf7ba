"""How servers are, and whether they still offer what was accepted: told to whoever may see them."""

from collections.abc import Callable, Mapping

import msgspec

from toolgate.control.actors import Actor
from toolgate.control.administration import Administration
from toolgate.control.offered import Offered
from toolgate.model.entities import Acceptance, Server
from toolgate.model.errors import NotFound, Refused
from toolgate.model.health import Health, HealthState
from toolgate.model.identity import Principal
from toolgate.rules.directory import Directory
from toolgate.rules.drift import Drift, compare
from toolgate.rules.scopes import Need, of_server

MOST_LISTED = 1000


class ServerHealth(msgspec.Struct, frozen=True):
    """`drift` is what is different from what was accepted `accepted_at` (Unix seconds) by `accepted_by`; None where
    nothing was accepted yet, or it is not known what the server offers."""

    name: str
    health: Health
    drift: Drift | None = None
    accepted_at: float | None = None
    accepted_by: str | None = None


class ServersHealth:
    """`health` is that of the servers which are meant to be open, by server."""

    def __init__(
        self, administration: Administration, health: Callable[[], Mapping[str, Health]], offered: Offered
    ) -> None:
        self._administration = administration
        self._health = health
        self._offered = offered

    async def list(
        self, actor: Principal, *, after: str | None = None, limit: int = 100, state: HealthState | None = None
    ) -> tuple[tuple[ServerHealth, ...], str | None]:
        """Of every server that the actor may see, those of a file too, by name; and the name to go on `after`."""
        directory, who = await self._look(actor)
        health = self._health()
        most = max(1, min(limit, MOST_LISTED))
        found: list[ServerHealth] = []
        for name in sorted(_names(directory)):
            if (after is not None and name <= after) or not _may_see(directory, who, name):
                continue
            if state is not None and _of(directory, health, name).state is not state:
                continue
            if len(found) == most:
                return tuple(found), found[-1].name
            found.append(await self._told(directory, health, name))
        return tuple(found), None

    async def get(self, actor: Principal, name: str) -> ServerHealth:
        directory, who = await self._look(actor)
        _judge_seen(directory, who, name)
        return await self._told(directory, self._health(), name)

    async def accept(self, actor: Principal, name: str, *, request: str = "") -> ServerHealth:
        """What the server offers now is what it may offer. Takes `server:publish`. Raises Refused while it is not known
        what it offers."""
        async with self._administration.open(actor, request=request) as desk:
            _judge_seen(desk.directory, desk.actor, name)
            desk.actor.require(desk.directory, (Need("server:publish", of_server(desk.directory, name)),))
            discovery = self._administration.registry.discoveries().get(name)
            if discovery is None:
                reason = _of(desk.directory, self._health(), name).reason or "it has not been reached"
                raise Refused((("", f"it is not known what {name} offers now: {reason}"),))
            accepted = Acceptance(name=name, offers=dict(await self._offered.of(name, discovery)))
            known = desk.directory.get(Acceptance, name)
            if known is None:
                await desk.create(accepted)
            elif known.offers != accepted.offers:
                await desk.replace(accepted, expected=known.stamp.version)
        return await self.get(actor, name)

    async def _look(self, actor: Principal) -> tuple[Directory, Actor]:
        return await self._administration.registry.directory(), await self._administration.whoami(actor)

    async def _told(self, directory: Directory, health: Mapping[str, Health], name: str) -> ServerHealth:
        accepted = directory.get(Acceptance, name)
        discovery = self._administration.registry.discoveries().get(name)
        if accepted is None:
            return ServerHealth(name, _of(directory, health, name))
        drift = None if discovery is None else compare(accepted.offers, await self._offered.of(name, discovery))
        stamp = accepted.stamp
        return ServerHealth(name, _of(directory, health, name), drift, stamp.updated_at, stamp.updated_by)


def _names(directory: Directory) -> frozenset[str]:
    return frozenset(directory.all(Server)) | {spec.name for spec in directory.declared.servers}


def _may_see(directory: Directory, who: Actor, name: str) -> bool:
    return who.may(Need("server:read", of_server(directory, name)))


def _judge_seen(directory: Directory, who: Actor, name: str) -> None:
    if name not in _names(directory) or not _may_see(directory, who, name):
        raise NotFound(f"there is no server named {name!r}, or none that you may see")


def _of(directory: Directory, health: Mapping[str, Health], name: str) -> Health:
    """A server that is not served is not connected to."""
    known = health.get(name)
    if known is not None:
        return known
    record = directory.get(Server, name)
    state = "not served" if record is None else f"{record.state.value}"
    return Health(reason=f"it is {state}, and is asked how it is only while it is served")
