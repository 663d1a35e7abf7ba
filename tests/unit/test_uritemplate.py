"""URI templates read backwards: as a regular expression would say, in a time that nothing can stretch."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.protocol.uritemplate import LONGEST_URI, pattern

SEGMENT = "[^/?#]*"
EXPRESSIONS = {
    "{x}": SEGMENT,
    "{+x}": ".*",
    "{#x}": "(?:#.*)?",
    "{/x}": f"(?:/{SEGMENT})?",
    "{/x*}": "(?:/[^?#]*)?",
    "{?x,y}": r"(?:\?[^#]*)?",
    "{&x}": "(?:&[^#]*)?",
    "{.x}": rf"(?:\.{SEGMENT})?",
    "{;x}": f"(?:;{SEGMENT})?",
}
LITERALS = ["a", "b", "/", "?", "#", ".", ";", "&", "{", "}", "é"]


@given(st.lists(st.sampled_from([*EXPRESSIONS, *LITERALS]), max_size=5), st.text("ab/?#.;&é", max_size=7))
def test_matches_what_the_expressions_say(pieces: list[str], uri: str):
    expected = re.compile("".join(EXPRESSIONS.get(piece) or re.escape(piece) for piece in pieces), re.DOTALL)
    assert bool(pattern("".join(pieces)).fullmatch(uri)) == bool(expected.fullmatch(uri))


@pytest.mark.timeout(10)
@pytest.mark.parametrize("template", ["{a}" * 300 + "!", "{+a}x" * 200 + "!", "{a}a" * 250 + "!", "{.a}" * 250 + "!"])
def test_no_template_stretches_the_time(template: str):
    """A regular expression of this kind would take longer than the universe is old."""
    for uri in ("a" * LONGEST_URI, "x" * LONGEST_URI, "." * LONGEST_URI, "ax." * 600):
        assert pattern(template).fullmatch(uri) is None


def test_what_is_too_long_matches_nothing():
    assert pattern("{+a}").fullmatch("a" * LONGEST_URI)
    assert pattern("{+a}").fullmatch("a" * (LONGEST_URI + 1)) is None
    assert pattern("{+a}" + "x" * 2000).fullmatch("x" * 2000) is None
