"""Conditions of grants, compiled once and judged call by call, for the targets that have some and for no others.

What a client calls itself is what it says: a condition on it keeps honest clients apart and stops nobody. A grant that
cannot be judged never widens anything: an allow then does not count, and a deny does. That holds for an argument, too,
that is not of the kind that is tested: many servers take `"5000"` for 5000, or a text for the object in it.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, cast
from zoneinfo import ZoneInfo

import msgspec

from toolgate.model.declared import Condition
from toolgate.model.errors import InvalidParams
from toolgate.model.snapshot import Row, Rule
from toolgate.rules import globs, patterns

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES = 24 * 60

Test = Callable[[Any], bool | None]
"""Whether a call passes; None where that cannot be said."""
Network = IPv4Network | IPv6Network

_decode = msgspec.json.Decoder(tuple[Condition, ...]).decode


class Facts:
    """What a call is judged by. `arguments` is asked once, and only when some condition is about them; it may raise
    what the caller of `judged` expects. `client` is the name that the client gives itself, `now` Unix time in
    seconds."""

    __slots__ = ("_arguments", "_read", "client", "now", "peer")

    def __init__(self, read: Callable[[], Mapping[str, Any]], client: str | None, peer: str, now: float) -> None:
        self._read = read
        self._arguments: Mapping[str, Any] | None = None
        self.client = client
        self.peer = peer
        self.now = now

    @property
    def arguments(self) -> Mapping[str, Any]:
        if self._arguments is None:
            self._arguments = self._read()
        return self._arguments


def encoded(conditions: Sequence[Condition]) -> bytes:
    """Conditions as a value that can be compared and hashed, which `compiled` takes."""
    return msgspec.json.encode(conditions)


@lru_cache(maxsize=4096)
def compiled(conditions: bytes) -> tuple[Test, ...]:
    """One test for each. Raises ValueError where one of them cannot be evaluated."""
    try:
        return tuple(_test(condition) for condition in _decode(conditions))
    except (KeyError, OSError, TypeError) as error:  # zones that are not known are KeyErrors
        raise ValueError(str(error)) from error


def counts(rule: Rule, facts: Facts) -> bool:
    return (rule.expires is None or facts.now < rule.expires) and all(_holds(rule, test(facts)) for test in rule.tests)


def _holds(rule: Rule, passed: bool | None) -> bool:
    return not rule.allows if passed is None else passed


def judged(row: Row, part: str, bit: int, facts: Facts) -> bool:
    """Whether a conditional target may be used by this very call: some allow counts, and no deny does."""
    rules = [rule for rule in row.rules.get(part, ()) if rule.bits >> bit & 1]
    if any(counts(rule, facts) for rule in rules if not rule.allows):
        return False
    return any(counts(rule, facts) for rule in rules if rule.allows)


def never(facts: Facts) -> bool:
    """The test of an allow that cannot be judged. A deny that cannot be has no test, and so always counts."""
    return False


def networks(ranges: Iterable[str]) -> tuple[Network, ...]:
    """Ranges in CIDR form. Raises ValueError."""
    return tuple(ip_network(one, strict=False) for one in ranges)


def within(peer: str, ranges: Iterable[Network]) -> bool:
    """Whether an address lies in one of the ranges; one that is not known lies in none."""
    address = _address(peer)
    return address is not None and any(address in one for one in ranges)


def narrowed(ranges: Iterable[str], wider: Iterable[str]) -> bool:
    """Whether each of the ranges lies in one of the wider ones. Raises ValueError."""
    outer = [(one.version, int(one.network_address), int(one.broadcast_address)) for one in networks(wider)]
    return all(
        any(one.version == version and first <= int(one.network_address) and int(one.broadcast_address) <= last
            for version, first, last in outer)
        for one in networks(ranges)
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _address(peer: str) -> IPv4Address | IPv6Address | None:
    """The address; an IPv4 one that came mapped into IPv6 as what it is."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _test(condition: Condition) -> Test:
    if condition.argument is not None:
        return _of_argument(condition.argument, condition)
    if condition.client is not None:
        fullmatch = globs.compiled(condition.client).fullmatch
        return lambda facts: facts.client is not None and fullmatch(facts.client) is not None
    if condition.networks is not None:
        ranges = networks(condition.networks)
        return lambda facts: within(facts.peer, ranges)
    if condition.hours is not None or condition.days is not None:
        return _of_time(condition)
    raise ValueError("a condition tests nothing")


def _of_argument(path: str, condition: Condition) -> Test:
    steps = tuple((step, step.casefold()) for step in path.split("."))
    passes = _of_value(condition)

    def test(facts: Facts) -> bool | None:
        value: Any = facts.arguments
        for step, folded in steps:
            if not isinstance(value, Mapping):
                return None
            members = cast("Mapping[str, Any]", value)
            _judge_case(members, step, folded)
            value = members.get(step)
            if value is None:  # absent, or null, which servers take for absent
                return False
        return passes(value)

    return test


def _judge_case(members: Mapping[str, Any], step: str, folded: str) -> None:
    """Raises InvalidParams for another spelling of what is judged: some servers do not tell them apart (Go's
    `encoding/json` among them), and would read what was not judged."""
    for name in members:
        if name != step and name.casefold() == folded:
            raise InvalidParams(f"`arguments` holds {name[:100]!r}: this call depends on {step!r}, which is like it")


def _of_value(condition: Condition) -> Callable[[Any], bool | None]:
    if condition.one_of is not None:
        return _among(condition.one_of)
    if condition.prefix is not None:
        prefix = condition.prefix
        return lambda value: value.startswith(prefix) if isinstance(value, str) else None
    if condition.pattern is not None:
        searches = patterns.searches(condition.pattern)
        return lambda value: searches(value) if isinstance(value, str) else None
    if condition.minimum is not None or condition.maximum is not None:
        least = float("-inf") if condition.minimum is None else condition.minimum
        most = float("inf") if condition.maximum is None else condition.maximum
        return lambda value: least <= value <= most if _is_number(value) else None
    if condition.equals is not None:
        return _among((condition.equals,))
    raise ValueError("a condition on an argument has no operator")


def _among(wanted: Sequence[Any]) -> Callable[[Any], bool | None]:
    """One of the values; what is of no kind that they are of cannot be judged."""
    kinds = frozenset(map(_kind, wanted))

    def passes(value: Any) -> bool | None:
        if any(same(value, one) for one in wanted):
            return True
        return False if _kind(value) in kinds else None

    return passes


def _kind(value: Any) -> str:
    """The type of a JSON value. Numbers are one type: 1 is 1.0."""
    if isinstance(value, Mapping):
        return "object"
    if isinstance(value, list | tuple):
        return "array"
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"


def same(one: Any, other: Any) -> bool:
    """Equal as JSON is: 1 is 1.0, and neither is true."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        first, second = cast("Mapping[str, Any]", one), cast("Mapping[str, Any]", other)
        return first.keys() == second.keys() and all(same(first[name], second[name]) for name in first)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        these, those = cast("Sequence[Any]", one), cast("Sequence[Any]", other)
        return len(these) == len(those) and all(map(same, these, those))
    if _is_number(one) and _is_number(other):
        return bool(one == other)
    return isinstance(one, str | bool | None) and type(one) is type(cast("object", other)) and bool(one == other)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _of_time(condition: Condition) -> Test:
    """From the first minute to before the last. A window that passes midnight belongs to the day on which it began."""
    zone = dt.UTC if condition.zone is None else ZoneInfo(condition.zone)
    days = frozenset(DAYS if condition.days is None else condition.days)
    begins, ends = (0, _DAY_MINUTES) if condition.hours is None else _minutes(condition.hours)

    def test(facts: Facts) -> bool:
        at = dt.datetime.fromtimestamp(facts.now, zone)
        minute, weekday = at.hour * 60 + at.minute, at.weekday()
        if begins < ends:
            return begins <= minute < ends and DAYS[weekday] in days
        if minute >= begins:
            return DAYS[weekday] in days
        return minute < ends and DAYS[weekday - 1] in days

    return test


def _minutes(hours: str) -> tuple[int, int]:
    """Begin and end in minutes after midnight."""
    first, last = ((int(each[:2]), int(each[3:])) for each in hours.split("-"))
    return first[0] * 60 + first[1], last[0] * 60 + last[1]
