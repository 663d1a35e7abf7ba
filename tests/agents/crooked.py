"""An agent by hand on a real socket, which says whatever a test lets it say, also what no agent may."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """One request as it arrived; `call` is the JSON-RPC request, empty for a card."""

    path: str
    headers: dict[str, str]
    call: Json


@dataclass
class Says:
    """One answer. A list of `events` is a stream of them; it is then left open until the other side hangs up, unless it
    `ends`. `flood` is sent again and again."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    events: Iterable[Any] | None = None
    ends: bool = True
    flood: bytes = b""


class Crooked:
    """`card` is told at both places of cards; `answer` says what a JSON-RPC request gets: `Says`, or its result."""

    def __init__(self) -> None:
        self.url = ""
        self.card: Says | Json = {}
        self.answer: Callable[[Asked], Says | Json] = lambda asked: Says(status=404)
        self.asked: list[Asked] = []
        self.news = asyncio.Condition()

    def modern(self, **members: Any) -> Json:
        """A card of 1.0 that leads to this agent itself."""
        interface = {"url": f"{self.url}/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
        skill = {"id": "work", "name": "Work", "description": "Does some work for whoever asks.", "tags": []}
        return {
            "name": "Crooked", "description": "Lies.", "version": "1", "supportedInterfaces": [interface],
            "capabilities": {"streaming": True}, "skills": [skill], **members,
        }  # fmt: skip

    def methods(self) -> list[str]:
        return [asked.call["method"] for asked in self.asked if asked.call]

    async def heard(self, method: str) -> Asked:
        """Waits until this was asked."""
        async with self.news:
            await self.news.wait_for(lambda: method in self.methods())
        return next(asked for asked in self.asked if asked.call.get("method") == method)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {
                    name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                asked = Asked(head[0].split(" ")[1], headers, json.loads(body) if body else {})
                async with self.news:
                    self.asked.append(asked)
                    self.news.notify_all()
                if not await self._say(asked, reader, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _say(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection may be used again."""
        said = self.answer(asked) if asked.call else self.card
        if not isinstance(said, Says):
            said = Says(said if not asked.call else self.result(asked, said))
        if said.events is None and not said.flood:
            body = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
            lines = {"content-type": "application/json", **said.headers, "content-length": str(len(body))}
            head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
            writer.write(f"HTTP/1.1 {said.status} X\r\n{head}\r\n".encode() + body)
            await writer.drain()
            return True
        writer.write(b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n\r\n")
        for event in said.events or ():
            told = event if "jsonrpc" in event else self.result(asked, event)
            writer.write(b"data: " + json.dumps(told).encode() + b"\n\n")
            await writer.drain()
        while said.flood:
            writer.write(said.flood)
            await writer.drain()
        if not said.ends:
            await reader.read()
        return False

    @staticmethod
    def result(asked: Asked, result: Any) -> Json:
        return {"jsonrpc": "2.0", "id": asked.call["id"], "result": result}


def task(state: str, text: str = "", **members: Any) -> Json:
    status: Json = {"state": state}
    if text:
        status["message"] = {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": text}]}
    return {"id": "task-1", "contextId": "context-1", "status": status, **members}


def update(state: str, text: str = "") -> Json:
    told = task(state, text)
    return {"statusUpdate": {"taskId": told["id"], "contextId": told["contextId"], "status": told["status"]}}


@asynccontextmanager
async def crooked() -> AsyncGenerator[Crooked]:
    agent = Crooked()
    server = await asyncio.start_server(agent.serve, "127.0.0.1", 0)
    agent.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    agent.card = agent.modern()
    try:
        yield agent
    finally:
        server.close()
