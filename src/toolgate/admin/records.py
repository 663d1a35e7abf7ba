"""The routes that every kind of record has."""

from typing import Any
from urllib.parse import quote

import msgspec

from toolgate.admin.bodies import (
    JSON,
    LIST,
    MERGE_PATCH,
    MOST_LISTED,
    merged,
    number,
    parameters,
    read_object,
    record,
    required_version,
)
from toolgate.admin.exchange import Answer, Task
from toolgate.admin.paths import BASE, HIDDEN, PLURALS
from toolgate.admin.problems import NO_STORE, Wrong
from toolgate.admin.showing import said, shown, told
from toolgate.model.entities import Entity


async def listed(task: Task) -> Answer:
    """One page, by name. Every parameter beside `limit` and `after` is a filter by a field."""
    found = parameters(task.asked)
    limit = number(found, "limit", LIST, 1, MOST_LISTED)
    after = found.pop("after", None)
    page, following = await task.uses.records.list(task.principal, task.entity, after=after, limit=limit, filters=found)
    return said({"items": [shown(one) for one in page], "next": following})


async def got(task: Task) -> Answer:
    return told(await task.uses.records.get(task.principal, task.entity, task.name))


async def created(task: Task) -> Answer:
    values = read_object(task.asked, JSON)
    made = await task.uses.records.create(
        task.principal, record(task.entity, values, hidden={}), request=task.request, repeat=task.asked.repeat(_made)
    )
    return _made(made)


def _made(made: Entity) -> Answer:
    return told(made, location(made), status=201)


async def replaced(task: Task) -> Answer:
    expected = required_version(task.asked)
    values = read_object(task.asked, JSON)
    return await _written(task, values, expected)


async def patched(task: Task) -> Answer:
    """A JSON merge patch (RFC 7396) of the version that If-Match names: of another one it may mean something else."""
    expected = required_version(task.asked)
    patch = read_object(task.asked, MERGE_PATCH, JSON)
    current = await task.uses.records.get(task.principal, task.entity, task.name)
    return await _written(task, merged(shown(current), patch), expected)


async def removed(task: Task) -> Answer:
    expected = required_version(task.asked)
    await task.uses.records.remove(task.principal, task.entity, task.name, expected=expected, request=task.request)
    return Answer(204, b"", (NO_STORE,))


async def _written(task: Task, values: dict[str, Any], expected: int) -> Answer:
    value = record(task.entity, values, name=task.name, hidden=await _hidden(task))
    return told(await task.uses.records.replace(task.principal, value, expected=expected, request=task.request))


async def _hidden(task: Task) -> dict[str, str]:
    """The fields that nobody sees or sets, as they are: a replacement keeps them."""
    fields = HIDDEN.get(task.entity)
    if not fields:
        return {}
    current = await task.uses.records.get(task.principal, task.entity, task.name)
    return {name: msgspec.structs.asdict(current)[name] for name in fields}


def location(made: Entity) -> tuple[bytes, bytes]:
    return b"location", f"{BASE}/{PLURALS[type(made)]}/{quote(made.name, safe='@')}".encode()


def unused_query(task: Task) -> None:
    """Raises Wrong where a parameter was given to what takes none: it was meant for something."""
    found = parameters(task.asked)
    if found:
        raise Wrong(400, "This takes no query parameters.", tuple((name, "not known here") for name in found))
