"""The command line every test server shares: streamable HTTP, HTTP+SSE or stdio.

A test server builds one `Transports` value and hands it to `main`. Over HTTP the process prints exactly one line,
`READY <url>`, on stdout once it accepts connections; over stdio stdout carries nothing but the protocol.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import uvicorn

HOST = "127.0.0.1"
STREAMABLE_HTTP_PATH = "/mcp"
SSE_PATH = "/sse"
# Open event streams never end by themselves: without a bound a stopping server waits for its clients for ever.
SHUTDOWN_GRACE_SECONDS = 1


@dataclass(frozen=True)
class Transports:
    """How one server is served: an ASGI application per HTTP transport, and a coroutine for stdio.

    `streamable_http` takes `json_response` (answer with JSON instead of an event stream) and `stateless`
    (no sessions in the handshake eras).
    """

    streamable_http: Callable[[bool, bool], Any]
    sse: Callable[[], Any]
    stdio: Callable[[], Awaitable[None]]


class AnnouncingServer(uvicorn.Server):
    """A uvicorn server that prints `READY <url>` when its socket accepts connections."""

    def __init__(self, config: uvicorn.Config, url: str) -> None:
        super().__init__(config)
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write(f"READY {self._url}\n")
        sys.stdout.flush()


def main(transports: Transports, arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and serve until the process is told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; 0 picks a free one")
    parser.add_argument("--stdio", action="store_true", help="serve stdio instead of HTTP")
    parser.add_argument("--sse", action="store_true", help="serve the HTTP+SSE transport of 2024-11-05")
    parser.add_argument("--json", action="store_true", help="answer with JSON instead of event streams")
    parser.add_argument("--stateless", action="store_true", help="keep no sessions in the handshake eras")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    if options.stdio:
        asyncio.run(_run(transports.stdio))
    elif options.sse:
        _serve(transports.sse(), options.port, SSE_PATH)
    else:
        _serve(transports.streamable_http(options.json, options.stateless), options.port, STREAMABLE_HTTP_PATH)


async def _run(stdio: Callable[[], Awaitable[None]]) -> None:
    await stdio()


def _serve(app: Any, port: int, path: str) -> None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=SHUTDOWN_GRACE_SECONDS,
    )
    server = AnnouncingServer(config, f"http://{HOST}:{listener.getsockname()[1]}{path}")
    asyncio.run(server.serve(sockets=[listener]))
