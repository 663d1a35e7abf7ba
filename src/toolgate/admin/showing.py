"""Records and changes as anybody may see them: plain values without what is secret."""

from typing import Any

import msgspec

from toolgate.admin.exchange import Answer, Header
from toolgate.admin.paths import HIDDEN
from toolgate.model.entities import ENTITIES, Change, Entity

_JSON: Header = (b"content-type", b"application/json")
_NO_STORE: Header = (b"cache-control", b"no-store")


def shown(record: Entity) -> dict[str, Any]:
    """A record without its hidden fields; its `stamp` holds id, version, times and authors."""
    values: dict[str, Any] = msgspec.to_builtins(record, str_keys=True)
    return {name: value for name, value in values.items() if name not in HIDDEN.get(type(record), ())}


def shown_change(change: Change) -> dict[str, Any]:
    """One line of the audit. A key's digest stands in what the store keeps of a change, and is left out here."""
    hidden = HIDDEN.get(ENTITIES[change.kind], frozenset[str]()) if change.kind in ENTITIES else frozenset[str]()
    return {
        **msgspec.structs.asdict(change),
        "before": _without(change.before, hidden),
        "after": _without(change.after, hidden),
    }


def _without(body: msgspec.Raw | None, hidden: frozenset[str]) -> Any:
    if body is None or not hidden:
        return body
    values: dict[str, Any] = msgspec.json.decode(body)
    return {name: value for name, value in values.items() if name not in hidden}


def etag(record: Entity) -> Header:
    """The record's version as a strong entity tag (RFC 9110 section 8.8.3)."""
    return b"etag", b'"%d"' % record.stamp.version


def said(value: Any, *headers: Header, status: int = 200) -> Answer:
    """An answer in JSON."""
    return Answer(status, msgspec.json.encode(value), (_JSON, _NO_STORE, *headers))


def told(record: Entity, *headers: Header, status: int = 200) -> Answer:
    """An answer that is one record, with its version."""
    return said(shown(record), etag(record), *headers, status=status)
