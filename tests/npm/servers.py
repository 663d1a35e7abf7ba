"""The reference servers from npm: `server-everything` on all its transports, and `server-filesystem`."""

from __future__ import annotations

import re
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.npm.toolchain import Toolchain
from tests.servers.launching import LaunchedServer, launched

EVERYTHING = "@modelcontextprotocol/server-everything"
FILESYSTEM = "@modelcontextprotocol/server-filesystem"


def everything_stdio(toolchain: Toolchain) -> list[str]:
    """The command that serves `server-everything` over stdio."""
    return toolchain.command(EVERYTHING, "stdio")


def filesystem_stdio(toolchain: Toolchain, directory: Path) -> list[str]:
    """The command that serves the files under `directory` over stdio."""
    return toolchain.command(FILESYSTEM, str(directory))


@contextmanager
def everything_http(toolchain: Toolchain) -> Generator[LaunchedServer]:
    """`server-everything` over streamable HTTP, in the eras with a handshake."""
    with _listening(toolchain, "streamableHttp", "listening on port", "/mcp") as server:
        yield server


@contextmanager
def everything_sse(toolchain: Toolchain) -> Generator[LaunchedServer]:
    """`server-everything` over HTTP+SSE, the transport of 2024-11-05."""
    with _listening(toolchain, "sse", "running on port", "/sse") as server:
        yield server


@contextmanager
def _listening(toolchain: Toolchain, transport: str, announcement: str, path: str) -> Generator[LaunchedServer]:
    # The server prints the port it was given, so 0 would not tell which one it got.
    port = _free_port()
    command = toolchain.command(EVERYTHING, transport)
    ready = re.compile(rf"{announcement} {port}\b")
    with launched(command, ready, url=f"http://127.0.0.1:{port}{path}", environment={"PORT": str(port)}) as server:
        yield server


def _free_port() -> int:
    # The server listens on all interfaces, of both families where it can.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
