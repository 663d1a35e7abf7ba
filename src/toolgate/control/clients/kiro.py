"""Kiro: `~/.kiro/settings/mcp.json`."""

from pathlib import PurePath
from typing import Any

from toolgate.control.clients.client import Client, Link, Where
from toolgate.control.clients.json_file import JsonFile, bearer, program


def _files(where: Where) -> list[PurePath]:
    return [where.home / ".kiro" / "settings" / "mcp.json"]


def _shape(link: Link) -> dict[str, Any]:
    if link.command:
        return program(link)
    return {"url": link.url, **bearer(link, f"${{{link.variable}}}")}


KIRO = Client(
    id="kiro",
    title="Kiro",
    files=_files,
    format=JsonFile(("mcpServers",), _shape),
    source="https://kiro.dev/docs/mcp/configuration",
)
