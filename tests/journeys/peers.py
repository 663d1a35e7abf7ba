"""The servers behind the Toolgate of the journeys: every kind, both eras, and what one call of each must answer."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.npm.servers import everything_http, everything_stdio, filesystem_stdio
from tests.npm.toolchain import Toolchain
from tests.servers.launching import SERVERS, LaunchedServer, launched_script, script

DENIED = ("now", "crash", "fail", "get-env", "write_file")
"""Tools that the key `alice` may not use. Each server below has one of them."""


@dataclass(frozen=True)
class Peer:
    """One server: a tool of it, with what that tool answers, and a tool that `alice` is denied."""

    name: str
    tool: str
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    text: str = ""
    denied: str = ""

    def public(self, tool: str, *, merged: bool) -> str:
        """The tool's name on `/mcp` (merged) or on the server's own endpoint."""
        return f"{self.name}__{tool}" if merged else tool


def _adds(name: str, denied: str) -> Peer:
    return Peer(name, "add", {"a": 2, "b": 40}, "42", denied)


FILES = "files"
"""Its call reads `a.txt`, whose place is only known when the tests run: see `arguments`."""

PEERS = (
    Peer("demo", "echo", {"text": "hi"}, "hi", "now"),
    Peer("everything", "echo", {"message": "hi"}, "Echo: hi", "get-env"),
    Peer("everything-http", "echo", {"message": "hi"}, "Echo: hi", "get-env"),
    Peer(FILES, "read_text_file", {}, "alpha", "write_file"),
    _adds("sdk", "crash"),
    _adds("sdk-json", "crash"),
    _adds("sdk-stateless", "crash"),
    _adds("sdk-sse", "crash"),
    _adds("sdk-stdio", "crash"),
    _adds("local", "crash"),
    _adds("fast", "fail"),
    _adds("fast-stdio", "fail"),
)

LAUNCHED: dict[str, tuple[str, ...]] = {
    "sdk": ("sdk_server",),
    "sdk-json": ("sdk_server", "--json"),
    "sdk-stateless": ("sdk_server", "--stateless"),
    "sdk-sse": ("sdk_server", "--sse"),
    "fast": ("fastmcp_server",),
    "asks": ("everything",),
}
"""Servers that are reached over HTTP, and how each is launched."""


@dataclass(frozen=True)
class Behind:
    """The launched servers: `servers` is what toolgate.yaml says of all of them."""

    servers: dict[str, dict[str, Any]]
    folder: Path

    def arguments(self, peer: Peer) -> dict[str, Any]:
        return {"path": str(self.folder / "a.txt")} if peer.name == FILES else peer.arguments


@contextmanager
def launched_peers(toolchain: Toolchain, folder: Path) -> Generator[Behind]:
    """All of them, started side by side; those that Toolgate starts itself are only declared."""
    (folder / "a.txt").write_text("alpha", "utf-8")
    with ExitStack() as stack, ThreadPoolExecutor(len(LAUNCHED) + 1) as pool:

        def enter(start: Callable[[], Any]) -> LaunchedServer:
            return stack.enter_context(start())

        waiting = {name: pool.submit(enter, _launching(arguments)) for name, arguments in LAUNCHED.items()}
        npm = pool.submit(enter, lambda: everything_http(toolchain))
        servers: dict[str, dict[str, Any]] = {
            "demo": {"kind": "echo"},
            "everything": _child(everything_stdio(toolchain)),
            "everything-http": _http(npm.result().url),
            FILES: _child(filesystem_stdio(toolchain, folder)),
            "sdk-stdio": _child(script("sdk_server", "--stdio")),
            "fast-stdio": _child(script("fastmcp_server", "--stdio")),
            "local": {"kind": "python", "object": "sdk_server:build", "path": str(SERVERS)},
        }
        for name, started in waiting.items():
            servers[name] = _http(started.result().url)
        servers["sdk-sse"]["kind"] = "legacy_sse"
        yield Behind(servers, folder)


def _launching(arguments: tuple[str, ...]) -> Callable[[], Any]:
    return lambda: launched_script(*arguments)


def _child(command: list[str]) -> dict[str, Any]:
    return {"kind": "stdio", "command": command}


def _http(url: str) -> dict[str, Any]:
    return {"kind": "streamable_http", "url": url}
