"""Lines of calls: those that are put together from remembered parts are the same as those that are encoded whole."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.records import record
from toolgate.model.errors import Outcome
from toolgate.model.records import CallRecord
from toolgate.sinks import call_lines
from toolgate.sinks.call_lines import Lines

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
RECORDS = st.builds(
    CallRecord,
    id=st.one_of(TEXT, st.from_regex(r"[0-9a-f]{12}-[0-9]{1,6}", fullmatch=True)),
    at=st.floats(0, 4e9),
    endpoint=TEXT,
    method=st.one_of(st.just("tools/call"), TEXT),
    server=TEXT,
    target=TEXT,
    principal=TEXT,
    team=TEXT,
    era=st.sampled_from(["modern", "legacy"]),
    version=TEXT,
    client=st.sampled_from([b"", b'{"name":"desk","version":"1.2"}', b'{"name":"x\\u2028"}', b"[]", b"no json"]),
    outcome=st.sampled_from(list(Outcome)),
    error=TEXT,
    duration_s=st.floats(0, 1e5),
    upstream_s=st.floats(0, 1e5),
    bytes_in=st.integers(0, 2**53),
    bytes_out=st.integers(0, 2**53),
)


def members(text: str) -> dict[str, Any]:
    """The line's members; numbers that are 0 may be left out."""
    assert text.endswith("}\n")
    assert len(text.splitlines()) == 1, "one line, for every reader of lines"
    found = json.loads(text)
    found["ts"] = datetime.fromisoformat(found["ts"]).replace(tzinfo=UTC).timestamp()
    return {name: value for name, value in found.items() if value != 0}


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(RECORDS, RECORDS), min_size=1, max_size=5))
def test_a_line_is_what_encoding_all_of_it_gives(pairs: list[tuple[CallRecord, CallRecord]]):
    lines = Lines()
    for one, other in pairs:
        # The second of two calls that have their words in common is made from what the first one left.
        alike = msgspec.structs.replace(
            one, id=other.id, at=other.at, duration_s=other.duration_s, upstream_s=other.upstream_s,
            bytes_in=other.bytes_in, bytes_out=other.bytes_out,
        )  # fmt: skip
        for made in (one, alike):
            found, whole = members(lines.text(made)), members(call_lines.whole(made))
            assert list(found) == list(whole), "in the same order"
            for name in ("ts", "dur_ms", "upstream_ms"):
                assert abs(found.pop(name, 0) - whole.pop(name, 0)) < 2e-3
            assert found == whole


def test_what_is_remembered_is_bounded():
    lines = Lines()
    for number in range(5_000):
        lines.text(record(target=str(number)))
    assert json.loads(lines.text(record(target="last")))["tool"] == "last"
    assert lines.remembered <= call_lines.MAX_SHAPES
