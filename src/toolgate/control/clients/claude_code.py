"""Claude Code: `~/.claude.json` for the user (and, inside, per project), `.mcp.json` for everybody in a project.

Variables are documented for `.mcp.json`; in the user's file they were still taken literally in 2026
(anthropics/claude-code issue 43693), so that there a program is started instead.
"""

from pathlib import PurePath
from typing import Any

from toolgate.control.clients.client import Client, Link, Where
from toolgate.control.clients.json_file import JsonFile, bearer, program

_SOURCE = "https://code.claude.com/docs/en/mcp"


def _user(where: Where) -> list[PurePath]:
    return [where.named("CLAUDE_CONFIG_DIR", where.home) / ".claude.json"]


def _project(where: Where) -> list[PurePath]:
    return [where.directory / ".mcp.json"]


def _of_user(link: Link) -> dict[str, Any]:
    if link.command:
        return {"type": "stdio", **program(link)}
    return {"type": "http", "url": link.url}


def _of_project(link: Link) -> dict[str, Any]:
    if link.command:
        return {"type": "stdio", **program(link)}
    return {"type": "http", "url": link.url, **bearer(link, f"${{{link.variable}}}")}


CLAUDE_CODE = Client(
    id="claude-code",
    title="Claude Code",
    files=_user,
    format=JsonFile(("mcpServers",), _of_user, further=(("projects", "*", "mcpServers"),)),
    source=_SOURCE,
    starts_only="the file of the user takes no reference to a key",
    note="running sessions see it after a restart",
)
CLAUDE_CODE_PROJECT = Client(
    id="claude-code-project",
    title="Claude Code (project)",
    files=_project,
    format=JsonFile(("mcpServers",), _of_project),
    source=_SOURCE,
    note="Claude Code asks each person once whether it may use the project's servers",
)
