"""A virtual server in one value that can be carried to another gateway: pure.

    bundle: 1
    virtual: name, description, tags, environment, sensitivity, offers (with new names and descriptions)
    servers: for each server that it takes from, what it is, and what the registry says of the chosen tools

Of the servers there is what somebody needs who looks for them elsewhere, and nothing that lets anybody in: of headers
and variables only the names, of URLs no query. Owner, rights and keys are not in it: they are each gateway's own.
"""

import shlex
from collections.abc import Iterable, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec

from toolgate.model.declared import Override, PicksFrom
from toolgate.model.entities import Environment, Sensitivity, Server, Virtual
from toolgate.rules import globs, references
from toolgate.rules.names import NAME, NAME_RULE, meant

VERSION = 1
KINDS = ("tools", "prompts", "resources")

Finding = tuple[str, str]
"""A path, and what is wrong there."""


class Chosen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The virtual server itself."""

    name: str
    offers: tuple[PicksFrom, ...]
    description: str = ""
    tags: tuple[str, ...] = ()
    environment: Environment = Environment.DEVELOPMENT
    sensitivity: Sensitivity = Sensitivity.INTERNAL
    links: dict[str, str] = {}
    icon: str | None = None


class Needed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server that it takes from. `url` or `command` says where it is, `asks` the headers and variables that hold
    secrets there; `overrides` are those of the chosen tools. All is empty where whoever exported may not see it."""

    kind: str = ""
    description: str = ""
    url: str = ""
    command: str = ""
    asks: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    links: dict[str, str] = {}
    overrides: dict[str, Override] = {}


class Bundle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`bundle` is the version of the format."""

    virtual: Chosen
    bundle: int = VERSION
    servers: dict[str, Needed] = {}


def chosen(virtual: Virtual) -> Chosen:
    """What of a virtual server goes along."""
    return Chosen(
        name=virtual.name,
        offers=virtual.offers,
        description=virtual.description,
        tags=virtual.tags,
        environment=virtual.environment,
        sensitivity=virtual.sensitivity,
        links=virtual.links,
        icon=virtual.icon,
    )


def needed(server: Server, offers: Iterable[PicksFrom]) -> Needed:
    """What of a server goes along with a virtual server that takes this from it."""
    headers = dict(server.headers)
    settings = server.settings
    url, command = settings.get("url"), settings.get("command")
    return Needed(
        kind=server.kind,
        description=server.description,
        url=_bare(url) if isinstance(url, str) else "",
        command=shlex.join(map(str, cast("list[Any]", command))) if isinstance(command, list) else "",
        asks=tuple(_asks({**_texts(settings.get("env")), **headers})),
        tags=server.tags,
        links=server.links,
        overrides={tool: one for tool, one in server.overrides.items() if picks_tool(server.name, tool, offers)},
    )


def _texts(value: Any) -> Mapping[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _asks(texts: Mapping[str, Any]) -> Iterable[str]:
    return (name for name, text in texts.items() if isinstance(text, str) and references.find(text) is not None)


def _bare(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def picks_tool(server: str, tool: str, offers: Iterable[PicksFrom]) -> bool:
    """Whether a tool is among those that are chosen."""
    return any(globs.matches(pick.name, tool) for picks in offers if picks.server == server for pick in picks.tools)


def plain(bundle: Bundle) -> dict[str, Any]:
    """The bundle without what says nothing; of a server that whoever exported may not see, the name stays."""
    whole = msgspec.to_builtins(bundle, str_keys=True)
    servers = {name: _telling(server) for name, server in whole["servers"].items()}
    return {"bundle": bundle.bundle, "virtual": _telling(whole["virtual"]), "servers": servers}


def _telling(value: Any) -> Any:
    if isinstance(value, dict):
        pairs = {name: _telling(one) for name, one in cast("dict[str, Any]", value).items()}
        return {name: one for name, one in pairs.items() if one not in (None, "", False, [], {})}
    return [_telling(one) for one in cast("list[Any]", value)] if isinstance(value, (list, tuple)) else value


def flaws(bundle: Bundle, mapped: Mapping[str, str]) -> list[Finding]:
    """What is wrong with a bundle and the names that its servers are to have here."""
    if bundle.bundle != VERSION:
        return [("bundle.bundle", f"this Toolgate reads version {VERSION} of bundles, and this one is {bundle.bundle}")]
    names = sources(bundle)
    found = [
        (f"map.{name}", f"the bundle takes nothing from a server of this name{meant(name, names)}")
        for name in mapped
        if name not in names
    ]
    found += [(f"map.{name}", NAME_RULE) for name, here in mapped.items() if not NAME.fullmatch(here)]
    return found


def sources(bundle: Bundle) -> tuple[str, ...]:
    """The servers that it takes from, in the order of its offers."""
    return tuple(dict.fromkeys(picks.server for picks in bundle.virtual.offers))


def missing(name: str, here: str, server: Needed) -> Finding:
    """The finding for a server that is not here, with what to do."""
    step = "register it"
    if server.url:
        step = f"register it: toolgate server add {here} {shlex.quote(server.url)}"
    elif server.command:
        step = f"register it: toolgate server add {here} --command {shlex.quote(server.command)}"
    elif server.kind:
        step = f"register one of kind {server.kind}"
    asks = f" (it asks for {', '.join(server.asks)})" if server.asks else ""
    reason = f"there is no server {here!r} here, or none that you may see: {step}{asks}, or say --map {name}=NAME"
    return f"servers.{name}", reason


def mapped_offers(bundle: Bundle, mapped: Mapping[str, str]) -> tuple[PicksFrom, ...]:
    """The offers with the names that the servers have here."""
    return tuple(
        msgspec.structs.replace(picks, server=mapped.get(picks.server, picks.server)) for picks in bundle.virtual.offers
    )


def differing(have: Mapping[str, Override], wanted: Mapping[str, Override]) -> tuple[str, ...]:
    """The tools that the bundle describes otherwise than the registry here."""
    return tuple(tool for tool, override in wanted.items() if have.get(tool, Override()) != override)
