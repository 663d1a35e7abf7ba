"""Patterns over relative paths: those of searches, and those of ignore files. Both become RE2, whose time grows with
the path and nothing else: ignore files are written by whoever writes the files."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any

import msgspec
import re2  # pyright: ignore[reportMissingTypeStubs] # it has none

LONGEST_PATTERN = 400
MOST_BRACES = 100
"""Alternatives that the braces of one pattern may stand for."""

_RE2: Any = re2
_PLAIN = re.compile(r"\*\*/(?=[^/])([^*?\[\]\\/]*)(\*?)([^*?\[\]\\/]*)")
"""A name at any depth, with at most one `*` in it."""

_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")


class GlobError(ValueError):
    """The pattern cannot be used; the message says why."""


class Rule(msgspec.Struct, frozen=True):
    """One line of an ignore file. `matches` is given a path, and the name at its end. `keeps` is a line with `!`;
    `directories` one that ends in `/`."""

    matches: Callable[[str, str], bool]
    keeps: bool
    directories: bool


def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a whole relative path fits: `*` and `?` within one name, `**` over any number of them, `[...]` one of the
    characters, `{a,b}` either. Raises GlobError."""
    return _compiled("|".join(f"(?:{_expression(one)})" for one in _alternatives(pattern)))


def ignoring(lines: Iterable[str]) -> tuple[Rule, ...]:
    """The rules of an ignore file, in order; neighbours that say the same are one rule. Raises GlobError."""
    rules: list[Rule] = []
    parsed = (line for line in map(_line, lines) if line is not None)
    for (keeps, directories), same in groupby(parsed, key=lambda line: (line[1], line[2])):
        rules.append(Rule(_any_of([line[0] for line in same]), keeps, directories))
    return tuple(rules)


def lenient(lines: Iterable[str]) -> tuple[Rule, ...]:
    """The same, of a file that nobody checked: lines that cannot be read are passed over."""
    good: list[str] = []
    for line in lines:
        try:
            ignoring([line])
        except GlobError:
            continue
        good.append(line)
    return ignoring(good)


def ignored(rules: Sequence[Rule], path: str, directory: bool) -> bool | None:
    """What the last rule that matches says; None where none does."""
    name = path.rpartition("/")[2]
    for rule in reversed(rules):
        if (directory or not rule.directories) and rule.matches(path, name):
            return not rule.keeps
    return None


def _any_of(patterns: Sequence[str]) -> Callable[[str, str], bool]:
    """Whether any of the patterns, as `_line` gives them, fits a path. Most say a name, or how one begins and ends:
    that is tested without an expression."""
    found = [(pattern, _PLAIN.fullmatch(pattern)) for pattern in patterns]
    plain = [match.groups() for _, match in found if match is not None]
    names = frozenset(begin + end for begin, star, end in plain if not star)
    ends = tuple(end for begin, star, end in plain if star and not begin)
    begins = tuple(begin for begin, star, end in plain if star and begin and not end)
    around = tuple((begin, end) for begin, star, end in plain if star and begin and end)
    others = [f"(?:{_expression(pattern)})" for pattern, match in found if match is None]
    expression = _compiled("|".join(others)) if others else None

    def fits(path: str, name: str) -> bool:
        if name in names or name.endswith(ends) or name.startswith(begins):
            return True
        for begin, end in around:
            if name.startswith(begin) and name.endswith(end) and len(name) >= len(begin) + len(end):
                return True
        return expression is not None and expression(path)

    return fits


def _line(line: str) -> tuple[str, bool, bool] | None:
    """One line as (pattern, keeps, directories); the pattern is over whole paths. Raises GlobError."""
    text = line.strip("\r\n")
    text = text if text.endswith("\\ ") else text.rstrip(" ")
    if not text or text.startswith("#"):
        return None
    keeps = text.startswith("!")
    text = text[1:] if keeps else text
    directories = text.endswith("/")
    text = text.rstrip("/")
    if not text:
        return None
    # Without a slash in it, a pattern is about a name at any depth.
    pattern = text.lstrip("/") if "/" in text else f"**/{text}"
    _compiled(_expression(pattern))
    return pattern, keeps, directories


def _alternatives(pattern: str) -> list[str]:
    found = [pattern]
    while any(_BRACES.search(one) for one in found):
        opened: list[str] = []
        for one in found:
            match = _BRACES.search(one)
            if match is None:
                opened.append(one)
            else:
                opened += [one[: match.start()] + option + one[match.end() :] for option in match[1].split(",")]
            if len(opened) > MOST_BRACES:
                raise GlobError(f"the braces of {pattern[:60]!r} stand for more than {MOST_BRACES} patterns")
        found = opened
    return found


def _expression(pattern: str) -> str:
    if not pattern or len(pattern) > LONGEST_PATTERN:
        raise GlobError(f"a pattern has 1 to {LONGEST_PATTERN} characters")
    names = pattern.split("/")
    parts: list[str] = []
    for place, name in enumerate(names):
        last = place == len(names) - 1
        if name == "**":
            parts.append(".*" if last else "(?:[^/]+/)*")
        else:
            parts.append(_name(name) + ("" if last else "/"))
    return "".join(parts)


def _name(name: str) -> str:
    parts: list[str] = []
    at = 0
    while at < len(name):
        character = name[at]
        at += 1
        if character == "*":
            parts.append("[^/]*")
        elif character == "?":
            parts.append("[^/]")
        elif character == "\\" and at < len(name):
            parts.append(re.escape(name[at]))
            at += 1
        elif character == "[" and (end := name.find("]", at + 1)) != -1:
            parts.append(_class(name[at:end]))
            at = end + 1
        else:
            parts.append(re.escape(character))
    return "".join(parts)


def _class(inside: str) -> str:
    negated = inside[:1] in ("!", "^")
    body = inside[1:] if negated else inside
    escaped = body.replace("\\", r"\\").replace("[", r"\[").replace("^", r"\^")
    return f"[^/{escaped}]" if negated else f"[{escaped}]"


@lru_cache(maxsize=4096)
def _compiled(expression: str) -> Callable[[str], bool]:
    options: Any = _RE2.Options()
    options.log_errors = False
    options.dot_nl = True
    try:
        compiled = _RE2.compile(expression, options)
    except (_RE2.error, UnicodeEncodeError):
        raise GlobError("is no pattern that can be read") from None

    def matches(path: str) -> bool:
        try:
            return compiled.fullmatch(path) is not None
        except UnicodeEncodeError:  # a name that is no text
            return False

    return matches
