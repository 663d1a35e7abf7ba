"""Names of tools made from foreign names; and keys for what extensions seal."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.protocol.sealed import Seal, derived_key
from toolgate.rules.tool_names import LONGEST, tool_name


@pytest.mark.parametrize(
    ("foreign", "name"),
    [
        ("GetProduct", "get_product"),
        ("GetHTTPStatus", "get_http_status"),
        ("get-product v2", "get_product_v2"),
        ("planTrip", "plan_trip"),
        ("2fast", "thing_2fast"),
        ("", "thing"),
        ("日本", "thing"),
        ("x" * 40, "x" * 40),
    ],
)
def test_a_foreign_name_reads_as_a_tools(foreign: str, name: str):
    assert tool_name(foreign, noun="thing") == name


@given(st.text(max_size=500), st.text(max_size=500))
def test_every_name_is_one_that_hosts_accept_and_none_is_given_twice(one: str, other: str):
    first = tool_name(one, noun="thing")
    second = tool_name(other, {first}, noun="thing")
    for name in (first, second):
        assert re.fullmatch(rf"[a-z][a-z0-9_]{{0,{LONGEST - 1}}}", name)
    assert tool_name(one, noun="thing") == first
    if one != other:
        assert first != second


def test_a_key_is_for_one_purpose_and_for_no_seal_of_the_gateway():
    key = bytes(range(32))
    assert derived_key(key, "a") == derived_key(key, "a")
    assert len({key, derived_key(key, "a"), derived_key(key, "b")}) == 3
    sealed = Seal(derived_key(key, "session"), "session").seal(b"mine")
    assert Seal(key, "session").open(sealed) is None
