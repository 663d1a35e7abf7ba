"""gRPC servers that describe themselves by server reflection: chosen unary methods are tools (the extra `grpc`).

shop: {kind: grpc, target: "shop.example:443", methods: [shop.v1.Catalog/*]}
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from toolgate.model.declared import ServerSpec, Sharing
from toolgate.model.errors import ConfigError
from toolgate.ports import Secrets, Toolbox, Upstream
from toolgate.rules import references
from toolgate.upstreams.grpc import library
from toolgate.upstreams.grpc.channel import Channel, Target
from toolgate.upstreams.grpc.results import Scrub
from toolgate.upstreams.grpc.server import GrpcServer
from toolgate.upstreams.grpc.settings import Settings as Settings
from toolgate.upstreams.grpc.settings import split

SHARING: Sharing = "all"

INSTALL = 'gRPC needs its libraries: pip install "toolgate[grpc]"'


@asynccontextmanager
async def open(spec: ServerSpec, settings: Settings, toolbox: Toolbox, /) -> AsyncGenerator[Upstream]:
    """Raises ConfigError where the extra is not installed, for a `ca_file` that cannot be read, and for a secret that
    is not there. Nothing is dialled before the first request."""
    if library.grpc is None:
        raise ConfigError((f"server {spec.name}: {INSTALL}",))
    roots = None if settings.ca_file is None else await asyncio.to_thread(_roots, spec.name, Path(settings.ca_file))
    metadata = _metadata(spec.name, settings, toolbox.secrets)
    host, port = split(settings.target)
    target = Target(spec.name, host, port, settings.tls, roots, spec.private, spec.max_bytes, metadata)
    server = GrpcServer(spec, settings, Channel(target), Scrub(metadata))
    try:
        yield server
    finally:
        await server.close()


def _roots(server: str, file: Path) -> bytes:
    try:
        roots = file.read_bytes()
    except OSError as error:
        raise ConfigError((f"server {server}: ca_file {file}: {error.strerror}; name a readable PEM file",)) from None
    if b"-----BEGIN CERTIFICATE-----" not in roots:
        raise ConfigError((f"server {server}: ca_file {file}: holds no certificate in PEM form",))
    return roots


def _metadata(server: str, settings: Settings, secrets: Secrets) -> tuple[tuple[str, str], ...]:
    """With secrets in place. Raises ConfigError, which never repeats a value."""
    found: list[tuple[str, str]] = []
    for key, text in settings.metadata.items():
        value = references.render(text, secrets.resolve)
        if any(not 0x20 <= ord(character) < 0x7F for character in value):
            raise ConfigError((f"server {server}: metadata {key}: holds a character that metadata cannot carry",))
        found.append((key, value))
    return tuple(found)
