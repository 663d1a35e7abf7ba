"""The gateway at the other end, over HTTP: requests to its one endpoint, and what its refusals mean."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from toolgate.egress.client import HttpClient
from toolgate.model.errors import Invalid, UpstreamFailed
from toolgate.ports import HttpAnswer
from toolgate.protocol import faults, jsonrpc
from toolgate.protocol.sse import Event, SseReader

LIMIT = 64 * 1024 * 1024
"""The most bytes of one message from the gateway."""

_QUOTED = 300

Header = tuple[str, str]


class Remote(msgspec.Struct, frozen=True):
    """Where to, and with which key (empty: none), which no repr shows."""

    url: str
    key: str
    ca_file: Path | None = None

    def __repr__(self) -> str:
        return f"Remote({self.url!r}, ***)"


class Endpoint:
    """The endpoint. Its methods raise UpstreamFailed when it is not reached."""

    def __init__(self, remote: Remote) -> None:
        parts = urlsplit(remote.url)
        self.name = parts.netloc
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._keyed = bool(remote.key)
        origin = f"{parts.scheme}://{parts.netloc}"
        self._route = HttpClient().route(origin, server=parts.netloc, limit=LIMIT, ca_file=remote.ca_file)
        key = (("Authorization", f"Bearer {remote.key}"),) if remote.key else ()
        accept = ("Accept", "application/json, text/event-stream")
        self._posting = self._route.prepare((("Content-Type", "application/json"), accept, *key))
        self._getting = self._route.prepare((("Accept", "text/event-stream"), *key))

    async def post(self, body: bytes, headers: Sequence[Header], *, safe: bool = False) -> HttpAnswer:
        return await self._route.send("POST", self._path, headers, body, prepared=self._posting, idempotent=safe)

    async def get(self, headers: Sequence[Header]) -> HttpAnswer:
        return await self._route.send("GET", self._path, headers, prepared=self._getting)

    async def delete(self, headers: Sequence[Header]) -> None:
        (await self._route.send("DELETE", self._path, headers, prepared=self._getting)).close()

    async def close(self) -> None:
        await self._route.close()

    def refusal(self, answer: HttpAnswer, request_id: bytes) -> bytes:
        """The JSON-RPC error with which the client is told of an HTTP answer that is no response."""
        code, said, data = _said(answer)
        if answer.status == 401:
            hint = "the key is refused; see TOOLGATE_KEY" if self._keyed else "a key is needed: set TOOLGATE_KEY"
            return jsonrpc.error_response(request_id, 401, f"{self.name}: {hint} ({said})")
        if code is not None:
            return jsonrpc.error_response(request_id, code, said, data)
        if 300 <= answer.status < 400:
            said = "it is somewhere else now; give the bridge its new URL"
        elif answer.status in (404, 405):
            said = f"there is no MCP endpoint at this URL ({said})"
        return jsonrpc.error_response(request_id, faults.INTERNAL, f"{self.name}: HTTP {answer.status}: {said}")


def is_stream(answer: HttpAnswer) -> bool:
    """Whether the answer is a stream of events."""
    return answer.status == 200 and answer.headers.get("content-type", "").startswith("text/event-stream")


def is_json(answer: HttpAnswer) -> bool:
    return answer.headers.get("content-type", "").startswith("application/json")


async def events(answer: HttpAnswer) -> AsyncIterator[Event]:
    """The events of a stream. Raises UpstreamFailed when it breaks."""
    reader = SseReader(LIMIT)
    async for chunk in answer.chunks():
        try:
            read = reader.feed(chunk)
        except ValueError as error:
            raise UpstreamFailed(f"{error}") from None
        for event in read:
            yield event


def one_line(body: bytes) -> bytes:
    """A message without line breaks, as stdio needs it."""
    body = body.strip()
    return msgspec.json.format(body, indent=-1) if b"\n" in body or b"\r" in body else body


def parsed(body: bytes) -> jsonrpc.Message | None:
    """A message; None for what is none."""
    try:
        return jsonrpc.decode(body)
    except Invalid:
        return None


def error_code(answer: HttpAnswer) -> int | None:
    """The code of a JSON-RPC error; None when the answer is none."""
    return _said(answer)[0] if answer.body else None


def _said(answer: HttpAnswer) -> tuple[int | None, str, object]:
    """Code, words and data of a refusal; without a code when it is not JSON-RPC."""
    message = parsed(answer.body) if is_json(answer) else None
    if message is not None and isinstance(message.error, msgspec.Raw):
        error = jsonrpc.error_of(message.error)
        return error.code, error.message, None if error.data is msgspec.UNSET else error.data
    words = answer.body[:_QUOTED].decode("utf-8", "replace").strip()
    return None, " ".join(words.split()) or "no reason was given", None
