"""Conditions, one by one; arguments that can be read in one way only; and the addresses that requests come from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from toolgate.edge.guards import Guards
from toolgate.edge.request import Request
from toolgate.model.declared import Condition
from toolgate.model.errors import InvalidParams
from toolgate.model.snapshot import Row, Rule
from toolgate.protocol import strict
from toolgate.rules import conditions
from toolgate.rules.conditions import Facts

pytestmark = pytest.mark.promise("policy.conditions")


def passes(
    condition: Condition, arguments: Any = None, client: str | None = None, peer: str = "", now: float = 0
) -> bool:
    """Whether an allow with this condition counts."""
    return counts(True, condition, Facts(lambda: arguments or {}, client, peer, now))


def counts(allows: bool, condition: Condition, facts: Facts) -> bool:
    return conditions.counts(Rule(allows, 1, conditions.compiled(conditions.encoded([condition]))), facts)


@pytest.mark.parametrize(
    ("condition", "good", "bad"),
    [
        (Condition(argument="a", equals=1), [1, 1.0], [True, "1", 2, None, [1]]),
        (Condition(argument="a", equals=False), [False], [0, None, ""]),
        (Condition(argument="a", equals={"b": [1, "x"]}), [{"b": [1.0, "x"]}], [{"b": [True, "x"]}, {"b": [1]}, {}]),
        (Condition(argument="a", one_of=("x", 2)), ["x", 2, 2.0], ["y", "2", None]),
        (Condition(argument="a", prefix="/srv/"), ["/srv/", "/srv/x"], ["/srv", "x/srv/", ["/srv/"], 1]),
        (Condition(argument="a", minimum=1, maximum=2), [1, 1.5, 2], [0.9, 2.1, "1", True, None]),
        (Condition(argument="a", minimum=1), [1, 10**30], [0, False]),
        (Condition(argument="a", pattern="^a+$"), ["a", "aaa"], ["b", "ab", "a\n", 1]),
    ],
)
def test_an_argument(condition: Condition, good: list[Any], bad: list[Any]):
    assert all(passes(condition, {"a": value}) for value in good)
    assert not any(passes(condition, {"a": value}) for value in bad)
    assert not passes(condition, {}), "absent"


def test_a_path_leads_through_objects_only():
    condition = Condition(argument="a.b", equals="x")
    assert passes(condition, {"a": {"b": "x"}})
    for arguments in ({"a.b": "x"}, {"a": "x"}, {"a": [{"b": "x"}]}, {"a": None}, {"b": "x"}):
        assert not passes(condition, arguments)


@pytest.mark.promise("policy.conditions.untold")
@pytest.mark.parametrize(
    ("condition", "counting", "other"),
    [
        (Condition(argument="a", minimum=1000), [1000, "5000", True, [5000], {}], [999, None]),
        (Condition(argument="a", prefix="/etc/"), ["/etc/x", ["/etc/x"], {"path": "/etc/x"}, 1], ["/srv", None]),
        (Condition(argument="a", pattern="^prod"), ["prod", 1, ["prod"]], ["test", None]),
        (Condition(argument="a", equals=True), [True, "true", 1, "yes"], [False, None]),
        (Condition(argument="a", one_of=("prod", 7)), ["prod", 7, True, ["prod"]], ["test", 8, None]),
        (Condition(argument="a", equals={"b": 1}), [{"b": 1}, '{"b": 1}'], [{"b": 2}]),
    ],
)
def test_a_deny_counts_where_it_cannot_be_told(condition: Condition, counting: list[Any], other: list[Any]):
    """Servers take a text for a number, or for the object in it: what is not of the kind that is tested is denied."""

    def denied(value: Any) -> bool:
        return counts(False, condition, Facts(lambda: {"a": value}, None, "", 0.0))

    assert all(denied(value) for value in counting)
    assert not any(denied(value) for value in other)
    assert not counts(False, condition, Facts(dict, None, "", 0.0)), "absent"


@pytest.mark.promise("policy.conditions.untold")
def test_a_deny_inside_of_what_is_no_object_counts():
    inner = Condition(argument="a.b", equals="x")
    for value, denied in (('{"b": "x"}', True), ([{"b": "x"}], True), ({"b": "y"}, False), ({}, False), (None, False)):
        assert counts(False, inner, Facts(lambda value=value: {"a": value}, None, "", 0.0)) is denied


@pytest.mark.promise("policy.conditions.spelled")
@pytest.mark.parametrize("allows", [True, False])
@pytest.mark.parametrize(
    "arguments", [{"skip": 1, "Skip": 2}, {"SKIP": 2}, {"s\u212aip": 2}, {"\u017fkip": 2}], ids=ascii
)
def test_another_spelling_of_what_is_judged_is_refused(allows: bool, arguments: dict[str, Any]):
    """Go's `encoding/json` does not tell them apart."""
    for path, given in (("skip", arguments), ("a.skip", {"a": arguments})):
        with pytest.raises(InvalidParams):
            counts(allows, Condition(argument=path, equals=1), Facts(lambda given=given: given, None, "", 0.0))
    assert passes(Condition(argument="other", equals=1), {**arguments, "other": 1}), "nothing depends on it"


@pytest.mark.promise("policy.conditions.spelled")
@pytest.mark.parametrize("name", ["Name", "NAME", "Arguments", "requeststate", "_META", "reque\u017ftState"], ids=ascii)
def test_another_spelling_of_a_parameter_is_refused(name: str):
    with pytest.raises(InvalidParams):
        strict.spelled({"name": 1, "arguments": 2, name: 3}, strict.PARAMS, "params")
    strict.spelled({"name": 1, "x-vendor": 2, "Other": 3}, strict.PARAMS, "params")


def test_a_client_is_what_it_says():
    condition = Condition(client="claude-*")
    assert passes(condition, client="claude-code")
    assert not passes(condition, client="cursor")
    assert not passes(condition)


def test_a_network():
    condition = Condition(networks=("10.0.0.0/8", "2001:db8::/32"))
    assert all(passes(condition, peer=peer) for peer in ("10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1", "2001:db8::1%e"))
    assert not any(passes(condition, peer=peer) for peer in ("", "11.0.0.1", "2001:db9::1", "unix", "10.1.2"))


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("condition", "good", "bad"),
    [
        (
            Condition(hours="08:00-18:00"),
            ["2026-01-05T08:00", "2026-01-05T17:59:59"],
            ["2026-01-05T07:59:59", "2026-01-05T18:00"],
        ),
        (
            Condition(hours="22:00-06:00", days=("fri",)),
            ["2026-01-09T22:00", "2026-01-10T05:59"],
            ["2026-01-09T05:00", "2026-01-10T22:00"],
        ),
        (
            Condition(days=("sat", "sun")),
            ["2026-01-10T00:00", "2026-01-11T23:59"],
            ["2026-01-09T23:59", "2026-01-12T00:00"],
        ),
        (Condition(hours="00:00-24:00"), ["2026-01-10T00:00", "2026-01-10T23:59"], []),
        (
            Condition(hours="08:00-09:00", zone="Europe/Berlin"),
            ["2026-01-05T07:00", "2026-07-06T06:00"],
            ["2026-01-05T08:00", "2026-07-06T07:00"],
        ),
    ],
)
def test_a_time(condition: Condition, good: list[str], bad: list[str]):
    assert all(passes(condition, now=at(moment)) for moment in good)
    assert not any(passes(condition, now=at(moment)) for moment in bad)


def test_what_cannot_be_judged_widens_nothing():
    for condition in (Condition(), Condition(argument="a"), Condition(days=("mon",), zone="No/Where")):
        with pytest.raises(ValueError):
            conditions.compiled(conditions.encoded([condition]))


def test_arguments_are_asked_for_only_where_a_condition_is_about_them():
    def unread() -> Any:
        raise AssertionError("they were read")

    (client,) = conditions.compiled(conditions.encoded([Condition(client="x")]))
    row = Row({}, (), {"a": b"\x01"}, {"a": (Rule(True, 1, (client,)),)})
    assert conditions.judged(row, "a", 0, Facts(unread, "x", "", 0.0))


def test_an_expiry_counts_to_the_second():
    row = Row({}, (), {"a": b"\x01"}, {"a": (Rule(True, 1, (), 100.0),)})
    assert conditions.judged(row, "a", 0, Facts(dict, None, "", 99.9))
    assert not conditions.judged(row, "a", 0, Facts(dict, None, "", 100.0))


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":2}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":{"b":[{"c":1,"c":1}]}}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\udc00x"}',
        b'{"\\ud800":1}',
        b"[]",
        b'"x"',
        b'{"a":NaN}',
    ],
)
def test_what_reads_in_two_ways_is_refused(text: bytes):
    with pytest.raises(InvalidParams):
        strict.members(msgspec.Raw(text), "arguments")


@pytest.mark.parametrize(("text", "value"), [(b"null", {}), (b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"})])
def test_what_reads_in_one_way_is_read(text: bytes, value: Any):
    assert strict.members(msgspec.Raw(text), "arguments") == value
    assert strict.members(None, "arguments") == {}


@pytest.mark.promise("policy.ceilings")
@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.9", ["10.0.0.1"], "192.0.2.9"),
        ("10.0.0.9", [], "10.0.0.9"),
        ("10.0.0.9", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.9", ["203.0.113.1, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.9", ["203.0.113.1, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        ("::ffff:10.0.0.9", ["198.51.100.7:4711"], "198.51.100.7"),
        ("10.0.0.9", ["[2001:db8::1]:443"], "2001:db8::1"),
        ("10.0.0.9", ["203.0.113.1", "198.51.100.7"], "198.51.100.7"),
        ("10.0.0.9", ["203.0.113.1", "10.0.0.2"], ""),
        ("10.0.0.9", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.9", ["203.0.113.1, unknown"], "unknown"),
    ],
)
def test_who_the_client_behind_proxies_is(peer: str, forwarded: list[str], client: str):
    """Only what trusted proxies wrote is believed: a client can write into the header whatever it likes."""
    guards = Guards((), (), loopback=True, proxies=("10.0.0.0/8",))
    headers = [(b"x-forwarded-for", one.encode()) for one in forwarded]
    request = Request("POST", "/mcp", headers, b"", peer, secure=False)
    guards.place(request)
    assert request.client == client
