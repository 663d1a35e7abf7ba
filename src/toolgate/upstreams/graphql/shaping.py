"""What a model gets of the data: a part of it, within a bound, cut between the rows of its list, and said so."""

from collections.abc import Iterator
from typing import Any, cast

import msgspec

from toolgate.upstreams.connector import results

ROWS = "rows"
NOTE, TRUNCATED, NEXT = "note", "truncated", "next_page_token"
OURS = frozenset({NOTE, TRUNCATED, NEXT})
"""Members of a result that say something about it."""

_encode = msgspec.json.Encoder().encode


class Shown(msgspec.Struct, frozen=True):
    """`kept` of the list's `rows` are in it; both are 0 where there is no list. `cut` says that texts lost their
    ends."""

    value: dict[str, Any]
    kept: int = 0
    rows: int = 0
    cut: bool = False


def listed(value: Any, path: tuple[str, ...]) -> list[Any] | None:
    """The list at this path; None where there is none."""
    for part in path:
        value = cast("dict[str, Any]", value).get(part) if isinstance(value, dict) else None
    return cast("list[Any]", value) if isinstance(value, list) else None


def members(value: Any) -> dict[str, Any]:
    """What an expression found, as an object."""
    if isinstance(value, dict):
        return dict(cast("dict[str, Any]", value))
    return {ROWS: value} if isinstance(value, list) else {"result": value}


def without(value: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The same without the member at this path, if it is there."""
    first, *rest = path
    if not rest:
        return {name: one for name, one in value.items() if name != first}
    inner = value.get(first)
    return {**value, first: without(cast("dict[str, Any]", inner), tuple(rest))} if isinstance(inner, dict) else value


def fitted(value: dict[str, Any], path: tuple[str, ...] | None, most: int, skip: int = 0) -> Shown:
    """The value in at most `most` bytes, about, without the first `skip` rows of the list at `path`. Where no path is
    given, the list that is the longest is cut. What is too long beside its list loses the ends of its texts."""
    size = len(_encode(value))
    if path is None and size > most:
        path = _longest(value)
    rows = None if path is None else listed(value, path)
    if rows is None or path is None:
        return Shown(results.shortened(value, most), cut=size > most)
    left = rows[skip:]
    beside = size - len(_encode(rows))
    kept, count = results.fitting(left, max(most - beside, most // 4))
    made = _put(value, path, kept)
    cut = len(_encode(made)) > most + most // 4
    return Shown(results.shortened(made, most) if cut else made, count, len(left), cut)


def _put(value: dict[str, Any], path: tuple[str, ...], rows: list[Any]) -> dict[str, Any]:
    """The same with another list at this path; nothing of the value itself is changed."""
    first, *rest = path
    return {**value, first: _put(value[first], tuple(rest), rows) if rest else rows}


def _longest(value: dict[str, Any]) -> tuple[str, ...] | None:
    """The path to the list that takes most bytes, of those that do not stand in another."""
    found = [(len(_encode(rows)), path) for path, rows in _lists(value, ())]
    return max(found)[1] if found else None


def _lists(value: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    for name, one in value.items():
        if isinstance(one, list):
            yield (*path, name), cast("list[Any]", one)
        elif isinstance(one, dict):
            yield from _lists(cast("dict[str, Any]", one), (*path, name))
