"""What is different between two connectors of one product, in words: what a person reads before a new import counts."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from toolgate.control.openapi.nodes import mapping, sequence, text

_PLACE = re.compile(r"\{[^{}]*\}")
_LONGEST = 300
_LIMITS = ("enum", "pattern", "minimum", "maximum", "max_length", "items", "keys", "default", "to", "transform")


def key_of(method: str, path: str) -> str:
    """An operation, whatever its arguments are called."""
    return f"{method} {_PLACE.sub('{}', path)}"


def tool_key(tool: Mapping[str, Any]) -> str:
    """The same of a tool; its name where it has more than one request."""
    request = mapping(tool.get("request"))
    return key_of(text(request.get("method")), text(request.get("path"))) if request else text(tool.get("name"))


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """One line for each thing: tools that are added, removed, renamed or changed, and what holds for all of them."""
    lines = list(_around(before, after))
    old = {tool_key(tool): mapping(tool) for tool in sequence(before.get("tools"))}
    new = {tool_key(tool): mapping(tool) for tool in sequence(after.get("tools"))}
    lines += [f"- {old[key]['name']}: removed ({_asked(old[key])})" for key in old if key not in new]
    lines += [f"+ {new[key]['name']}: added ({_asked(new[key])})" for key in new if key not in old]
    for key, tool in new.items():
        lines += [f"~ {tool['name']}: {line}" for line in (_changed(old[key], tool) if key in old else ())]
    return lines


def _asked(tool: Mapping[str, Any]) -> str:
    request = mapping(tool.get("request"))
    return f"{request.get('method')} {request.get('path')}" if request else "several requests"


def _around(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for key in ("http", "auth", "variables", "errors", "mode", "title", "description"):
        if before.get(key) != after.get(key):
            yield f"~ {key}: {_shown(before.get(key))} -> {_shown(after.get(key))}"


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    if before.get("name") != after.get("name"):
        yield f"is called so now; it was {before.get('name')}"
    for key in ("title", "description", "hints", "scopes", "result", "response", "request"):
        if before.get(key) != after.get(key):
            yield f"{key}: {_shown(before.get(key))} -> {_shown(after.get(key))}"
    if before.get("pagination") != after.get("pagination") or before.get("paginate") != after.get("paginate"):
        yield f"pages: {_shown(before.get('pagination'))} -> {_shown(after.get('pagination'))}"
    old, new = mapping(before.get("params")), mapping(after.get("params"))
    for name in old:
        if name not in new:
            yield f"argument {name} is gone"
    for name, param in new.items():
        if name not in old and mapping(param).get("internal"):
            yield f"{name} is always sent: {_shown(mapping(param).get('default'))}"
        elif name not in old:
            yield f"argument {name} is new ({mapping(param).get('type')}{_must(param)})"
        else:
            yield from _argument(name, mapping(old[name]), mapping(param))


def _argument(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    if bool(before.get("required")) != bool(after.get("required")):
        yield f"argument {name} {'must be given now' if after.get('required') else 'need not be given any more'}"
    if before.get("type") != after.get("type") or before.get("in") != after.get("in"):
        was, now = (f"{one.get('type')} in {one.get('in')}" for one in (before, after))
        yield f"argument {name}: {was} -> {now}"
    for key in _LIMITS:
        if before.get(key) != after.get(key):
            yield f"argument {name}, {key}: {_shown(before.get(key))} -> {_shown(after.get(key))}"
    if before.get("description") != after.get("description"):
        yield f"argument {name}: {_shown(before.get('description'))} -> {_shown(after.get('description'))}"


def _must(param: Any) -> str:
    return ", must be given" if mapping(param).get("required") else ""


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    said = msgspec.json.encode(value).decode()
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}..."
