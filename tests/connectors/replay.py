"""A server on a real socket that plays a product: it holds each request to what the fixture says, and answers it.

What is not as expected (method, path, query, headers, body, order) becomes a complaint and the answer 599; a test ends
by looking at `complaints`. What is to be played instead, such as 429 or a huge answer, stands in `plays`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

TOKEN = "replayed-token-0123456789"
_AUTHORIZATION = re.compile(r"(Bearer|Basic) [A-Za-z0-9._~+/=-]+")
_BODIES = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Request:
    """One request as it arrived. `path` is still encoded; `headers` are pairs, in lower case."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


@dataclass(frozen=True)
class Play:
    """One answer. `hold` is waited for before it is given."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    hold: asyncio.Event | None = None

    def encoded(self) -> bytes:
        body = b"" if self.body is None else self.body
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = {"content-type": "application/json", **self.headers, "content-length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"HTTP/1.1 {self.status} X\r\n{head}\r\n".encode() + body


class Replay:
    """`exchanges` are those of a fixture, expected in order (see `_next`). `judge` adds a complaint of its own, or
    None; it then looks at the credential too, which not every product takes as `Authorization`."""

    def __init__(self, exchanges: list[dict[str, Any]], judge: Callable[[Request], str | None] | None = None) -> None:
        self.url = ""
        self.seen: list[Request] = []
        self.complaints: list[str] = []
        self.plays: deque[Play] = deque()
        self._expected = deque(exchanges)
        self._judge = judge

    def left(self) -> int:
        """How many exchanges did not happen."""
        return len(self._expected)

    def answer(self, request: Request) -> Play:
        self.seen.append(request)
        found = self._general(request)
        if self.plays:
            play = self.plays.popleft()
        elif not self._expected:
            found.append("nothing more was expected")
            play = Play(599)
        else:
            wanted = self._next(request)
            found += list(_differences(wanted, request))
            body = wanted["text"].encode() if "text" in wanted else wanted["answer"]
            play = Play(wanted["status"], body, wanted.get("headers", {}))
        self.complaints += [f"{request.method} {request.path}: {one}" for one in found]
        return Play(599) if found else play

    def _next(self, request: Request) -> dict[str, Any]:
        """The exchange that this should be. Those marked `lookup` are asked for at once, so any of them may be next."""
        together = list(itertools.takewhile(lambda exchange: exchange.get("lookup"), self._expected))
        wanted = next((one for one in together if not _differences(one, request)), self._expected[0])
        self._expected.remove(wanted)
        return wanted

    def _general(self, request: Request) -> list[str]:
        found: list[str] = []
        shown = request.all("authorization")
        if self._judge is None and (len(shown) != 1 or not _AUTHORIZATION.fullmatch(shown[0])):
            found.append(f"{len(shown)} authorization headers, or one of no known shape")
        counts = {name: len(request.all(name)) for name in ("user-agent", "accept", "host")}
        found += [f"{count} headers {name}" for name, count in counts.items() if count != 1]
        if request.body and request.method not in _BODIES:
            found.append("a body where there is none")
        own = None if self._judge is None else self._judge(request)
        return [*found, own] if own else found


def _differences(wanted: dict[str, Any], request: Request) -> list[str]:
    body = json.loads(request.body) if request.body else None
    pairs = (
        ("method", wanted["method"], request.method),
        ("path", wanted["path"], request.path),
        ("query", sorted(_pairs(wanted.get("query", {}))), sorted(request.query)),
        ("body", wanted.get("body"), body),
    )
    return [f"{what} is {found!r}, not {expected!r}" for what, expected, found in pairs if expected != found]


def _pairs(query: dict[str, str | list[str]]) -> list[tuple[str, str]]:
    """A parameter that is repeated stands in a fixture as a list."""
    return [(name, one) for name, said in query.items() for one in (said if isinstance(said, list) else [said])]


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.split("\r\n")[:-2]
    method, target, _ = first.split(" ")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    length = int(dict(headers).get("content-length", "0"))
    path, _, query = target.partition("?")
    body = await reader.readexactly(length)
    return Request(method, path, parse_qsl(query, keep_blank_values=True), headers, body)


@asynccontextmanager
async def playing(replay: Replay) -> AsyncGenerator[Replay]:
    talking: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talking.add(task)
        try:
            while (request := await _read(reader)) is not None:
                play = replay.answer(request)
                if play.hold is not None:
                    await play.hold.wait()
                writer.write(play.encoded())
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            talking.discard(task)
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    replay.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield replay
    finally:
        server.close()
        open_ones = [*talking]
        for task in open_ones:
            task.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)
