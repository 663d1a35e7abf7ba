"""The two ways in which a client that speaks only stdio reaches the line: served by `toolgate stdio`, or through
`toolgate bridge` by an `up` elsewhere. What holds for one holds for the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mcp
import pytest
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.journeys.pipes import Pipes, piped
from tests.journeys.terminal import command, surroundings
from tests.running import ALL, Installation
from tests.servers.launching import launched_script

DEMO: dict[str, Any] = {"servers": {"demo": {"kind": "echo"}}, "grants": [{"key": "local", "allow": ALL}]}
KINDS = ("stdio", "bridge")


@pytest.fixture(scope="session")
def declared() -> Generator[dict[str, Any]]:
    """The demo, and the SDK's server, which is launched once: what starts again and again is Toolgate."""
    with launched_script("sdk_server") as sdk:
        yield {
            "servers": {**DEMO["servers"], "sdk": {"kind": "streamable_http", "url": sdk.url}},
            "grants": [{"key": "local", "allow": ALL, "deny": {"servers": ["sdk"], "tools": ["crash"]}}],
        }


@dataclass(frozen=True)
class Carrier:
    """How a client is connected: the arguments of `toolgate`, and the environment."""

    kind: str
    folder: Path
    installation: Installation
    arguments: tuple[str, ...]
    variables: dict[str, str]

    @asynccontextmanager
    async def pipes(self) -> AsyncGenerator[Pipes]:
        """A raw client."""
        async with piped(self.folder, *self.arguments, **self.variables) as client:
            yield client

    @asynccontextmanager
    async def sdk(self, mode: str, **options: Any) -> AsyncGenerator[mcp.Client]:
        """The official SDK's client."""
        program, *arguments = command(*self.arguments)
        environment = surroundings(self.folder, **self.variables)
        server = StdioServerParameters(command=program, args=arguments, env=environment, cwd=self.folder)
        async with mcp.Client(stdio_client(server), mode=mode, **options) as client:
            yield client


def served(installation: Installation, *flags: str) -> Carrier:
    """By `toolgate stdio` with this installation."""
    own = ("--config", str(installation.file), "--data-dir", str(installation.data))
    return Carrier("stdio", installation.directory, installation, ("stdio", *own, *flags), {})


def bridged(installation: Installation, url: str, *flags: str) -> Carrier:
    """By `toolgate bridge` to this URL, with the installation's bootstrap key."""
    key = {"TOOLGATE_KEY": installation.local}
    return Carrier("bridge", installation.directory, installation, ("bridge", url, *flags), key)


@contextmanager
def opened(kind: str, folder: Path, declared: dict[str, Any]) -> Generator[Carrier]:
    """One of the two, with an installation of its own."""
    installation = Installation(folder, declared)
    if kind == "stdio":
        yield served(installation)
    else:
        with installation.up() as gateway:
            yield bridged(installation, gateway.endpoint())
