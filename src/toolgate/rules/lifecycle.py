"""The states of servers and virtual servers as a table: which may follow which, and what permission that takes."""

from collections.abc import Mapping

from toolgate.model.entities import ServerState

_D, _L, _P, _DR, _R = (
    ServerState.DRAFT,
    ServerState.LIVE,
    ServerState.PAUSED,
    ServerState.DRAINING,
    ServerState.RETIRED,
)

TRANSITIONS: Mapping[tuple[ServerState, ServerState], str] = {
    (_D, _L): "server:publish",
    (_D, _R): "server:write",
    (_L, _P): "server:operate",
    (_L, _DR): "server:operate",
    (_L, _R): "server:operate",
    (_P, _L): "server:operate",
    (_P, _DR): "server:operate",
    (_P, _R): "server:operate",
    (_DR, _L): "server:operate",
    (_DR, _P): "server:operate",
    (_DR, _R): "server:operate",
    # What was retired is looked at anew before it is served again.
    (_R, _D): "server:operate",
}
"""(from, to) -> permission. What is not here cannot happen."""


def permission(before: ServerState, after: ServerState) -> str | None:
    """What a change of state takes; None where the state stays, or cannot change like this (see `flaw`)."""
    return TRANSITIONS.get((before, after))


def flaw(before: ServerState, after: ServerState) -> str | None:
    """Why this change of state cannot be; None when it can, or nothing changes."""
    if before is after or (before, after) in TRANSITIONS:
        return None
    possible = ", ".join(sorted(to.value for start, to in TRANSITIONS if start is before))
    return f"what is {before.value} cannot become {after.value}: it can become {possible}"
