"""Python functions: `python -m benchmarks.functions`, from the root of the repository, on Linux with two cores.

A trivial function through the whole line over HTTP: key, policy, records and the log line of each call included, the
gateway and its workers on one core, the clients on the other. Beside it, in turns, the built-in demo server's, which is
answered inside the gateway: the difference is what a worker process costs.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.calling import Load, request, window
from benchmarks.processes import BenchmarkError, Placement, started, wait_for_port
from tests.free_port import free_port

PROGRAM = ("-c", "import sys; from toolgate.cli.main import main; sys.exit(main())")
SOURCE = '''
from toolgate.functions import tool

@tool
def add(a: float, b: float) -> dict[str, float]:
    """The sum."""
    return {"sum": a + b}

@tool
async def add_async(a: float, b: float) -> dict[str, float]:
    """The sum."""
    return {"sum": a + b}
'''
DECLARED = """
version: 1
servers:
  demo: {kind: echo}
  one: {kind: functions, path: ./sums.py, workers: 1}
  two: {kind: functions, path: ./sums.py}
grants:
  - {key: local, allow: {servers: ["*"], tools: ["*"]}}
"""
CASES = {
    "inside the gateway (the demo server)": ("demo", "add"),
    "a function, one worker": ("one", "add"),
    "an async function, one worker": ("one", "add_async"),
    "a function, two workers": ("two", "add"),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.functions", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--window", type=float, default=2.0, metavar="SECONDS")
    options = parser.parse_args()
    for needed in ("setpriv", "taskset"):
        if shutil.which(needed) is None:
            raise BenchmarkError(f"{needed} is needed and not installed")
    os.sched_setaffinity(0, {1})
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        (directory / "sums.py").write_text(SOURCE)
        (directory / "toolgate.yaml").write_text(DECLARED)
        port, data = free_port(), directory / "data"
        command = [sys.executable, *PROGRAM, "up", "--data-dir", str(data), "--port", str(port)]
        loads: dict[str, list[Load]] = {case: [] for case in CASES}
        with started("gateway", command, Placement(0), directory) as gateway:
            wait_for_port(gateway, port)
            key = (data / "local.key").read_text().strip()
            for number in range(options.rounds + 1):
                for case, (server, name) in CASES.items():
                    asked = (request(port, key, server, name, {"a": 1, "b": 2}), b'"structuredContent"')
                    load = window(gateway, port, [asked], options.window)
                    if number:  # the first warms up
                        loads[case].append(load)
    print("| a sum, through the whole line | calls/s | CPU µs/call |\n| --- | --: | --: |")
    for case, found in loads.items():
        rate = statistics.median(load.calls / load.seconds for load in found)
        cpu = statistics.median(load.cpu_us / load.calls for load in found)
        print(f"| {case} | {rate:,.0f} | {cpu:,.0f} |")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchmarkError as error:
        sys.exit(f"benchmark: {error}")
