"""The servers of this gateway as an MCP registry shows them (registry API v0.1, `server.json` of 2025-12-11): pure.

Each server and virtual server that is in service is one entry in one version, and its only remote is its own endpoint
here: whoever uses it passes through the gateway. What it is made of (commands, URLs, headers) is in no entry.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from toolgate.model.declared import Declared
from toolgate.model.entities import Server, Virtual

SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
OFFICIAL = "io.modelcontextprotocol.registry/official"
"""The member of `_meta` that holds what the registry says itself; clients look for it by this name."""

LATEST = "latest"
LONGEST_DESCRIPTION = 100
LONGEST_URL = 255
MOST = 100
"""Entries of one page."""

_KEY = "toolgate_key"


class Publishing(msgspec.Struct, frozen=True):
    """How entries are written: under this namespace, with the gateway's URL (without a path). `open` says that it asks
    for no key. `filed_at` is when the file was changed last, in Unix seconds: it is the age of what has no record."""

    namespace: str
    url: str
    open: bool = False
    filed_at: float = 0.0


class Entry(msgspec.Struct, frozen=True):
    """One entry. `own` is the name here, `name` the one in the registry; times are Unix seconds; `server` is the
    `server.json`."""

    own: str
    name: str
    version: str
    description: str
    published: float
    updated: float
    server: dict[str, Any]


class Page(msgspec.Struct, frozen=True):
    """Entries, and the cursor of the next page (None at the end)."""

    entries: tuple[Entry, ...]
    cursor: str | None = None


class Wanted(msgspec.Struct, frozen=True):
    """What a list is asked for. `since` is Unix time; `cursor` is one that a page had."""

    search: str = ""
    version: str = ""
    since: float | None = None
    cursor: str = ""
    limit: int = MOST


def entries(declared: Declared, records: Mapping[str, Server | Virtual], publishing: Publishing) -> tuple[Entry, ...]:
    """Everything that is in service, by name. What drains, is paused, retired or a draft is none of it."""
    texts = {spec.name: "" for spec in declared.servers if spec.listed}
    texts |= {spec.name: spec.description or "" for spec in declared.virtual if spec.listed}
    served = sorted(texts.keys() - declared.withheld.keys())
    return tuple(_entry(name, texts[name], records.get(name), publishing) for name in served)


def _entry(own: str, description: str, record: Server | Virtual | None, publishing: Publishing) -> Entry:
    name = f"{publishing.namespace}/{own}"
    published = updated = publishing.filed_at
    version = "1.0.0"
    if record is not None:
        description = record.description
    if record is not None and record.stamp.version:  # what a file declares is as old as the file
        published, updated = record.stamp.created_at, record.stamp.updated_at
        version = f"1.0.{record.stamp.version}"
    described = _line(description) or f"{own}, served by Toolgate"
    server: dict[str, Any] = {
        "$schema": SCHEMA,
        "name": name,
        "description": _short(described),
        "version": version,
        **_links(record),
        "remotes": [_remote(own, publishing)],
    }
    return Entry(own, name, version, described, published, updated, server)


def _links(record: Server | Virtual | None) -> dict[str, Any]:
    if record is None:
        return {}
    found: dict[str, Any] = {}
    website = next((url for url in record.links.values() if len(url) <= LONGEST_URL), None)
    if website is not None:
        found["websiteUrl"] = website
    if record.icon is not None and len(record.icon) <= LONGEST_URL:
        found["icons"] = [{"src": record.icon}]
    return found


def _remote(own: str, publishing: Publishing) -> dict[str, Any]:
    remote: dict[str, Any] = {"type": "streamable-http", "url": f"{publishing.url}/servers/{own}/mcp"}
    if publishing.open:
        return remote
    asked = {"description": "Your Toolgate key", "isRequired": True, "isSecret": True}
    header = {
        "name": "Authorization",
        "description": "Your Toolgate key, after the word Bearer",
        "isRequired": True,
        "isSecret": True,
        "value": f"Bearer {{{_KEY}}}",
        "variables": {_KEY: asked},
    }
    return {**remote, "headers": [header]}


def _line(text: str) -> str:
    return " ".join(text.split())


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_DESCRIPTION else f"{text[: LONGEST_DESCRIPTION - 1].rstrip()}…"


def page(seen: Iterable[Entry], wanted: Wanted) -> Page:
    """The part of what somebody sees that is asked for. A cursor is a name, and says nothing of what is not seen."""
    word = wanted.search.lower()
    fitting = [
        entry
        for entry in seen
        if (not word or word in entry.name.lower() or word in entry.description.lower())
        and wanted.version in ("", LATEST, entry.version)
        and (wanted.since is None or entry.updated >= wanted.since)
        and entry.name > wanted.cursor
    ]
    shown = tuple(fitting[: wanted.limit])
    return Page(shown, shown[-1].name if len(fitting) > len(shown) else None)


def one(seen: Iterable[Entry], name: str, version: str = LATEST) -> Entry | None:
    """The entry of this name, in this version; None where somebody sees none."""
    return next((entry for entry in seen if entry.name == name and version in (LATEST, entry.version)), None)


def shown(entry: Entry) -> dict[str, Any]:
    """An entry as the API answers it."""
    stamp = {
        "status": "active",
        "publishedAt": _moment(entry.published),
        "updatedAt": _moment(entry.updated),
        "isLatest": True,
    }
    return {"server": entry.server, "_meta": {OFFICIAL: stamp}}


def listed(found: Sequence[Entry], cursor: str | None = None) -> dict[str, Any]:
    """Entries as the API answers them."""
    metadata = {"count": len(found), **({} if cursor is None else {"nextCursor": cursor})}
    return {"servers": [shown(entry) for entry in found], "metadata": metadata}


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
