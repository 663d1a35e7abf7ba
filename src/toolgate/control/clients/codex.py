"""Codex (command line, application and extension): `config.toml` in `$CODEX_HOME` or `~/.codex`."""

from pathlib import PurePath

from toolgate.control.clients.client import Client, Where
from toolgate.control.clients.toml_file import TomlFile


def _files(where: Where) -> list[PurePath]:
    return [where.named("CODEX_HOME", where.home / ".codex") / "config.toml"]


CODEX = Client(
    id="codex",
    title="Codex",
    files=_files,
    format=TomlFile(),
    source="https://developers.openai.com/codex/mcp",
)
