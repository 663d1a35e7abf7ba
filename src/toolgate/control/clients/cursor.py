"""Cursor: `~/.cursor/mcp.json` for the user, `.cursor/mcp.json` in a project."""

from pathlib import PurePath
from typing import Any

from toolgate.control.clients.client import Client, Link, Where
from toolgate.control.clients.json_file import JsonFile, bearer, program

_SOURCE = "https://cursor.com/docs/mcp"


def _user(where: Where) -> list[PurePath]:
    return [where.home / ".cursor" / "mcp.json"]


def _project(where: Where) -> list[PurePath]:
    return [where.directory / ".cursor" / "mcp.json"]


def _shape(link: Link) -> dict[str, Any]:
    if link.command:
        return program(link)
    return {"url": link.url, **bearer(link, f"${{env:{link.variable}}}")}


_FORMAT = JsonFile(("mcpServers",), _shape)
CURSOR = Client(id="cursor", title="Cursor", files=_user, format=_FORMAT, source=_SOURCE)
CURSOR_PROJECT = Client(id="cursor-project", title="Cursor (project)", files=_project, format=_FORMAT, source=_SOURCE)
