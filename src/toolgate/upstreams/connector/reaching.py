"""JMESPath as functions made once. The library looks up each part of an expression again for each row; the parts that
projections are made of are functions here, and all others are still the library's. The meaning is the library's own.

What they do for each row they pay for beforehand, once for all rows: see `spending`.
"""

from collections.abc import Callable
from typing import Any, cast

from toolgate.upstreams.connector import spending

Reach = Callable[[Any], Any]
"""A value to what an expression finds in it."""

Node = dict[str, Any]


def reach(node: Node, other: Callable[[Node, Any], Any]) -> Reach:
    """The function of a parsed expression. `other` finds what has no function here, by the library."""
    make = _MAKERS.get(node["type"])
    if make is None:
        return lambda value: other(node, value)
    return make(node, [reach(child, other) for child in node["children"]])


def _field(node: Node, _: list[Reach]) -> Reach:
    name = node["value"]
    return lambda value: cast("Node", value).get(name) if isinstance(value, dict) else None


def _chain(_: Node, parts: list[Reach]) -> Reach:
    if len(parts) == 2:
        first, second = parts
        return lambda value: second(first(value))

    def chain(value: Any) -> Any:
        for part in parts:
            value = part(value)
        return value

    return chain


def _only(_: Node, parts: list[Reach]) -> Reach:
    return parts[0]


def _itself(_: Node, __: list[Reach]) -> Reach:
    return lambda value: value


def _literal(node: Node, _: list[Reach]) -> Reach:
    literal = node["value"]
    return lambda _value: literal


def _either(_: Node, parts: list[Reach]) -> Reach:
    left, right = parts

    def either(value: Any) -> Any:
        found = left(value)
        return right(value) if found is None or found is False or found in ("", [], {}) else found

    return either


def _object(node: Node, parts: list[Reach]) -> Reach:
    members = list(zip([child["value"] for child in node["children"]], parts, strict=True))
    return lambda value: None if value is None else {name: part(value) for name, part in members}


def _list(_: Node, parts: list[Reach]) -> Reach:
    return lambda value: None if value is None else [part(value) for part in parts]


def _projection(node: Node, parts: list[Reach]) -> Reach:
    base, each = parts
    weight = _weight(node["children"][1])

    def projection(value: Any) -> list[Any] | None:
        rows = base(value)
        if not isinstance(rows, list):
            return None
        spending.spend(len(cast("list[Any]", rows)) * weight)
        return [found for row in cast("list[Any]", rows) if (found := each(row)) is not None]

    return projection


def _weight(node: Node) -> int:
    """The parts of an expression that are looked at once for each row. What the library does counts by itself."""
    if node["type"] not in _MAKERS:
        return 1
    children = node["children"][:1] if node["type"] == "projection" else node["children"]
    return 1 + sum(map(_weight, children))


def _flatten(_: Node, parts: list[Reach]) -> Reach:
    (base,) = parts
    return lambda value: flattened(base(value))


def flattened(rows: Any) -> list[Any] | None:
    """Lists within a list, as one. Pays before it makes anything."""
    if not isinstance(rows, list):
        return None
    known = cast("list[Any]", rows)
    spending.spend(len(known) + sum([len(cast("list[Any]", row)) for row in known if isinstance(row, list)]))
    merged: list[Any] = []
    for row in known:
        merged.extend(cast("list[Any]", row) if isinstance(row, list) else [row])
    return merged


_MAKERS: dict[str, Callable[[Node, list[Reach]], Reach]] = {
    "current": _itself,
    "field": _field,
    "flatten": _flatten,
    "identity": _itself,
    "key_val_pair": _only,
    "literal": _literal,
    "multi_select_dict": _object,
    "multi_select_list": _list,
    "or_expression": _either,
    "pipe": _chain,
    "projection": _projection,
    "subexpression": _chain,
}
