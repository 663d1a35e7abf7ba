"""Server-sent events: any cutting into chunks gives the same events, and they are those that another reader sees."""

import tracemalloc

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.protocol.sse import COMMENT, Event, SseReader, frame

LINES = st.sampled_from(
    [
        b"data: one",
        b"data:two",
        b"data:  spaced ",
        b"data",
        b"data:",
        b"event: ping",
        b"event:",
        b"id: 1",
        b"id:",
        b"id: a\0b",
        b"retry: 1500",
        b"retry: soon",
        b"retry: 99999999999999999999",
        b": comment",
        b":",
        b"unknown: field",
        b"data: \xc3\xa4",
        b"data: \xef\xbb\xbf",
        b"Data: no",
        b"",
        b"",
        b"",
    ]
)
STREAMS = st.builds(
    lambda bom, lines: b"".join((bom, *(part for pair in lines for part in pair))),
    st.sampled_from([b"", b"", b"\xef\xbb\xbf"]),
    st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\n", b"\r\n", b"\r"])), max_size=12),
)


def read(chunks: list[bytes], limit: int = 10_000) -> list[Event]:
    reader = SseReader(limit)
    return [event for chunk in chunks for event in reader.feed(chunk)]


@given(STREAMS, st.lists(st.integers(0, 60)))
def test_any_chunks_give_the_same_events(stream: bytes, cuts: list[int]):
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[start:end] for start, end in zip(places, [*places[1:], None], strict=True)]
    bytewise = [stream[place : place + 1] for place in range(len(stream))]
    assert read(pieces) == read([stream])
    assert read(bytewise) == read([stream])


def by_the_book(stream: bytes) -> list[tuple[str, bytes, str]]:
    """WHATWG HTML section 9.2.6, read slowly: the events that hold data."""
    lines = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    event, data, last_id = "", b"", ""
    found: list[tuple[str, bytes, str]] = []
    for line in lines[:-1]:
        field, _, value = line.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if line == b"":
            if data:
                found.append((event or "message", data[:-1], last_id))
            event, data = "", b""
        elif field == b"event":
            event = value.decode()
        elif field == b"data":
            data += value + b"\n"
        elif field == b"id" and b"\0" not in value:
            last_id = value.decode()
    return found


@given(STREAMS)
def test_events_are_those_of_the_standard(stream: bytes):
    # Events without data are ours alone: they tell the reconnection time.
    found = [(event.event, event.data, event.id or "") for event in read([stream])]
    expected = by_the_book(stream)
    assert [event for event in found if event[1]] == [event for event in expected if event[1]]


@given(STREAMS)
def test_another_reader_sees_the_same(stream: bytes):
    response = httpx2.Response(
        200,
        content=stream.removeprefix(b"\xef\xbb\xbf"),
        headers={"content-type": "text/event-stream"},
        request=httpx2.Request("GET", "http://localhost/"),
    )
    theirs = [(sse.event, sse.data.encode(), sse.id) for sse in httpx2.EventSource(response) if sse.data]
    # What is not ended by an empty line is no event; theirs ends it at the end of the stream.
    ours = [(event.event, event.data, event.id or "") for event in read([stream]) if event.data]
    assert theirs[: len(ours)] == ours
    assert len(theirs) - len(ours) <= 1


@given(st.binary(max_size=50), st.sampled_from([None, "s1-4"]))
def test_what_we_write_is_read_back(data: bytes, event_id: str | None):
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert read([COMMENT + frame(data, event_id)]) == [Event("message", lines, event_id, None)]


def test_an_id_stays_until_another_is_given():
    assert [e.id for e in read([b"data: a\n\nid: 7\ndata: b\n\ndata: c\n\n"])] == [None, "7", "7"]


def test_a_reconnection_time_is_told_once():
    assert [(e.data, e.retry) for e in read([b"retry: 20\n\ndata: a\n\n"])] == [(b"", 20), (b"a", None)]


@pytest.mark.parametrize(
    "stream",
    [b"data: " + b"x" * 200, b"data: x\n" * 60, b"data:" + b"x" * 80 + b"\n" + b"data:" + b"x" * 80, b":" + b"x" * 200],
    ids=["one line", "many lines", "lines and a rest", "a comment"],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_event_has_a_bound(stream: bytes, size: int):
    with pytest.raises(ValueError, match="exceeds 100 bytes"):
        read([stream[start : start + size] for start in range(0, len(stream), size)], limit=100)


def test_many_small_events_are_not_bounded_together():
    assert len(read([b"data: " + b"x" * 50 + b"\n\n"] * 100, limit=100)) == 100


def test_small_chunks_cost_no_copies_of_what_came_before():
    """A line of a megabyte in chunks of a hundred bytes: memory would show every copy of it."""
    reader = SseReader(2_000_000)
    chunk = b"x" * 100
    reader.feed(b"data: ")
    tracemalloc.start()
    try:
        for _ in range(10_000):
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            reader.feed(chunk)
            assert tracemalloc.get_traced_memory()[1] - before < 300_000
    finally:
        tracemalloc.stop()
    [event] = reader.feed(b"\n\n")
    assert len(event.data) == 1_000_000


@given(STREAMS, st.integers(1, 9))
def test_lines_are_counted_however_they_come(stream: bytes, size: int):
    reader = SseReader(10_000)
    for start in range(0, len(stream), size):
        reader.feed(stream[start : start + size])
    text = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert reader.lines == text.count(b"\n")
