"""URI templates read backwards: as a regular expression would say, in a time that nothing can stretch."""

import re

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from mcp.shared.uri_template import InvalidUriTemplate, UriTemplate

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
# Without a closing brace: after an opening one it would make an expression.
LITERALS = ["a", "b", "/", "?", "#", ".", ";", "&", "{", "é"]


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


# Expansions by the official SDK --------------------------------------------------------------------------------------

VARIABLES = st.sampled_from(["{a}", "{+a}", "{#a}", "{/a}", "{.a}", "{;a}", "{?a}", "{&a}", "{/b*}", "{?a,b*}", "{b}"])
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6)


@given(
    st.lists(st.one_of(VARIABLES, st.sampled_from(["x", "/y", "://", "-", "?k=v"])), min_size=1, max_size=5),
    VALUES,
    st.lists(VALUES, max_size=3),
)
def test_every_expansion_comes_from_its_template(pieces: list[str], a: str, b: list[str]):
    template = "".join(pieces)
    try:
        parsed = UriTemplate.parse(template)
    except InvalidUriTemplate:
        reject()
    expanded = parsed.expand({"a": a, "b": b})
    assert pattern(template).fullmatch(expanded)


@pytest.mark.parametrize(
    ("template", "uri"),
    [
        ("file:///{path}", "file:///a/b"),
        ("file:///{path}", "file:///a?b"),
        ("users/{id}/x", "users/1/2/x"),
        ("users/{id}", "user/1"),
        ("x{?q}", "x&q=1"),
    ],
)
def test_what_no_expansion_gives_is_not_matched(template: str, uri: str):
    assert pattern(template).fullmatch(uri) is None
    assert UriTemplate.parse(template).match(uri) is None
