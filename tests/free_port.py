"""A port for a program that is told where to listen."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

_PORTS = range(20_000, 32_000)
"""Below those that systems give out by themselves (Linux from 32768, others from 49152): between our look and the use
of a port nobody gets it by chance, as somebody in another process would who asks for any."""

_TRIES = 50


def free_port() -> int:
    """A loopback port that was free a moment ago. Chosen without pytest's seed, which all processes of a run share."""
    for port in random.SystemRandom().sample(_PORTS, _TRIES):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise OSError(f"none of {_TRIES} ports is free")
