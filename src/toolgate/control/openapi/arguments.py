"""One argument of a tool: what a schema says of a value, in the words of the connector format."""

import math
import re
from typing import Any

from toolgate.control.openapi.nodes import Node, number
from toolgate.control.openapi.schemas import SCALARS, Shape, Shapes, in_words, plain
from toolgate.control.openapi.words import clean, cut
from toolgate.rules import patterns

LONGEST = 160
"""Characters of what an argument's description says in words."""

_WITH_TYPE = 400
"""Characters of a description together with the type of what is inside."""

_DEEPEST = 4
_LONG_TEXT = 20_000
_LONG_NAMES = re.compile(
    r"body|content|text|message|description|comment|note|html|markdown|prompt|input|instructions|query|sql|code|script"
    r"|data|value|summary|template|source|payload|details|bio|about|address"
)
_USUAL_TEXT = 1000
_MOST_CHOICES = 40
_FORMATS = {"date-time": "ISO 8601", "date": "as 2027-01-31", "uuid": "UUID", "byte": "base64", "uri": "URL"}
_ANCHORED = re.compile(r"\^(.*)\$", re.DOTALL)
_LOOSE = re.compile(r"(?<!\\)\|")


def written(
    shapes: Shapes, node: Any, place: str, *, described: str = "", required: bool = False, name: str = ""
) -> dict[str, Any]:  # fmt: skip
    """The parameter that a schema makes. Empty for what the format cannot say: values of any kind, lists in lists.
    `name` tells whether a text may be long."""
    shape = shapes.shape(node)
    if shape.kind in ("any", "file"):
        return {}
    found: dict[str, Any] = {"type": shape.kind, "in": place}
    if required:
        found["required"] = True
    if shape.kind == "array":
        inner = shapes.shape(shape.items or {})
        kind = inner.kind if inner.kind in (*SCALARS, "object") else "string" if inner.kind == "any" else ""
        if not kind or (inner.kind == "any" and place == "body" and shape.items):
            return {}
        found["items"] = kind
    elif shape.kind == "object" and place != "body":
        return {}
    said = _said(shapes, node, shape, described)
    if said:
        found["description"] = said
    return {**found, **_limits(shape, long=place == "body" and _LONG_NAMES.search(name.lower()) is not None)}


def _said(shapes: Shapes, node: Node, shape: Shape, described: str) -> str:
    """What it is in words, and what is inside of it as a type."""
    said = cut(clean(described or shape.description), LONGEST)
    more: list[str] = []
    if shape.format in _FORMATS and _FORMATS[shape.format].lower() not in said.lower():
        more.append(_FORMATS[shape.format])
    choices = plain(shape.enum)
    if len(choices) > _MOST_CHOICES:
        more.append(f"one of {len(choices)}, such as {', '.join(str(one) for one in choices[:4])}")
    if shape.default is not None and isinstance(shape.default, (str, int, float)) and str(shape.default).strip():
        given = str(shape.default).lower() if isinstance(shape.default, bool) else str(shape.default)
        if len(given) <= 40 and "default" not in said.lower():
            more.append(f"default {clean(given).rstrip('.') or given}")
    more += shape.notes
    whole = " ".join(part for part in (said, f"({'; '.join(more)})" if more else "") if part)
    inside = _inside(shapes, node, shape, _WITH_TYPE - len(whole) - 1)
    return f"{whole} {inside}".strip()[:_WITH_TYPE]


def _inside(shapes: Shapes, node: Node, shape: Shape, room: int) -> str:
    """As deep as there is room for."""
    inner = shapes.shape(shape.items or {}) if shape.kind == "array" else shape
    if shape.kind == "array" and inner.enum and len(inner.enum) <= _MOST_CHOICES:
        text = "any of " + ", ".join(str(one) for one in plain(inner.enum))
        return text if len(text) <= room else ""
    if inner.kind != "object" or not inner.properties:
        return ""
    text = ""
    for depth in range(_DEEPEST, 0, -1):
        text = in_words(shapes, node, depth)
        if len(text) <= room:
            return clean_type(text)
    return clean_type(f"{text[: max(0, room - 4)].rpartition(',')[0]}, ...") if room > 40 else ""


def clean_type(text: str) -> str:
    """Names of members are texts of a stranger too."""
    return " ".join(re.sub(r"[^\x20-\x7e]", "", text).split()).replace("<", "").replace(">", "")


def _limits(shape: Shape, *, long: bool) -> dict[str, Any]:
    """What values must be, as far as the engine can hold them to it."""
    found: dict[str, Any] = {}
    choices = _choices(shape)
    if choices and len(choices) <= _MOST_CHOICES:
        found["enum"] = choices
    if shape.kind in ("integer", "number") and not choices:
        low, high = shape.minimum, shape.maximum
        if low is not None and high is not None and low > high:
            low = high = None
        found |= {name: value for name, value in (("minimum", low), ("maximum", high)) if value is not None}
    if shape.kind == "string" and not choices:
        pattern = _pattern(shape.pattern)
        if pattern is not None:
            found["pattern"] = pattern
        longest = shape.max_length or (_LONG_TEXT if long else _USUAL_TEXT)
        if longest != _USUAL_TEXT:
            found["max_length"] = min(longest, 1_000_000)
    return found


def _choices(shape: Shape) -> list[Any]:
    if shape.kind == "string":
        return list(dict.fromkeys(str(one) for one in plain(shape.enum) if str(one) and len(str(one)) <= 200))
    if shape.kind == "integer":
        return [one for one in plain(shape.enum) if isinstance(one, int) and not isinstance(one, bool)]
    if shape.kind == "number":
        return [one for one in plain(shape.enum) if not isinstance(one, (str, bool)) and math.isfinite(one)]
    return []


def _pattern(said: str | None) -> str | None:
    """A pattern that describes a whole text, as RE2 reads it; None for any other: it may be found anywhere."""
    found = None if said is None else _ANCHORED.fullmatch(said)
    if found is None or len(found[1]) > 200 or patterns.flaw(found[1]) is not None:
        return None
    inner = found[1]
    if _LOOSE.search(inner) and "(" not in inner:
        return None  # `^a|b$` is not what it looks like
    return inner if patterns.flaw(f"^(?:{inner})$") is None else None


def constant(shape: Shape) -> str | int | float | bool | None:
    """The only value that there can be."""
    if len(shape.enum) == 1 and (isinstance(shape.enum[0], (str, bool)) or number(shape.enum[0]) is not None):
        return shape.enum[0]
    return None
