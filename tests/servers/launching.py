"""Start a server process for a test, wait until it says it is ready, and stop it for certain."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

SERVERS = Path(__file__).parent
READY_LINE = re.compile(r"^READY (?P<url>\S+)$")
READY_SECONDS = 60.0
STOP_SECONDS = 5.0
KEPT_LINES = 200


class ServerDidNotStartError(Exception):
    """A server process ended, or stayed silent, before it was ready. The message carries its last output."""


@dataclass(frozen=True)
class LaunchedServer:
    """A running server: its endpoint and its process."""

    url: str
    process: subprocess.Popen[str]


def script(name: str, *arguments: str) -> list[str]:
    """The command that runs a Python test server of this directory, such as `script("everything", "--stdio")`."""
    return [sys.executable, str(SERVERS / f"{name}.py"), *arguments]


@contextmanager
def launched_script(name: str, *arguments: str) -> Generator[LaunchedServer]:
    """A Python test server of this directory, on a free port, for the time of the `with` block.

    Raises:
        ServerDidNotStartError: it was not ready in time.
    """
    with launched(script(name, *arguments), READY_LINE) as server:
        yield server


@contextmanager
def launched(
    command: Sequence[str], ready: re.Pattern[str], *, url: str = "", environment: Mapping[str, str] | None = None
) -> Generator[LaunchedServer]:
    """A server process for the time of the `with` block.

    It is ready when a line of its output (stdout or stderr) matches `ready`; the group `url` of that pattern, if it
    has one, is its endpoint, otherwise `url` is. `environment` is added to this process's own.

    Raises:
        ServerDidNotStartError: it ended, or printed no such line within `READY_SECONDS`.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, **(environment or {})},
    )
    try:
        match = _await_line(process, ready)
        yield LaunchedServer(match.groupdict().get("url") or url, process)
    finally:
        _stop(process)


def _await_line(process: subprocess.Popen[str], ready: re.Pattern[str]) -> re.Match[str]:
    """Read the output on a thread, which goes on reading afterwards so that the process never blocks on a full pipe."""
    if process.stdout is None:
        raise ValueError("the process was started without a pipe on stdout")
    found: queue.Queue[re.Match[str] | None] = queue.Queue()
    last: deque[str] = deque(maxlen=KEPT_LINES)
    threading.Thread(target=_read, args=(process.stdout, ready, found, last), daemon=True).start()
    try:
        match = found.get(timeout=READY_SECONDS)
    except queue.Empty:
        match = None
    if match is None:
        output = "".join(last)
        raise ServerDidNotStartError(f"no line {ready.pattern!r} from {process.args!r}; its last output:\n{output}")
    return match


def _read(stream: IO[str], ready: re.Pattern[str], found: queue.Queue[re.Match[str] | None], last: deque[str]) -> None:
    for line in stream:
        last.append(line)
        match = ready.search(line.rstrip())
        if match is not None:
            found.put(match)
    found.put(None)


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_SECONDS)
    if process.stdout is not None:
        process.stdout.close()
