"""Rounds of measurements, interleaved: each window of each contender stands beside those of the others."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import Contender, Setup
from benchmarks.processes import BenchmarkError

LATENCY_CONNECTIONS = 16
TOOLS_CONNECTIONS = 16
# Seconds over which idleness is judged, and the share of the core that still counts as idle.
IDLE_INTERVAL = 0.1
IDLE_SHARE = 0.1


@dataclass(frozen=True)
class Plan:
    """How much is measured; windows in seconds, the rate in calls per second."""

    rounds: int
    window: float
    latency_window: float
    concurrencies: Sequence[int]
    rate: float


@dataclass(frozen=True)
class Sample:
    """One window of one contender. `rate` 0 is the closed loop; times in microseconds.

    `errors` counts every call that was not answered right, `missing` those of them that were not answered at all.
    """

    contender: str
    round: int
    tools: int
    connections: int
    rate: float
    calls: int
    errors: int
    missing: int
    calls_per_s: float
    p50_us: float
    p90_us: float
    p99_us: float
    max_us: float
    reconnects: int
    cpu_us_per_call: float | None


# Contender, round, connections, seconds, rate.
Take = Callable[[Contender, int, int, float, float], Sample]


@dataclass(frozen=True)
class Bench:
    """The load generator and where it runs."""

    setup: Setup
    load: Path

    def sample(self, contender: Contender, number: int, connections: int, seconds: float, rate: float) -> Sample:
        """Runs one window. Raises BenchmarkError if the load generator could not run it."""
        command = [*self.setup.load_place.prefix(), str(self.load), "--url", contender.url, "--era", contender.era]
        command += ["--tool", contender.tool, "--connections", str(connections), "--duration", str(seconds)]
        command += ["--rate", str(rate)] if rate else []
        environment = {name: value for name, value in os.environ.items() if name != "TOOLGATE_KEY"}
        if contender.key is not None:
            environment["TOOLGATE_KEY"] = contender.key
        before = contender.gateway.cpu_us() if contender.gateway else 0.0
        run = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=seconds + 60, check=False
        )
        used = contender.gateway.cpu_us() - before if contender.gateway else None
        if run.stderr:
            print(f"{contender.name}: {run.stderr.rstrip()}", file=sys.stderr)
        if run.returncode not in {0, 1}:
            raise BenchmarkError(f"the load generator failed on {contender.name} (status {run.returncode})")
        report = json.loads(run.stdout)
        calls = report["calls"]
        per_call = used / calls if used is not None and calls else None
        return Sample(
            contender=contender.name,
            round=number,
            tools=contender.tools,
            rate=rate,
            cpu_us_per_call=per_call,
            **report,
        )


def warm(bench: Bench, contenders: Sequence[Contender], seconds: float = 1.0) -> list[Contender]:
    """One window that does not count, on each; returns those that gave a right answer, and says who did not."""
    answering: list[Contender] = []
    for contender in contenders:
        if bench.sample(contender, 0, LATENCY_CONNECTIONS, seconds, 0).calls:
            answering.append(contender)
        else:
            log = contender.gateway.tail() if contender.gateway else ""
            print(f"left out: {contender.name} with {contender.tools} tools: no right answer\n{log}", file=sys.stderr)
    return answering


def _settle(contenders: Sequence[Contender], seconds: float = 30) -> None:
    """Waits until the gateways' core is idle: one that was overrun still works when its window is over."""
    gateways = [contender.gateway for contender in contenders if contender.gateway is not None]
    deadline = time.monotonic() + seconds
    busy = True
    while busy and time.monotonic() < deadline:
        before = sum(gateway.cpu_us() for gateway in gateways)
        time.sleep(IDLE_INTERVAL)
        used = sum(gateway.cpu_us() for gateway in gateways) - before
        busy = used > IDLE_SHARE * IDLE_INTERVAL * 1e6
    if busy:
        print("the gateways' core did not become idle", file=sys.stderr)


def _interleaved(
    contenders: Sequence[Contender], rounds: int, windows: Sequence[tuple[int, float, float]], take: Take
) -> list[Sample]:
    samples: list[Sample] = []
    if not contenders:
        return samples
    for number in range(1, rounds + 1):
        # Another one begins each round, so that nobody always follows the same neighbour.
        turn = number % len(contenders)
        for connections, seconds, rate in windows:
            for contender in [*contenders[turn:], *contenders[:turn]]:
                _settle(contenders)
                sample = take(contender, number, connections, seconds, rate)
                samples.append(sample)
                _show(sample)
    return samples


def throughput_and_latency(bench: Bench, contenders: Sequence[Contender], plan: Plan) -> list[Sample]:
    """All concurrencies in the closed loop, and the open loop at the plan's rate."""
    windows = [(connections, plan.window, 0.0) for connections in plan.concurrencies]
    windows.append((LATENCY_CONNECTIONS, plan.latency_window, plan.rate))
    return _interleaved(contenders, plan.rounds, windows, bench.sample)


def cost_by_tools(bench: Bench, contenders: Sequence[Contender], plan: Plan) -> list[Sample]:
    """The closed loop at one concurrency; the contenders differ in their number of tools."""
    return _interleaved(contenders, plan.rounds, [(TOOLS_CONNECTIONS, plan.window, 0.0)], bench.sample)


def _show(sample: Sample) -> None:
    kind = f"{sample.rate:.0f}/s" if sample.rate else "closed"
    cpu = ""
    if sample.cpu_us_per_call is not None:
        # A saturated gateway with much less than the whole core had company there: its calls/s then say little.
        share = sample.cpu_us_per_call * sample.calls_per_s / 1e6
        cpu = f"{sample.cpu_us_per_call:8.1f} us CPU/call, {share:4.0%} of the core"
    print(
        f"round {sample.round} {sample.contender:16} {sample.tools:5} tools {sample.connections:3} conns {kind:6} "
        f"{sample.calls_per_s:9.1f}/s p50 {sample.p50_us:8.1f} p99 {sample.p99_us:8.1f} errors {sample.errors} {cpu}",
        file=sys.stderr,
    )
