"""Public names: legal everywhere, stable, and never one for two."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.protocol import naming

SERVERS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True)
NAMES = st.one_of(
    st.text(min_size=1, max_size=90),
    st.from_regex(r"[A-Za-z0-9_./-]{1,70}", fullmatch=True),
    st.sampled_from(["x" * 62, "x" * 63, "x" * 62 + "y", "_x", "__x", "a__b"]),
)


@pytest.mark.promise("names.public")
@given(SERVERS, NAMES)
def test_every_host_accepts_them(server: str, name: str):
    public = naming.prefixed(server, name)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", public)
    assert public.startswith(f"{server}__")
    assert public == naming.prefixed(server, name)
    if re.fullmatch(r"[A-Za-z0-9_-]*", name) and len(server) + 2 + len(name) <= 64:
        assert public == f"{server}__{name}"


@pytest.mark.promise("names.public")
@given(st.lists(st.tuples(SERVERS, NAMES), unique=True, max_size=8))
def test_two_never_share_one(pairs: list[tuple[str, str]]):
    given_names: set[str] = set()
    for server, name in pairs:
        public = naming.prefixed(server, name, given_names)
        assert public not in given_names
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", public)
        given_names.add(public)


def test_names_of_yesterday_are_those_of_today():
    """These are written into pins and prompts: whoever changes them breaks them."""
    assert naming.prefixed("crm", "find") == "crm__find"
    assert naming.prefixed("crm", "find.all") == "crm__find_all_345a6013"
    assert naming.prefixed("crm", "x" * 80) == "crm__xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx_9a7fa9aa"


@given(SERVERS, st.text(max_size=20), st.sets(st.text(max_size=20)))
def test_a_uri_that_is_taken_gets_another(server: str, uri: str, taken: set[str]):
    public = naming.distinct_uri(server, uri, taken, {f"{server}+{uri}"})
    assert public not in taken
    assert public.endswith(f"+{uri}")
    assert public != f"{server}+{uri}"
