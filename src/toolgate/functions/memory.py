"""What a worker process may take of memory. It is watched, so that it can be replaced while it still answers; where the
system has such a limit, one allocation that goes far beyond fails at once."""

import importlib
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

LOOK_SECONDS = 0.2
BEYOND = 1.5
"""How far beyond its limit a worker may go until it ends at once."""

_SPARE = 256 * 1024 * 1024
OVER = 71
"""The exit status of a worker that went too far."""


def bound(limit: int) -> bool:
    """Limits this process as far as the system can; no core is written, which would hold what is secret. Answers
    whether memory can be watched here."""
    with suppress(ImportError):
        resource = importlib.import_module("resource")
        _limited(resource, "RLIMIT_CORE", 0)
        if limit and sys.platform == "linux":
            _limited(resource, "RLIMIT_DATA", int(limit * BEYOND) + _SPARE)
    return used() is not None


def used() -> int | None:
    """Bytes in memory now; on macOS the most that there ever were; None where it cannot be known."""
    if sys.platform == "linux":
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    with suppress(ImportError):
        resource = importlib.import_module("resource")
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return None


def watch(limit: int, worn: Callable[[str], None]) -> None:
    """Begins to look. `worn` is called once, when there is more than `limit`."""
    threading.Thread(target=_look, args=(limit, worn), name="memory", daemon=True).start()


def _look(limit: int, worn: Callable[[str], None]) -> None:
    told = False
    while True:
        now = used() or 0
        if now > limit and not told:
            told = True
            worn(f"it uses {now // 2**20} MB of memory, and may use {limit // 2**20}")
        if now > limit * BEYOND:
            os._exit(OVER)
        time.sleep(LOOK_SECONDS)


def _limited(resource: Any, name: str, most: int) -> None:
    with suppress(AttributeError, OSError, ValueError):
        resource.setrlimit(getattr(resource, name), (most, most))
