"""Fields of records as people type them: `FIELD=VALUE`, in the type that the record's field has."""

import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from toolgate.model.entities import Entity
from toolgate.model.errors import ConfigError
from toolgate.rules.names import closest

_NOT_TYPED = frozenset({"name", "stamp", "digest", "sealed", "key_id"})
_WORDS = {"true": True, "yes": True, "false": False, "no": False}


def read(entity: type[Entity], given: Sequence[str]) -> dict[str, Any]:
    """Plain values by field. Lists take commas or JSON, mappings JSON; `FIELD=` empties an optional one. Raises
    ConfigError with every finding."""
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
                f"{name[:60]}: a {entity.KIND} has no such field{f' (did you mean {meant}?)' if meant else ''}"
            )
        else:
            try:
                values[name] = _value(kinds[name], text)
            except (msgspec.MsgspecError, ValueError) as error:
                findings.append(f"{name}: {error}")
    if findings:
        raise ConfigError(tuple(findings))
    return values


def _value(kind: Any, text: str) -> Any:
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
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
        return msgspec.json.encode(value).decode()
    return str(value)


def difference(seen: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """One line for each field that is another now."""
    names = [name for name in {**seen, **current} if name != "stamp" and seen.get(name) != current.get(name)]
    return [f"  {name}: {cell(seen.get(name))} -> {cell(current.get(name))}" for name in names]
