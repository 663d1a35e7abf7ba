"""Runs the benchmark: `python -m benchmarks.run [--out raw.json]`, from the root of the repository, on Linux.

Needs cc, setpriv, taskset and two cores; nginx and FastMCP are left out, and said to be, where they are not installed.
The gateway has one core to itself, the load generator and the upstream share another.
"""

import argparse
import contextlib
import dataclasses
import importlib.util
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks import table
from benchmarks.contenders import CONTENDERS, HERE, Contender, Setup, start
from benchmarks.measure import Bench, Plan, Sample, cost_by_tools, throughput_and_latency, warm
from benchmarks.processes import BenchmarkError, Placement


def _names(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    for name in names:
        if name not in CONTENDERS:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(CONTENDERS)}")
    return names


def _counts(text: str) -> list[int]:
    return [int(count) for count in text.split(",") if count]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    add = parser.add_argument
    beside_python = Path(sys.executable).with_name("toolgate")
    add("--rounds", type=int, default=5)
    add("--window", type=float, default=2.0, metavar="SECONDS", help="each closed-loop window")
    add("--latency-window", type=float, default=4.0, metavar="SECONDS", help="each open-loop window")
    add("--concurrency", type=_counts, default=[1, 16, 64])
    add("--rate", type=float, default=350.0, help="calls per second of the open loop")
    add("--contenders", type=_names, default=list(CONTENDERS), help="comma-separated: %(default)s")
    add("--tools", type=_counts, default=[10, 1000, 10000], help="numbers of registered tools; empty: leave out")
    add("--tools-contenders", type=_names, default=["toolgate-modern"], help="who is measured with --tools")
    add("--gateway-core", type=int, default=0)
    add("--load-core", type=int, default=1)
    add("--realtime", action="store_true", help="SCHED_FIFO for all measured processes: only on a machine of your own")
    add("--toolgate", default=str(beside_python), metavar="COMMAND", help="default: the one beside this Python")
    add("--nginx", default=shutil.which("nginx", path=f"{os.defpath}:/usr/sbin") or "nginx", metavar="PATH")
    add("--fastmcp-python", default=sys.executable, metavar="PATH", help="a Python that has fastmcp")
    add("--out", type=Path, metavar="FILE", help="raw results as JSON")
    return parser.parse_args()


def _build(directory: Path, name: str) -> Path:
    program = directory / name
    command = ["cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-o", str(program), str(HERE / f"{name}.c"), "-lm"]
    subprocess.run(command, check=True, timeout=120)
    return program


def _missing(name: str, options: argparse.Namespace) -> str | None:
    """Why this contender cannot run here."""
    if name == "nginx" and shutil.which(options.nginx) is None:
        return "nginx is not installed"
    if name.startswith("toolgate") and shutil.which(options.toolgate.split()[0]) is None:
        return f"there is no command {Path(options.toolgate.split()[0]).name}"
    if name.startswith("fastmcp"):
        if options.fastmcp_python == sys.executable:
            return None if importlib.util.find_spec("fastmcp") else "this Python has no fastmcp"
        return None if shutil.which(options.fastmcp_python) else "--fastmcp-python is no program"
    return None


def _present(names: Sequence[str], options: argparse.Namespace) -> list[str]:
    present: list[str] = []
    for name in names:
        reason = _missing(name, options)
        if reason is None:
            present.append(name)
        else:
            print(f"left out: {name}: {reason}", file=sys.stderr)
    return present


@contextlib.contextmanager
def _all_started(setup: Setup, wanted: Sequence[tuple[str, int]]) -> Iterator[list[Contender]]:
    """All that start; whoever does not is left out and said to be."""
    directory = Path(tempfile.mkdtemp(dir=setup.directory))
    setup = dataclasses.replace(setup, directory=directory)
    with contextlib.ExitStack() as stack:
        contenders: list[Contender] = []
        for name, tools in wanted:
            try:
                contenders.append(stack.enter_context(start(setup, name, tools)))
            except BenchmarkError as error:
                print(f"left out: {name} with {tools} tools: {error}", file=sys.stderr)
        yield contenders


def _memory(contenders: Sequence[Contender]) -> dict[str, dict[str, float]]:
    return {
        contender.name: {"idle_mb": contender.idle_mb, "loaded_mb": contender.gateway.resident_mb()}
        for contender in contenders
        if contender.gateway is not None and contender.idle_mb is not None
    }


def _upstream_counters(contenders: Sequence[Contender]) -> dict[str, Mapping[str, int]]:
    """What each upstream saw; it says so when it ends."""
    last_lines = {f"{c.name}-{c.tools}": c.upstream.output.read_text().splitlines()[-1:] for c in contenders}
    return {name: json.loads(lines[0]) for name, lines in last_lines.items() if lines}


def _machine() -> dict[str, str | int | None]:
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    return {
        "cpu": cpu.partition(":")[2].strip() or platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def _measure(
    bench: Bench, plan: Plan, names: Sequence[str], tools_wanted: Sequence[tuple[str, int]]
) -> tuple[table.Results, dict[str, Mapping[str, int]]]:
    samples: list[Sample] = []
    tools_samples: list[Sample] = []
    contenders: list[Contender] = []
    memory: dict[str, dict[str, float]] = {}
    if names:
        with _all_started(bench.setup, [(name, 10) for name in names]) as contenders:
            samples = throughput_and_latency(bench, warm(bench, contenders), plan)
            memory = _memory(contenders)
    counters = _upstream_counters(contenders)
    if tools_wanted:
        with _all_started(bench.setup, tools_wanted) as contenders:
            tools_samples = cost_by_tools(bench, warm(bench, contenders), plan)
        counters |= {f"tools-{name}": counted for name, counted in _upstream_counters(contenders).items()}
    return table.Results(plan, samples, tools_samples, memory), counters


def _print(results: table.Results, names: Sequence[str], tools_names: Sequence[str], tools: Sequence[int]) -> None:
    plan, machine = results.plan, _machine()
    names = [name for name in names if any(sample.contender == name for sample in results.samples)]
    tools_names = [name for name in tools_names if any(sample.contender == name for sample in results.tools_samples)]
    print(f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, Python {machine['python']}.")
    windows = f"windows of {plan.window:g} s ({plan.latency_window:g} s at a fixed rate)"
    print(f"{plan.rounds} interleaved rounds, {windows};")
    print("each number is the median of the rounds, each ratio and difference is taken within its round.\n")
    if names:
        print(table.main_table(results, names), end="\n\n")
        print(table.direct_latency(results), end="\n\n")
    if tools_names and tools:
        print(table.tools_table(results, tools_names, tools))


def _save(path: Path, results: table.Results, counters: Mapping[str, Mapping[str, int]]) -> None:
    raw = {"machine": _machine(), **dataclasses.asdict(results), "upstream_counters": counters}
    path.write_text(json.dumps(raw, indent=1) + "\n")


def main() -> int:
    """Measures, prints the tables, returns 1 if Toolgate answered a call wrong or not at all."""
    # A signal becomes an exception, so that every started process is ended on the way out.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    options = _arguments()
    for needed in ("cc", "setpriv", "taskset"):
        if shutil.which(needed) is None:
            raise BenchmarkError(f"{needed} is needed and not installed")
    if not {options.gateway_core, options.load_core} <= os.sched_getaffinity(0):
        raise BenchmarkError("two cores are needed: see --gateway-core and --load-core")
    plan = Plan(options.rounds, options.window, options.latency_window, options.concurrency, options.rate)
    names = _present(options.contenders, options)
    tools_names = _present(options.tools_contenders, options)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        directory = Path(scratch)
        setup = Setup(
            directory=directory,
            upstream=_build(directory, "upstream"),
            gateway_place=Placement(options.gateway_core, options.realtime),
            load_place=Placement(options.load_core, options.realtime),
            nginx=options.nginx,
            toolgate=options.toolgate,
            fastmcp_python=options.fastmcp_python,
        )
        wanted = [(name, tools) for name in tools_names for tools in options.tools]
        results, counters = _measure(Bench(setup, _build(directory, "load")), plan, names, wanted)
    _print(results, names, tools_names, options.tools)
    if options.out:
        _save(options.out, results, counters)
    ours = [s for s in (*results.samples, *results.tools_samples) if s.contender.startswith("toolgate")]
    return 1 if any(sample.errors for sample in ours) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchmarkError as error:
        sys.exit(f"benchmark: {error}")
