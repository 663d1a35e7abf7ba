"""GraphQL APIs as servers: an administrator chooses operations, and each is one tool.

    shop:
      kind: graphql
      url: https://shop.example/graphql
      headers: {Authorization: Bearer env:SHOP_TOKEN}
      path: ./operations

A model never writes GraphQL. What is sent is the document that the administrator chose, printed anew when it was
loaded, beside values for its variables. Documents are judged when they are loaded: against the API's schema where there
is one, and against bounds for depth, aliases and fields. Sending, retrying, cutting and scrubbing are the connectors'.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from toolgate.model.declared import ServerSpec, Sharing
from toolgate.model.errors import ConfigError
from toolgate.ports import Secrets, Toolbox, Upstream
from toolgate.protocol.sealed import Seal
from toolgate.rules import endpoints, references
from toolgate.upstreams.connector.format import Http
from toolgate.upstreams.connector.sending import Base, Sender, is_secure
from toolgate.upstreams.graphql import operations
from toolgate.upstreams.graphql.declared import Declared, Finding
from toolgate.upstreams.graphql.operations import Prepared
from toolgate.upstreams.graphql.outcomes import Api
from toolgate.upstreams.graphql.server import Endpoint, GraphQLServer

SHARING: Sharing = "all"

_LARGE = 32 * 1024
"""Characters of a schema and documents that are read within some tenths of a second."""


class Settings(Declared, frozen=True, forbid_unknown_fields=True):
    __doc__ = Declared.__doc__

    def flaws(self) -> Sequence[Finding]:
        """What is wrong with the operations and the address, each as (path within these settings, reason). What takes
        long to read is read when the server is opened: who asks here may be holding others up."""
        reason = _unsafe(self)
        told: dict[str, list[str]] = {} if reason is None else {"url": [reason]}
        is_large = len(self.schema or "") + self.characters > _LARGE
        _, findings = ((), ()) if is_large else operations.prepared(self)
        for place, text in findings:
            told.setdefault(place, []).append(text)
        return [(place, "; ".join(texts)) for place, texts in told.items()]


@asynccontextmanager
async def open(spec: ServerSpec, settings: Settings, toolbox: Toolbox, /) -> AsyncGenerator[Upstream]:
    """Asks nothing of the API before the first call. Raises ConfigError with everything that is wrong with the
    operations, the schema, a secret, or the address."""
    tools, findings = await asyncio.to_thread(operations.prepared, settings)
    reason = _unsafe(settings)
    wrong = [f"{place}: {text}" if place else text for place, text in findings]
    wrong += [] if reason is None else [f"url: {reason}"]
    bound, hidden = _bound(tools, toolbox.secrets, wrong)
    if wrong:
        raise ConfigError(tuple(f"server {spec.name}: {one}" for one in wrong))
    origin, target = endpoints.split(settings.url)
    route = toolbox.http.route(
        origin,
        server=spec.name,
        limit=spec.max_bytes,
        ca_file=None if settings.ca_file is None else Path(settings.ca_file),
        private=spec.private,
    )
    api = Api(Http(origin, ()))
    base = Base(origin, "", ((urlsplit(origin).hostname or "").lower(),))
    sender = Sender(spec.name, api, base, route, toolbox.clock, (), spec.timeout)
    literal = frozenset((name, text) for name, text in spec.headers if references.find(text) is None)
    seal = Seal(toolbox.key(f"graphql-page/{spec.name}/{origin}"), "graphql-page")
    endpoint = Endpoint(
        spec.name, target, api, sender, seal, toolbox.clock, hidden, literal,
        settings.result_bytes, settings.result_values,
    )  # fmt: skip
    server = GraphQLServer(endpoint, {tool.name: tool for tool in bound})
    try:
        yield server
    finally:
        server.close()
        await route.close()


def _unsafe(settings: Declared) -> str | None:
    """Why the address may not be asked; None when it may."""
    origin, _ = endpoints.split(settings.url)
    if is_secure(origin) or settings.plain_http:
        return None
    return "an API is asked over https; http is for this machine, and for your own network with `plain_http: true`"


def _bound(tools: Sequence[Prepared], secrets: Secrets, wrong: list[str]) -> tuple[Sequence[Prepared], tuple[str, ...]]:
    """The tools with the secrets among their constants in place, and those secrets."""
    hidden: list[str] = []
    found: list[Prepared] = []
    for tool in tools:
        constants: dict[str, Any] = {}
        for name, value in tool.constants.items():
            constants[name] = value
            if isinstance(value, str) and (reference := references.find(value)) is not None:
                try:
                    constants[name] = references.render(value, secrets.resolve)
                    hidden.append(secrets.resolve(reference.secret))
                except ConfigError as error:
                    wrong += [f"operations.{tool.name}.constants.{name}: {finding}" for finding in error.findings]
        found.append(msgspec.structs.replace(tool, constants=constants))
    return found, tuple(hidden)
