"""The table of methods: which era has it, what it is about, and what the gateway does with it."""

from enum import StrEnum

import msgspec

from toolgate.model.catalog import OfferKind


class Way(StrEnum):
    """What the gateway does with a request: answer a list from the snapshot, pass it to one target, or answer it
    itself."""

    LIST = "list"
    TARGET = "target"
    LOCAL = "local"


class Method(msgspec.Struct, frozen=True):
    """`member` is the parameter that names the target and, in the modern era, is mirrored in `Mcp-Name`.

    `capability` is the server capability without which the method does not exist. `hints`: the modern result must carry
    cache hints. `safe`: asking twice does no harm. `input_required`: only these may answer so (SPEC-DIGEST 2.9).
    """

    name: str
    way: Way
    modern: bool = True
    legacy: bool = True
    kind: OfferKind | None = None
    member: str | None = None
    capability: str | None = None
    hints: bool = False
    safe: bool = False
    input_required: bool = False


_TABLE = (
    Method("server/discover", Way.LOCAL, legacy=False, hints=True, safe=True),
    Method("subscriptions/listen", Way.LOCAL, legacy=False),
    Method("tools/list", Way.LIST, kind=OfferKind.TOOL, capability="tools", hints=True, safe=True),
    Method("prompts/list", Way.LIST, kind=OfferKind.PROMPT, capability="prompts", hints=True, safe=True),
    Method("resources/list", Way.LIST, kind=OfferKind.RESOURCE, capability="resources", hints=True, safe=True),
    Method(
        "resources/templates/list", Way.LIST, kind=OfferKind.TEMPLATE, capability="resources", hints=True, safe=True,
    ),
    Method("tools/call", Way.TARGET, kind=OfferKind.TOOL, member="name", capability="tools", input_required=True),
    Method(
        "prompts/get", Way.TARGET, kind=OfferKind.PROMPT, member="name", capability="prompts", safe=True,
        input_required=True,
    ),
    Method(
        "resources/read", Way.TARGET, kind=OfferKind.RESOURCE, member="uri", capability="resources", hints=True,
        safe=True, input_required=True,
    ),
    Method("completion/complete", Way.TARGET, capability="completions", safe=True),
    Method("initialize", Way.LOCAL, modern=False),
    Method("ping", Way.LOCAL, modern=False, safe=True),
    Method("logging/setLevel", Way.LOCAL, modern=False),
    Method("resources/subscribe", Way.LOCAL, modern=False, capability="resources"),
    Method("resources/unsubscribe", Way.LOCAL, modern=False, capability="resources"),
)  # fmt: skip

METHODS = {method.name: method for method in _TABLE}

LOG_LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
"""RFC 5424 severities, least severe first."""


def severity(level: str) -> int:
    """Position in LOG_LEVELS; an unknown level counts as the most severe, so that it is never dropped."""
    return LOG_LEVELS.index(level) if level in LOG_LEVELS else len(LOG_LEVELS)
