"""Windsurf: `~/.codeium/windsurf/mcp_config.json`; a URL is `serverUrl` there."""

from pathlib import PurePath
from typing import Any

from toolgate.control.clients.client import Client, Link, Where
from toolgate.control.clients.json_file import JsonFile, bearer, program


def _files(where: Where) -> list[PurePath]:
    return [where.home / ".codeium" / "windsurf" / "mcp_config.json"]


def _shape(link: Link) -> dict[str, Any]:
    if link.command:
        return program(link)
    return {"serverUrl": link.url, **bearer(link, f"${{env:{link.variable}}}")}


WINDSURF = Client(
    id="windsurf",
    title="Windsurf",
    files=_files,
    format=JsonFile(("mcpServers",), _shape),
    source="https://docs.windsurf.com/windsurf/cascade/mcp",
)
