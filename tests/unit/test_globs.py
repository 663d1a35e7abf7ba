"""Globs: against the standard library's as an oracle, and coverage against exhaustive enumeration."""

import fnmatch
import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.rules import globs

GLOBS = st.text(alphabet="ab*?", max_size=5)


@given(st.text(alphabet="aB.*?\n/{}", max_size=8), st.text(alphabet="aB.\n/{}", max_size=8))
def test_matches_as_the_standard_library_does(glob: str, name: str):
    assert globs.matches(glob, name) is fnmatch.fnmatchcase(name, glob)


@pytest.mark.parametrize(("glob", "name"), [("[a]", "[a]"), ("a[!b]", "a[!b]"), ("x{id}", "x{id}"), ("a.b", "a.b")])
def test_brackets_and_dots_stand_for_themselves(glob: str, name: str):
    assert globs.matches(glob, name)
    assert not globs.matches(glob, name.replace(name[1], "x"))
    assert globs.is_literal(glob)


@given(GLOBS, GLOBS)
def test_coverage_is_what_enumeration_finds(wide: str, narrow: str):
    """Names up to 6 characters over a, b and c decide for globs of up to 5 characters over a and b."""
    names = ["".join(chars) for length in range(7) for chars in itertools.product("abc", repeat=length)]
    expected = all(globs.matches(wide, name) for name in names if globs.matches(narrow, name))
    assert globs.covers(wide, narrow) is expected


@pytest.mark.parametrize("glob", ["*" + "a*" * 100 + "b", "*".join("abc" * 60), "?*" * 120])
def test_hostile_globs_and_names_take_bounded_time(glob: str):
    began = time.process_time()
    globs.matches(glob, "a" * 5000)
    globs.covers(glob, glob + "c")
    globs.covers("*a" + "?" * 100 + "*", "*a?" * 60)
    assert time.process_time() - began < 5
