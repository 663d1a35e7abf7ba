"""A client that speaks plain HTTP and checks every message it gets against the official schema of its revision."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.schemas import schemas

MODERN = "2026-07-28"
LEGACY = ("2025-03-26", "2025-06-18", "2025-11-25")
PREFIX = "io.modelcontextprotocol/"
SECONDS = 20.0
"""The most seconds that anything may take."""

NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
BOTH = "application/json, text/event-stream"


@dataclass(frozen=True)
class Event:
    """One server-sent event. `message` is None where its data is empty."""

    id: str | None
    message: dict[str, Any] | None
    retry: int | None = None


@dataclass(frozen=True)
class Answer:
    """What one request was answered with: the response (None for an answer without a JSON body), and what came before
    it on its stream."""

    status: int
    headers: Mapping[str, str]
    message: dict[str, Any] | None
    before: list[dict[str, Any]] = field(default_factory=list)
    text: str = ""

    @property
    def result(self) -> dict[str, Any]:
        assert self.message is not None, self
        assert "result" in self.message, self.message
        return self.message["result"]

    @property
    def error(self) -> dict[str, Any]:
        assert self.message is not None, self
        assert "error" in self.message, self.message
        return self.message["error"]

    def said(self, method: str) -> list[dict[str, Any]]:
        """The parameters of the notifications of one method."""
        return [message["params"] for message in self.before if message.get("method") == method]


class Wire:
    """One client of one revision at one endpoint."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        url: str,
        key: str | None = None,
        version: str = MODERN,
        capabilities: Mapping[str, Any] | None = None,
    ) -> None:
        self.http = http
        self.url = url
        self.key = key
        self.version = version
        self.capabilities = dict(capabilities or {})
        self.session: str | None = None
        self._ids = itertools.count(1)
        self._schemas = schemas(version)

    @property
    def modern(self) -> bool:
        return self.version == MODERN

    def next_id(self) -> int:
        return next(self._ids)

    # Requests -------------------------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        meta: Mapping[str, Any] | None = None,
        id: Any = None,
    ) -> dict[str, Any]:
        """The JSON-RPC request, with the envelope of the client's era."""
        body = dict(params or {})
        own = dict(meta or {})
        if self.modern:
            own = {
                f"{PREFIX}protocolVersion": self.version,
                f"{PREFIX}clientCapabilities": self.capabilities,
                f"{PREFIX}clientInfo": {"name": "wire", "version": "1"},
                **own,
            }
        if own:
            body["_meta"] = own
        return {"jsonrpc": "2.0", "id": self.next_id() if id is None else id, "method": method, "params": body}

    def headers(self, message: Any) -> dict[str, str]:
        """All headers that a well-behaved client sends with this message."""
        found = {"Accept": BOTH, "Content-Type": "application/json"}
        if self.key is not None:
            found["Authorization"] = f"Bearer {self.key}"
        if self.modern:
            found["MCP-Protocol-Version"] = self.version
            found["Mcp-Method"] = message["method"]
            named = NAMED_BY.get(message["method"])
            if named is not None:
                found["Mcp-Name"] = str(message["params"].get(named))
        elif self.session is not None:
            found["Mcp-Session-Id"] = self.session
            if self.version != "2025-03-26":
                found["MCP-Protocol-Version"] = self.version
        return found

    async def ask(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        meta: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        id: Any = None,
    ) -> Answer:
        """One request and its answer."""
        return await self.post(self.request(method, params, meta, id), headers)

    async def call(self, tool: str, arguments: Mapping[str, Any] | None = None, **options: Any) -> Answer:
        """One `tools/call`."""
        return await self.ask("tools/call", {"name": tool, "arguments": dict(arguments or {})}, **options)

    async def post(self, message: dict[str, Any], headers: Mapping[str, str] | None = None) -> Answer:
        """One message as it is."""
        before: list[dict[str, Any]] = []
        async with self.streaming(message, headers) as (answer, events):
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                return await self._plain(answer, message.get("method"))
            async for event in events:
                if event.message is None:
                    continue
                if event.message.get("id") == message["id"] and "method" not in event.message:
                    return Answer(answer.status_code, answer.headers, event.message, before)
                before.append(event.message)
        raise AssertionError(f"the stream ended before its response, after {before}")

    async def notify(self, method: str, params: Mapping[str, Any] | None = None) -> int:
        """One notification; the HTTP status."""
        message = {"jsonrpc": "2.0", "method": method, "params": dict(params or {})}
        answer = await self.http.post(self.url, json=message, headers=self.headers(message))
        return answer.status_code

    async def respond(self, id: Any, result: Mapping[str, Any]) -> int:
        """The answer to a server's question; the HTTP status."""
        message = {"jsonrpc": "2.0", "id": id, "result": dict(result)}
        return (await self.http.post(self.url, json=message, headers=self.headers(message))).status_code

    @asynccontextmanager
    async def streaming(
        self, message: dict[str, Any], headers: Mapping[str, str] | None = None
    ) -> AsyncGenerator[tuple[httpx2.Response, AsyncIterator[Event]]]:
        """One message, and the events of its answer as they come; leaving the block closes the connection."""
        sent = {**self.headers(message), **(headers or {})}
        async with self.http.stream("POST", self.url, json=message, headers=sent) as answer:
            yield answer, self._events(answer, message.get("method"))

    @asynccontextmanager
    async def listening(
        self, last_event: str | None = None, asked: str | None = None
    ) -> AsyncGenerator[tuple[httpx2.Response, AsyncIterator[Event]]]:
        """The GET stream of a session, or the rest of the one that `last_event` belongs to. `asked` is the method of
        the request whose response may come on it."""
        sent = {**self.headers({}), "Accept": "text/event-stream"}
        if last_event is not None:
            sent["Last-Event-ID"] = last_event
        async with self.http.stream("GET", self.url, headers=sent) as answer:
            yield answer, self._events(answer, asked)

    # Sessions -------------------------------------------------------------------------------------------------------

    async def begin(self) -> Wire:
        """Does what a client of this era does before its first request."""
        if not self.modern:
            await self.initialize()
        return self

    async def initialize(self) -> Answer:
        """The handshake. Later requests belong to its session."""
        params = {
            "protocolVersion": self.version,
            "capabilities": self.capabilities,
            "clientInfo": {"name": "wire", "version": "1"},
        }
        self.session = None
        answer = await self.ask("initialize", params)
        assert answer.result["protocolVersion"] == self.version
        self.session = answer.headers["mcp-session-id"]
        assert await self.notify("notifications/initialized") == 202
        return answer

    async def end(self) -> int:
        """DELETE; the HTTP status."""
        return (await self.http.delete(self.url, headers=self.headers({}))).status_code

    # Answers --------------------------------------------------------------------------------------------------------

    async def _plain(self, answer: httpx2.Response, asked: str | None) -> Answer:
        await answer.aread()
        if not answer.headers.get("content-type", "").startswith("application/json"):
            return Answer(answer.status_code, answer.headers, None, [], answer.text)
        message = json.loads(answer.content)
        self.check(message, asked)
        return Answer(answer.status_code, answer.headers, message, [], answer.text)

    def check(self, message: dict[str, Any], asked: str | None) -> None:
        """Raises AssertionError unless the message is one of this revision. (An error without an id is only in the
        newest schemas valid; JSON-RPC itself demands `null`.)"""
        if "error" in message and message.get("id") is None:
            message = {**message, "id": 0}
        self._schemas.check_message(message, asked)

    async def _events(self, answer: httpx2.Response, asked: str | None) -> AsyncIterator[Event]:
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            if line.startswith(":"):
                continue
            if line:
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
                continue
            if fields:
                event = _event(fields)
                fields = {}
                if event.message is not None:
                    self.check(event.message, asked)
                yield event


def _event(fields: dict[str, str]) -> Event:
    data, retry = fields.get("data"), fields.get("retry")
    return Event(fields.get("id"), json.loads(data) if data else None, None if retry is None else int(retry))
