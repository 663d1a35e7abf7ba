"""Products with an API, as servers without code: one file says what their tools are.

    code: {kind: connector, connector: github, token: env:GITHUB_TOKEN}

The file is data (`format`): which requests there are, which arguments they take, what of the answer is shown. One
engine runs them all. It keeps each argument in its place, the credential with the product, and answers small.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from toolgate.model.declared import ServerSpec, Sharing
from toolgate.model.errors import ConfigError
from toolgate.ports import Toolbox, Upstream
from toolgate.protocol.sealed import Seal
from toolgate.upstreams.connector import inline, monograms, narrowing, reading
from toolgate.upstreams.connector.format import Connector
from toolgate.upstreams.connector.operations import SearchServer
from toolgate.upstreams.connector.results import Scrub
from toolgate.upstreams.connector.sending import Base, Sender, base_of
from toolgate.upstreams.connector.server import ConnectorServer, Product
from toolgate.upstreams.connector.settings import Settings as Settings
from toolgate.upstreams.connector.signing_in import Credential, credential
from toolgate.upstreams.connector.variables import resolved

SHARING: Sharing = "all"


@asynccontextmanager
async def open(spec: ServerSpec, settings: Settings, toolbox: Toolbox, /) -> AsyncGenerator[Upstream]:
    """Asks nothing of the product before the first call. Raises ConfigError for a connector that is not right, a
    credential that is not there, and an address that may not be asked."""
    try:
        connector, icon = await asyncio.to_thread(_read, settings)
        narrowing.offered(connector, settings)
        shown = credential(connector, settings, toolbox.secrets)
        variables = _variables(connector, settings)
        base = base_of(connector, variables)
    except ConfigError as error:
        raise ConfigError(tuple(f"server {spec.name}: {finding}" for finding in error.findings)) from None
    route = toolbox.http.route(
        base.origin,
        server=spec.name,
        limit=spec.max_bytes,
        ca_file=None if settings.ca_file is None else Path(settings.ca_file),
        private=settings.private and spec.private,
    )
    timeout = min(connector.http.timeout, spec.timeout)
    sender = Sender(spec.name, connector, base, route, toolbox.clock, shown.headers, timeout)
    key = await asyncio.to_thread(_key, spec.name, base, shown)
    product = Product(
        spec.name, connector, icon, settings, sender, Seal(key, "connector-page"), Scrub(shown.secrets),
        toolbox.clock, base.origin, base.path, variables,
    )  # fmt: skip
    server = ConnectorServer(product)
    offering = server if connector.mode == "tools" else await asyncio.to_thread(SearchServer, product, server)
    try:
        yield offering
    finally:
        server.close()
        await route.close()


def _read(settings: Settings) -> tuple[Connector, bytes]:
    """The connector that the settings name or hold, and its icon. Raises ConfigError."""
    if settings.definition is not None:
        connector = inline.read(settings.definition)
        return connector, monograms.svg(connector.title)
    folder = reading.INCLUDED / (settings.connector or "") if settings.path is None else Path(settings.path)
    connector = reading.read(folder)
    icon = monograms.svg(connector.title) if connector.icon is None else (folder / connector.icon).read_bytes()
    return connector, icon


def _variables(connector: Connector, settings: Settings) -> Mapping[str, str]:
    """Those given, and the defaults of the others. Raises ConfigError."""
    values, findings = resolved(connector.title, connector.variables, settings.variables)
    if findings:
        raise ConfigError(tuple(f"{path}: {reason}" for path, reason in findings))
    return values


def _key(server: str, base: Base, shown: Credential) -> bytes:
    """The key of page tokens: the same in all replicas, because it comes from the credential, and slow to find out from
    a token. Where there is no credential it is random, and tokens do not outlive the process."""
    if not shown.secrets:
        return os.urandom(32)
    secret = "\0".join(shown.secrets).encode()
    salt = f"toolgate/connector/{server}/{base.origin}".encode()
    return hashlib.scrypt(secret, salt=salt, n=2**14, r=8, p=1, dklen=32)
