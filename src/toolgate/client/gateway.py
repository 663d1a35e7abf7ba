"""A client of a running gateway, as the command line needs it: 2026-07-28 over HTTP, and the records of calls."""

import itertools
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from toolgate import __version__
from toolgate.client.line import MAX_BYTES, Line
from toolgate.client.place import Place
from toolgate.model.call import Fields
from toolgate.model.errors import Denied, Fault, Unauthenticated, UpstreamError, UpstreamFailed
from toolgate.ports import HttpAnswer
from toolgate.protocol import envelope, jsonrpc, mirror
from toolgate.protocol.methods import METHODS
from toolgate.protocol.sse import SseReader
from toolgate.protocol.versions import MODERN

MOST_PAGES = 1_000
_CLIENT = msgspec.json.encode({"name": "toolgate-cli", "version": __version__})

Heard = Callable[[str, Mapping[str, Any]], None]
"""Told of each notification: its method and parameters."""


class Gateway:
    """One gateway. Every method raises UpstreamFailed (not reached, or no gateway), Unauthenticated, Denied, or
    UpstreamError (the gateway's or a server's own answer)."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._route = Line(place)
        self._ids = itertools.count(1)

    async def __aenter__(self) -> "Gateway":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._route.close()

    async def ask(
        self,
        server: str | None,
        method: str,
        params: Mapping[str, Any],
        *,
        mirrored: Sequence[tuple[str, str]] = (),
        heard: Heard | None = None,
    ) -> dict[str, Any]:
        """One request at `/servers/{server}/mcp`, or at `/mcp` for None. `heard` also asks for progress."""
        request_id = next(self._ids)
        token = None if heard is None else request_id
        meta = envelope.stamp(
            {},
            version=jsonrpc.encode(MODERN),
            capabilities=b"{}",
            client=_CLIENT,
            log_level=None if heard is None else "info",
            progress_token=token,
        )
        body = jsonrpc.request(request_id, method, jsonrpc.encode({**params, "_meta": msgspec.Raw(meta)}))
        headers = [*self._headers(), ("MCP-Protocol-Version", MODERN), ("Mcp-Method", method), *mirrored]
        member = METHODS[method].member
        if member is not None:
            headers.append(("Mcp-Name", mirror.encode_value(params[member])))
        headers += [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")]
        path = (
            f"{self._place.base}/mcp" if server is None else f"{self._place.base}/servers/{quote(server, safe='')}/mcp"
        )
        answer = await self._route.send("POST", path, headers, body)
        try:
            return await self._result(answer, request_id, heard)
        finally:
            answer.close()

    async def listed(self, server: str | None, method: str, member: str) -> list[dict[str, Any]]:
        """All pages of a list."""
        found: list[dict[str, Any]] = []
        params: dict[str, Any] = {}
        for _ in range(MOST_PAGES):
            page = await self.ask(server, method, params)
            found += page.get(member, [])
            if page.get("nextCursor") is None:
                return found
            params = {"cursor": page["nextCursor"]}
        raise UpstreamFailed(f"{method}: more than {MOST_PAGES} pages")

    async def calls(self, limit: int) -> list[dict[str, Any]]:
        """The latest call records that the key may see, oldest first."""
        answer = await self._get(f"/api/v1/calls?limit={limit}")
        return msgspec.json.decode(answer.body)["calls"]

    async def follow(self, backlog: int) -> AsyncGenerator[dict[str, Any]]:
        """Call records as they come, after the latest `backlog`; ends when the gateway stops."""
        answer = await self._get(f"/api/v1/calls?follow&limit={backlog}")
        reader = SseReader(MAX_BYTES)
        try:
            async for chunk in answer.chunks():
                for event in reader.feed(chunk):
                    if event.data:
                        yield msgspec.json.decode(event.data)
        finally:
            answer.close()

    async def status(self, path: str) -> int:
        """The HTTP status of a plain GET, `/readyz` for instance."""
        answer = await self._route.send("GET", f"{self._place.base}{path}", self._headers())
        answer.close()
        return answer.status

    def _headers(self) -> list[tuple[str, str]]:
        return [("Authorization", f"Bearer {self._place.key}")] if self._place.key else []

    async def _get(self, path: str) -> HttpAnswer:
        answer = await self._route.send("GET", f"{self._place.base}{path}", self._headers())
        if answer.status != 200:
            raise self._refused(answer)
        return answer

    async def _result(self, answer: HttpAnswer, request_id: int, heard: Heard | None) -> dict[str, Any]:
        if answer.status in (401, 403):
            raise self._refused(answer)
        kind = answer.headers.get("content-type", "")
        if kind.startswith("text/event-stream"):
            return await _streamed(answer, request_id, heard)
        if kind.startswith("application/json"):
            return _outcome(jsonrpc.decode(answer.body))
        raise self._refused(answer)

    def _refused(self, answer: HttpAnswer) -> Fault:
        """What an HTTP answer other than a JSON-RPC response means to the person at the terminal."""
        said = _said(answer.body)
        if answer.status == 401:
            hint = "" if self._place.key else " (set TOOLGATE_KEY)"
            return Unauthenticated(f"{self._place.origin}: {said}{hint}", presented=bool(self._place.key))
        if answer.status == 403:
            return Denied(said)
        return UpstreamFailed(f"{self._place.origin} answered with HTTP {answer.status}: {said}")


class _Problem(msgspec.Struct, frozen=True):
    detail: str


async def _streamed(answer: HttpAnswer, request_id: int, heard: Heard | None) -> dict[str, Any]:
    reader = SseReader(MAX_BYTES)
    async for chunk in answer.chunks():
        for event in reader.feed(chunk):
            if not event.data:
                continue
            message = jsonrpc.decode(event.data)
            if isinstance(message.method, str):
                if heard is not None:
                    heard(message.method, _plain(jsonrpc.fields(message.params)))
            elif isinstance(message.id, msgspec.Raw) and bytes(message.id) == b"%d" % request_id:
                return _outcome(message)
    raise UpstreamFailed(
        "the gateway ended the stream before it answered: whether the call was carried out is not known"
    )


def _outcome(message: jsonrpc.Message) -> dict[str, Any]:
    if isinstance(message.error, msgspec.Raw):
        error = jsonrpc.error_of(message.error)
        if error.code == 403:
            raise Denied(error.message)
        raise UpstreamError(error.code, error.message)
    if not isinstance(message.result, msgspec.Raw):
        raise UpstreamFailed("the gateway answered with neither result nor error")
    return msgspec.json.decode(message.result)


def _said(body: bytes) -> str:
    """The words of a refusal, whether it came as JSON-RPC, as a problem (RFC 9457) or as text."""
    if body[:1] == b"{":
        try:
            return msgspec.json.decode(body, type=_Problem).detail
        except msgspec.MsgspecError:
            message = jsonrpc.decode(body)
        if isinstance(message.error, msgspec.Raw):
            return jsonrpc.error_of(message.error).message
    return body.decode("utf-8", "replace").strip()[:500] or "no reason was given"


def _plain(fields: Fields) -> dict[str, Any]:
    return {name: msgspec.json.decode(raw) for name, raw in fields.items()}
