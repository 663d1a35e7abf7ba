"""JSON of which nothing can be read in two ways: for what is judged before it is passed on."""

import json
from collections.abc import Iterable
from typing import Any, cast

import msgspec

from toolgate.model.errors import InvalidParams

PARAMS = frozenset(
    {"_meta", "argument", "arguments", "context", "inputResponses", "name", "ref", "requestState", "task", "uri"}
)
REF = frozenset({"name", "title", "type", "uri"})
ARGUMENT = frozenset({"name", "value"})
CONTEXT = frozenset({"arguments"})
"""What MCP calls the members of parameters, and of what is in them."""

_FOLDED = {known: {name.casefold(): name for name in known} for known in (PARAMS, REF, ARGUMENT, CONTEXT)}


def spelled(names: Iterable[str], known: frozenset[str], what: str) -> None:
    """Raises InvalidParams for a name that differs from a known one (of one of the sets above) in small and capital
    letters only: a server that does not tell them apart (CVE-2026-27896) would read what was not judged."""
    if known.issuperset(names):
        return
    for name in names:
        meant = _FOLDED[known].get(name.casefold(), name)
        if meant != name:
            raise InvalidParams(f"`{what}` holds {name[:100]!r}, where only {meant!r} may stand")


def members(raw: msgspec.Raw | None, what: str) -> dict[str, Any]:
    """An object; an absent one, or null, is empty. Raises InvalidParams for anything else, for a name that stands twice
    in one object (who reads it next may take the other one), and for text that is no Unicode."""
    if raw is None:
        return {}
    text = bytes(raw)
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_constant)
        if b"\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # fails for halves of surrogate pairs
    except (ValueError, RecursionError) as error:
        reason = error if isinstance(error, _Twice) else "is not JSON that reads in one way"
        raise InvalidParams(f"`{what}` {reason}: this call depends on it") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidParams(f"`{what}` must be an object")
    return cast("dict[str, Any]", value)


class _Twice(ValueError):
    """A name stands twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise _Twice(f"holds {twice[:100]!r} twice in one object")
    return found


def _constant(name: str) -> Any:
    raise ValueError(name)
