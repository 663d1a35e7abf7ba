"""Processes pinned to a core, that end with this one, and what they use of the machine (Linux only)."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class BenchmarkError(Exception):
    """The benchmark cannot go on; the text says what to do."""


@dataclass(frozen=True)
class Placement:
    """Where a process runs: its core, and whether it may preempt everything else there."""

    core: int
    realtime: bool = False

    def prefix(self) -> list[str]:
        """The command that execs another one in this place, with a signal should this process die."""
        command = ["setpriv", "--pdeathsig", "TERM", "taskset", "--cpu-list", str(self.core)]
        return [*command, "chrt", "--fifo", "10"] if self.realtime else command


@dataclass(frozen=True)
class Child:
    """A started process and the file that holds its output."""

    name: str
    process: subprocess.Popen[bytes]
    output: Path

    def tail(self) -> str:
        """The end of what it has printed."""
        return self.output.read_text(errors="replace")[-2000:]

    def require_alive(self) -> None:
        """Raises BenchmarkError with the output if the process has ended."""
        if self.process.poll() is not None:
            raise BenchmarkError(f"{self.name} ended with status {self.process.returncode}:\n{self.tail()}")

    def cpu_us(self) -> float:
        """CPU time of the process and its descendants, all threads, those that ended included, in microseconds."""
        return sum(_cpu_us(pid) for pid in _family(self.process.pid))

    def resident_mb(self) -> float:
        """Resident memory of the process and its descendants; shared pages count once per process."""
        return sum(_resident_mb(pid) for pid in _family(self.process.pid))


def _family(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                stat = (entry / "stat").read_text()
                # The command name, in parentheses, may hold anything.
                parent = int(stat.rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    family = [root]
    for pid in family:
        family.extend(children.get(pid, ()))
    return family


def _cpu_us(pid: int) -> float:
    # The CPU clock of another process, as clock_getcpuclockid(3) computes it: CPUCLOCK_SCHED, nanoseconds.
    try:
        return time.clock_gettime_ns((~pid << 3) | 2) / 1000
    except OSError:
        return 0.0


def _resident_mb(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0


@contextlib.contextmanager
def started(
    name: str, command: Sequence[str], place: Placement, directory: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """Runs the command in its own process group until the block ends, then ends the whole group."""
    output = directory / f"{name}.log"
    with output.open("wb") as sink:
        process = subprocess.Popen(
            [*place.prefix(), *command],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    try:
        yield Child(name, process, output)
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for_port(child: Child, port: int, seconds: float = 60) -> None:
    """Returns when something listens on the port. Raises BenchmarkError if the child ends first or time is up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        child.require_alive()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise BenchmarkError(f"{child.name} does not listen on port {port} after {seconds} s:\n{child.tail()}")
