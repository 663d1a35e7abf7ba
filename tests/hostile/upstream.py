"""A server over HTTP that does wrong on request: each of its tools is one way to misbehave in a call, each of its paths
one way to lie about what it is. A process of its own, and nothing in it is a framework's.

`/hostile` speaks 2026-07-28 alone, `/older` the handshake era alone; both misbehave in calls only. `/neighbour` is
well.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.hostile import lies, misdeeds
from tests.hostile.line import Line
from tests.servers.launching import READY_LINE, launched

ROOT = Path(__file__).resolve().parents[2]

LIMIT = 256 * 1024
"""What Toolgate is told to take from it in one message, in bytes."""


class Serving:
    """What it remembers: its sessions, and what its good tools were told."""

    def __init__(self) -> None:
        self.sessions: set[str] = set()
        self.heard: deque[str] = deque(maxlen=100)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(self, reader, writer)
        with suppress(EOFError, ConnectionError):  # an IncompleteReadError is an EOFError
            while await line.next():
                await answer(line)
        with suppress(ConnectionError, RuntimeError):
            writer.close()


async def answer(line: Line) -> None:
    what = line.path.strip("/")
    if what in lies.LIES_AND_ODDITIES:
        await lies.LIES_AND_ODDITIES[what](line)
    elif what == "older":
        await misdeeds.older(line)
    else:
        await misdeeds.modern(line, misdeeds.MISDEEDS if what == "hostile" else {})


async def main() -> None:
    server = await asyncio.start_server(Serving(), "127.0.0.1", 0, limit=1 << 20)
    sys.stdout.write(f"READY http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


@contextmanager
def hostile_upstream() -> Generator[str]:
    """Its URL, without a path, for the time of the `with` block."""
    command = [sys.executable, "-m", "tests.hostile.upstream"]
    with launched(command, READY_LINE, environment={"PYTHONPATH": str(ROOT)}) as server:
        yield server.url


def servers(url: str, neighbour: str) -> dict[str, dict[str, Any]]:
    """They as toolgate.yaml declares them. The liars are not here: what they say at discovery is wrong."""
    common = {"kind": "streamable_http", "max_bytes": LIMIT, "timeout": 3}
    return {
        "neighbour": {**common, "url": f"{neighbour}/neighbour"},
        "hostile": {**common, "url": f"{url}/hostile"},
        "older": {**common, "url": f"{url}/older", "sharing": "all"},
        **{name: {**common, "url": f"{url}/{name}"} for name in lies.ODDITIES},
    }


def liars(url: str) -> dict[str, dict[str, Any]]:
    return {name: {"kind": "streamable_http", "max_bytes": LIMIT, "url": f"{url}/{name}"} for name in lies.LIES}


if __name__ == "__main__":
    asyncio.run(main())
