"""Pipes whose reader stalls: responses wait, progress replaces itself, the rest is bounded, and reading goes on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest

from toolgate.edge.lines import TOO_LONG, Lines
from toolgate.edge.stdio import MOST_HELD, Outgoing, StdioCaller
from toolgate.model.call import Notification
from toolgate.model.errors import NoWayBack
from toolgate.protocol.relay import MESSAGE, PROGRESS

LIMIT = 1000
SECONDS = 20.0


class Ends:
    """Both ends of two pipes: `lines` is ours, the descriptors are the peer's."""

    def __init__(self) -> None:
        source, self.to = os.pipe()
        self.back, sink = os.pipe()
        self.lines = Lines(source, sink, LIMIT)
        self._rest = b""
        self._own = [source, sink]

    async def read(self) -> bytes:
        """The next line that the peer is given."""
        async with asyncio.timeout(SECONDS):
            while b"\n" not in self._rest:
                self._rest += await asyncio.to_thread(os.read, self.back, 65536)
        line, self._rest = self._rest.split(b"\n", 1)
        return line

    async def next(self) -> bytes | None:
        async with asyncio.timeout(SECONDS):
            return await self.lines.next()

    def close_peer(self) -> None:
        for descriptor in {self.to, self.back}:
            os.close(descriptor)
        self.to = self.back = -1


@pytest.fixture
async def ends() -> AsyncGenerator[Ends]:
    made = Ends()
    yield made
    if made.to != -1:
        made.close_peer()
    await made.lines.close(SECONDS)


def progress(number: int) -> Notification:
    return Notification(PROGRESS, msgspec.json.encode({"progress": number}))


def fill(lines: Lines) -> int:
    """Writes until the peer's slowness is noticed. Returns how many lines that took."""
    count = 0
    while not lines.paused:
        lines.write(b"x" * 65536)
        count += 1
    return count


async def test_lines_are_split_wherever_they_arrive(ends: Ends):
    for part in (b"on", b"e\ntwo\r\n\nth", b"ree", b"\n" + b"y" * (LIMIT + 1), b"y\nfour\nfi", b"ve"):
        await asyncio.to_thread(os.write, ends.to, part)
    os.close(ends.to)
    ends.to = ends.back
    expected = [b"one", b"two", b"", b"three", TOO_LONG, b"four", b"five", None]
    assert [await ends.next() for _ in expected] == expected
    ends.to = -1
    os.close(ends.back)


async def test_progress_replaces_itself_and_responses_keep_their_place(ends: Ends):
    out = Outgoing(ends.lines)
    one, other = StdioCaller(out, None), StdioCaller(out, None)
    count = fill(ends.lines)
    for number in range(1000):
        one.notify(progress(number))
        other.notify(progress(-number))
    out.send(b'"answer"')
    assert out.dropped == 0
    for _ in range(count):
        assert await ends.read() == b"x" * 65536
    said: list[Any] = [msgspec.json.decode(await ends.read()) for _ in range(3)]
    assert [each["params"]["progress"] for each in said[:2]] == [999, -999]
    assert said[2] == "answer"


async def test_other_notifications_are_bounded_and_counted(ends: Ends):
    out = Outgoing(ends.lines)
    caller = StdioCaller(out, None)
    count = fill(ends.lines)
    for number in range(MOST_HELD + 50):
        caller.notify(Notification(MESSAGE, msgspec.json.encode({"data": number})))
    assert out.dropped == 50
    for _ in range(count):
        await ends.read()
    async with asyncio.timeout(SECONDS):
        await ends.lines.room()
    kept = [msgspec.json.decode(await ends.read())["params"]["data"] for _ in range(MOST_HELD)]
    assert kept == list(range(MOST_HELD))


async def test_a_peer_that_reads_again_lets_writers_go_on(ends: Ends):
    count = fill(ends.lines)
    waiting = asyncio.ensure_future(ends.lines.room())
    for _ in range(count):
        await ends.read()
    async with asyncio.timeout(SECONDS):
        await waiting


async def test_a_peer_that_is_gone_ends_reading_and_holds_up_nobody(ends: Ends):
    fill(ends.lines)
    waiting = asyncio.ensure_future(ends.lines.room())
    ends.close_peer()
    assert await ends.next() is None
    async with asyncio.timeout(SECONDS):
        await ends.lines.lost.wait()
        await waiting
    ends.lines.write(b"dropped")
    assert not ends.lines.paused


async def test_a_modern_client_is_asked_nothing(ends: Ends):
    with pytest.raises(NoWayBack, match="input_required"):
        await StdioCaller(Outgoing(ends.lines), None).ask("elicitation/create", b"{}")
