"""The HTTP side: endpoints, health, metrics and records over one listening socket, TLS, and an orderly end."""

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import uvicorn

from toolgate.assembly.line import Line
from toolgate.assembly.open_files import make_room
from toolgate.edge.asgi import App, Area, Route
from toolgate.edge.endpoint import McpEndpoints
from toolgate.edge.fast import McpProtocol, protocol_class
from toolgate.edge.guards import LOOPBACK, Guards
from toolgate.edge.legacy import Answer, Legacy
from toolgate.edge.limits import Limits
from toolgate.edge.observing import Observing
from toolgate.edge.silence import Silence
from toolgate.model.errors import ConfigError
from toolgate.rules.exposure import is_loopback
from toolgate.settings import Settings

Areas = Callable[[Guards, str], Sequence[Area]]
"""Makes areas for a socket with these guards that clients reach at this URL (without a path)."""


def no_areas(guards: Guards, url: str) -> Sequence[Area]:
    """MCP, health, metrics and the records of calls, and nothing else."""
    return ()


SLOW_SWEEP = 5.0
"""Seconds between looks for connections whose request does not arrive."""


class Listening(msgspec.Struct, frozen=True):
    """A bound socket and what speaks on it. `url` is how clients reach it, `local` how this machine does; both without
    a path."""

    url: str
    local: str
    socket: socket.socket
    server: "Server"
    endpoints: McpEndpoints


class Server(uvicorn.Server):
    """uvicorn, with streams told to end before connections are waited for. Signals are its owner's: see `stop`."""

    def __init__(self, config: uvicorn.Config, stop_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._stop_streams = stop_streams

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """None are: uvicorn would end the process before what we opened is closed."""
        yield

    def stop(self, *, at_once: bool = False) -> None:
        """Takes no more requests and lets those under way end, within the drain timeout, or not even that."""
        self.should_exit = True
        self.force_exit = self.force_exit or at_once

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stop_streams()
        await super().shutdown(sockets)

    async def sweep(self) -> None:
        """Until cancelled: drops connections that send their request too slowly."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SLOW_SWEEP)
            for connection in list(self.server_state.connections):
                if isinstance(connection, McpProtocol):
                    connection.close_if_slow(loop.time())


@asynccontextmanager
async def listen(
    settings: Settings, line: Line, observing: Observing, areas: Areas = no_areas, *, short: bool = True
) -> AsyncGenerator[Listening]:
    """Binds and prepares; `areas` are more paths behind the same guards. The caller runs
    `server.serve(sockets=[socket])`. Raises ConfigError when the address cannot be bound or a certificate cannot be
    read."""
    make_room(settings.max_connections)
    bound = _bind(settings)
    try:
        port = bound.getsockname()[1]
        local = _url(settings, port)
        url = settings.public_url or local
        observing.guards = guards = _guards(settings)
        endpoints = _endpoints(line, guards)
        limits = Limits(body=settings.max_body, head=settings.max_headers, connections=settings.max_connections)
        app = App(endpoints, _routes(observing), limits, areas(guards, url))
        config = uvicorn.Config(
            app,  # type: ignore[arg-type]
            http=protocol_class(endpoints, limits, short=short),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=int(settings.idle_timeout),
            timeout_graceful_shutdown=int(settings.drain_timeout),
        )
        config.load()
        config.ssl = _tls(settings)

        def stop_streams() -> None:
            line.hub.close()
            endpoints.legacy.close()

        yield Listening(url, local if settings.behind_proxy else url, bound, Server(config, stop_streams), endpoints)
    finally:
        bound.close()


def _guards(settings: Settings) -> Guards:
    hosts = list(settings.allowed_hosts)
    origins = list(settings.allowed_origins)
    if settings.public_url is not None:
        parts = urlsplit(settings.public_url)
        hosts.append(parts.hostname or "")
        origins.append(f"{parts.scheme}://{parts.netloc}")
    if settings.host not in ("0.0.0.0", "::"):
        hosts.append(settings.host)
    if settings.behind_proxy:
        hosts.extend(LOOPBACK)  # the command line of this machine goes past the proxy
    return Guards(hosts, origins, loopback=is_loopback(settings.host), proxies=settings.trusted_proxies)


def _endpoints(line: Line, guards: Guards) -> McpEndpoints:
    silence = Silence(line.wheel)

    def make_legacy(answer: Answer) -> Legacy:
        legacy = Legacy(line.seals.session, line.sessions, line.hub, silence, line.clock, answer)
        line.session_methods.subscriber = legacy
        return legacy

    return McpEndpoints(line.door, guards, silence, make_legacy=make_legacy)


def _routes(observing: Observing) -> dict[str, Route]:
    return {
        "/livez": observing.health,
        "/healthz": observing.health,
        "/readyz": observing.health,
        "/metrics": observing.metrics,
        "/api/v1/calls": observing.calls,
    }


def _bind(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_REUSEADDR") and not hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((settings.host, settings.port))
        bound.listen(2048)
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        raise ConfigError(
            (f"{settings.host}:{settings.port} cannot be listened on: {error.strerror}: choose another with --port",)
        ) from None
    return bound


def _url(settings: Settings, port: int) -> str:
    """How this machine reaches us."""
    scheme = "http" if settings.tls_cert is None else "https"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}:{port}"


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_certificate(context, settings.tls_cert, settings.tls_key)
    return context


def load_certificate(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Reads the pair into the context; new connections use it from now on. Raises ConfigError, and leaves the context
    as it was: a certificate and a key that do not fit are found out elsewhere first."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
        raise ConfigError((f"{certificate}, {key}: not a usable certificate and key: {reason}",)) from None
