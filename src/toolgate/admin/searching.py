"""The routes that find things: search by words, lists of tools, and what a server was found to offer."""

from collections.abc import Mapping
from typing import Any

from toolgate.admin.bodies import (
    JSON,
    LIST,
    MERGE_PATCH,
    MOST_LISTED,
    number,
    parameters,
    read_object,
    required_version,
)
from toolgate.admin.exchange import Answer, Task
from toolgate.admin.problems import Wrong
from toolgate.admin.showing import said
from toolgate.model.found import ToolView

HITS = 20
"""Hits of a page where nothing was said."""
MOST_HITS = 100

_LIMIT = {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LIST}


def _parameter(name: str, described: str, schema: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": described, "schema": schema or {"type": "string"}, **more}


_PAGE = (
    _parameter("limit", "Things of one page.", _LIMIT),
    _parameter("after", "The `next` of the page before."),
)

QUERY: Mapping[str, tuple[dict[str, Any], ...]] = {
    "hits": (
        _parameter("q", "The words that are searched for.", {"type": "string", "minLength": 1}, required=True),
        _parameter("kind", "Only servers and virtual servers, or only tools.", {"enum": ["server", "tool"]}),
        _parameter("limit", "Hits of one page.", {**_LIMIT, "maximum": MOST_HITS, "default": HITS}),
        _PAGE[1],
    ),
    "tools": (
        _parameter("server", "A server's name, or a glob over names."),
        _parameter("name", "A tool's name, or a glob over names."),
        _parameter("tag", "One that the tool or its server has."),
        _parameter("risk", "The tool's risk."),
        _parameter("hidden", "Whether it is offered to nobody.", {"enum": ["true", "false"]}),
        *_PAGE,
    ),
    "offered": _PAGE,
}
"""Query parameters of each kind of answer."""


async def searched(task: Task) -> Answer:
    """Servers, virtual servers and tools that the asker may call or see, best first."""
    found = parameters(task.asked)
    limit = number(found, "limit", HITS, 1, MOST_HITS)
    query, kind, after = found.pop("q", ""), found.pop("kind", None), found.pop("after", None)
    if found:
        raise Wrong(400, "A search takes `q`, `kind`, `limit` and `after`.", _unknown(found))
    return said(await task.uses.search.search(task.principal, query, kind=kind, limit=limit, after=after))


async def tools(task: Task) -> Answer:
    """Tools of all servers that the asker may see."""
    found = parameters(task.asked)
    limit = number(found, "limit", LIST, 1, MOST_LISTED)
    after = found.pop("after", None)
    return said(await task.uses.tools.list(task.principal, after=after, limit=limit, filters=found))


async def offered(task: Task) -> Answer:
    """What a server was found to offer; the route says of which kind."""
    found = parameters(task.asked)
    limit = number(found, "limit", LIST, 1, MOST_LISTED)
    after = found.pop("after", None)
    if found:
        raise Wrong(400, "This takes `limit` and `after`.", _unknown(found))
    page = await task.uses.tools.offered(task.principal, task.name, task.argument, after=after, limit=limit)
    return said(page)


async def tool(task: Task) -> Answer:
    return _viewed(await task.uses.tools.show(task.principal, task.name, task.item))


async def tool_changed(task: Task) -> Answer:
    """A JSON merge patch of what the registry says of a tool; the version is the server's."""
    expected = required_version(task.asked)
    patch = read_object(task.asked, MERGE_PATCH, JSON)
    changed = await task.uses.tools.change(
        task.principal, task.name, task.item, patch, expected=expected, request=task.request
    )
    return _viewed(changed)


def _viewed(view: ToolView) -> Answer:
    return said(view, (b"etag", b'"%d"' % view.version))


def _unknown(found: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, "not known here") for name in found)
