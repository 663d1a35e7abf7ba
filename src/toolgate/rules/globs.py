"""Globs over names: `*` is any run of characters (also none), `?` is exactly one, everything else stands for itself.

No character classes: resource URIs hold brackets. Case counts.
"""

import re
from functools import lru_cache

_MOST_STATES = 10_000


@lru_cache(maxsize=4096)
def compiled(glob: str) -> re.Pattern[str]:
    """The glob as a regular expression for `fullmatch`.

    What lies between two `*` is matched at its first place and never again (an atomic group): a first place always
    serves, and without it a hostile name could make the time grow with the power of the number of `*`.
    """
    first, *between = (re.escape(part).replace(r"\?", ".") for part in re.split(r"\*+", glob))
    if not between:
        return re.compile(first, re.DOTALL)
    *middle, last = between
    return re.compile(first + "".join(f"(?>.*?{part})" for part in middle if part) + ".*" + last, re.DOTALL)


def matches(glob: str, name: str) -> bool:
    return compiled(glob).fullmatch(name) is not None


def is_literal(glob: str) -> bool:
    """Whether it can match one name only."""
    return "*" not in glob and "?" not in glob


def covers(wide: str, narrow: str) -> bool:
    """Whether every name that `narrow` matches is matched by `wide`. True is always right; beyond `_MOST_STATES` steps
    (only globs made for it need more) the answer is False.

    Walks both globs as automata over the characters that they spell out and one that stands for all others.
    """
    wide_parts, narrow_parts = _parts(wide), _parts(narrow)
    alphabet = {*wide_parts, *narrow_parts, ""} - {"*", "?"}
    start = (0, _reached(wide_parts, frozenset({0})))
    seen: set[tuple[int, frozenset[int]]] = {start}
    todo: list[tuple[int, frozenset[int]]] = [start]
    while todo:
        if len(seen) > _MOST_STATES:
            return False
        place, states = todo.pop()
        if place == len(narrow_parts):
            if len(wide_parts) not in states:
                return False
            continue
        for following in _steps(narrow_parts, place, wide_parts, states, alphabet):
            if following not in seen:
                seen.add(following)
                todo.append(following)
    return True


def _parts(glob: str) -> list[str]:
    """One part per character, runs of `*` as one. Runs of mixed `*?` are ordered as `?...?*`."""
    return list(re.sub(r"[*?]*\*[*?]*", _ordered, glob))


def _ordered(run: re.Match[str]) -> str:
    return "?" * run.group().count("?") + "*"


def _reached(parts: list[str], states: frozenset[int]) -> frozenset[int]:
    """The states with those that a `*` reaches by matching nothing, without those before the last `*` reached: it can
    do whatever they can."""
    after = states | {state + 1 for state in states if state < len(parts) and parts[state] == "*"}
    last = max((state for state in after if state < len(parts) and parts[state] == "*"), default=0)
    return frozenset(state for state in after if state >= last)


def _steps(
    narrow: list[str], place: int, wide: list[str], states: frozenset[int], alphabet: set[str]
) -> list[tuple[int, frozenset[int]]]:
    part = narrow[place]
    if part == "*":
        loops = [(place, _consumed(wide, states, char)) for char in alphabet]
        return [(place + 1, states), *loops]
    chars = alphabet if part == "?" else {part}
    return [(place + 1, _consumed(wide, states, char)) for char in chars]


def _consumed(wide: list[str], states: frozenset[int], char: str) -> frozenset[int]:
    """Where `wide` can be after one character; the empty string is the character that occurs in no literal."""
    after: set[int] = set()
    for state in states:
        if state == len(wide):
            continue
        if wide[state] == "*":
            after.add(state)
        elif wide[state] in ("?", char):
            after.add(state + 1)
    return _reached(wide, frozenset(after))
