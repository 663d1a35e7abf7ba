"""LM Studio: `~/.lmstudio/mcp.json`, in Cursor's notation. No reference to a variable is documented."""

from pathlib import PurePath
from typing import Any

from toolgate.control.clients.client import Client, Link, Where
from toolgate.control.clients.json_file import JsonFile, program


def _files(where: Where) -> list[PurePath]:
    return [where.home / ".lmstudio" / "mcp.json"]


def _shape(link: Link) -> dict[str, Any]:
    return program(link) if link.command else {"url": link.url}


LM_STUDIO = Client(
    id="lm-studio",
    title="LM Studio",
    files=_files,
    format=JsonFile(("mcpServers",), _shape),
    source="https://lmstudio.ai/docs/app/mcp",
    variables="",
    starts_only="its file takes no reference to a key",
)
