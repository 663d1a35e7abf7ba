"""The routes of bundles: a virtual server exported, and made of an export."""

import msgspec

from toolgate.admin.bodies import JSON, filled, read_object
from toolgate.admin.exchange import Answer, Task
from toolgate.admin.records import location
from toolgate.admin.showing import said
from toolgate.control import bundle
from toolgate.control.bundle import Bundle
from toolgate.control.bundles import Taking
from toolgate.model.entities import ServerState


class Imported(msgspec.Struct, frozen=True):
    """The virtual server that was made, and what whoever made it should know."""

    name: str
    state: ServerState
    notes: tuple[str, ...] = ()


BUNDLED = (Bundle, Taking, Imported)
"""What bodies and answers are made of."""


async def exported(task: Task) -> Answer:
    """A virtual server with what it needs, and without anything that is secret."""
    return said(bundle.plain(await task.uses.bundles.export(task.principal, task.name)))


async def imported(task: Task) -> Answer:
    """A virtual server made of a bundle, all of it or nothing."""
    taking = filled(read_object(task.asked, JSON), Taking, "a bundle's import")
    taken = await task.uses.bundles.take(task.principal, taking, request=task.request)
    made = Imported(taken.virtual.name, taken.virtual.state, taken.notes)
    return said(msgspec.to_builtins(made), location(taken.virtual), status=201)
