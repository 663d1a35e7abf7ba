"""Room for connections: each is an open file, and many systems allow a process 1024 of them unless it asks for more."""

import logging
from typing import Any

limits: Any
try:
    import resource as limits
except ImportError:  # Windows, which has no such limit
    limits = None

logger = logging.getLogger(__name__)

BESIDE = 1024
"""Files beside the connections of clients: those to servers, pipes to children, logs, records."""


def make_room(connections: int) -> None:
    """Raises this process's own limit as far as it may. Says so when clients could take every file there is, so that
    no server could be reached any more."""
    if limits is None:
        return
    wanted = connections + BESIDE
    soft, hard = limits.getrlimit(limits.RLIMIT_NOFILE)
    if soft == limits.RLIM_INFINITY or soft >= wanted:
        return
    possible = wanted if hard == limits.RLIM_INFINITY else min(wanted, hard)
    try:
        limits.setrlimit(limits.RLIMIT_NOFILE, (possible, hard))
    except (OSError, ValueError):  # macOS has a second limit, which is not told
        possible = soft
    if possible < wanted:
        logger.warning(
            "%d files may be open at a time, and %d are needed for %d connections: raise `ulimit -n`, or lower "
            "max_connections",
            possible,
            wanted,
            connections,
        )
