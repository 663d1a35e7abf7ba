"""Records to JSON and back, strictly: what is stored can be read again, and what is read is what was stored.

The rule across versions: a field that a later version adds has a default, so that it reads what an earlier one wrote.
The other way round is refused: a record with a field that this version does not know may mean something else than it
seems to (a grant with a condition more is a narrower grant), so nothing is loaded and the old snapshot stays.
"""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

import msgspec
from sqlalchemy import Row

from toolgate.model.entities import ENTITIES, Change, Entity, Stamp
from toolgate.model.errors import ConfigError, Conflict, StoreFailed

SECRET_FIELDS: dict[str, frozenset[str]] = {"secret": frozenset({"sealed"})}
"""Fields by kind that stay out of the audit. (A key's digest is no secret.)"""

MICROSECONDS = 1_000_000

AT_ONCE = 200
"""Rows that are decoded before others get their turn on the loop."""

E = TypeVar("E", bound=Entity)

_DECODERS: dict[str, msgspec.json.Decoder[Entity]] = {
    kind: msgspec.json.Decoder(entity) for kind, entity in ENTITIES.items()
}


def encode(entity: E) -> tuple[str, E]:
    """The body of a record, and the entity as it will be read from there. Raises ConfigError for what would not come
    back as it is."""
    try:
        fields = _fields(entity)
        body = msgspec.json.encode(fields).decode()
        read = _DECODERS[entity.KIND].decode(body)
        same = _fields(read) == fields
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ConfigError((f"{entity.KIND} {entity.name!r}: cannot be stored: {error}",)) from None
    if not same:
        raise ConfigError((f"{entity.KIND} {entity.name!r}: cannot be stored: it holds a value that JSON cannot",))
    return body, cast("E", read)


def judge_name(kind: str, name: str) -> None:
    """Raises ConfigError."""
    if "\0" in name:
        raise ConfigError((f"{kind} {name!r}: a name cannot hold a NUL character",))


def judge(kind: str, name: str, current: Entity | None, expected: int, id_: str) -> None:
    """Raises Conflict unless the record is what the writer saw. One that was removed and made again is another, though
    its version may be the same."""
    if current is None:
        if expected != 0:
            raise Conflict(f"there is no {kind} {name!r}: it was removed, or never made")
        return
    version = current.stamp.version
    if expected == 0:
        raise Conflict(f"there is a {kind} {name!r} already", current)
    if version != expected:
        raise Conflict(f"the {kind} {name!r} is at version {version}, not {expected}: read it again", current)
    if id_ not in {"", current.stamp.id}:
        raise Conflict(f"the {kind} {name!r} was removed and made again: read it again", current)


def judge_removal(entity: type[Entity], name: str, current: Entity | None, expected: int) -> None:
    """Raises Conflict unless there is such a record, and it is what the writer saw."""
    if current is None:
        raise Conflict(f"there is no {entity.noun()} {name!r}: it was removed, or never made")
    judge(entity.KIND, name, current, expected, "")


def for_audit(kind: str, body: str) -> str:
    """The body without secrets."""
    hidden = SECRET_FIELDS.get(kind)
    if not hidden:
        return body
    fields: dict[str, Any] = msgspec.json.decode(body)
    return msgspec.json.encode({name: value for name, value in fields.items() if name not in hidden}).decode()


def decode(row: Row[Any]) -> Entity:
    """The entity in a row of `record`. Raises StoreFailed naming the record, never what it holds."""
    decoder = _DECODERS.get(row.kind)
    if decoder is None:
        raise StoreFailed(
            f"the record {row.name!r} is of a kind {row.kind!r} that this version does not know: {_NEWER}"
        )
    try:
        entity = decoder.decode(row.body)
    except (msgspec.MsgspecError, RecursionError) as error:
        reason = str(error)
        repair = _NEWER if "unknown field" in reason else "restore the database from a backup, or repair the record"
        raise StoreFailed(f"the {row.kind} {row.name!r} cannot be read ({reason}): {repair}") from None
    if entity.name != row.name:
        raise StoreFailed(f"the {row.kind} {row.name!r} holds another name: restore the database from a backup")
    return stamped(entity, {name: getattr(row, name) for name in _STAMP})


def stamped(entity: E, values: Mapping[str, Any]) -> E:
    """The entity with what the columns of its record say of it."""
    stamp = Stamp(
        id=values["id"],
        version=values["version"],
        created_at=values["created_at"] / MICROSECONDS,
        updated_at=values["updated_at"] / MICROSECONDS,
        created_by=values["created_by"],
        updated_by=values["updated_by"],
        managed_by=values["managed_by"],
        owned=_owned(values["owned"]),
    )
    return msgspec.structs.replace(entity, stamp=stamp)


def owned_text(stamp: Stamp) -> str | None:
    """What the column `owned` holds for this stamp."""
    return msgspec.json.encode(stamp.owned).decode() if stamp.owned else None


def _owned(text: str | None) -> dict[str, str]:
    if text is None:
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except msgspec.MsgspecError:
        raise StoreFailed("a record's owned fields cannot be read: restore the database from a backup") from None


def change(row: Row[Any]) -> Change:
    return Change(
        seq=row.seq,
        at=row.at / MICROSECONDS,
        actor=row.actor,
        action=row.action,
        kind=row.kind,
        id=row.id,
        name=row.name,
        before=None if row.before is None else msgspec.Raw(row.before.encode()),
        after=None if row.after is None else msgspec.Raw(row.after.encode()),
        request=row.request,
    )


_STAMP = ("id", "version", "created_at", "updated_at", "created_by", "updated_by", "managed_by", "owned")
_NEWER = "it was written by a newer Toolgate: run that version"


def _fields(entity: Entity) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(entity, str_keys=True)
    del fields["stamp"]
    return fields
