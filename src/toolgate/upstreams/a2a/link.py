"""JSON-RPC with one agent: one answer, or a stream of events that ends. Nothing here can reach another origin."""

import asyncio
import itertools
import math
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec

from toolgate import __version__
from toolgate.model.errors import Invalid, UpstreamFailed
from toolgate.model.identity import Grant
from toolgate.pipeline.pace import Pace
from toolgate.ports import HttpAnswer, HttpRoute
from toolgate.protocol import jsonrpc
from toolgate.protocol.sse import SseReader
from toolgate.rules.redaction import printable, redacted
from toolgate.upstreams.a2a.card import Place
from toolgate.upstreams.a2a.trouble import AgentError, Trouble

_BUSY = (429, 503)
_LONGEST_MESSAGE = 300


class Broken(UpstreamFailed):
    """The connection broke while the agent was telling."""


class Link:
    """The agent at one place. `most` are the most bytes of one answer, and of all events of one stream together;
    `wanted` says how the agent wants callers to sign in."""

    def __init__(self, server: str, route: HttpRoute, place: Place, most: int, wanted: str) -> None:
        self._server = server
        self._route = route
        self._place = place
        self._most = most
        self._wanted = wanted
        self._pace = Pace()
        self._ids = itertools.count(1)
        self._prepared: dict[tuple[tuple[str, str], ...], bytes] = {}

    async def ask(self, method: str, params: dict[str, Any], grant: Grant, *, idempotent: bool = False) -> Any:
        """The result. Raises AgentError, Trouble or UpstreamFailed."""
        number = next(self._ids)
        answer = await self._post(number, method, params, grant, idempotent)
        try:
            if _is_stream(answer):
                raise UpstreamFailed(f"server {self._server!r} answered {method} with a stream of events")
            return self._result(answer.body, number, method)
        finally:
            answer.close()

    async def stream(self, method: str, params: dict[str, Any], grant: Grant) -> AsyncGenerator[Any]:
        """The results, one by one, until the agent ends the stream. Raises as `ask` does, and UpstreamFailed when the
        connection breaks. An agent may answer with one result that is no stream."""
        number = next(self._ids)
        answer = await self._post(number, method, params, grant, idempotent=False)
        try:
            if not _is_stream(answer):
                yield self._result(answer.body, number, method)
                return
            async for data in self._events(answer):
                yield self._result(data, number, method)
        finally:
            answer.close()

    async def _events(self, answer: HttpAnswer) -> AsyncIterator[bytes]:
        reader = SseReader(self._most)
        size = lines = 0
        chunks = answer.chunks()
        while chunk := await self._next(chunks):
            size += len(chunk)
            try:
                events = reader.feed(chunk)
            except ValueError as error:
                raise UpstreamFailed(f"server {self._server!r}: {error}") from None
            if size > self._most:
                raise UpstreamFailed(f"server {self._server!r}: its answer exceeds {self._most} bytes")
            for event in events:
                if event.data:
                    yield event.data
            rest = self._pace.take(reader.lines - lines)
            lines = reader.lines
            if rest:
                await asyncio.sleep(rest)

    async def _next(self, chunks: AsyncIterator[bytes]) -> bytes | None:
        """None at the end. Raises Broken."""
        try:
            return await anext(chunks, None)
        except UpstreamFailed as failed:
            raise Broken(failed.message, reached=failed.reached) from None

    async def _post(
        self, number: int, method: str, params: dict[str, Any], grant: Grant, idempotent: bool
    ) -> HttpAnswer:
        body = jsonrpc.request(number, method, jsonrpc.encode(params))
        prepared = self._headers(grant)
        answer = await self._route.send("POST", self._place.path, (), body, prepared=prepared, idempotent=idempotent)
        if answer.status == 200:
            return answer
        try:
            raise self._refused(answer, number, method)
        finally:
            answer.close()

    def _headers(self, grant: Grant) -> bytes:
        """A2A 1.0 section 3.6.1: the version is sent with each request; 0.2 knows no such header."""
        prepared = self._prepared.get(grant.headers)
        if prepared is None:
            version = ".".join(self._place.version.split(".")[:2])
            prepared = self._route.prepare(
                [
                    ("User-Agent", f"toolgate/{__version__}"),
                    ("Content-Type", "application/json"),
                    ("Accept", "application/json, text/event-stream"),
                    *([] if version == "0.2" else [("A2A-Version", version)]),
                    *grant.headers,
                ]
            )
            self._prepared[grant.headers] = prepared
        return prepared

    def _result(self, body: bytes, number: int, method: str) -> Any:
        """The result of one JSON-RPC response. Raises AgentError, or UpstreamFailed for what is none."""
        try:
            message = jsonrpc.decode(body)
        except Invalid as error:
            raise UpstreamFailed(f"server {self._server!r} answered {method} with {error.message}") from None
        if isinstance(message.error, msgspec.Raw):
            error = jsonrpc.error_of(message.error)
            raise AgentError(error.code, _own_words(error.message))
        if not isinstance(message.result, msgspec.Raw):
            raise UpstreamFailed(f"server {self._server!r} answered {method} with neither result nor error")
        if not isinstance(message.id, msgspec.Raw) or bytes(message.id).strip(b'"') != b"%d" % number:
            raise UpstreamFailed(f"server {self._server!r} answered {method} with the id of another request")
        try:
            return msgspec.json.decode(message.result)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise UpstreamFailed(f"server {self._server!r} answered {method} with something that is not JSON") from None

    def _refused(self, answer: HttpAnswer, number: int, method: str) -> Exception:
        """What an answer means that is not 200."""
        status, name = answer.status, self._server
        if status in (401, 403):
            wanted = f"; it asks for {self._wanted}" if self._wanted else ""
            return Trouble(
                f"the agent refused the gateway's credential (status {status}): an administrator must set `headers` of"
                f" server {name!r}{wanted}"
            )
        if status in _BUSY:
            return Trouble(f"the agent is busy (status {status}): {_when(answer)}")
        if 300 <= status < 400:
            return UpstreamFailed(
                f"server {name!r} answered with a redirect (HTTP {status}): say in `endpoint` where messages go"
            )
        if not _is_stream(answer) and status < 500:
            try:
                self._result(answer.body, number, method)
            except AgentError as error:
                return error
            except UpstreamFailed:
                pass
        return UpstreamFailed(f"server {name!r} answered {method} with HTTP {status}")


def _is_stream(answer: HttpAnswer) -> bool:
    return answer.headers.get("content-type", "").startswith("text/event-stream")


def _own_words(text: str) -> str:
    return redacted(printable(" ".join(text.split())))[:_LONGEST_MESSAGE].rstrip(".")


def _when(answer: HttpAnswer) -> str:
    """RFC 9110 section 10.2.3, where it is in seconds."""
    said = answer.headers.get("retry-after", "").strip()
    return f"ask again in {math.ceil(int(said))} seconds" if said.isdigit() and len(said) < 6 else "ask again later"
