"""Answers that are no records: how servers are, and what registering one finds."""

import msgspec

from toolgate.model.entities import ServerState
from toolgate.model.health import HealthState
from toolgate.rules.drift import Drift
from toolgate.rules.linting import Lint


class ServerHealth(msgspec.Struct, frozen=True):
    """How one server is. Times are Unix seconds, latencies seconds; null where it is not known. `drift` is what it
    offers otherwise than it was accepted; null also where nothing was accepted yet."""

    name: str
    state: HealthState
    reason: str
    since: float | None
    last_seen: float | None
    latency: float | None
    smoothed: float | None
    eras: tuple[str, ...]
    protocol: str | None
    drift: Drift | None
    accepted_at: float | None
    accepted_by: str | None


class ServerHealthPage(msgspec.Struct, frozen=True):
    """`next` is where to go on: the `after` of the next page. Null at the end."""

    items: tuple[ServerHealth, ...]
    next: str | None


class Found(msgspec.Struct, frozen=True):
    """What a server was found to be and to offer, by its own names (URIs for resources, patterns for templates)."""

    eras: tuple[str, ...]
    versions: tuple[str, ...]
    tools: tuple[str, ...]
    prompts: tuple[str, ...]
    resources: tuple[str, ...]
    templates: tuple[str, ...]


class Attempt(msgspec.Struct, frozen=True):
    """What registering a server would come to. `state` is the one that it would be in; `found` is null where it could
    not be reached, and then `unreached` says why."""

    state: ServerState
    found: Found | None
    unreached: str
    lints: tuple[Lint, ...]
