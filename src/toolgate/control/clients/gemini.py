"""Gemini CLI: `~/.gemini/settings.json`; streamable HTTP is `httpUrl` there, because `url` means HTTP+SSE."""

from pathlib import PurePath
from typing import Any

from toolgate.control.clients.client import Client, Link, Where
from toolgate.control.clients.json_file import JsonFile, bearer, program


def _files(where: Where) -> list[PurePath]:
    return [where.home / ".gemini" / "settings.json"]


def _shape(link: Link) -> dict[str, Any]:
    if link.command:
        return program(link)
    return {"httpUrl": link.url, **bearer(link, f"${{{link.variable}}}")}


GEMINI = Client(
    id="gemini",
    title="Gemini CLI",
    files=_files,
    format=JsonFile(("mcpServers",), _shape),
    source="https://geminicli.com/docs/tools/mcp-server",
    variables="bare",
)
