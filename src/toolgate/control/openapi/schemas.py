"""JSON Schema as documents use it, one level at a time: a Shape says what a value is, and keeps the schemas of what is
inside as they were. Whoever looks deeper asks again, and stops when it is deep enough: recursion has no end of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, cast

import msgspec

from toolgate.control.openapi.document import Document
from toolgate.control.openapi.nodes import Node, mapping, number, sequence, text, texts

Kind = Literal["string", "integer", "number", "boolean", "array", "object", "any", "file"]
_KINDS: Mapping[Any, Kind] = {
    "string": "string", "integer": "integer", "number": "number", "boolean": "boolean", "array": "array",
    "object": "object", "file": "file",
}  # fmt: skip
SCALARS = ("string", "integer", "number", "boolean")
_MOST_STEPS = 4000
"""Schemas that are looked at for one operation: alternatives can be written so that they have no end."""

_DEEPEST = 24


class Shape(msgspec.Struct, frozen=True):
    """What a value is. `properties` and `items` are schemas as they stand in the document. `more` says that an object
    may have members that are not named. `notes` are for people."""

    kind: Kind = "any"
    description: str = ""
    enum: tuple[Any, ...] = ()
    default: Any = None
    example: Any = None
    minimum: int | float | None = None
    maximum: int | float | None = None
    max_length: int | None = None
    pattern: str | None = None
    format: str = ""
    items: Node | None = None
    properties: dict[str, Node] = {}
    required: frozenset[str] = frozenset()
    more: bool = False
    read_only: bool = False
    deprecated: bool = False
    notes: tuple[str, ...] = ()


class Shapes:
    """Looks at the schemas of one document, for one operation."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._left = _MOST_STEPS

    def shape(self, node: Any, *, wide: bool = False) -> Shape:
        """What a schema says. `wide` takes the members of all alternatives, for reading; else one alternative is
        taken, for writing."""
        return self._shape(node, wide, 0)

    def _shape(self, node: Any, wide: bool, depth: int) -> Shape:
        self._left -= 1
        if self._left < 0 or depth > _DEEPEST:
            return Shape("any")
        found = self._document.follow(node)
        own = _own(found)
        for part in sequence(found.get("allOf")):
            own = _both(own, self._shape(part, wide, depth + 1))
        for key in ("oneOf", "anyOf"):
            others = sequence(found.get(key))[:50]
            if others:
                own = self._one_of(own, found, [self._shape(other, wide, depth + 1) for other in others], wide)
        return own

    def _one_of(self, own: Shape, node: Node, others: Sequence[Shape], wide: bool) -> Shape:
        """Alternatives that say nothing of their own, such as those that only require something, change nothing."""
        said = [other for other in others if other.kind != "any" or other.properties or other.enum]
        if not said:
            return own
        if len(said) == 1:
            return _both(own, said[0])
        if all(other.kind in SCALARS for other in said):
            return _both(own, _scalar_of(said))
        objects = [other for other in said if other.kind == "object"]
        told_apart = text(mapping(node.get("discriminator")).get("propertyName"))
        if wide:
            alike = objects if len(objects) >= len(said) - 1 else []
            return _both(own, _union(alike)) if alike else own
        if told_apart and len(objects) == len(said):
            return _both(own, self._told_apart(node, told_apart, objects))
        chosen = (objects or [other for other in said if other.kind == "array"] or said)[0]
        note = "the first of several forms"
        return _both(own, msgspec.structs.replace(chosen, notes=(*chosen.notes, note)))

    def _told_apart(self, node: Node, name: str, objects: Sequence[Shape]) -> Shape:
        """One member says which form it is: the members of all forms, none required that not all require."""
        values: list[Any] = list(mapping(mapping(node.get("discriminator")).get("mapping")))
        if not values:
            for one in objects:
                values += self.shape(one.properties.get(name, {})).enum
        union = _union(objects)
        schema = {"type": "string", "enum": values} if values else {"type": "string"}
        properties = {**union.properties, name: schema}
        return msgspec.structs.replace(union, properties=properties, required=union.required | {name})


def _own(node: Node) -> Shape:
    """What a schema says by itself, without what it is put together from."""
    kind = _kind(node)
    values = [node["const"]] if "const" in node else list(sequence(node.get("enum")))
    named = {str(name): mapping(value) for name, value in mapping(node.get("properties")).items()}
    more = node.get("additionalProperties", node.get("patternProperties"))
    longest = number(node.get("maxLength"))
    return Shape(
        kind=kind,
        description=text(node.get("description")),
        enum=tuple(values) if kind in SCALARS else (),
        default=node.get("default"),
        example=node.get("example", next(iter(sequence(node.get("examples"))), None)),
        minimum=number(node.get("minimum")),
        maximum=number(node.get("maximum")),
        max_length=int(longest) if longest is not None and longest >= 1 else None,
        pattern=text(node.get("pattern")) or None,
        format=text(node.get("format")),
        items=mapping(node.get("items")) if kind == "array" else None,
        properties=named,
        required=frozenset(texts(node.get("required"))),
        more=(isinstance(more, dict) or more is True) or (kind == "object" and not named and more is not False),
        read_only=node.get("readOnly") is True,
        deprecated=node.get("deprecated") is True,
    )


def _kind(node: Node) -> Kind:
    said = node.get("type")
    if isinstance(said, list):
        kinds = [kind for kind in texts(cast("Any", said)) if kind != "null"]
        said = "string" if "string" in kinds else kinds[0] if kinds else None
    if said == "string" and node.get("format") == "binary":
        return "file"
    if isinstance(said, str) and said in _KINDS:
        return _KINDS[said]
    if isinstance(node.get("properties"), dict) or isinstance(node.get("additionalProperties"), dict):
        return "object"
    if isinstance(node.get("items"), dict):
        return "array"
    values = [node["const"]] if "const" in node else [one for one in sequence(node.get("enum")) if one is not None]
    if values and all(isinstance(one, bool) for one in values):
        return "boolean"
    if values and all(isinstance(one, int) for one in values):
        return "integer"
    return "string" if values or isinstance(node.get("pattern"), str) else "any"


def _both(own: Shape, other: Shape) -> Shape:
    """What holds when both do. What the first says in words counts more."""
    kind: Kind = own.kind if own.kind != "any" else other.kind
    same = other.kind in (kind, "any")
    enum = own.enum or (other.enum if same else ())
    if own.enum and other.enum:
        enum = tuple(value for value in own.enum if value in other.enum) or own.enum
    return Shape(
        kind=kind,
        description=own.description or other.description,
        enum=enum,
        default=own.default if own.default is not None else other.default,
        example=own.example if own.example is not None else other.example,
        minimum=own.minimum if own.minimum is not None else other.minimum,
        maximum=own.maximum if own.maximum is not None else other.maximum,
        max_length=own.max_length or other.max_length,
        pattern=own.pattern or other.pattern,
        format=own.format or other.format,
        items=own.items or other.items,
        properties={**other.properties, **own.properties} if same else own.properties,
        required=own.required | other.required if same else own.required,
        more=own.more or other.more if own.properties or own.more else other.more,
        read_only=own.read_only or other.read_only,
        deprecated=own.deprecated or other.deprecated,
        notes=tuple(dict.fromkeys((*own.notes, *other.notes))),
    )


def _scalar_of(said: Sequence[Shape]) -> Shape:
    """One of several plain values: a text where one of them is a text."""
    kinds: list[Kind] = [one.kind for one in said]
    kind: Kind = kinds[0]
    if "string" in kinds:
        kind = "string"
    elif set(kinds) == {"integer", "number"}:
        kind = "number"
    values = tuple(dict.fromkeys(value for one in said for value in one.enum)) if all(one.enum for one in said) else ()
    described = next((one.description for one in said if one.description), "")
    return Shape(kind=kind, enum=values, description=described)


def _union(objects: Sequence[Shape]) -> Shape:
    properties: dict[str, Node] = {}
    for one in objects:
        for name, schema in one.properties.items():
            properties.setdefault(name, schema)
    required = frozenset[str].intersection(*(one.required for one in objects))
    more = all(one.more for one in objects)
    return Shape("object", properties=properties, required=required, more=more)


_LONGEST_ENUM = 12


def in_words(shapes: Shapes, node: Any, depth: int, *, writing: bool = True) -> str:
    """A type as TypeScript would write it, down to so many levels: `{name: string, lines?: {sku: string}[]}`."""
    shape = shapes.shape(node)
    if shape.kind == "array":
        inner = in_words(shapes, shape.items or {}, depth, writing=writing)
        return f"({inner})[]" if "|" in inner and not inner.startswith("{") else f"{inner}[]"
    if shape.kind == "object" and shape.properties:
        if depth <= 0:
            return "object"
        return "{" + ", ".join(_members(shapes, shape, depth, writing)) + "}"
    if shape.enum and len(shape.enum) <= _LONGEST_ENUM:
        return "|".join(msgspec.json.encode(value).decode() for value in plain(shape.enum))
    return {"integer": "number", "file": "string"}.get(shape.kind, shape.kind)


def _members(shapes: Shapes, shape: Shape, depth: int, writing: bool) -> Iterator[str]:
    """What must be there first."""
    for name in sorted(shape.properties, key=lambda name: name not in shape.required):
        node = shape.properties[name]
        if writing and shapes.shape(node).read_only:
            continue
        mark = "" if name in shape.required else "?"
        yield f"{name}{mark}: {in_words(shapes, node, depth - 1, writing=writing)}"


def plain(values: Sequence[Any]) -> list[str | int | float | bool]:
    """Those that are plain values."""
    return [value for value in values if isinstance(value, (str, bool)) or number(value) is not None]
