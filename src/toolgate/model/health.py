"""How a server is, as far as the gateway knows."""

from enum import StrEnum

import msgspec


class HealthState(StrEnum):
    """`healthy`: it answered when it was last asked. `failing`: it answers, but not as a server should. `unreachable`:
    it cannot be connected to or started, or does not answer. `unknown`: it has not been asked."""

    HEALTHY = "healthy"
    FAILING = "failing"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


class Health(msgspec.Struct, frozen=True):
    """`reason` says why it is not healthy, or what is wrong although it is. `since` is when it came into this state,
    `last_seen` when it last answered: Unix seconds, None for never. `latency` is how many seconds the last probe took,
    `smoothed` the same over the last ten or so. `eras` are those that it serves, `protocol` the newest revision that it
    named."""

    state: HealthState = HealthState.UNKNOWN
    reason: str = ""
    since: float | None = None
    last_seen: float | None = None
    latency: float | None = None
    smoothed: float | None = None
    eras: tuple[str, ...] = ()
    protocol: str | None = None
