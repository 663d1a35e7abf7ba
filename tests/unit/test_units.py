"""Lengths of time and amounts of bytes as texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.rules import units


@pytest.mark.parametrize(
    ("text", "expected"),
    [("60", 60.0), ("500ms", 0.5), ("1.5s", 1.5), ("2m", 120.0), ("1 h", 3600.0), ("1d", 86400.0)]
    + [(text, None) for text in ("", "s", "-1s", "1e3", "1w", "1 s ", "inf", "nan", "1" * 50)],
)
def test_seconds(text: str, expected: float | None):
    assert units.seconds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("65536", 65536), ("8MiB", 8 * 1024**2), ("1 kB", 1000), ("2GB", 2 * 10**9), ("1KiB", 1024)]
    + [(text, None) for text in ("", "MiB", "-1", "1.5MiB", "1TiB", "1mib", "9" * 50)],
)
def test_size(text: str, expected: int | None):
    assert units.size(text) == expected


@given(st.text())
def test_any_text_gets_an_answer(text: str):
    assert units.seconds(text) is None or units.seconds(text) >= 0  # type: ignore[operator]
    assert units.size(text) is None or units.size(text) >= 0  # type: ignore[operator]
