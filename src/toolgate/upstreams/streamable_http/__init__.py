"""MCP servers over streamable HTTP, of every revision from 2025-03-26 on."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from toolgate.model.declared import ServerSpec
from toolgate.model.errors import ConfigError
from toolgate.ports import Toolbox, Upstream
from toolgate.rules import endpoints
from toolgate.upstreams.streamable_http.server import StreamableHttp

SHARING = "principal"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`url` is the server's one MCP endpoint; `ca_file` a PEM bundle to trust instead of the system's."""

    url: str
    ca_file: str | None = None


@asynccontextmanager
async def open(spec: ServerSpec, settings: Settings, toolbox: Toolbox, /) -> AsyncGenerator[Upstream]:
    """Raises ConfigError for a URL that is none. Nothing is dialled before the first request."""
    try:
        origin, path = endpoints.split(settings.url)
    except ValueError as flaw:
        raise ConfigError((f"server {spec.name}: url: {flaw}",)) from None
    route = toolbox.http.route(
        origin,
        server=spec.name,
        limit=spec.max_bytes,
        ca_file=None if settings.ca_file is None else Path(settings.ca_file),
        private=spec.private,
    )
    server = StreamableHttp(spec, route, path)
    try:
        yield server
    finally:
        await server.close()
        await route.close()
