"""What records cost: on the path of a call, and off it. `uv run python -m benchmarks.records`

Nanoseconds per record, the best of several rounds. Then how late the event loop is while records go to every sink,
against the same loop without any.
"""

import asyncio
import os
import time
from collections.abc import Callable, Sequence

import msgspec

from toolgate.model.errors import Outcome
from toolgate.model.identity import Principal
from toolgate.model.records import CallRecord
from toolgate.pipeline.ring import Ring
from toolgate.ports import Sink
from toolgate.sinks import log, recent
from toolgate.sinks.metrics import Metrics, Readings
from toolgate.stores.replay import Bounds, Replay

BATCH = 1_000
ROUNDS = 30
WATCHER = Principal("key:watcher", "watcher", observer=True)
READINGS = Readings(
    in_flight=lambda: 0,
    generation=lambda: 1,
    records_dropped=lambda: 0,
    records_lost=dict,
    malformed=dict,
    upstreams_up=dict,
    upstream_transport=lambda server: "tcp",
)


def make(number: int) -> CallRecord:
    """As the front door makes one."""
    return CallRecord(
        f"{number:032x}",
        time.time(),
        "",
        "tools/call",
        f"server{number % 10}",
        f"tool{number % 20}",
        "key:alice",
        "blue",
        "modern",
        "2026-07-28",
        b'{"name":"desk","version":"1.2"}',
        Outcome.TOOL_ERROR if number % 50 == 0 else Outcome.OK,
        "",
        0.0123,
        0.0121,
        210,
        340,
    )


def best(work: Callable[[], object], per: int = BATCH) -> float:
    """Nanoseconds for each of `per` things that `work` does."""
    times: list[int] = []
    for _ in range(ROUNDS):
        began = time.perf_counter_ns()
        work()
        times.append(time.perf_counter_ns() - began)
    return min(times) / per


def show(what: str, nanoseconds: float) -> None:
    print(f"{what:<52}{nanoseconds:>10,.0f} ns")


def costs(batch: Sequence[CallRecord], sink: log.CallLog) -> None:
    ring = Ring(())

    def append() -> None:
        for record in batch:
            ring.append(record)

    show("on the path: ring.append", best(append))
    metrics, latest = Metrics(READINGS), recent.Recent(recent.Config())
    show("off the path, per record: metrics", best(lambda: metrics.write(batch)))
    show("off the path, per record: recent", best(lambda: latest.write(batch)))
    with latest.follow(lambda: WATCHER), latest.follow(lambda: WATCHER):
        show("off the path, per record: recent, two followers", best(lambda: latest.write(batch)))
    show("off the path, per record: log, handed over", best(lambda: sink.write(batch[:1]), 1))
    show("off the path, per record: log, its own thread", thread_cost(batch))
    lines = metrics.expose()[0].count(b"\n")
    show(f"a scrape ({lines:,} lines), per line", best(metrics.expose, lines))
    replay, data = Replay(Bounds()), b"x" * 300

    def keep() -> None:
        for number in range(BATCH):
            replay.keep(f"session{number % 100}", "get", data, now=1.0, monotonic=1.0)

    show("a resumable event remembered for replay", best(keep))


def thread_cost(batch: Sequence[CallRecord]) -> float:
    """CPU time from handing over to the last byte written."""
    times: list[float] = []
    for _ in range(ROUNDS):
        descriptor = os.open(os.devnull, os.O_WRONLY)
        sink = log.CallLog(log.Config(descriptor))
        began = time.process_time_ns()
        sink.write(batch)
        sink.close()
        times.append((time.process_time_ns() - began) / len(batch))
        os.close(descriptor)
    return min(times)


async def lateness(sinks: Sequence[Sink], *, seconds: float, rate: int) -> tuple[float, float, float]:
    """How late a timer of 1 ms fires, in milliseconds: median, 99th percentile, worst."""
    ring = Ring(sinks)
    writer = asyncio.create_task(ring.run())
    late: list[float] = []
    number, end = 0, time.perf_counter() + seconds
    while (now := time.perf_counter()) < end:
        for _ in range(rate // 1_000):
            number += 1
            ring.append(make(number))
        await asyncio.sleep(0.001)
        late.append((time.perf_counter() - now - 0.001) * 1e3)
    writer.cancel()
    await writer
    late.sort()
    return late[len(late) // 2], late[len(late) * 99 // 100], late[-1]


async def holds(sink: log.CallLog) -> None:
    everything: Sequence[Sink] = (sink, Metrics(READINGS), recent.Recent(recent.Config()))
    for rate in (1_000, 10_000):
        for name, sinks in (("no sink", ()), ("every sink", everything)) * 2:
            median, high, worst = await lateness(sinks, seconds=2.0, rate=rate)
            print(f"about {rate:>6,}/s {name:<12} late by {median:.2f} ms median, {high:.2f} p99, {worst:.2f} worst")


def main() -> None:
    batch = [make(number) for number in range(BATCH)]
    show("on the path: making the record", best(lambda: [make(number) for number in range(BATCH)]))
    descriptor = os.open(os.devnull, os.O_WRONLY)
    sink = log.CallLog(log.Config(descriptor))
    costs(batch, sink)
    asyncio.run(holds(sink))
    sink.close()
    print(f"{sink.lost} lines lost; one record of {len(msgspec.json.encode(batch[0]))} bytes as JSON")


if __name__ == "__main__":
    main()
