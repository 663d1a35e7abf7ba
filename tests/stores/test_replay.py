"""Replay buffers: bounded in every way, and never wrong about what they still know."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from toolgate.stores.replay import Bounds, Replay

NOW = 1_790_000_000.0
SMALL = Bounds(events=8, session_bytes=4_000, streams=3, sessions=3, total_bytes=8_000, seconds=10)


class Written:
    """A replay buffer, and everything that was ever put into it."""

    def __init__(self, bounds: Bounds) -> None:
        self.buffer = Replay(bounds)
        self.events: dict[tuple[str, str], list[tuple[str, bytes]]] = defaultdict(list)
        self.seconds = 0.0

    def keep(self, session: str, stream: str, data: bytes) -> str:
        event_id = self.buffer.keep(session, stream, data, now=NOW + self.seconds, monotonic=self.seconds)
        self.events[session, stream].append((event_id, data))
        return event_id


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ABCDE"),
            st.sampled_from(["1", "2", "3", "4", "get"]),
            st.integers(0, 2_000),
            st.sampled_from([0.0, 0.5, 3.0, 11.0]),
        ),
        max_size=60,
    )
)
def test_replay_is_the_whole_truth_or_nothing(steps: list[tuple[str, str, int, float]]):
    written = Written(SMALL)
    for number, (session, stream, size, wait) in enumerate(steps):
        written.seconds += wait
        written.keep(session, stream, (b"%d" % number).ljust(size, b"."))
        assert written.buffer.size <= SMALL.total_bytes
    for (session, stream), events in written.events.items():
        for index, (event_id, _) in enumerate(events):
            assert written.buffer.replay(session, event_id) in (None, (stream, events[index + 1 :]))


def test_a_small_stream_is_wholly_known():
    written = Written(Bounds())
    ids = [written.keep("A", "1", b"x") for _ in range(100)]
    assert written.buffer.replay("A", ids[0]) == ("1", [(event_id, b"x") for event_id in ids[1:]])


def test_the_oldest_events_make_room_and_what_follows_a_gap_is_not_known():
    written = Written(SMALL)
    ids = [written.keep("A", "1", b"x") for _ in range(10)]
    assert written.buffer.replay("A", ids[0]) is None
    known = written.buffer.replay("A", ids[1])
    assert known is not None, "the event itself is gone, and everything after it is here"
    assert [event_id for event_id, _ in known[1]] == ids[2:]


def test_a_message_too_large_to_keep_is_a_gap():
    written = Written(SMALL)
    before = written.keep("A", "1", b"x")
    large = written.keep("A", "1", b"x" * 5_000)
    after = written.keep("A", "1", b"y")
    assert written.buffer.replay("A", before) is None
    assert written.buffer.replay("A", large) == ("1", [(after, b"y")])


def test_a_busy_session_costs_the_quietest_its_events_not_the_others():
    written = Written(Bounds(session_bytes=4_000, total_bytes=6_000))
    quiet = written.keep("A", "1", b"x" * 500)
    recent = written.keep("B", "1", b"x" * 500)
    for _ in range(50):
        written.keep("C", "1", b"x" * 500)
        recent = written.keep("B", "2", b"")
    assert written.buffer.replay("A", quiet) is None
    assert written.buffer.replay("B", recent) == ("2", [])


def test_a_session_without_news_is_forgotten_after_its_time():
    written = Written(SMALL)
    event_id = written.keep("A", "1", b"x")
    written.seconds = 9.0
    written.keep("B", "1", b"x")
    assert written.buffer.replay("A", event_id) == ("1", [])
    written.seconds = 10.5
    written.keep("B", "1", b"x")
    assert written.buffer.replay("A", event_id) is None


def test_forgetting_everything_leaves_nothing():
    written = Written(SMALL)
    for session in "ABC":
        for stream in "1234":
            written.keep(session, stream, b"x" * 100)
        written.buffer.forget(session)
    assert written.buffer.size == 0
