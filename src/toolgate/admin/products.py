"""The routes of the catalogue: what can be added, one entry of it, and adding one."""

from typing import Any

import msgspec

from toolgate.admin.bodies import JSON, filled, read_object
from toolgate.admin.exchange import Answer, Task
from toolgate.admin.records import location
from toolgate.admin.showing import etag, said, shown
from toolgate.admin.trying import told
from toolgate.model.products import Adding


async def listed(task: Task) -> Answer:
    """Every product, and the entries that cannot be used."""
    return said(msgspec.to_builtins(await task.uses.products.list()))


async def got(task: Task) -> Answer:
    """One product: its routes, ways to sign in, tools, variables and constraints."""
    return said(msgspec.to_builtins(await task.uses.products.get(task.name)))


async def added(task: Task) -> Answer:
    """A server made of a product, and the secrets that were made with it."""
    adding = filled(read_object(task.asked, JSON), Adding, "adding a product")
    made = await task.uses.products.add(task.principal, task.name, adding, request=task.request)
    attempt: dict[str, Any] = msgspec.to_builtins(told(made.tried))
    more = {"secrets": list(made.secrets), "tested": made.tested}
    server = made.server
    return said({**attempt, **more, **shown(server)}, etag(server), location(server), status=201)
