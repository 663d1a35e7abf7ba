"""Which records a list shows, and how."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeVar

import msgspec

from toolgate.model.entities import Entity, Secret
from toolgate.model.errors import Refused
from toolgate.rules.names import meant

E = TypeVar("E", bound=Entity)

_HIDDEN = frozenset({"stamp", "digest", "sealed", "settings", "headers"})
_MANAGED_BY = "managed_by"

YES, NO = ("true", "yes"), ("false", "no")
"""How a filter says what is true, and what is not."""


def matching(entity: type[E], filters: Mapping[str, str]) -> Callable[[E], bool]:
    """Whether a record fits every filter. Raises Refused for a field that the kind has not, or cannot be asked by."""
    known = [field.name for field in msgspec.structs.fields(entity) if field.name not in _HIDDEN] + [_MANAGED_BY]
    unknown = tuple(
        (name, f"a {entity.noun()} cannot be filtered by this{meant(name, known)}")
        for name in filters
        if name not in known
    )
    if unknown:
        raise Refused(unknown)

    def fits(record: E) -> bool:
        return all(
            _holds(record.stamp.managed_by if name == _MANAGED_BY else getattr(record, name), text)
            for name, text in filters.items()
        )

    return fits


def _holds(value: Any, text: str) -> bool:
    if isinstance(value, bool):
        return text in (YES if value else NO)
    if isinstance(value, (tuple, list, dict, set, frozenset)):
        return any(_holds(item, text) for item in value)  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, Enum):
        return value.value == text
    return text == ("" if value is None else str(value))


def shown(record: E) -> E:
    """The record as anybody may see it: a secret without what is sealed."""
    return msgspec.structs.replace(record, sealed="") if isinstance(record, Secret) else record
