"""A connector that stands in a server's settings, whole: every replica has all of it, and so has an export."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from toolgate.model.errors import ConfigError
from toolgate.rules.nesting import too_deep
from toolgate.upstreams.connector import reading
from toolgate.upstreams.connector.format import Connector

MOST_BYTES = 256 * 1024
MOST_SEARCHED_BYTES = 2 * 1024 * 1024
"""The most bytes of a definition, as JSON; and of one with `mode: search`."""

_FIELD = "definition"
_DEEPEST = 32
_MOST_FINDINGS = 50


def read(definition: Mapping[str, Any]) -> Connector:
    """Raises ConfigError with one finding for each thing that is wrong."""
    connector, found = _judged(definition)
    if connector is None:
        raise ConfigError(tuple(f"{path}: {reason}" for path, reason in found))
    return connector


def flaws(definition: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Everything that is wrong, as (path, reason): `definition.tools[0].name`."""
    return _judged(definition)[1]


def _judged(definition: Mapping[str, Any]) -> tuple[Connector | None, tuple[tuple[str, str], ...]]:
    if too_deep(definition, _DEEPEST):
        return None, ((_FIELD, "is nested too deep"),)
    try:
        text = msgspec.json.encode(definition)
    except (TypeError, ValueError) as error:
        return None, ((_FIELD, f"cannot be written as JSON: {error}"),)
    most = MOST_SEARCHED_BYTES if definition.get("mode") == "search" else MOST_BYTES
    if len(text) > most:
        return None, ((_FIELD, f"has {len(text)} bytes as JSON, at most {most}"),)
    return _kept(text)


@lru_cache(maxsize=64)
def _kept(text: bytes) -> tuple[Connector | None, tuple[tuple[str, str], ...]]:
    """Judged once, however often its server is judged and opened."""
    connector, found = reading.judged(msgspec.json.decode(text), None)
    told = [(f"{_FIELD}.{reading.field_of(place)}".rstrip("."), reason) for place, reason in found[:_MOST_FINDINGS]]
    if len(found) > _MOST_FINDINGS:
        told.append((_FIELD, f"and {len(found) - _MOST_FINDINGS} more"))
    return connector, tuple(told)
