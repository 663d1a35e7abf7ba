"""What registering a server finds: tried out without registering anything, or told with the new record."""

from typing import Any

import msgspec

from toolgate.admin.bodies import JSON, read_object, record
from toolgate.admin.exchange import Answer, Task
from toolgate.admin.records import location
from toolgate.admin.showing import etag, said, shown
from toolgate.admin.told import Attempt, Found
from toolgate.control.servers import Registered, Tried
from toolgate.model.catalog import OfferKind
from toolgate.model.entities import Server, ServerState
from toolgate.rules.redaction import redacted


async def registered(task: Task) -> Answer:
    """A new server, with what was found. Without a `state` it is live if it may be, else a draft."""
    value, state = _wanted(read_object(task.asked, JSON))
    repeat = task.asked.repeat(_made)
    return _made(
        await task.uses.servers.register(task.principal, value, state=state, request=task.request, repeat=repeat)
    )


def _made(made: Registered) -> Answer:
    attempt: dict[str, Any] = msgspec.to_builtins(told(made.tried))
    return said({**attempt, **shown(made.server)}, etag(made.server), location(made.server), status=201)


async def tried(task: Task) -> Answer:
    """Connects, finds and lints as a registration does, and registers nothing."""
    value, state = _wanted(read_object(task.asked, JSON), task.name)
    return said(told(await task.uses.servers.attempt(task.principal, value, state=state)))


def _wanted(values: dict[str, Any], name: str | None = None) -> tuple[Server, ServerState | None]:
    value = record(Server, values, name=name, hidden={})
    return value, value.state if "state" in values else None


def told(tried: Tried) -> Attempt:
    """What was found, as it is answered."""
    discovery = tried.discovery
    found = None
    if discovery is not None:
        names = {kind: tuple(offer.name for offer in discovery.offers if offer.kind is kind) for kind in OfferKind}
        found = Found(
            eras=tuple(sorted(discovery.eras)),
            versions=discovery.versions,
            tools=names[OfferKind.TOOL],
            prompts=names[OfferKind.PROMPT],
            resources=names[OfferKind.RESOURCE],
            templates=names[OfferKind.TEMPLATE],
        )
    return Attempt(tried.state, found, redacted(tried.unreached), tuple(tried.lints))
