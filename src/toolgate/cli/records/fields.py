"""Fields of records as people type them: `FIELD=VALUE`, in the type that the record's field has."""

import time
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

import msgspec

from toolgate.control.kinds import flaws
from toolgate.model.entities import Entity
from toolgate.model.errors import ConfigError
from toolgate.rules import units
from toolgate.rules.names import closest

E = TypeVar("E", bound=Entity)


def _when(text: str) -> float | None:
    """A moment, in Unix seconds; also one that is so far from now, with a unit."""
    far = units.seconds(text) if text[-1:].isalpha() else None
    return units.moment(text) if far is None else time.time() + far


_NOT_TYPED = frozenset({"name", "stamp", "digest", "sealed", "key_id"})
_WORDS = {"true": True, "yes": True, "false": False, "no": False}
_MOMENT = "expires"
_UNITS: dict[str, tuple[Callable[[str], float | None], str]] = {
    _MOMENT: (_when, f"{units.MOMENT_FORMS}, or a time from now, as 12h or 30d"),
    "timeout": (units.seconds, units.SECONDS_FORMS),
    "probe_interval": (units.seconds, units.SECONDS_FORMS),
    "max_bytes": (units.size, units.BYTES_FORMS),
}
"""Fields that hold numbers, and that people write with a unit or as a date; the form is told where it is another."""


def read(entity: type[Entity], given: Sequence[str]) -> dict[str, Any]:
    """Plain values by field. Lists take commas or JSON, mappings JSON, times a unit or a date; `FIELD=` empties an
    optional one. Raises ConfigError with every finding."""
    kinds = {field.name: field.type for field in msgspec.structs.fields(entity) if field.name not in _NOT_TYPED}
    values: dict[str, Any] = {}
    findings: list[str] = []
    for item in given:
        name, equals, text = item.partition("=")
        if not equals:
            findings.append(f"{item[:60]}: expected FIELD=VALUE")
        elif name not in kinds:
            meant = closest(name, kinds)
            findings.append(
                f"{name[:60]}: a {entity.noun()} has no such field{f' (did you mean {meant}?)' if meant else ''}"
            )
        else:
            try:
                values[name] = _value(name, kinds[name], text)
            except msgspec.DecodeError as error:
                findings.append(f"{name}: expected JSON here: {error}")
            except ValueError as error:
                findings.append(f"{name}: {error}")
    if findings:
        raise ConfigError(tuple(findings))
    return values


def names(entity: type[Entity]) -> tuple[str, ...]:
    """The fields that can be typed."""
    return tuple(field.name for field in msgspec.structs.fields(entity) if field.name not in _NOT_TYPED)


def made(entity: type[E], values: Mapping[str, Any]) -> E:
    """A record of what was typed. Raises ConfigError that says of each field what may stand there."""
    try:
        return msgspec.convert(values, entity)
    except msgspec.ValidationError as error:
        found = [f"{path}: {reason}" for path, reason in flaws(entity, values)]
        raise ConfigError(tuple(found) or (str(error),)) from None


def _value(name: str, kind: Any, text: str) -> Any:
    united = typing.get_origin(kind) in (typing.Union, types.UnionType)
    options = typing.get_args(kind) if united else (kind,)
    if not text and type(None) in options:
        return None
    wanted = next((option for option in options if option is not type(None)), str)
    origin = typing.get_origin(wanted) or wanted
    if origin in (tuple, list) and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    if origin in (tuple, list, dict):
        return msgspec.json.decode(text.encode())
    if wanted is bool:
        if text.lower() not in _WORDS:
            raise ValueError("expected true or false")
        return _WORDS[text.lower()]
    if name in _UNITS:
        measure, forms = _UNITS[name]
        measured = measure(text)
        if measured is None:
            raise ValueError(f"expected {forms}")
        return measured
    if wanted in (int, float):
        return msgspec.convert(text, wanted, strict=False)
    return text


def cell(value: Any) -> str:
    """A field's value in a table."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(cell(item) for item in cast("Sequence[Any]", value))
    if isinstance(value, dict):
        return msgspec.json.encode(_told(value)).decode()
    return str(value)


def shown(name: str, value: Any) -> str:
    """The same of a field whose name says what the value is: moments are dates, in UTC."""
    if name != _MOMENT or not isinstance(value, (int, float)):
        return cell(value)
    try:
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(value)


def ago(moment: float | None, now: float) -> str:
    """How long it is since a moment, both in Unix seconds; empty for none."""
    if moment is None:
        return ""
    seconds = max(0.0, now - moment)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def _told(value: Any) -> Any:
    """Without the members that say nothing."""
    if isinstance(value, dict):
        return {name: _told(one) for name, one in cast("Mapping[str, Any]", value).items() if one not in (None, [], ())}
    if isinstance(value, (list, tuple)):
        return [_told(one) for one in cast("Sequence[Any]", value)]
    return value


def difference(seen: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """One line for each field that is another now."""
    names = [name for name in {**seen, **current} if name != "stamp" and seen.get(name) != current.get(name)]
    return [f"  {name}: {shown(name, seen.get(name))} -> {shown(name, current.get(name))}" for name in names]
