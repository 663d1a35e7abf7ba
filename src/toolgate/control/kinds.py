"""What the loader must know of server kinds, and how a kind's settings are judged against its msgspec Struct."""

import enum
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import msgspec

S = TypeVar("S", bound=msgspec.Struct)


class Kinds(msgspec.Struct, frozen=True):
    """`names` are all kinds, `foreign` those of other packages; `fields(kind)` names its settings. `validate(kind,
    settings)` answers (path, reason) for each thing wrong with them; a path is as `command[0]` or `$.env.KEY`, empty
    for the whole."""

    names: Sequence[str]
    fields: Callable[[str], Sequence[str]]
    validate: Callable[[str, dict[str, Any]], Sequence[tuple[str, str]]]
    foreign: frozenset[str] = frozenset()


@runtime_checkable
class Judging(Protocol):
    """Settings that say more of what is wrong with them than one reason: as (path, reason) each."""

    def flaws(self) -> Sequence[tuple[str, str]]: ...


def kinds_of(
    settings: Mapping[str, Callable[[], type[msgspec.Struct]]], foreign: frozenset[str] = frozenset()
) -> Kinds:
    """From each kind's `Settings`, asked for when a file first uses the kind, so that unused kinds are not loaded."""
    return Kinds(
        names=tuple(settings),
        fields=lambda kind: tuple(field.encode_name for field in msgspec.structs.fields(settings[kind]())),
        validate=lambda kind, values: flaws(settings[kind](), values),
        foreign=foreign,
    )


def convert_settings(struct: type[S], values: Mapping[str, Any]) -> S:
    """Plain values as a kind's `Settings`. Raises msgspec.ValidationError."""
    return msgspec.convert(values, struct, dec_hook=_path)


def flaws(struct: type[msgspec.Struct], values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(path, reason) for each field that does not fit; what fields say together is judged when each fits. Reasons name
    types, never values."""
    found: list[tuple[str, str]] = []
    for field in msgspec.structs.fields(struct):
        name = field.encode_name
        if name in values:
            try:
                msgspec.convert(values[name], field.type, dec_hook=_path)
            except msgspec.ValidationError as error:
                reason, path = _parts(error)
                choices = "" if path else _choices(field.type)
                found.append((name + path, f"must be one of {choices}" if choices else reason))
        elif field.required:
            found.append(("", f"`{name}` is missing"))
    if found:
        return found
    try:
        made = convert_settings(struct, values)
    except msgspec.ValidationError as error:
        reason, path = _parts(error)
        return [(path.removeprefix("."), reason)]
    return list(made.flaws()) if isinstance(made, Judging) else []


def _path(wanted: type, value: Any) -> Any:
    """msgspec knows no paths; settings may."""
    if wanted is Path and isinstance(value, str):
        return Path(value)
    raise msgspec.ValidationError(f"Expected `{wanted.__name__}`")


def _choices(kind: Any) -> str:
    """The texts of an enumeration or Literal; empty for every other type."""
    united = typing.get_origin(kind) in (typing.Union, types.UnionType)
    for one in typing.get_args(kind) if united else (kind,):
        if isinstance(one, type) and issubclass(one, enum.StrEnum):
            return ", ".join(one)
        if typing.get_origin(one) is typing.Literal:
            return ", ".join(map(str, typing.get_args(one)))
    return ""


def _parts(error: msgspec.ValidationError) -> tuple[str, str]:
    """msgspec's message and path apart: "Expected `str`, got `int` - at `$.env[...]`" -> reason, ".env[...]"."""
    reason, _, path = str(error).partition(" - at `$")
    reason = reason[:1].lower() + reason[1:]
    for name, told in _TYPES.items():
        reason = reason.replace(f"`{name}`", told).replace(f"`{name} | null`", told)
    path = path.removesuffix("`")
    reason = reason.replace("object contains unknown field", "unknown field")
    return (f"{reason} among its values" if path.endswith("[...]") else reason), path


_TYPES = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
    "Path": "a path",
}
