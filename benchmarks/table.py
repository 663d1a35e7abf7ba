"""The samples as the Markdown of docs/performance.md: medians over the rounds, ratios within each round."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.contenders import CONTENDERS
from benchmarks.measure import LATENCY_CONNECTIONS, Plan, Sample

ABSENT = "-"
# Of the rate asked for; random arrivals alone stay well above it.
KEEPS_UP = 0.8
Rounds = Mapping[int, Sample]


@dataclass(frozen=True)
class Results:
    """All that was measured. Memory: contender -> idle_mb and loaded_mb."""

    plan: Plan
    samples: Sequence[Sample]
    tools_samples: Sequence[Sample]
    memory: Mapping[str, Mapping[str, float]]

    def closed(self, contender: str, connections: int) -> Rounds:
        """The contender's closed-loop samples by round."""
        return _by_round(s for s in self.samples if (s.contender, s.connections, s.rate) == (contender, connections, 0))

    def paced(self, contender: str) -> Rounds:
        """The contender's open-loop samples by round."""
        return _by_round(s for s in self.samples if s.contender == contender and s.rate == self.plan.rate)

    def with_tools(self, contender: str, tools: int) -> Rounds:
        """The contender's samples with so many tools by round."""
        return _by_round(s for s in self.tools_samples if (s.contender, s.tools) == (contender, tools))


def _by_round(samples) -> Rounds:
    return {sample.round: sample for sample in samples}


def _median(values: Sequence[float], digits: int = 0) -> str:
    return f"{statistics.median(values):,.{digits}f}" if values else ABSENT


def _cpu(rounds: Rounds) -> list[float]:
    return [s.cpu_us_per_call for s in rounds.values() if s.cpu_us_per_call is not None]


def _cpu_with_range(rounds: Rounds) -> str:
    values = _cpu(rounds)
    return f"{_median(values, 1)} ({min(values):,.1f} to {max(values):,.1f})" if values else ABSENT


def _paired(own: Rounds, other: Rounds, compare: Callable[[Sample, Sample], float | None]) -> list[float]:
    """The comparison within each round that has both."""
    values = [compare(sample, other[number]) for number, sample in own.items() if number in other]
    return [value for value in values if value is not None]


def _cpu_ratio(own: Sample, other: Sample) -> float | None:
    if own.cpu_us_per_call is None or not other.cpu_us_per_call:
        return None
    return own.cpu_us_per_call / other.cpu_us_per_call


def _p50_added_ms(own: Sample, direct: Sample) -> float | None:
    return (own.p50_us - direct.p50_us) / 1000


def _p99_added_ms(own: Sample, direct: Sample) -> float | None:
    return (own.p99_us - direct.p99_us) / 1000


def _added(results: Results, name: str, compare: Callable[[Sample, Sample], float | None]) -> str:
    own = results.paced(name)
    if name == "direct" or not own:
        return ABSENT
    # Such a server falls behind without end: its latency says only how long one waited.
    if any(sample.missing or sample.calls_per_s < KEEPS_UP * sample.rate for sample in own.values()):
        return "cannot keep up"
    return _median(_paired(own, results.paced("direct"), compare), 2)


def _faults(samples: Sequence[Sample]) -> str:
    missing = sum(sample.missing for sample in samples)
    return f"{sum(sample.errors for sample in samples) - missing:,} / {missing:,}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _head(cells: Sequence[str]) -> list[str]:
    return [_row(cells), _row(["---", *["--:"] * (len(cells) - 1)])]


def _contender_row(results: Results, name: str) -> str:
    most = max(results.plan.concurrencies)
    busiest = results.closed(name, most)
    speeds = [results.closed(name, connections) for connections in results.plan.concurrencies]
    memory = results.memory.get(name, {})
    return _row(
        [
            CONTENDERS[name][0],
            *[_median([s.calls_per_s for s in rounds.values()]) for rounds in speeds],
            _cpu_with_range(busiest),
            _median(_paired(busiest, results.closed("nginx", most), _cpu_ratio), 2),
            _added(results, name, _p50_added_ms),
            _added(results, name, _p99_added_ms),
            f"{memory['idle_mb']:.0f}" if memory else ABSENT,
            f"{memory['loaded_mb']:.0f}" if memory else ABSENT,
            _faults([s for s in (*results.samples, *results.tools_samples) if s.contender == name]),
        ]
    )


def main_table(results: Results, names: Sequence[str]) -> str:
    """Throughput, CPU, added latency and memory, one contender a row."""
    plan = results.plan
    head = [
        "contender",
        *[f"calls/s, {connections} conn." for connections in plan.concurrencies],
        f"CPU µs/call, {max(plan.concurrencies)} conn. (range)",
        "CPU / nginx's",
        f"p50 added at {plan.rate:.0f}/s, ms",
        "p99 added, ms",
        "idle MB",
        "MB after load",
        "answers wrong / missing",
    ]
    return "\n".join([*_head(head), *[_contender_row(results, name) for name in names]])


def direct_latency(results: Results) -> str:
    """What the added latencies stand on."""
    direct = results.paced("direct").values()
    p50 = _median([s.p50_us / 1000 for s in direct], 2)
    p99 = _median([s.p99_us / 1000 for s in direct], 2)
    rate = f"{results.plan.rate:.0f} calls/s over {LATENCY_CONNECTIONS} connections"
    return f"Without a gateway, at {rate}: p50 {p50} ms, p99 {p99} ms." if direct else ""


def tools_table(results: Results, names: Sequence[str], tools: Sequence[int]) -> str:
    """CPU per call by the number of registered tools, one contender a row."""
    head = ["CPU µs/call (range)", *[f"{count:,} tools" for count in tools], f"{tools[-1]:,} / {tools[0]:,}"]
    lines = _head(head)
    for name in names:
        rounds = [results.with_tools(name, count) for count in tools]
        ratio = _median(_paired(rounds[-1], rounds[0], _cpu_ratio), 2)
        lines.append(_row([CONTENDERS[name][0], *[_cpu_with_range(of) for of in rounds], ratio]))
    return "\n".join(lines)
