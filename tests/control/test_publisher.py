"""The publisher: one reference is swapped, changes are folded, and what cannot be compiled changes nothing."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest

from tests.control.sources import definition, discovery, known, run_one
from tests.virtual_time import run, settle
from toolgate.control.compiler import AGGREGATE, Source
from toolgate.control.publisher import Publisher
from toolgate.model.catalog import Offer, OfferKind
from toolgate.model.declared import Declared, ServerSpec
from toolgate.model.snapshot import Snapshot


class Records:
    """What the source is at the moment; how often it was asked for."""

    def __init__(self) -> None:
        self.tools = 1
        self.asked = 0
        self.broken = False

    def __call__(self) -> Source:
        self.asked += 1
        names = [f"t{number:05}" for number in range(self.tools)]
        offers = tuple(Offer(OfferKind.TOOL, name, definition(OfferKind.TOOL, name)) for name in names)
        found = {"a": discovery(offers, b'{"tools":{}}')}
        source = known(found, {"a": run_one}, Declared(servers=(ServerSpec("a", "echo", {}),)), None)
        return msgspec.structs.replace(source, runs={}) if self.broken else source


def tools(snapshot: Snapshot) -> int:
    return len(snapshot.endpoints[AGGREGATE].tools)


def publishing(work: Callable[[Publisher, Records], Coroutine[Any, Any, None]]) -> None:
    """Runs `work` beside a running publisher."""

    async def main() -> None:
        records = Records()
        publisher = Publisher(records)
        running = asyncio.create_task(publisher.run())
        await settle()
        await work(publisher, records)
        running.cancel()

    run(main())


def test_a_change_is_published_and_told():
    async def work(publisher: Publisher, records: Records) -> None:
        told: list[tuple[Snapshot, Snapshot]] = []
        publisher.on_swap(lambda old, new: told.append((old, new)))
        before = publisher.current()
        records.tools = 2
        publisher.changed()
        assert publisher.current() is before
        await publisher.published()
        assert told == [(before, publisher.current())]
        assert (tools(before), tools(publisher.current())) == (1, 2)

    publishing(work)


@pytest.mark.promise("reload.atomic")
def test_changes_that_come_while_one_compiles_are_folded_into_the_next():
    async def work(publisher: Publisher, records: Records) -> None:
        told: list[int] = []
        publisher.on_swap(lambda old, new: told.append(tools(new)))
        records.tools = 2_000
        publisher.changed()
        for _ in range(5):
            await asyncio.sleep(0)
        assert tools(publisher.current()) == 1, "the old one is in force until the new one is whole"
        asked = records.asked
        for count in (3, 4, 5):
            records.tools = count
            publisher.changed()
        await publisher.published()
        assert told == [2_000, 5]
        assert records.asked == asked + 1

    publishing(work)


@pytest.mark.promise("reload.slices")
def test_others_have_their_turns_while_it_compiles():
    async def work(publisher: Publisher, records: Records) -> None:
        records.tools = 3_000
        publisher.changed()
        turns = 0
        while tools(publisher.current()) == 1:
            turns += 1
            await asyncio.sleep(0)
        assert turns > 50

    publishing(work)


@pytest.mark.promise("reload.broken")
def test_what_cannot_be_compiled_changes_nothing_and_is_said(caplog: pytest.LogCaptureFixture):
    async def work(publisher: Publisher, records: Records) -> None:
        before = publisher.current()
        records.broken = True
        records.tools = 2
        publisher.changed()
        await publisher.published()
        assert publisher.current() is before
        records.broken = False
        publisher.changed()
        await publisher.published()
        assert tools(publisher.current()) == 2, "the next change is taken"

    with caplog.at_level(logging.ERROR):
        publishing(work)
    assert [entry.getMessage() for entry in caplog.records] == [
        "the new configuration could not be compiled; the old one stays in force"
    ]


def test_who_fails_to_notice_keeps_nobody_else_from_it(caplog: pytest.LogCaptureFixture):
    async def work(publisher: Publisher, records: Records) -> None:
        told: list[int] = []

        def fails(old: Snapshot, new: Snapshot) -> None:
            raise ZeroDivisionError

        publisher.on_swap(fails)
        publisher.on_swap(lambda old, new: told.append(tools(new)))
        for count in (2, 3):
            records.tools = count
            publisher.changed()
            await publisher.published()
        assert told == [2, 3]

    with caplog.at_level(logging.ERROR):
        publishing(work)
    assert len(caplog.records) == 2
