"""Values of a document that a stranger wrote: each is what it should be, or empty."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

Node = Mapping[str, Any]

_NOTHING: Node = {}


def mapping(value: Any) -> Node:
    return cast("Node", value) if isinstance(value, dict) else _NOTHING


def sequence(value: Any) -> Sequence[Any]:
    return cast("Sequence[Any]", value) if isinstance(value, list) else ()


def text(value: Any) -> str:
    """A text. Numbers count, because YAML makes some of what was meant as text."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def texts(value: Any) -> tuple[str, ...]:
    return tuple(item for item in sequence(value) if isinstance(item, str))


def number(value: Any) -> int | float | None:
    """A finite number that JSON can hold without loss."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if -(2**53) <= value <= 2**53 else None
