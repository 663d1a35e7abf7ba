"""GitHub Copilot CLI: `mcp-config.json` in `$COPILOT_HOME` or `~/.copilot`. Each entry names the tools that may be
used."""

from pathlib import PurePath
from typing import Any

from toolgate.control.clients.client import Client, Link, Where
from toolgate.control.clients.json_file import JsonFile, bearer, program


def _files(where: Where) -> list[PurePath]:
    return [where.named("COPILOT_HOME", where.home / ".copilot") / "mcp-config.json"]


def _shape(link: Link) -> dict[str, Any]:
    if link.command:
        return {"type": "local", **program(link), "tools": ["*"]}
    return {"type": "http", "url": link.url, **bearer(link, f"${{{link.variable}}}"), "tools": ["*"]}


COPILOT = Client(
    id="copilot",
    title="GitHub Copilot CLI",
    files=_files,
    format=JsonFile(("mcpServers",), _shape),
    source="https://docs.github.com/en/copilot/reference/copilot-cli-reference/cli-command-reference",
)
