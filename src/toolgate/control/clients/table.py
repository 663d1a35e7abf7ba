"""The clients that `import` reads and `connect` writes, by the name that people type."""

from toolgate.control.clients.claude_code import CLAUDE_CODE, CLAUDE_CODE_PROJECT
from toolgate.control.clients.claude_desktop import CLAUDE_DESKTOP
from toolgate.control.clients.client import Client
from toolgate.control.clients.codex import CODEX
from toolgate.control.clients.copilot import COPILOT
from toolgate.control.clients.cursor import CURSOR, CURSOR_PROJECT
from toolgate.control.clients.gemini import GEMINI
from toolgate.control.clients.kiro import KIRO
from toolgate.control.clients.lm_studio import LM_STUDIO
from toolgate.control.clients.vscode import VSCODE, VSCODE_PROJECT
from toolgate.control.clients.windsurf import WINDSURF
from toolgate.control.clients.zed import ZED

CLIENTS: dict[str, Client] = {
    client.id: client
    for client in (
        CLAUDE_DESKTOP,
        CLAUDE_CODE,
        CLAUDE_CODE_PROJECT,
        CURSOR,
        CURSOR_PROJECT,
        VSCODE,
        VSCODE_PROJECT,
        WINDSURF,
        CODEX,
        GEMINI,
        COPILOT,
        LM_STUDIO,
        KIRO,
        ZED,
    )
}


def of_file(name: str, text: str) -> Client:
    """The client whose format a file of unknown origin has: TOML is Codex's, and JSON is told by its section."""
    if name.lower().endswith(".toml"):
        return CODEX
    if '"context_servers"' in text:
        return ZED
    return CURSOR if '"mcpServers"' in text or '"servers"' not in text else VSCODE
