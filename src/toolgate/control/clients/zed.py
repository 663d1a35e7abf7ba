"""Zed: `context_servers` of its settings, which are JSON with comments. No reference to a variable is documented."""

from pathlib import PurePath
from typing import Any

from toolgate.control.clients.client import Client, Link, Where
from toolgate.control.clients.json_file import JsonFile, program


def _files(where: Where) -> list[PurePath]:
    home = where.home / ".config" if where.platform == "darwin" else where.config_home()
    return [home / ("Zed" if where.platform == "win32" else "zed") / "settings.json"]


def _shape(link: Link) -> dict[str, Any]:
    return program(link) if link.command else {"url": link.url}


ZED = Client(
    id="zed",
    title="Zed",
    files=_files,
    format=JsonFile(("context_servers",), _shape),
    source="https://zed.dev/docs/ai/mcp",
    variables="",
    starts_only="its file takes no reference to a key",
)
