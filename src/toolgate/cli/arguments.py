"""The arguments of a tool as people type them: `--arg name=value`, in the type that the tool's schema gives."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from toolgate.model.errors import ConfigError

_MOST_BYTES = 64 * 1024 * 1024


def read(whole: str | None, single: Sequence[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """`whole` is JSON, `@FILE`, or `-` for standard input; `single` are added to it. Raises ConfigError."""
    found = {} if whole is None else _object(_text(whole))
    for item in single:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise ConfigError((f"--arg {item[:60]}: expected name=value",))
        found[name] = _typed(name, value, _kinds(schema, name))
    return found


def _text(whole: str) -> bytes:
    if whole == "-":
        return sys.stdin.buffer.read(_MOST_BYTES)
    if not whole.startswith("@"):
        return whole.encode()
    try:
        return Path(whole[1:]).expanduser().read_bytes()
    except OSError as error:
        raise ConfigError((f"--args {whole}: cannot be read: {error.strerror}",)) from None


def _object(text: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.ValidationError:
        raise ConfigError(("--args: expected a JSON object",)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError((f"--args: not JSON: {error}",)) from None


def _kinds(schema: Mapping[str, Any], name: str) -> set[str]:
    """The JSON types that the schema gives a property; empty when it does not say."""
    declared = _mapping(_mapping(schema.get("properties")).get(name))
    kinds: set[str] = set()
    for part in (declared, *_items(declared.get("anyOf")), *_items(declared.get("oneOf"))):
        kind = _mapping(part).get("type")
        kinds.update(str(each) for each in (_items(kind) or ([] if kind is None else [kind])))
    return kinds


def _mapping(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _typed(name: str, value: str, kinds: set[str]) -> Any:
    """The value in one of the schema's types. Without any, JSON where it is JSON, else the text itself."""
    if kinds == {"string"}:
        return value
    try:
        decoded = msgspec.json.decode(value.encode())
    except (msgspec.DecodeError, UnicodeEncodeError):
        decoded = value
    if not kinds or _is_one_of(decoded, kinds):
        return decoded
    if "string" in kinds:
        return value
    raise ConfigError((f"--arg {name}: expected {' or '.join(sorted(kinds))}",))


def _is_one_of(value: Any, kinds: set[str]) -> bool:
    match value:
        case bool():
            return "boolean" in kinds
        case int():
            return bool({"integer", "number"} & kinds)
        case float():
            return "number" in kinds
        case str():
            return "string" in kinds
        case None:
            return "null" in kinds
        case list():
            return "array" in kinds
        case _:
            return "object" in kinds
