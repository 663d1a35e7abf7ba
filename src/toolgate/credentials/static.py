"""The same declared headers for every caller of a server; the server's sharing mode decides whose session is used."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import msgspec

from toolgate.model.declared import Sharing
from toolgate.model.errors import ConfigError
from toolgate.model.identity import Grant, Principal
from toolgate.model.snapshot import Target
from toolgate.ports import CredentialSource, Toolbox
from toolgate.rules import references


class Shown(msgspec.Struct, frozen=True):
    """What one server is shown: `sharing` with the kind's default already applied, and the declared (name, text)
    headers, whose texts may be references."""

    sharing: Sharing = "principal"
    headers: tuple[tuple[str, str], ...] = ()


class Config(msgspec.Struct, frozen=True):
    """`servers` by name."""

    servers: Mapping[str, Shown]


class _Resolved(msgspec.Struct, frozen=True):
    sharing: Sharing
    headers: tuple[tuple[str, str], ...]
    for_all: Grant

    def __repr__(self) -> str:
        return f"_Resolved({self.sharing!r}, {len(self.headers)} headers)"


class Static:
    """Secrets are resolved once, when it is opened: a call waits for nothing. A rotated one is seen at the next
    load."""

    def __init__(self, servers: Mapping[str, _Resolved]) -> None:
        self._servers = servers

    async def grant(self, principal: Principal, target: Target, /) -> Grant:
        """Raises ConfigError for a server that is not in the configuration: no grant is made up."""
        server = self._servers.get(target.server)
        if server is None:
            raise ConfigError((f"server {target.server}: no credentials are configured for it",))
        if server.sharing == "all":
            return server.for_all
        return Grant(_scope(server.sharing, principal), server.headers)


def _scope(sharing: Sharing, principal: Principal) -> str:
    """Whose session it is. Keys with the very same set of teams share; one without a team stands for itself."""
    if sharing == "team" and principal.teams:
        return "team:" + "+".join(sorted(principal.teams))
    return principal.id


@asynccontextmanager
async def open(config: Config, toolbox: Toolbox, /) -> AsyncGenerator[CredentialSource]:
    """Raises ConfigError with one finding per header that cannot be resolved or would not be a legal header."""
    findings: list[str] = []
    servers: dict[str, _Resolved] = {}
    for server, shown in config.servers.items():
        headers: list[tuple[str, str]] = []
        for name, text in shown.headers:
            try:
                headers.append((name, _legal(references.render(text, toolbox.secrets.resolve))))
            except ConfigError as error:
                findings.extend(f"server {server}: header {name}: {finding}" for finding in error.findings)
        servers[server] = _Resolved(shown.sharing, tuple(headers), Grant("all", tuple(headers)))
    if findings:
        raise ConfigError(tuple(findings))
    yield Static(servers)


def _legal(value: str) -> str:
    """RFC 9110 section 5.5: a field value holds no control characters. What has some would smuggle a second header."""
    if any(not _carried(ord(char)) for char in value):
        raise ConfigError(("its value holds a line break or another character that a header cannot carry",))
    return value


def _carried(char: int) -> bool:
    return char == 0x09 or 0x20 <= char < 0x7F or 0x80 <= char <= 0xFF
