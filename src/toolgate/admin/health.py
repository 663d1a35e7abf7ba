"""How servers are, and whether they still offer what was accepted."""

from toolgate.admin.bodies import LIST, MOST_LISTED, number, parameters
from toolgate.admin.exchange import Answer, Task
from toolgate.admin.problems import Wrong
from toolgate.admin.showing import said
from toolgate.admin.told import ServerHealth, ServerHealthPage
from toolgate.control import health
from toolgate.model.health import HealthState
from toolgate.rules.redaction import redacted

STATES = tuple(state.value for state in HealthState)


async def listed(task: Task) -> Answer:
    """Of all servers that may be seen, by name; with `state` those that are in it."""
    found = parameters(task.asked)
    limit = number(found, "limit", LIST, 1, MOST_LISTED)
    after, state = found.pop("after", None), found.pop("state", None)
    if found:
        names = tuple((name, "not known here") for name in found)
        raise Wrong(400, "This takes `limit`, `after` and `state`.", names)
    if state is not None and state not in STATES:
        raise Wrong(400, f"`state` must be one of {', '.join(STATES)}.", (("state", "not known"),))
    wanted = None if state is None else HealthState(state)
    page, following = await task.uses.health.list(task.principal, after=after, limit=limit, state=wanted)
    return said(ServerHealthPage(tuple(map(_told, page)), following))


async def got(task: Task) -> Answer:
    return said(_told(await task.uses.health.get(task.principal, task.name)))


async def accepted(task: Task) -> Answer:
    """What it offers now is accepted from now on."""
    return said(_told(await task.uses.health.accept(task.principal, task.name, request=task.request)))


def _told(one: health.ServerHealth) -> ServerHealth:
    known = one.health
    return ServerHealth(
        name=one.name,
        state=known.state,
        reason=redacted(known.reason),
        since=known.since,
        last_seen=known.last_seen,
        latency=known.latency,
        smoothed=known.smoothed,
        eras=known.eras,
        protocol=known.protocol,
        drift=one.drift,
        accepted_at=one.accepted_at,
        accepted_by=one.accepted_by,
    )
