"""What a JSON Schema says of one argument: is it there, and what can its values be. Nothing remote is ever followed.

Only what is certain is used: a schema that says something unknown about a value says nothing about it here.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

Schema = Mapping[str, Any]

_DEEPEST = 32
_MOST = 1000
_ANYTHING: Schema = {}


def at(schema: Any, path: str) -> tuple[Schema, ...] | None:
    """The schemas that a value at a dotted path may have, each of them possible; None when no value can be there.

    An argument that the schema does not name is there only if it says so (`additionalProperties`), or names none.
    """
    budget = _Budget()
    found: list[Schema] = [_as_schema(schema)]
    for step in path.split("."):
        found = [inner for one in found for branch in _branches(one, schema, budget) for inner in _below(branch, step)]
        if not found:
            return None
    return tuple(branch for one in found for branch in _branches(one, schema, budget))


class _Budget:
    """Schemas can be written so that their alternatives have no end. Where it is spent, anything is possible."""

    def __init__(self) -> None:
        self._left = _MOST

    def spent(self) -> bool:
        self._left -= 1
        return self._left < 0


def _as_schema(value: Any) -> Schema:
    return cast("Schema", value) if isinstance(value, dict) else _ANYTHING


def _branches(schema: Schema, root: Any, budget: _Budget, depth: int = 0) -> Iterator[Schema]:
    """The schema with references followed and each of its alternatives apart, what stands beside them included."""
    if depth > _DEEPEST or budget.spent():
        yield _ANYTHING
        return
    reference = schema.get("$ref")
    if isinstance(reference, str):
        target = _follow(root, reference)
        yield from _branches({**target, **_without(schema, "$ref")}, root, budget, depth + 1)
        return
    together: Any = schema.get("allOf")
    if isinstance(together, list) and together:
        merged = _without(schema, "allOf")
        for part in cast("list[Any]", together):
            merged = _merged(merged, next(_branches(_as_schema(part), root, budget, depth + 1)))
        yield from _branches(merged, root, budget, depth + 1)
        return
    for word in ("anyOf", "oneOf"):
        choices: Any = schema.get(word)
        if isinstance(choices, list) and choices:
            beside = _without(schema, word)
            for choice in cast("list[Any]", choices):
                yield from _branches(_merged(beside, _as_schema(choice)), root, budget, depth + 1)
            return
    yield schema


def _without(schema: Schema, word: str) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != word}


def _merged(one: Schema, other: Schema) -> dict[str, Any]:
    properties = {**_as_schema(one.get("properties")), **_as_schema(other.get("properties"))}
    return {**one, **other, **({"properties": properties} if properties else {})}


def _follow(root: Any, reference: str) -> Schema:
    """What a local reference (`#/$defs/Name`) points to; anything for one that leads elsewhere."""
    if not reference.startswith("#"):
        return _ANYTHING
    place: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(place, dict) or key not in place:
            return _ANYTHING
        place = cast("Schema", place)[key]
    return _as_schema(place)


def _below(schema: Schema, step: str) -> Iterator[Schema]:
    properties = _as_schema(schema.get("properties"))
    if step in properties:
        if properties[step] is not False:
            yield _as_schema(properties[step])
        return
    if "object" not in types(schema):
        return
    others: Any = schema.get("additionalProperties", not properties)
    if others is not False or schema.get("patternProperties"):
        yield _as_schema(others)


TYPES = frozenset({"string", "number", "boolean", "null", "array", "object"})
"""The types of JSON. Whole numbers are numbers here."""


def types(schema: Schema) -> frozenset[str]:
    """The types that a value may have."""
    named: Any = schema.get("type")
    given = cast("list[Any]", named) if isinstance(named, list) else [named]
    known = frozenset("number" if one == "integer" else one for one in given if isinstance(one, str))
    return known & TYPES or TYPES


def type_of(value: Any) -> str:
    """The type of a JSON value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, dict) else "array"


def choices(schema: Schema) -> tuple[Any, ...] | None:
    """The only values that there can be; None when they are not listed."""
    if "const" in schema:
        return (schema["const"],)
    listed: Any = schema.get("enum")
    return tuple(cast("list[Any]", listed)) if isinstance(listed, list) else None


def bounds(schema: Schema) -> tuple[float, float]:
    """The least and the most that a number can be, the bounds included."""
    least: Any = schema.get("minimum", schema.get("exclusiveMinimum"))
    most: Any = schema.get("maximum", schema.get("exclusiveMaximum"))
    return _number(least, float("-inf")), _number(most, float("inf"))


def _number(value: Any, otherwise: float) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else otherwise
