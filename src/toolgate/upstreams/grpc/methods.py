"""Which methods are offered, and how: names, descriptions, hints."""

from collections.abc import Iterator
from typing import Any

import msgspec

from toolgate.model.catalog import Offer, OfferKind
from toolgate.model.errors import UpstreamFailed
from toolgate.protocol import jsonrpc
from toolgate.rules import globs
from toolgate.rules.redaction import printable
from toolgate.rules.tool_names import tool_name
from toolgate.upstreams.grpc import schemas
from toolgate.upstreams.grpc.reflection import Described
from toolgate.upstreams.grpc.settings import Settings

MOST = 150
"""Tools of one server: nobody can choose among more."""

_MOST_NAMED = 100
_NO_SIDE_EFFECTS, _IDEMPOTENT = 1, 2
"""Values of google.protobuf.MethodOptions.IdempotencyLevel."""


class Method(msgspec.Struct, frozen=True):
    """`full` is `package.Service/Method`; `given` and `answers` are descriptors of messages."""

    full: str
    given: Any
    answers: Any
    read_only: bool
    idempotent: bool
    deprecated: bool

    @property
    def path(self) -> str:
        return f"/{self.full}"


def chosen(described: Described, settings: Settings, server: str) -> dict[str, Method]:
    """The unary methods that the settings choose, by tool name. Raises UpstreamFailed, naming what there is, for none
    and for too many."""
    there = list(_unary(described))
    full = [f"{service}/{method.name}" for service, method in there]
    wanted = [
        (service, method)
        for service, method in there
        if any(globs.matches(glob, f"{service}/{method.name}") for glob in settings.methods)
        or any(globs.matches(glob, service) for glob in settings.services)
    ]
    if not wanted:
        given = settings.methods or settings.services
        none = "`methods` and `services` match none of its methods" if given else "none of its methods is chosen"
        more = f" and {len(full) - _MOST_NAMED} more" if len(full) > _MOST_NAMED else ""
        raise UpstreamFailed(
            f"server {server!r}: {none}: name some in `methods` (globs over package.Service/Method); it has"
            f" {printable(', '.join(full[:_MOST_NAMED])) or 'no unary method'}{more}"
        )
    if len(wanted) > MOST:
        raise UpstreamFailed(f"server {server!r}: {len(wanted)} methods are chosen, more than {MOST}: choose fewer")
    names = [method.name for _, method in wanted]
    tools: dict[str, Method] = {}
    for service, method in wanted:
        # What two services have is told apart by the service's name.
        foreign = method.name if names.count(method.name) == 1 else f"{service.rpartition('.')[2]}_{method.name}"
        tools.setdefault(tool_name(foreign, tools, noun="method"), _method(service, method, settings))
    return tools


def _unary(described: Described) -> Iterator[tuple[str, Any]]:
    for service, descriptor in described.services.items():
        for method in descriptor.methods:
            if not method.client_streaming and not method.server_streaming:
                yield service, method


def _method(service: str, method: Any, settings: Settings) -> Method:
    full, options = f"{service}/{method.name}", method.GetOptions()
    read_only = options.idempotency_level == _NO_SIDE_EFFECTS or any(
        globs.matches(glob, full) for glob in settings.read_only
    )
    idempotent = read_only or options.idempotency_level == _IDEMPOTENT
    return Method(full, method.input_type, method.output_type, read_only, idempotent, bool(options.deprecated))


def offers(tools: dict[str, Method], settings: Settings) -> tuple[Offer, ...]:
    return tuple(
        Offer(
            OfferKind.TOOL, name, {key: jsonrpc.encode_raw(value) for key, value in _tool(name, one, settings).items()}
        )
        for name, one in tools.items()
    )


def _tool(name: str, method: Method, settings: Settings) -> dict[str, Any]:
    service, _, short = method.full.rpartition("/")
    told = settings.descriptions.get(method.full) or (
        f"Calls {short} of {service}: takes {method.given.name}, answers {method.answers.name}."
    )
    title = printable(short)[:100]
    return {
        "name": name,
        "title": title,
        "description": printable(" ".join((f"Deprecated. {told}" if method.deprecated else told).split()))[:1000],
        "inputSchema": schemas.schema(method.given),
        "annotations": {
            "title": title, "readOnlyHint": method.read_only, "idempotentHint": method.idempotent,
            "openWorldHint": True, **({} if method.read_only else {"destructiveHint": not method.idempotent}),
        },
    }  # fmt: skip
