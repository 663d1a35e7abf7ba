"""How many times an expression may put what it is given into what it finds.

A list of twice the same, made into one list, is twice as long: a hundred of these one after the other would fill every
machine. What stands beside each other adds up, what stands one after the other multiplies.
"""

from collections.abc import Mapping
from math import prod
from typing import Any

MOST = 1000

_ONE_OF = frozenset({"and_expression", "comparator", "not_expression", "or_expression"})
"""What finds one of its parts, or whether something holds."""


def copies(node: Mapping[str, Any]) -> int:
    """Of a parsed expression: an upper bound, which is at least 1."""
    children = _children(node)
    parts = [copies(child) for child in children]
    kind: str = node["type"]
    if kind in _ONE_OF:
        return max(parts, default=1)
    if kind == "function_expression":
        # One that is given an expression uses it for each item. A text may double where it is written as JSON.
        beside = not any(child["type"] == "expref" for child in children)
        times = 2 if node["value"] == "to_string" else 1
    else:
        beside, times = kind in ("multi_select_dict", "multi_select_list"), 1
    return times * max(1, sum(parts) if beside else prod(parts))


def _children(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Slices have numbers among them."""
    return [child for child in node["children"] if isinstance(child, dict)]
