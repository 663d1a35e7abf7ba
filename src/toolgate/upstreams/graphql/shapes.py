"""GraphQL's input types as JSON Schema: what a model is told of a variable. Input objects are written out where they
are used, to a depth, because many clients follow no references."""

from collections.abc import Mapping
from typing import Any, cast

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    ListTypeNode,
    NamedTypeNode,
    NonNullTypeNode,
    TypeNode,
    is_required_input_field,
    value_from_ast_untyped,
)

from toolgate.rules.names import meant
from toolgate.upstreams.graphql.flaws import Flaw

DEEPEST = 4
"""Levels of input objects that are written out."""

LONGEST_TEXT = 10_000
MOST_ITEMS = 100
_LONGEST_DESCRIPTION = 160
_MOST_MEMBERS = 60
_BUILT_IN: Mapping[str, dict[str, Any]] = {
    "Int": {"type": "integer", "format": "int32"},
    "Float": {"type": "number"},
    "String": {"type": "string", "maxLength": LONGEST_TEXT},
    "Boolean": {"type": "boolean"},
    "ID": {"type": "string", "maxLength": 1000},
}
_USUAL: Mapping[str, dict[str, Any]] = {
    "Date": {"type": "string", "format": "date"},
    "DateTime": {"type": "string", "format": "date-time"},
    "Time": {"type": "string", "format": "time"},
    "URI": {"type": "string", "format": "uri"},
    "URL": {"type": "string", "format": "uri"},
    "UUID": {"type": "string", "format": "uuid"},
}
"""Scalars that mean the same in nearly every schema. What is declared stands before them."""


class Shapes:
    """`declared` are JSON Schemas by the name of a type, which stand before what the schema says."""

    def __init__(self, schema: GraphQLSchema | None, declared: Mapping[str, dict[str, Any]]) -> None:
        self._schema = schema
        self._declared = declared

    def of(self, node: TypeNode) -> dict[str, Any]:
        """The JSON Schema of a variable of this type; whether it may be left out is not in it. Raises Flaw."""
        return self._shape(node, ())

    def _shape(self, kind: Any, above: tuple[str, ...]) -> dict[str, Any]:
        if isinstance(kind, (NonNullTypeNode, ListTypeNode)):
            inner: Any = kind.type
        elif isinstance(kind, (GraphQLNonNull, GraphQLList)):
            inner = cast("Any", kind).of_type
        else:
            name = kind.name.value if isinstance(kind, NamedTypeNode) else str(kind.name)
            return self._named(name, above)
        shape = self._shape(inner, above)
        if isinstance(kind, (ListTypeNode, GraphQLList)):
            return {"type": "array", "items": shape, "maxItems": MOST_ITEMS}
        return shape

    def _named(self, name: str, above: tuple[str, ...]) -> dict[str, Any]:
        if name in self._declared:
            return dict(self._declared[name])
        if name in _BUILT_IN:
            return dict(_BUILT_IN[name])
        known: Any = None if self._schema is None else self._schema.type_map.get(name)
        if isinstance(known, GraphQLEnumType):
            values = [value for value, told in known.values.items() if told.deprecation_reason is None]
            return {"type": "string", "enum": values}
        if isinstance(known, GraphQLInputObjectType):
            return self._object(known, (*above, name))
        if name in _USUAL:
            return {**_USUAL[name], "maxLength": 1000}
        if isinstance(known, GraphQLScalarType):
            raise Flaw(f"the scalar {name} is the API's own: say by `types.{name}` which JSON it takes (JSON Schema)")
        if self._schema is not None:
            raise Flaw(f"there is no input type {name}{meant(name, self._schema.type_map)}")
        raise Flaw(f"the type {name} is not built in: give the API's `schema`, or its JSON Schema as `types.{name}`")

    def _object(self, kind: GraphQLInputObjectType, above: tuple[str, ...]) -> dict[str, Any]:
        properties: dict[str, Any] = {}
        required: list[str] = []
        for name, field in kind.fields.items():
            needed = is_required_input_field(field)
            if field.deprecation_reason is not None and not needed:
                continue
            inner = _innermost(field.type)
            ends = len(above) >= DEEPEST or inner.name in above
            if ends and isinstance(inner, GraphQLInputObjectType) and inner.name not in self._declared:
                if not needed:
                    continue
                raise Flaw(
                    f"{kind.name}.{name} is nested without end, or more than {DEEPEST} deep: say by"
                    f" `types.{inner.name}` what of it can be given (JSON Schema)"
                )
            shape = self._shape(field.type, above)
            text = told(field.description)
            shape = {**shape, "description": text} if text else shape
            default = _default(field)
            properties[name] = shape if default is None else {**shape, "default": default}
            if needed:
                required.append(name)
        if len(properties) > _MOST_MEMBERS:
            raise Flaw(
                f"{kind.name} has {len(properties)} members: say by `types.{kind.name}` which of them can be given"
            )
        found: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
        if kind.description:
            found["description"] = told(kind.description)
        if kind.is_one_of:
            found |= {"minProperties": 1, "maxProperties": 1}
        return {**found, "required": required} if required else found


def _default(field: Any) -> Any:
    """What the schema says is taken where nothing is given; None where it says nothing."""
    default = field.default
    if default is None:
        return None
    return default.value if default.literal is None else value_from_ast_untyped(default.literal)


def _innermost(kind: Any) -> Any:
    while isinstance(kind, (GraphQLNonNull, GraphQLList)):
        kind = cast("Any", kind).of_type
    return kind


def told(text: str | None) -> str:
    """A description of the schema in one line, cut at the end of a word."""
    line = " ".join((text or "").split())
    return line if len(line) <= _LONGEST_DESCRIPTION else f"{line[:_LONGEST_DESCRIPTION].rpartition(' ')[0]}..."
