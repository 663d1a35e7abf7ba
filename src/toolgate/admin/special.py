"""The routes that are more than a record: keys, secrets, states of servers, the audit, and who one is."""

from typing import Any

import msgspec

from toolgate.admin.bodies import (
    JSON,
    LIST,
    MOST_LISTED,
    number,
    parameters,
    read_object,
    record,
    required_version,
    seen_version,
)
from toolgate.admin.exchange import Answer, Header, Task
from toolgate.admin.problems import Wrong, problem_of
from toolgate.admin.records import location
from toolgate.admin.showing import etag, said, shown, shown_change, told
from toolgate.control.keys import Minted
from toolgate.control.servers import V
from toolgate.model.entities import Key, Secret, Server, ServerState, Virtual
from toolgate.model.errors import Conflict, Refused

STATES: dict[str, ServerState] = {
    "publish": ServerState.LIVE,
    "pause": ServerState.PAUSED,
    "resume": ServerState.LIVE,
    "drain": ServerState.DRAINING,
    "retire": ServerState.RETIRED,
}
"""What may be done with a server or virtual server, and the state that it is in afterwards."""

_MOST_SEQ = 2**53


class SecretInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is written of a secret; only `owner` and `description` can be read again. Without a `value`, one that is
    there keeps the one it has."""

    value: str | None = None
    owner: str | None = None
    description: str = ""

    def __repr__(self) -> str:
        return f"SecretInput(***, {self.owner!r})"


async def minted(task: Task) -> Answer:
    """A new key. Its clear text is in this answer and nowhere else."""
    value = record(Key, read_object(task.asked, JSON), hidden={"digest": ""})
    repeat = task.asked.repeat(_key_made)
    made = await task.uses.keys.mint(task.principal, value, request=task.request, repeat=repeat)
    return _once(made, location(made.key), status=201)


def _key_made(made: Key) -> Answer:
    """What is remembered of a new key: not its clear text, so that a repetition that comes too late is a conflict."""
    reason = "it was made by this very request, and its text is not kept: rotate it to have another"
    conflict = Conflict(f"there is a key {made.name!r} already: {reason}", made)
    return problem_of(conflict, creating=True)


async def rotated(task: Task) -> Answer:
    """A new clear text for a key; the old one is unknown from now on."""
    expected = required_version(task.asked)
    return _once(await task.uses.keys.rotate(task.principal, task.name, expected=expected, request=task.request))


async def revoked(task: Task) -> Answer:
    """Without If-Match its version does not matter: who revokes a key has reason to hurry."""
    expected = seen_version(task.asked)
    if expected is None:
        expected = (await task.uses.records.get(task.principal, Key, task.name)).stamp.version
    return told(await task.uses.keys.revoke(task.principal, task.name, expected=expected, request=task.request))


async def sealed(task: Task) -> Answer:
    """Sets a secret: without If-Match it must be new."""
    expected = seen_version(task.asked)
    given = _secret(read_object(task.asked, JSON))
    secret = Secret(name=task.name, sealed="", key_id="", owner=given.owner, description=given.description)
    vault = task.uses.vault
    if expected is not None:
        return told(await vault.replace(task.principal, secret, given.value, expected=expected, request=task.request))
    if given.value is None:
        raise Refused((("value", "a new secret needs one"),))
    return told(await vault.create(task.principal, secret, given.value, request=task.request), status=201)


def _secret(values: dict[str, Any]) -> SecretInput:
    """Raises Refused, in words that repeat no value."""
    try:
        return msgspec.convert(values, SecretInput)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        raise Refused(((path.strip("`."), reason),)) from None


async def linted(task: Task) -> Answer:
    """What is wrong with what a registered server is known to offer."""
    lints = await task.uses.servers.lint(task.principal, task.name)
    return said({"lints": [msgspec.to_builtins(lint) for lint in lints]})


async def moved(task: Task) -> Answer:
    """Another state. Without If-Match the version does not matter: pausing is for when something is wrong."""
    if task.entity is Virtual:
        return await _moved(task, Virtual)
    return await _moved(task, Server)


async def _moved(task: Task, entity: type[V]) -> Answer:
    expected = seen_version(task.asked)
    if expected is None:
        expected = (await task.uses.records.get(task.principal, entity, task.name)).stamp.version
    state = STATES[task.argument]
    return told(
        await task.uses.servers.move(task.principal, entity, task.name, state, expected=expected, request=task.request)
    )


async def audit(task: Task) -> Answer:
    """Changes after a `seq`, oldest first."""
    found = parameters(task.asked)
    limit = number(found, "limit", LIST, 1, MOST_LISTED)
    after = number(found, "after", 0, 0, _MOST_SEQ)
    if found:
        raise Wrong(400, "The audit takes `after` and `limit`.", tuple((name, "not known here") for name in found))
    changes = await task.uses.records.audit(task.principal, after=after, limit=limit, request=task.request)
    following = changes[-1].seq if len(changes) == limit else None
    return said({"items": [shown_change(change) for change in changes], "next": following})


async def me(task: Task) -> Answer:
    """Who asks, and what they hold in the control plane."""
    who = await task.uses.records.whoami(task.principal)
    holdings = [
        {
            "permissions": sorted(holding.permissions),
            "scope": holding.scope,
            "source": holding.source,
            "expires": holding.expires,
        }
        for holding in who.holdings
    ]
    return said({"id": who.id, "subject": who.subject, "holdings": holdings, "powerless": who.powerless})


def _once(made: Minted, *headers: Header, status: int = 200) -> Answer:
    return said({**shown(made.key), "key": made.clear}, etag(made.key), *headers, status=status)
