"""Tools of servers, as the registry knows them: what was discovered, what the registry says instead and adds, and which
grants name them. Changing that is changing the server, and needs the same rights."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import msgspec

from toolgate.control.actors import Actor
from toolgate.control.administration import Administration
from toolgate.control.described import shown_text
from toolgate.control.gathered import grant_spec
from toolgate.control.kinds import flaws
from toolgate.control.selection import NO, YES
from toolgate.model.catalog import Discovery, Offer, OfferKind
from toolgate.model.declared import GrantSpec, Override
from toolgate.model.entities import Grant, Server
from toolgate.model.errors import NotFound, Refused
from toolgate.model.found import NamingGrant, Offered, OfferedPage, Tool, ToolLint, ToolPage, ToolView
from toolgate.model.identity import Principal
from toolgate.rules import access, globs
from toolgate.rules.directory import Directory
from toolgate.rules.filed import everything
from toolgate.rules.linting import server as linting
from toolgate.rules.names import meant
from toolgate.rules.scopes import Need, of_server

MOST_LISTED = 1000

FILTERS = ("server", "name", "tag", "risk", "hidden")
"""What a list of tools can be narrowed by. `server` and `name` take globs."""

_UNSET = Override()
_KINDS: Mapping[str, tuple[OfferKind, ...]] = {
    "tools": (OfferKind.TOOL,),
    "resources": (OfferKind.RESOURCE, OfferKind.TEMPLATE),
    "prompts": (OfferKind.PROMPT,),
}


class _Known(msgspec.Struct, frozen=True):
    """A server that may be seen, whoever declares it: `managed_by` is the file or source that does."""

    name: str
    tags: tuple[str, ...]
    overrides: Mapping[str, Override]
    managed_by: str | None
    version: int


class _View(msgspec.Struct, frozen=True):
    """What the actor may see: `servers` are by name, in order."""

    directory: Directory
    who: Actor
    servers: Mapping[str, _Known]

    def server(self, name: str) -> _Known:
        """Raises NotFound."""
        known = self.servers.get(name)
        if known is None:
            raise NotFound(f"there is no server named {name!r}, or none that you may see")
        return known


class Tools:
    """`notes` say why the offers of a server are not known, by server."""

    def __init__(self, administration: Administration, notes: Callable[[], Mapping[str, str]] = dict[str, str]) -> None:
        self._administration = administration
        self._registry = administration.registry
        self._notes = notes

    async def list(
        self, actor: Principal, *, after: str | None = None, limit: int = 100, filters: Mapping[str, str] | None = None
    ) -> ToolPage:
        """The tools of all servers that the actor may see, by server and name; what was not discovered yet is not
        there. Raises Refused for a filter that there is not."""
        wanted = _matching(filters or {})
        view = await self._look(actor)
        begin = None if after is None else tuple(after.partition("/")[::2])
        found: list[Tool] = []
        for known in view.servers.values():
            if begin is not None and known.name < begin[0]:
                continue
            for tool in self._tools(known):
                if (begin is None or (tool.server, tool.name) > begin) and wanted(tool):
                    if len(found) == max(1, min(limit, MOST_LISTED)):
                        return ToolPage(items=tuple(found), next=f"{found[-1].server}/{found[-1].name}")
                    found.append(tool)
        return ToolPage(items=tuple(found))

    async def offered(
        self, actor: Principal, server: str, what: str, *, after: str | None = None, limit: int = 100
    ) -> OfferedPage:
        """What a server was found to offer: `what` is tools, resources (their templates among them) or prompts, by
        name. Raises NotFound for a server that the actor may not see."""
        known = (await self._look(actor)).server(server)
        discovery = self._registry.discoveries().get(known.name)
        note = self._notes().get(known.name, "" if discovery is not None else "it is not served, and so not asked")
        if discovery is None:
            return OfferedPage(server=server, eras=(), versions=(), note=note, items=())
        offers = sorted(
            (offer for offer in discovery.offers if offer.kind in _KINDS[what]), key=lambda offer: offer.name
        )
        left = [offer for offer in offers if after is None or offer.name > after]
        most = max(1, min(limit, MOST_LISTED))
        return OfferedPage(
            server=server,
            eras=tuple(sorted(discovery.eras)),
            versions=discovery.versions,
            note=note,
            items=tuple(Offered(name=offer.name, definition=_readable(offer)) for offer in left[:most]),
            next=left[most - 1].name if len(left) > most else None,
        )

    async def show(self, actor: Principal, server: str, tool: str) -> ToolView:
        """Raises NotFound, also for a tool that is neither discovered nor overridden."""
        view = await self._look(actor)
        known = view.server(server)
        offer = self._offer(known, tool)
        if offer is None and tool not in known.overrides:
            raise NotFound(f"it is not known yet what {server} offers: it has not been reached, or is not served")
        return self._shown(view, known, tool, offer)

    def _shown(self, view: _View, known: _Known, tool: str, offer: Offer | None) -> ToolView:
        override = known.overrides.get(tool, _UNSET)
        shown = _tool(known, tool, {} if offer is None else offer.definition)
        return ToolView(
            tool=shown,
            definition=None if offer is None else _readable(offer),
            override=override,
            lints=() if offer is None else _lints(view, known, offer),
            grants=tuple(_grants(view, shown)),
            managed_by=known.managed_by,
            version=known.version,
        )

    async def change(
        self, actor: Principal, server: str, tool: str, patch: Mapping[str, Any], *, expected: int, request: str = ""
    ) -> ToolView:
        """Sets fields of a tool's override; None puts one back to what the server says. `expected` is the version of
        the server's record that the actor saw. While it is not known what the server offers (it is a draft), any tool
        may be named. Raises as a change of the server does, NotFound for a tool that the server does not offer, and
        Refused for a server that a file declares."""
        known = (await self._look(actor)).server(server)
        offer = self._offer(known, tool)
        override = _patched(known.overrides.get(tool, _UNSET), patch)
        record = await self._administration.get(actor, Server, server)
        overrides = {name: one for name, one in record.overrides.items() if name != tool}
        if override != _UNSET:
            overrides[tool] = override
        changed = msgspec.structs.replace(record, overrides=overrides)
        await self._administration.replace(actor, changed, expected=expected, request=request)
        view = await self._look(actor)
        return self._shown(view, view.server(server), tool, offer)

    async def _look(self, actor: Principal) -> _View:
        directory = await self._registry.directory()
        who = await self._administration.whoami(actor)
        known = (one for one in _known(directory) if who.may(Need("server:read", of_server(directory, one.name))))
        return _View(directory, who, {one.name: one for one in sorted(known, key=lambda one: one.name)})

    def _tools(self, known: _Known) -> Iterator[Tool]:
        discovery = self._registry.discoveries().get(known.name)
        offers = () if discovery is None else discovery.offers
        for offer in sorted((one for one in offers if one.kind is OfferKind.TOOL), key=lambda one: one.name):
            yield _tool(known, offer.name, offer.definition)

    def _offer(self, known: _Known, tool: str) -> Offer | None:
        """None while it is not known what the server offers, and for an override of what it offers no more. Raises
        NotFound for what is neither."""
        discovery = self._registry.discoveries().get(known.name)
        tools = {} if discovery is None else _tools_of(discovery)
        if tool not in tools and tool not in known.overrides and discovery is not None:
            raise NotFound(f"the server {known.name} offers no tool named {tool[:200]!r}{meant(tool, tools)}")
        return tools.get(tool)


def _lints(view: _View, known: _Known, offer: Offer) -> tuple[ToolLint, ...]:
    """What is wrong with one tool; names of servers that the actor may not see are not looked for in it."""
    alone = Discovery(frozenset(), (), b"{}", None, None, (offer,))
    return tuple(
        ToolLint(severity=one.severity.value, rule=one.rule, path=one.path, reason=one.reason)
        for one in linting.lint(alone, known.overrides, view.servers.keys() - {known.name})
        if one.offer == offer.name
    )


def _grants(view: _View, tool: Tool) -> Iterator[NamingGrant]:
    """The grants in force that name a tool and that the actor may see."""
    for _, record in sorted(everything(view.directory, Grant).items()):
        spec = grant_spec(record)
        in_force = spec.expires is None or view.who.now < spec.expires
        if in_force and _names(spec, tool) and view.who.may_read(view.directory, record):
            yield NamingGrant(
                name=record.name,
                subject=spec.subject,
                effect=spec.effect,
                conditional=bool(spec.conditions),
                expires=spec.expires,
            )


def _known(directory: Directory) -> Iterator[_Known]:
    """Every server, those of the file too."""
    for one in everything(directory, Server).values():
        yield _Known(one.name, one.tags, one.overrides, one.stamp.managed_by, one.stamp.version)


def _readable(offer: Offer) -> Mapping[str, msgspec.Raw] | None:
    """A definition as it was said; None for one that is no text, and would make the answer none."""
    try:
        for raw in offer.definition.values():
            bytes(raw).decode()
    except UnicodeDecodeError:
        return None
    return offer.definition


def _tools_of(discovery: Discovery) -> dict[str, Offer]:
    tools: dict[str, Offer] = {}
    for offer in discovery.offers:
        if offer.kind is OfferKind.TOOL:
            tools.setdefault(offer.name, offer)
    return tools


def _tool(known: _Known, name: str, definition: Mapping[str, msgspec.Raw]) -> Tool:
    override = known.overrides.get(name, _UNSET)
    said = {member: shown_text(dict(definition), member) for member in ("title", "description")}
    return Tool(
        server=known.name,
        name=name,
        title=said["title"] if override.title is None else override.title,
        description=said["description"] if override.description is None else override.description,
        tags=tuple(sorted({*known.tags, *override.tags})),
        risk=override.risk,
        hidden=override.hidden,
    )


def _names(spec: GrantSpec, tool: Tool) -> bool:
    """Whether a grant names a tool, by the tool's own name at its server."""
    reach = access.reach(spec)
    return (
        access.names_server(reach, tool.server)
        and any(globs.matches(glob, tool.name) for glob in reach.tools)
        and (not reach.tags or bool({*reach.tags} & {*tool.tags}))
        and (not reach.risks or tool.risk in reach.risks)
    )


def _patched(override: Override, patch: Mapping[str, Any]) -> Override:
    """Raises Refused with a finding for each field."""
    known = {field.name for field in msgspec.structs.fields(Override)}
    findings = [(name, f"a tool has no such field{meant(name, known)}") for name in patch if name not in known]
    given = {name: value for name, value in patch.items() if name in known and value is not None}
    findings += flaws(Override, {**given, **_without_nulls(given)})
    if findings:
        raise Refused(tuple(findings))
    kept = {name: value for name, value in msgspec.structs.asdict(override).items() if name not in patch}
    if "parameters" in given:  # a merge patch goes into objects (RFC 7396)
        merged = {**override.parameters, **given["parameters"]}
        given["parameters"] = {name: text for name, text in merged.items() if text is not None}
    return msgspec.convert({**kept, **given}, Override)


def _without_nulls(given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a patch describes, where it describes any: null takes a description back."""
    described = given.get("parameters")
    if not isinstance(described, Mapping):
        return {}
    return {"parameters": {name: text for name, text in cast(Mapping[str, Any], described).items() if text is not None}}


def _matching(filters: Mapping[str, str]) -> Callable[[Tool], bool]:
    unknown = tuple(
        (name, f"tools cannot be filtered by this{meant(name, FILTERS)}") for name in filters if name not in FILTERS
    )
    if unknown:
        raise Refused(unknown)
    tests: Mapping[str, Callable[[Tool, str], bool]] = {
        "server": lambda tool, text: globs.matches(text, tool.server),
        "name": lambda tool, text: globs.matches(text, tool.name),
        "tag": lambda tool, text: text in tool.tags,
        "risk": lambda tool, text: text == (tool.risk or ""),
        "hidden": lambda tool, text: text in (YES if tool.hidden else NO),
    }
    return lambda tool: all(tests[name](tool, text) for name, text in filters.items())
