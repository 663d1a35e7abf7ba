"""VS Code: `mcp.json` of the user profile, `.vscode/mcp.json` in a workspace. It asks for the key, and keeps it."""

from pathlib import PurePath
from typing import Any

from toolgate.control.clients.client import Client, Link, Where
from toolgate.control.clients.json_file import Inputs, JsonFile, bearer, program

_SOURCE = "https://code.visualstudio.com/docs/copilot/reference/mcp-configuration"
_INPUT = "toolgate-key"


def _user(where: Where) -> list[PurePath]:
    return [where.config_home() / "Code" / "User" / "mcp.json"]


def _project(where: Where) -> list[PurePath]:
    return [where.directory / ".vscode" / "mcp.json"]


def _shape(link: Link) -> dict[str, Any]:
    if link.command:
        return {"type": "stdio", **program(link)}
    return {"type": "http", "url": link.url, **bearer(link, f"${{input:{_INPUT}}}")}


_FORMAT = JsonFile(("servers",), _shape, inputs=Inputs(_INPUT, "Key of Toolgate"))
VSCODE = Client(
    id="vscode", title="VS Code", files=_user, format=_FORMAT, source=_SOURCE,
    asks=True, note="VS Code asks for the key when it first starts the server, and keeps it",
)  # fmt: skip
VSCODE_PROJECT = Client(
    id="vscode-project", title="VS Code (workspace)", files=_project, format=_FORMAT, source=_SOURCE,
    asks=True, note="VS Code asks for the key when it first starts the server, and keeps it",
)  # fmt: skip
