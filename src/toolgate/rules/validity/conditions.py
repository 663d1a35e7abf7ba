"""Valid conditions: one operator, a form that can be evaluated, and a test that some call could pass."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast
from zoneinfo import ZoneInfo

from toolgate.model.declared import Condition
from toolgate.rules import patterns, schemas
from toolgate.rules.facts import Finding
from toolgate.rules.validity import fields

OPERATORS = ("equals", "one_of", "prefix", "pattern", "minimum", "maximum")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_VALUES = 1000
LONGEST_PATH = 256

_HOURS = re.compile(r"([01]\d|2[0-3]):[0-5]\d-(?:([01]\d|2[0-3]):[0-5]\d|24:00)")
_STEP = re.compile(r"[^.\x00-\x1f]+")


def judge(path: str, condition: Condition) -> Iterator[Finding]:
    """What is wrong with a condition whatever it is about. `path` is that of the condition."""
    operators = _given(condition)
    surroundings = [
        word
        for word, given in (
            ("client", condition.client is not None),
            ("networks", condition.networks is not None),
            ("hours", condition.hours is not None or condition.days is not None),
        )
        if given
    ]
    if condition.argument is None:
        if operators:
            yield f"{path}.argument", f"is missing: `{operators[0]}` tests an argument"
        elif len(surroundings) != 1:
            found = " and ".join(surroundings) or "nothing"
            yield path, f"tests exactly one of argument, client, networks, and hours or days; found {found}"
    else:
        yield from _of_argument(path, condition.argument, operators)
        if surroundings:
            yield path, f"tests an argument and {' and '.join(surroundings)}: make two conditions of it, both must hold"
    yield from _values(path, condition)
    yield from _surroundings(path, condition)


def _given(condition: Condition) -> list[str]:
    """The operators that are set; the two ends of a range are one."""
    given = [operator for operator in OPERATORS if getattr(condition, operator) is not None]
    return [operator for operator in given if operator != "maximum" or "minimum" not in given]


def _of_argument(path: str, argument: str, operators: Sequence[str]) -> Iterator[Finding]:
    if len(argument) > LONGEST_PATH or not all(_STEP.fullmatch(step) for step in argument.split(".")):
        yield f"{path}.argument", "expected the name of an argument, or a dotted path into one, as `repository.owner`"
    if len(operators) != 1:
        found = " and ".join(operators) or "none"
        yield path, f"exactly one of {', '.join(OPERATORS[:4])}, and a range (minimum, maximum) is given; found {found}"


def _values(path: str, condition: Condition) -> Iterator[Finding]:
    if condition.one_of is not None and not 0 < len(condition.one_of) <= MOST_VALUES:
        yield f"{path}.one_of", f"expected 1 to {MOST_VALUES} values"
    if condition.prefix == "":
        yield f"{path}.prefix", "every text begins with nothing: this tests nothing"
    if condition.pattern is not None:
        flaw = patterns.flaw(condition.pattern)
        if flaw is not None:
            yield f"{path}.pattern", flaw
    least, most = condition.minimum, condition.maximum
    for word, bound in (("minimum", least), ("maximum", most)):
        if bound is not None and bound != bound:  # noqa: PLR0124 # that is what NaN is
            yield f"{path}.{word}", "is no number"
    if least is not None and most is not None and least > most:
        yield f"{path}.minimum", "is more than `maximum`: no number is in this range"


def _surroundings(path: str, condition: Condition) -> Iterator[Finding]:
    if condition.client is not None:
        yield from fields.glob(f"{path}.client", condition.client)
    if condition.networks is not None:
        if not condition.networks:
            yield f"{path}.networks", "names no network: nothing means nothing"
        yield from fields.networks(f"{path}.networks", condition.networks)
    yield from _times(path, condition)


def _times(path: str, condition: Condition) -> Iterator[Finding]:
    if condition.hours is not None:
        if not _HOURS.fullmatch(condition.hours):
            yield f"{path}.hours", "expected HH:MM-HH:MM, as 08:00-18:00"
        elif condition.hours[:5] == condition.hours[6:]:
            yield f"{path}.hours", "begins when it ends: no time is in it (00:00-24:00 is the whole day)"
    if condition.days is not None:
        if not condition.days:
            yield f"{path}.days", "names no day: nothing means nothing"
        for place, day in enumerate(condition.days):
            if day not in DAYS:
                yield f"{path}.days[{place}]", f"expected one of {', '.join(DAYS)}"
        yield from fields.unique(f"{path}.days", condition.days)
    if condition.zone is not None:
        if condition.hours is None and condition.days is None:
            yield f"{path}.zone", "belongs to `hours` or `days`, and neither is given"
        if not is_zone(condition.zone):
            yield f"{path}.zone", "expected a time zone of the IANA database, as Europe/Berlin"


def is_zone(name: str) -> bool:
    """Whether the IANA database has a time zone of this name."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError):  # no key, a path, a directory; ZoneInfoNotFoundError is a KeyError
        return False
    except KeyError:
        return False
    return True


def unmeetable(condition: Condition, schema: Any) -> str | None:
    """Why no call that fits this input schema can pass the condition; None when one could, or it is not about
    arguments."""
    if condition.argument is None:
        return None
    found = schemas.at(schema, condition.argument)
    if found is None:
        return f"it has no argument `{condition.argument}`{_named(schema)}"
    reasons = [_why_not(condition, one) for one in found]
    return None if None in reasons else reasons[0]


def _named(schema: Any) -> str:
    properties: Any = cast("Mapping[str, Any]", schema).get("properties") if isinstance(schema, dict) else None
    names = ", ".join(sorted(cast("Mapping[str, Any]", properties))[:20]) if isinstance(properties, dict) else ""
    return f" (it has {names})" if names else ""


def _why_not(condition: Condition, schema: schemas.Schema) -> str | None:
    test, types = _test(condition)
    possible = schemas.types(schema)
    if not possible & types:
        found, tested = " or ".join(sorted(possible)), " or ".join(sorted(types))
        return f"its `{condition.argument}` is {found}, and this tests {tested}"
    listed = schemas.choices(schema)
    if listed is not None and not any(test(value) for value in listed):
        return f"its `{condition.argument}` is one of a few values, and none of them passes"
    least, most = schemas.bounds(schema)
    if condition.minimum is not None and condition.minimum > most:
        return f"its `{condition.argument}` is {most:g} at most"
    if condition.maximum is not None and condition.maximum < least:
        return f"its `{condition.argument}` is {least:g} at least"
    return None


def _test(condition: Condition) -> tuple[Callable[[Any], bool], frozenset[str]]:
    """The test of an argument, and the types of which a value can pass it."""
    text = frozenset({"string"})
    if condition.prefix is not None:
        prefix = condition.prefix
        return lambda value: isinstance(value, str) and value.startswith(prefix), text
    if condition.pattern is not None:
        searches = patterns.searches(condition.pattern)
        return lambda value: isinstance(value, str) and searches(value), text
    if condition.one_of is not None or condition.equals is not None:
        values = condition.one_of if condition.one_of is not None else (condition.equals,)
        known = [(schemas.type_of(value), value) for value in values]
        return lambda value: (schemas.type_of(value), value) in known, frozenset(kind for kind, _ in known)
    least = float("-inf") if condition.minimum is None else condition.minimum
    most = float("inf") if condition.maximum is None else condition.maximum
    return lambda value: schemas.type_of(value) == "number" and least <= value <= most, frozenset({"number"})
