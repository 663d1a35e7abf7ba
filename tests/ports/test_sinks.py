"""The contract of `ports.Sink`, held by every sink: a batch is taken at once, and nothing in it is fatal."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from tests.records import READINGS, record
from toolgate.model.errors import Outcome
from toolgate.ports import Sink, Toolbox
from toolgate.sinks import log, metrics, recent
from toolgate.stores.clock import SystemClock

HOSTILE = [
    record(),
    record(method="x" * 1_000_000, version="\x00\x85\u2028", target="\x1b[2J", client=b"\xff{not json"),
    record(client=b'{"name":{"deep":1}}', server="", principal="", team="", outcome=Outcome.INVALID),
    record(id="\ud800", error="", outcome=Outcome.UPSTREAM_ERROR, duration_s=1e9, upstream_s=1e9),
]


@pytest.fixture(params=["log", "log-pretty", "metrics", "recent"])
async def sink(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Sink]:
    toolbox = Toolbox(cast(Any, None), cast(Any, None), SystemClock(), tmp_path)
    async with AsyncExitStack() as stack:
        extension: Any
        if request.param.startswith("log"):
            extension = log
            descriptor = os.open(tmp_path / "calls", os.O_WRONLY | os.O_CREAT)
            stack.callback(os.close, descriptor)
            config: Any = log.Config(descriptor, pretty=request.param == "log-pretty")
        elif request.param == "metrics":
            extension, config = metrics, metrics.Config(READINGS)
        else:
            extension, config = recent, recent.Config()
        yield await stack.enter_async_context(extension.open(config, toolbox))


async def test_takes_batches_of_every_size(sink: Sink):
    sink.write([])
    sink.write([record()])
    sink.write([record() for _ in range(1_000)])


async def test_nothing_in_a_record_is_fatal(sink: Sink):
    sink.write(HOSTILE)
    for one in HOSTILE:
        sink.write([one])


async def test_the_batch_stays_the_callers(sink: Sink):
    batch = [record(), record()]
    before = list(batch)
    sink.write(batch)
    assert batch == before
