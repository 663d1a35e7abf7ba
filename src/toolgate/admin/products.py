"""The routes of the catalogue: what can be added, one entry of it, and adding one."""

from typing import Any

import msgspec

from toolgate.admin.bodies import JSON, read_object
from toolgate.admin.exchange import Answer, Task
from toolgate.admin.records import location
from toolgate.admin.showing import etag, said, shown
from toolgate.admin.trying import told
from toolgate.control.kinds import flaws
from toolgate.model.errors import Refused
from toolgate.model.products import Adding


async def listed(task: Task) -> Answer:
    """Every product, and the entries that cannot be used."""
    return said(msgspec.to_builtins(await task.uses.products.list()))


async def got(task: Task) -> Answer:
    """One product: its routes, ways to sign in, tools, variables and constraints."""
    return said(msgspec.to_builtins(await task.uses.products.get(task.name)))


async def added(task: Task) -> Answer:
    """A server made of a product, and the secrets that were made with it."""
    adding = _adding(read_object(task.asked, JSON))
    made = await task.uses.products.add(task.principal, task.name, adding, request=task.request)
    attempt: dict[str, Any] = msgspec.to_builtins(told(made.tried))
    more = {"secrets": list(made.secrets), "tested": made.tested}
    server = made.server
    return said({**attempt, **more, **shown(server)}, etag(server), location(server), status=201)


def _adding(values: dict[str, Any]) -> Adding:
    """Raises Refused with a finding for each member that does not fit; none repeats a value."""
    known = {field.encode_name for field in msgspec.structs.fields(Adding)}
    findings = [(name, "adding a product has no such member") for name in values if name not in known]
    findings += flaws(Adding, {name: value for name, value in values.items() if name in known})
    if findings:
        raise Refused(tuple(findings))
    return msgspec.convert(values, Adding)
