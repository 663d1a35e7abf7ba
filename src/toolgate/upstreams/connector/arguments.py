"""What a model may give to a tool: the input schema, and values held to it, with reasons that a model can act on."""

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, cast

import msgspec

from toolgate.model.call import Outbound
from toolgate.rules import patterns
from toolgate.rules.names import meant
from toolgate.upstreams.connector.format import Pagination, Param
from toolgate.upstreams.connector.trouble import Trouble

LIMIT, PAGE_TOKEN = "limit", "page_token"
LONGEST_TOKEN = 4000

_FORMS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}


def schema(params: Mapping[str, Param], paging: Pagination | None) -> dict[str, Any]:
    """The input schema: one flat object. What is internal is not in it."""
    shown = {name: param for name, param in params.items() if not param.internal}
    properties = {name: _property(param) for name, param in shown.items()}
    if paging is not None:
        properties[LIMIT] = {"type": "integer", "minimum": 1, "maximum": paging.max, "default": paging.default}
        properties[PAGE_TOKEN] = {"type": "string", "description": "next_page_token of the answer before."}
    found: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    required = [name for name, param in shown.items() if param.required]
    return {**found, "required": required} if required else found


def _property(param: Param) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": param.type}
    limits = {
        "description": param.description,
        "enum": list(param.enum) or None,
        "pattern": param.pattern,
        "minimum": param.minimum,
        "maximum": param.maximum,
        "default": param.default,
    }
    shape.update({key: value for key, value in limits.items() if value is not None})
    if param.type == "array":
        shape |= {"items": {"type": param.items}, "maxItems": param.max_items}
    elif param.keys is not None:
        shape["propertyNames"] = {"pattern": f"^(?:{param.keys})$"}
    elif param.type == "string" and not param.enum and param.pattern is None:
        shape["maxLength"] = param.max_length
    return shape


def given(out: Outbound) -> dict[str, Any]:
    """The arguments of a call, as they came. Raises Trouble."""
    try:
        return msgspec.json.decode(out.params.get("arguments", b"{}"), type=dict[str, Any])
    except msgspec.DecodeError:
        raise Trouble("arguments: expected an object") from None


def _flaw_at(name: str, param: Param, value: Any) -> str | None:
    reason = flaw(param, value)
    return None if reason is None else f"{name}: {reason}"


def accepted(
    params: Mapping[str, Param], given: Mapping[str, Any], judge: Callable[[str, Param, Any], str | None] = _flaw_at
) -> dict[str, Any]:
    """The values by argument, defaults put in; what is not given is not in it. `judge` says what is wrong with the
    value of the argument of this name, and where in it. Raises Trouble."""
    shown = [name for name, param in params.items() if not param.internal]
    unknown = sorted(set(given).difference(shown))
    if unknown:
        raise Trouble(f"there is no argument {unknown[0][:60]!r}{meant(unknown[0], shown)}; there are {_listed(shown)}")
    values: dict[str, Any] = {}
    for name, param in params.items():
        value = None if param.internal else given.get(name)
        if value is None:
            if param.required:
                raise Trouble(f"the argument {name!r} is missing{_about(param)}")
            value = param.default
        else:
            reason = judge(name, param, value)
            if reason is not None:
                raise Trouble(reason)
        if value is not None:
            values[name] = value
    return values


def size(paging: Pagination, given: Any) -> int:
    """How many rows are asked for. Raises Trouble."""
    if given is None:
        return paging.default
    if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= paging.max:
        raise Trouble(f"{LIMIT}: expected a whole number from 1 to {paging.max}")
    return given


def flaw(param: Param, value: Any) -> str | None:
    """Why this value does not fit; None when it does."""
    if not _fits(param.type, value):
        return f"expected {_FORMS[param.type]}{_about(param)}"
    if param.enum and value not in param.enum:
        return f"must be one of {_listed([str(choice) for choice in param.enum])}"
    if isinstance(value, str):
        return _flaw_of_text(param, value)
    if isinstance(value, list):
        return _flaw_of_list(param, cast("list[Any]", value))
    if isinstance(value, dict) and param.keys is not None:
        wrong = next((key for key in cast("dict[str, Any]", value) if not _whole(param.keys)(key)), None)
        return None if wrong is None else f"{wrong[:60]!r} does not have the form {param.keys}"
    if isinstance(value, (int, float)):
        if param.minimum is not None and value < param.minimum:
            return f"must be at least {param.minimum}"
        if param.maximum is not None and value > param.maximum:
            return f"must be at most {param.maximum}"
    return None


def _flaw_of_text(param: Param, value: str) -> str | None:
    if len(value) > param.max_length:
        return f"longer than {param.max_length} characters"
    if not value and param.required:
        return f"must not be empty{_about(param)}"
    if "\0" in value:
        return "holds a NUL character"
    if param.pattern is not None and not _whole(param.pattern)(value):
        return f"does not have the form {param.pattern}"
    if param.not_pattern is not None and patterns.searches(param.not_pattern)(value):
        return f"holds what is not allowed here{_about(param)}"
    return None


@lru_cache(maxsize=1024)
def _whole(pattern: str) -> Callable[[str], bool]:
    """Whether a whole text has this form; made once for each pattern."""
    return patterns.searches(f"^(?:{pattern})$")


def _flaw_of_list(param: Param, value: list[Any]) -> str | None:
    if len(value) > param.max_items:
        return f"more than {param.max_items} items"
    for position, item in enumerate(value):
        if not _fits(param.items or "string", item):
            return f"item {position}: expected {_FORMS[param.items or 'string']}"
        if isinstance(item, str) and (len(item) > param.max_length or "\0" in item):
            return f"item {position}: longer than {param.max_length} characters, or holds a NUL character"
    return None


def _fits(kind: str, value: Any) -> bool:
    if kind == "string":
        return isinstance(value, str)
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(value, list if kind == "array" else dict)


def _about(param: Param) -> str:
    return f" ({param.description.rstrip('.')})" if param.description else ""


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none"
