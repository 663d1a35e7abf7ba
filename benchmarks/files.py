"""The file server: `python -m benchmarks.files`, from the root of the repository, on Linux with two cores.

First read_file of 10 kB through the whole line over HTTP: key, policy, records and the log line of each call included,
the gateway on one core and the clients on the other. Then ordinary work over stdio, beside the npm server where that is
installed (the tests install it): one call after the other, both servers in turns, the median of all.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.calling import Load, request, window
from benchmarks.processes import BenchmarkError, Placement, started, wait_for_port
from tests.free_port import free_port
from tests.npm.servers import filesystem_stdio
from tests.npm.toolchain import NpmUnavailableError, install

SIZE = 10_000
FOLDERS, FILES = 20, 50
PROGRAM = ("-c", "import sys; from toolgate.cli.main import main; sys.exit(main())")
TEXT = "".join(f"{number:6} The quick brown fox jumps over the lazy dog.\n" for number in range(SIZE // 52 + 1))[:SIZE]
HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "benchmark", "version": "1"}}


def folder(directory: Path) -> Path:
    """A thousand small files in twenty folders, and one of 10 kB."""
    root = directory / "files"
    for number in range(FOLDERS):
        below = root / f"folder-{number:02}"
        below.mkdir(parents=True)
        for name in range(FILES):
            (below / f"note-{name:02}.{'md' if name % 5 == 0 else 'txt'}").write_text(f"Note {name}\n" * 20)
    (root / "ten.txt").write_text(TEXT)
    return root.resolve()


# Through the whole line -----------------------------------------------------------------------------------------------


def through_the_line(directory: Path, root: Path, rounds: int, seconds: float, place: Placement) -> None:
    port = free_port()
    data = directory / "data"
    command = [sys.executable, *PROGRAM, "up", "--files", str(root), "--data-dir", str(data), "--port", str(port)]
    with started("gateway", command, place, directory) as gateway:
        wait_for_port(gateway, port)
        key = (data / "local.key").read_text().strip()
        cases = {
            f"read_file, {SIZE:,} bytes": ("read_file", {"path": "ten.txt"}, b"jumps over the lazy dog"),
            "read_file, 220 bytes": ("read_file", {"path": "folder-03/note-07.txt"}, b"Note 7"),
            "get_file_info": ("get_file_info", {"path": "ten.txt"}, b"10000"),
            "search_files, text in 1,000 files": ("search_files", {"text": "Note 49"}, b"note-49.txt"),
        }
        loads: dict[str, list[Load]] = {case: [] for case in cases}
        for number in range(rounds + 1):
            for case, (name, arguments, expected) in cases.items():
                load = window(gateway, port, [(request(port, key, "files", name, arguments), expected)], seconds)
                if number:  # the first warms up
                    loads[case].append(load)
    print("| through the whole line, over HTTP | calls/s | CPU µs/call |\n| --- | --: | --: |")
    for case, found in loads.items():
        rate = statistics.median(load.calls / load.seconds for load in found)
        cpu = statistics.median(load.cpu_us / load.calls for load in found)
        print(f"| {case} | {rate:,.0f} | {cpu:,.0f} |")


# Beside the npm server ------------------------------------------------------------------------------------------------


class Stdio:
    """A server at the other end of a pair of pipes, spoken to one call at a time."""

    def __init__(self, command: Sequence[str], place: Placement) -> None:
        self._process = subprocess.Popen(
            [*place.prefix(), *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._number = 0
        self._ask("initialize", HELLO)
        self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def call(self, tool: str, arguments: dict[str, Any]) -> float:
        """Seconds that one call took. Raises BenchmarkError when the tool fails."""
        began = time.perf_counter()
        answer = self._ask("tools/call", {"name": tool, "arguments": arguments})
        taken = time.perf_counter() - began
        if "error" in answer or answer["result"].get("isError"):
            raise BenchmarkError(f"{tool} {arguments}: {answer}")
        return taken

    def end(self) -> None:
        self._process.kill()
        self._process.wait()

    def _ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        self._write({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})
        assert self._process.stdout is not None
        while line := self._process.stdout.readline():
            answer = json.loads(line)
            if answer.get("id") == self._number:
                return answer
        raise BenchmarkError(f"the server ended at {method}")

    def _write(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()


@dataclass(frozen=True)
class Work:
    """One kind of ordinary work: our tool and theirs, with the arguments of the call of this number."""

    name: str
    tools: tuple[str, ...]
    arguments: Any


def _works(root: Path) -> Iterator[Work]:
    def edit(number: int, ours: bool) -> dict[str, Any]:
        old, new = ("old_text", "new_text") if ours else ("oldText", "newText")
        path = str(root / "folder-01" / f"note-{'01' if ours else '02'}.txt")
        change = ("Note", "Memo") if number % 2 == 0 else ("Memo", "Note")
        first = f" {1 if ours else 2}\n"
        edits = [{old: change[0] + first, new: change[1] + first}]
        return {"path": path, "edits": [{**edits[0], **({"replace_all": True} if ours else {})}]}

    whole = {"path": str(root)}
    yield Work("read 10 kB", ("read_file", "read_text_file"), lambda number, ours: {"path": str(root / "ten.txt")})
    several = {"paths": [str(root / "folder-02" / f"note-{name:02}.txt") for name in (1, 2, 3, 4, 6, 7, 8, 9)]}
    yield Work("read 8 small files", ("read_multiple_files",) * 2, lambda number, ours: several)
    yield Work("list 50 entries", ("list_directory",) * 2, lambda number, ours: {"path": str(root / "folder-05")})
    yield Work("tree of 1,021 entries", ("directory_tree",) * 2, lambda number, ours: whole)
    found = {**whole, "pattern": "**/*.md"}
    yield Work("search 1,021 names", ("search_files",) * 2, lambda number, ours: found)
    yield Work("facts about a file", ("get_file_info",) * 2, lambda number, ours: {"path": str(root / "ten.txt")})
    new = {"path": str(root / "made"), "content": TEXT}
    yield Work(
        "write 10 kB, new", ("write_file",) * 2,
        lambda number, ours: {**new, "path": f"{root}/new-{ours}-{number}-{time.time_ns()}"},
    )  # fmt: skip
    yield Work("write 10 kB, again", ("write_file",) * 2, lambda number, ours: {**new, "path": f"{root}/made-{ours}"})
    yield Work("edit a file", ("edit_file",) * 2, edit)


def beside_npm(directory: Path, rounds: int, place: Placement) -> None:
    try:
        toolchain = install()
    except NpmUnavailableError as reason:
        print(f"left out, beside npm: {reason}", file=sys.stderr)
        return
    roots = folder(directory / "ours"), folder(directory / "theirs")
    ours_command = [sys.executable, *PROGRAM, "stdio", "--files", str(roots[0]), "--writable"]
    with ExitStack() as stack:
        ours = Stdio([*ours_command, "--data-dir", str(directory / "own")], place)
        stack.callback(ours.end)
        theirs = Stdio(filesystem_stdio(toolchain, roots[1]), place)
        stack.callback(theirs.end)
        print("\n| over stdio, median of one call in ms | Toolgate | npm server-filesystem | ratio |")
        print("| --- | --: | --: | --: |")
        for mine, other in zip(_works(roots[0]), _works(roots[1]), strict=True):
            times: tuple[list[float], list[float]] = ([], [])
            for number in range(-6, rounds):
                taken = (
                    ours.call(mine.tools[0], mine.arguments(number, True)),
                    theirs.call(other.tools[1], other.arguments(number, False)),
                )
                if number >= 0:
                    times[0].append(taken[0])
                    times[1].append(taken[1])
            own, their = (statistics.median(each) * 1000 for each in times)
            print(f"| {mine.name} | {own:.2f} | {their:.2f} | {own / their:.2f} |")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.files", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--window", type=float, default=2.0, metavar="SECONDS")
    parser.add_argument("--calls", type=int, default=200, help="of each kind of work over stdio")
    parser.add_argument("--directory", type=Path, help="where files are made; a directory of the system's if not given")
    options = parser.parse_args()
    for needed in ("setpriv", "taskset"):
        if shutil.which(needed) is None:
            raise BenchmarkError(f"{needed} is needed and not installed")
    os.sched_setaffinity(0, {1})
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=options.directory) as scratch:
        directory = Path(scratch).resolve()
        through_the_line(directory, folder(directory), options.rounds, options.window, Placement(0))
        beside_npm(directory, options.calls, Placement(0))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchmarkError as error:
        sys.exit(f"benchmark: {error}")
