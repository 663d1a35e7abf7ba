"""What a model may give for a variable: JSON Schema, of which a part is known here, and values held to it. Reasons are
those of the connectors."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from toolgate.rules import patterns
from toolgate.rules.names import meant
from toolgate.upstreams.connector import arguments
from toolgate.upstreams.connector.format import Param
from toolgate.upstreams.graphql.flaws import Flaw

_TYPES = ("string", "integer", "number", "boolean", "array", "object")
_KNOWN = frozenset({
    "type", "title", "description", "format", "default", "examples", "enum", "pattern", "minimum", "maximum",
    "maxLength", "items", "maxItems", "properties", "required", "additionalProperties", "minProperties",
    "maxProperties",
})  # fmt: skip
_INT32 = (-(2**31), 2**31 - 1)


class Shape(msgspec.Struct, frozen=True):
    """What a value must be. Without a `param` it may be anything. An object with `members` None takes any; one that is
    `open` takes others beside its members; `one` says that it takes exactly one."""

    param: Param | None
    items: "Shape | None" = None
    members: Mapping[str, "Shape"] | None = None
    required: frozenset[str] = frozenset()
    open: bool = False
    one: bool = False

    @property
    def is_simple(self) -> bool:
        """Whether its `param` says all."""
        return self.param is not None and self.items is None and self.members is None


def shape(schema: Mapping[str, Any], *, required: bool = False) -> Shape:
    """Raises Flaw for a schema that says what is not known here: it would promise what nobody holds."""
    unknown = sorted(set(schema) - _KNOWN)
    if unknown:
        raise Flaw(
            f"the JSON Schema has `{unknown[0]}`{meant(unknown[0], _KNOWN)}; known are {', '.join(sorted(_KNOWN))}"
        )
    kind = schema.get("type")
    if kind is None:
        return Shape(None)
    if kind not in _TYPES:
        raise Flaw(f"the JSON Schema's type must be one of {', '.join(_TYPES)}")
    try:
        param = _param(kind, schema, required)
    except msgspec.ValidationError as error:
        raise Flaw(f"the JSON Schema is not right: {error}") from None
    if param.pattern is not None and (reason := patterns.flaw(param.pattern)) is not None:
        raise Flaw(f"the pattern {reason}")
    if kind == "array":
        items: Any = schema.get("items", {})
        return Shape(param, items=shape(_mapping("items", items)))
    if kind == "object" and "properties" in schema:
        needed = frozenset(cast("list[str]", schema.get("required", [])))
        properties = _mapping("properties", schema["properties"])
        members = {name: shape(_mapping(name, one), required=name in needed) for name, one in properties.items()}
        return Shape(
            param,
            members=members,
            required=needed,
            open=schema.get("additionalProperties", True) is not False,
            one=schema.get("maxProperties") == 1,
        )
    return Shape(param)


def _param(kind: str, schema: Mapping[str, Any], required: bool) -> Param:
    """The part that one argument of a connector can say."""
    said = {
        name: schema[key]
        for key, name in (("enum", "enum"), ("minimum", "minimum"), ("maximum", "maximum"), ("maxLength", "max_length"),
                          ("maxItems", "max_items"), ("pattern", "pattern"), ("description", "description"))
        if key in schema
    }  # fmt: skip
    if schema.get("format") == "int32":
        said = {"minimum": _INT32[0], "maximum": _INT32[1], **said}
    if kind == "string":
        said.setdefault("max_length", 10_000)
    if "description" in said:
        said["description"] = str(said["description"])[:200]
    return msgspec.convert({"type": kind, "in": "body", "required": required, **said}, Param)


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Flaw(f"the JSON Schema's {name} must be an object")
    return cast("Mapping[str, Any]", value)


def param(made: Shape, description: str | None, *, required: bool) -> Param:
    """The argument of a tool whose value has this shape, as far as an argument can say it."""
    whole = made.param or Param("object", "body")
    return msgspec.structs.replace(whole, required=required, description=(description or "")[:200] or None)


def flaw(made: Shape, value: Any, at: str) -> str | None:
    """Why this value does not fit; None when it does. `at` is where it stands."""
    if made.param is None:
        return None
    if isinstance(value, list) and made.items is not None and made.param.type == "array":
        return _flaw_of_list(made, cast("list[Any]", value), at)
    if isinstance(value, dict) and made.members is not None and made.param.type == "object":
        return _flaw_of_object(made, cast("dict[str, Any]", value), at)
    reason = arguments.flaw(made.param, value)
    return None if reason is None else f"{at}: {reason}"


def _flaw_of_list(made: Shape, value: list[Any], at: str) -> str | None:
    assert made.param is not None
    assert made.items is not None
    if len(value) > made.param.max_items:
        return f"{at}: more than {made.param.max_items} items"
    found = (flaw(made.items, item, f"{at}[{place}]") for place, item in enumerate(value))
    return next((reason for reason in found if reason is not None), None)


def _flaw_of_object(made: Shape, value: dict[str, Any], at: str) -> str | None:
    assert made.members is not None
    members = made.members
    unknown = sorted(set(value).difference(members))
    if unknown and not made.open:
        listed = ", ".join(members) or "none"
        return f"{at}: there is no member {unknown[0][:60]!r}{meant(unknown[0], members)}; there are {listed}"
    missing = next((name for name in members if name in made.required and value.get(name) is None), None)
    if missing is not None:
        return f"{at}: the member {missing!r} is missing"
    if made.one and (len(value) != 1 or None in value.values()):
        return f"{at}: give exactly one of {', '.join(members)}"
    found = (
        flaw(members[name], item, f"{at}.{name}")
        for name, item in value.items()
        if name in members and item is not None
    )
    return next((reason for reason in found if reason is not None), None)
