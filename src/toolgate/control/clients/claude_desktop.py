"""Claude Desktop: only programs; an entry with a URL is skipped as invalid (anthropics/claude-ai-mcp issue 120)."""

from pathlib import PurePath

from toolgate.control.clients.client import Client, Where
from toolgate.control.clients.json_file import JsonFile, program

_FILE = "claude_desktop_config.json"
# The package of the Microsoft Store, WinGet and MSIX redirects what it takes for %APPDATA%.
_PACKAGED = ("Packages", "Claude_pzs8sxrjxfjjc", "LocalCache", "Roaming", "Claude", _FILE)


def _files(where: Where) -> list[PurePath]:
    usual = where.config_home() / "Claude" / _FILE
    if where.platform != "win32":
        return [usual]
    return [usual, where.named("LOCALAPPDATA", where.home / "AppData" / "Local").joinpath(*_PACKAGED)]


CLAUDE_DESKTOP = Client(
    id="claude-desktop",
    title="Claude Desktop",
    files=_files,
    format=JsonFile(("mcpServers",), program),
    source="https://modelcontextprotocol.io/docs/develop/connect-local-servers",
    variables="",
    starts_only="it knows servers as programs only",
    note="quit Claude Desktop and start it again",
)
