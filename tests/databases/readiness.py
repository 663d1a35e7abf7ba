"""Programs that say when they are ready, and end when they are told to."""

from __future__ import annotations

import signal
import subprocess
import threading


def await_line(process: subprocess.Popen[str], wanted: str, seconds: float, what: str) -> None:
    """Reads standard error to its end, and returns once a line holds `wanted`. Raises AssertionError with what it said
    when it does not in time, or ends before."""
    ready = threading.Event()
    lines: list[str] = []

    def read() -> None:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                lines.append(line)
                if wanted in line:
                    ready.set()
        ready.set()

    threading.Thread(target=read, daemon=True).start()
    assert ready.wait(seconds), f"{what} does not start: " + "".join(lines)
    assert any(wanted in line for line in lines), f"{what} does not start: " + "".join(lines)


def end(process: subprocess.Popen[str], how: signal.Signals, seconds: float) -> None:
    """Tells it to end, and kills it when it does not in time."""
    process.send_signal(how)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(seconds)
