"""A server over HTTP that does wrong on request: each of its tools is one way to misbehave in a call, each of its paths
one way to lie about what it is. It runs on a thread of its own, and nothing in it is a framework's.

`/hostile` speaks 2026-07-28 alone, `/older` the handshake era alone; both misbehave in calls only. `/neighbour` is
well.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any

from tests.hostile import lies, misdeeds
from tests.hostile.line import Line

Serve = Callable[[Line], Awaitable[None]]

LIMIT = 256 * 1024
"""What Toolgate is told to take from it in one message, in bytes."""


class Upstream:
    """All the servers of the tests of this directory, at one port."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self.run(self._listen())
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self.sessions: set[str] = set()
        self.heard: deque[str] = deque(maxlen=100)
        """What its good tools were told."""

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def close(self) -> None:
        async def end() -> None:
            self._server.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

        self.run(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(self, reader, writer)
        try:
            while await line.next():
                await self._answer(line)
        except (EOFError, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            with suppress(ConnectionError, RuntimeError):
                writer.close()

    async def _answer(self, line: Line) -> None:
        what = line.path.strip("/")
        if what in lies.LIES_AND_ODDITIES:
            await lies.LIES_AND_ODDITIES[what](line)
        elif what == "older":
            await misdeeds.older(line)
        else:
            await misdeeds.modern(line, TOOLS[what])


TOOLS: dict[str, Any] = {"hostile": misdeeds.MISDEEDS, "neighbour": misdeeds.GOOD_DEEDS}


@contextmanager
def hostile_upstream() -> Generator[Upstream]:
    upstream = Upstream()
    try:
        yield upstream
    finally:
        upstream.close()


def servers(url: str) -> dict[str, dict[str, Any]]:
    """They as toolgate.yaml declares them. The liars are not here: what they say at discovery is wrong."""
    common = {"kind": "streamable_http", "max_bytes": LIMIT, "timeout": 3}
    return {
        "neighbour": {**common, "url": f"{url}/neighbour"},
        "hostile": {**common, "url": f"{url}/hostile"},
        "older": {**common, "url": f"{url}/older", "sharing": "all"},
        **{name: {**common, "url": f"{url}/{name}"} for name in lies.ODDITIES},
    }


def liars(url: str) -> dict[str, dict[str, Any]]:
    return {name: {"kind": "streamable_http", "max_bytes": LIMIT, "url": f"{url}/{name}"} for name in lies.LIES}
