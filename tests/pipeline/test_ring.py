"""The ring of records: nothing is lost silently, and a sink that fails harms no other."""

import asyncio
import logging
from collections.abc import Sequence

import pytest

from tests.pipeline.line import Kept
from tests.virtual_time import run
from toolgate.model.errors import Outcome
from toolgate.model.records import CallRecord
from toolgate.pipeline import ring
from toolgate.pipeline.ring import Ring


def record(number: int) -> CallRecord:
    return CallRecord(
        str(number), 0.0, "", "ping", "", "", "", "", "legacy", "2025-11-25", b"", Outcome.OK, "", 0.0, 0.0, 0, 0
    )


class Broken:
    """A sink that fails each time."""

    def write(self, records: Sequence[CallRecord], /) -> None:
        raise OSError("disk full")


class Busy:
    """A sink that says when it was given its first batch."""

    def __init__(self) -> None:
        self.heard = asyncio.Event()

    def write(self, records: Sequence[CallRecord], /) -> None:
        self.heard.set()


def test_every_sink_gets_every_record_in_order():
    async def main() -> None:
        sinks = Kept(), Kept()
        one = Ring(sinks)
        running = asyncio.create_task(one.run())
        for number in range(100):
            one.append(record(number))
            if number % 10 == 0:
                await asyncio.sleep(0.01)
        await asyncio.sleep(1.0)
        for sink in sinks:
            assert [int(r.id) for r in sink.records] == list(range(100))
        running.cancel()
        await running

    run(main())


@pytest.mark.promise("records.counted")
def test_what_does_not_fit_is_counted_and_the_oldest_goes():
    async def main() -> None:
        kept = Kept()
        one = Ring((kept,))
        for number in range(ring.CAPACITY + 7):
            one.append(record(number))
        assert one.dropped == 7
        one.flush()
        assert len(kept.records) == ring.CAPACITY
        assert kept.records[0].id == "7"
        one.append(record(-1))
        assert one.dropped == 7

    run(main())


@pytest.mark.promise("records.counted")
def test_a_sink_that_fails_takes_nothing_from_the_others(caplog: pytest.LogCaptureFixture):
    async def main() -> None:
        before, after = Kept(), Kept()
        one = Ring((before, Broken(), after))
        running = asyncio.create_task(one.run())
        for number in range(3):
            one.append(record(number))
            await asyncio.sleep(0.2)
        assert [len(before.records), len(after.records)] == [3, 3]
        running.cancel()
        await running

    with caplog.at_level(logging.ERROR):
        run(main())
    said = [entry.getMessage() for entry in caplog.records]
    assert said == ["a sink of call records failed; it lost 1 records"] * 3


def test_the_last_ones_are_written_when_it_ends():
    async def main() -> None:
        kept = Kept()
        one = Ring((kept,))
        running = asyncio.create_task(one.run())
        await asyncio.sleep(0)
        one.append(record(1))
        running.cancel()
        await running
        assert len(kept.records) == 1

    run(main())


def test_what_comes_while_batches_are_handed_over_is_not_left_behind():
    async def main() -> None:
        kept, busy = Kept(), Busy()
        one = Ring((kept, busy))
        running = asyncio.create_task(one.run())
        for number in range(3_000):
            one.append(record(number))
        await asyncio.wait_for(busy.heard.wait(), 10)
        for number in range(3_000, 6_000):
            one.append(record(number))
        await asyncio.sleep(1.0)
        assert [int(r.id) for r in kept.records] == list(range(6_000))
        running.cancel()
        await running

    run(main())
