"""The parts of a request that a model gives: placeholders, parameters of the query, members of the body."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import parse_qsl, unquote

import msgspec

from toolgate.control.endpoints import credentials
from toolgate.control.endpoints.samples import Parameter, Wishes
from toolgate.control.openapi.naming import snake
from toolgate.model.errors import ConfigError
from toolgate.rules.names import meant

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.\-]{0,99})\}")
_ENDING = re.compile(rf"(?P<prefix>.*?){_PLACEHOLDER.pattern}", re.DOTALL)
_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,14}")
_LONGEST = 40
_LONGEST_EXAMPLE = 80
_DEEPEST = 3
_PLAIN = (str, bool, int, float)


class Argument(msgspec.Struct, frozen=True):
    """One argument, before it has a name that no other has. `wire` is its name on the wire, `sample` the value that the
    request had (UNSET for a placeholder), `asked` the name in braces."""

    place: str
    wire: str
    sample: Any = msgspec.UNSET
    asked: str | None = None
    prefix: str = ""
    note: str | None = None


def of_path(path: str) -> tuple[str, list[Argument]]:
    """The path with names in braces as a connector has them, and an argument for each."""
    found: list[Argument] = []

    def named(match: re.Match[str]) -> str:
        name = snake(match[1])
        if name not in [one.wire for one in found]:
            found.append(Argument("path", name, asked=name))
        return f"{{{name}}}"

    return _PLACEHOLDER.sub(named, path), found


def of_query(query: str) -> Iterator[Argument]:
    """A parameter that is repeated is a list."""
    seen: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        seen.setdefault(name, []).append(value)
    for name, values in seen.items():
        if len(values) > 1:
            yield Argument("query", name, list(values))
        elif _NUMBER.fullmatch(values[0]):
            yield Argument("query", name, int(values[0]))
        elif values[0] in ("true", "false"):
            yield Argument("query", name, values[0] == "true")
        else:
            yield _of_text("query", name, values[0])


def of_header(name: str, value: str) -> Argument | None:
    """None for a header that is always the same."""
    return _of_text("header", name, value) if _PLACEHOLDER.search(value) else None


def of_form(body: str) -> Iterator[Argument]:
    for one in of_query(body):
        yield msgspec.structs.replace(one, place="body")


def of_json(body: Any, path: tuple[str, ...] = ()) -> Iterator[Argument]:
    """One argument for each member; members of members too, three levels deep. A list is one argument."""
    if isinstance(body, list):
        yield Argument("body", "@", body, asked="items")
        return
    for key, value in cast("dict[str, Any]", body).items():
        wire = ".".join((*path, key))
        if isinstance(value, dict) and value and len(path) < _DEEPEST - 1 and _can_be_parts(cast("Any", value)):
            yield from of_json(value, (*path, key))
        elif isinstance(value, str):
            yield _of_text("body", wire, value)
        else:
            yield Argument("body", wire, value)


def flaw_of_json(body: Any) -> str | None:
    if isinstance(body, list):
        return None
    if not isinstance(body, dict):
        return "a body that is neither object nor list has nothing that could be an argument"
    members = cast("dict[str, Any]", body)
    return None if _can_be_parts(members) else "a member of the body has a dot or a number as its name"


def _can_be_parts(value: Mapping[str, Any]) -> bool:
    return all(key and "." not in key and not key.isdigit() and key != "@" for key in value)


def _of_text(place: str, wire: str, text: str) -> Argument:
    """A placeholder may stand at the end of a text: `state:{state}`."""
    found = _ENDING.fullmatch(text)
    if found is None:
        return Argument(place, wire, text)
    return Argument(place, wire, asked=snake(found[2]), prefix=found["prefix"])


def params(arguments: list[Argument], wishes: Wishes, *, writes: bool, typed: str) -> tuple[dict[str, Any], list[str]]:
    """`params` of a tool by name, and remarks. `typed` is the place of arguments that only `wishes` know. Raises
    ConfigError for a wish that fits nothing."""
    made: dict[str, Any] = {}
    remarks: list[str] = []
    used: set[str] = set()
    for one in arguments:
        name = _free(one.asked or snake(one.wire), one.place, made)
        wish = next((wish for wish in wishes.parameters if wish.name in (one.wire, one.asked, name)), None)
        fixed = next((fixed for fixed in wishes.fixed if fixed in (one.wire, name)), None)
        used |= {said for said in (None if wish is None else wish.name, fixed) if said is not None}
        made[name] = _param(one, name, wish, remarks, fixed=fixed is not None, writes=writes)
    for wish in wishes.parameters:
        if wish.name not in used:
            name = _free(snake(wish.name), typed, made)
            made[name] = _param(Argument(typed, wish.name), name, wish, remarks, fixed=False, writes=False)
    lost = [fixed for fixed in wishes.fixed if fixed not in used]
    if lost:
        raise ConfigError((f"--fixed {lost[0]}: the request has no such value{meant(lost[0], made)}",))
    return made, remarks


def _free(name: str, place: str, taken: Mapping[str, Any]) -> str:
    """Names are the model's: one for each argument. `limit` and `page_token` are free here, where nothing is paged."""
    if name not in taken:
        return name
    other = f"{name[: _LONGEST - 7].rstrip('_')}_{place}"
    number = 2
    while other in taken:
        other = f"{name[: _LONGEST - 5].rstrip('_')}_{number}"
        number += 1
    return other


def _param(
    one: Argument, name: str, wish: Parameter | None, remarks: list[str], *, fixed: bool, writes: bool
) -> dict[str, Any]:
    made: dict[str, Any] = {**_typed(one, wish), "in": one.place}
    if one.wire != name:
        made["to"] = one.wire
    if one.prefix:
        made["prefix"] = one.prefix
    if fixed:
        return {**made, "internal": True, "default": _kept(one)}
    about = None if wish is None else wish.about
    if wish is not None and wish.default is not None:
        made["default"] = _converted(wish, made["type"])
    elif one.place == "path" or one.asked is not None or (wish is not None and wish.required):
        made["required"] = True
    elif one.sample is not msgspec.UNSET:
        about = _sampled(made, one, about, remarks, writes=writes)
    if about:
        made["description"] = " ".join(about.split())[:200]
    return made


def _sampled(made: dict[str, Any], one: Argument, about: str | None, remarks: list[str], *, writes: bool) -> str | None:
    """What the value of the sample says. Of a request that only reads it is the default; where something is written it
    must be given, because nobody means to write the same again. Answers what is said about the argument."""
    value = one.sample
    if _is_secret(one.wire, value):
        remarks.append(f"{one.wire}: its value may be a secret, and is left out: a model must give one")
        made["required"] = True
        return about
    if not writes and isinstance(value, _PLAIN) and value != "":
        made["default"] = value
        return about
    if writes and value not in (None, "", [], {}):
        made["required"] = True
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    if about is None and isinstance(value, _PLAIN) and 0 < len(shown) <= _LONGEST_EXAMPLE and shown.isprintable():
        return f"For example: {shown}"
    return about


def _is_secret(name: str, value: Any) -> bool:
    return isinstance(value, str) and (credentials.is_secret_parameter(name) or credentials.looks_secret(value))


def _kept(one: Argument) -> Any:
    """A value that stays as it is. Raises ConfigError for one that a record must not hold."""
    if not isinstance(one.sample, _PLAIN):
        raise ConfigError((f"--fixed {one.wire}: only a text, a number, true and false can stay as they are",))
    if _is_secret(one.wire, one.sample):
        raise ConfigError((f"--fixed {one.wire}: it looks like a secret, and would stand in the record",))
    return one.sample


def _typed(one: Argument, wish: Parameter | None) -> dict[str, Any]:
    if wish is not None and wish.type is not None:
        return {"type": wish.type}
    value = one.sample
    if isinstance(value, list):
        return {"type": "array", "items": _items(one, cast("list[Any]", value))}
    if isinstance(value, dict):
        return {"type": "object"}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return {"type": "integer"}
    if isinstance(value, float):
        return {"type": "number"}
    long = isinstance(value, str) and len(value) > 200
    return {"type": "string", **({"max_length": 100_000} if long else {})}


def _items(one: Argument, values: list[Any]) -> str:
    kinds: set[type] = {type(value) for value in values}
    for kind, name in ((str, "string"), (bool, "boolean"), (int, "integer"), (dict, "object")):
        if kinds == {kind}:
            return name
    if kinds <= {int, float} and kinds:
        return "number"
    if not kinds:
        return "string"
    raise ConfigError((f"{one.wire}: a list of lists, or of different things, cannot be an argument",))


def _converted(wish: Parameter, kind: str) -> Any:
    """The default in the argument's type. Raises ConfigError."""
    text = wish.default or ""
    if _is_secret(wish.name, text):
        raise ConfigError((f"--param {wish.name}: it looks like a secret, and would stand in the record",))
    try:
        if kind == "integer":
            return int(text)
        if kind == "number":
            return float(text)
        if kind == "boolean":
            return {"true": True, "false": False}[text.lower()]
    except (ValueError, KeyError):
        raise ConfigError((f"--param {wish.name}: {text[:40]!r} is no {kind}",)) from None
    return unquote(text)
