"""Patterns of RE2: what is refused, and that no pattern and no text can hold us up."""

from __future__ import annotations

import time

import pytest

from toolgate.rules import patterns


@pytest.mark.parametrize("pattern", ["^a", "a|b", r"\d+", "(?i)x", "é", "^$", r"[[:alpha:]]", r"\bx\b"])
def test_patterns_that_can_be_used(pattern: str):
    assert patterns.flaw(pattern) is None


@pytest.mark.parametrize(
    "pattern", ["", "(", "(?=a)", "(?<!a)b", r"(a)\1", "a{5000}", "((a{100}){100}){100}", "x" * 1001, "\ud800"]
)
def test_patterns_that_cannot(pattern: str, capfd: pytest.CaptureFixture[str]):
    assert patterns.flaw(pattern)
    with pytest.raises(ValueError, match=r"pattern|Unicode"):
        patterns.searches(pattern)
    assert capfd.readouterr() == ("", "")


def test_a_pattern_is_found_anywhere_unless_it_says_where():
    assert patterns.searches("b")("abc")
    assert not patterns.searches("^b")("abc")
    assert not patterns.searches("b$")("ab\nc")
    assert not patterns.searches("a")("\ud800a")


def test_no_pattern_takes_long():
    began = time.process_time()
    for pattern in ("(a+)+$", "(a|aa)+$", "(.*a){12}$", "(x+x+)+y"):
        patterns.searches(pattern)("a" * 100_000 + "!")
    assert time.process_time() - began < 2.0
