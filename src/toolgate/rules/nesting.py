"""How deep plain values are nested: asked before anything walks them by recursion, because others made them."""

from typing import Any, cast

DEEPEST = 64
"""Levels that plain values from outside may have."""


def too_deep(value: Any, most: int = DEEPEST) -> bool:
    """Whether there are more levels than that. Takes no recursion itself."""
    level: list[Any] = [value]
    for _ in range(most):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(cast("dict[str, Any]", item).values())
            elif isinstance(item, (list, tuple)):
                below.extend(cast("list[Any]", item))
        if not below:
            return False
        level = below
    return any(isinstance(item, (dict, list, tuple)) for item in level)
