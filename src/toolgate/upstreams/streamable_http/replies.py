"""What comes back from a POST: one JSON body, or a stream of events that ends in the response."""

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec

from toolgate.model.errors import Fault, Invalid, UpstreamError, UpstreamFailed
from toolgate.pipeline.pace import Pace
from toolgate.ports import HttpAnswer
from toolgate.protocol import jsonrpc
from toolgate.protocol.sse import Event, SseReader

OnMessage = Callable[[jsonrpc.Message], None]


class Lost(Exception):
    """The server does not know our session (any more); nothing was carried out."""


class Broken(Exception):
    """The stream ended before the response. `last_event` and `retry` (milliseconds) are how it may be resumed."""

    def __init__(self, last_event: str | None, retry: int | None) -> None:
        super().__init__("the stream ended before the response")
        self.last_event = last_event
        self.retry = retry


class Unspoken(UpstreamFailed):
    """The server refused a modern request in a way that no modern server would: it may be of the handshake era."""


class Bounds(msgspec.Struct, frozen=True):
    """What one server may say: `event` is the most bytes of one event, `pace` how fast they may come."""

    event: int
    pace: Pace


def whole(answer: HttpAnswer, request_id: int, server: str) -> jsonrpc.Message | None:
    """The response where it came in one piece, as most do: without waiting. None where `response` is needed. Raises
    UpstreamFailed for what is no valid answer."""
    if answer.status != 200 or not answer.headers.get("content-type", "").startswith("application/json"):
        return None
    message = decode(answer.body, server)
    check_id(message, request_id, server)
    answer.close()
    return message


async def response(
    answer: HttpAnswer, request_id: int, server: str, bounds: Bounds, heard: OnMessage
) -> jsonrpc.Message:
    """The response to our request; everything else on the stream goes to `heard`.

    Raises UpstreamFailed for what is no valid answer, Broken for a stream that ended early.
    """
    found = whole(answer, request_id, server)
    if found is not None:
        return found
    kind = answer.headers.get("content-type", "")
    if kind.startswith("text/event-stream") and answer.status == 200:
        return await _streamed(answer, request_id, server, bounds, heard)
    if kind.startswith("application/json"):
        message = decode(answer.body, server)
        if isinstance(message.error, msgspec.Raw):
            return message
    raise refused(answer, server)


async def _streamed(
    answer: HttpAnswer, request_id: int, server: str, bounds: Bounds, heard: OnMessage
) -> jsonrpc.Message:
    last_event: str | None = None
    retry: int | None = None
    expected = b"%d" % request_id
    try:
        async for event in events(answer, server, bounds):
            last_event = event.id or last_event
            retry = event.retry if event.retry is not None else retry
            if event.event != "message" or not event.data:
                continue
            message = decode(event.data, server)
            if message.method is msgspec.UNSET:
                if isinstance(message.id, msgspec.Raw) and bytes(message.id) == expected:
                    return message
                raise UpstreamFailed(f"server {server!r} answered a request that was not put to it on this stream")
            heard(message)
    except UpstreamFailed:
        if last_event is None:
            raise
        raise Broken(last_event, retry) from None
    raise Broken(last_event, retry)


async def events(answer: HttpAnswer, server: str, bounds: Bounds) -> AsyncIterator[Event]:
    """The events of a stream. Raises UpstreamFailed when one is too large, or the connection breaks."""
    reader = SseReader(bounds.event)
    lines = 0
    async for chunk in answer.chunks():
        try:
            read = reader.feed(chunk)
        except ValueError as error:
            raise UpstreamFailed(f"server {server!r}: {error}") from None
        for event in read:
            yield event
        rest = bounds.pace.take(reader.lines - lines)
        lines = reader.lines
        if rest:
            await asyncio.sleep(rest)


def decode(body: bytes, server: str) -> jsonrpc.Message:
    """One JSON-RPC message of the server's. Raises UpstreamFailed when it is none."""
    try:
        return jsonrpc.decode(body)
    except Invalid as error:
        raise UpstreamFailed(f"server {server!r} sent something that is not MCP: {error.message}") from None


def check_id(message: jsonrpc.Message, request_id: int, server: str) -> None:
    """Raises UpstreamFailed unless the response is to our request. An error may lack its id."""
    if isinstance(message.id, msgspec.Raw) and bytes(message.id) == b"%d" % request_id:
        return
    if isinstance(message.error, msgspec.Raw) and (message.id is msgspec.UNSET or bytes(message.id) == b"null"):
        return
    raise UpstreamFailed(f"server {server!r} answered with the id of another request")


def result(message: jsonrpc.Message, server: str, method: str) -> bytes:
    """The result object that a request of our own was answered with. Raises UpstreamError or UpstreamFailed."""
    if isinstance(message.error, msgspec.Raw):
        error = jsonrpc.error_of(message.error)
        raise UpstreamError(error.code, error.message)
    if not isinstance(message.result, msgspec.Raw):
        raise UpstreamFailed(f"server {server!r} answered {method} with neither result nor error")
    return bytes(message.result)


def refused(answer: HttpAnswer, server: str) -> Fault:
    """What an HTTP answer without a JSON-RPC message means."""
    status = answer.status
    if status in (401, 403):
        return UpstreamFailed(
            f"server {server!r} refused the gateway's credential (HTTP {status}): check `headers` of this server"
        )
    if status == 404:
        return Unspoken(f"server {server!r} has no MCP endpoint at its URL (HTTP 404)")
    if 300 <= status < 400:
        return UpstreamFailed(f"server {server!r} answered with a redirect (HTTP {status}): put its new URL into `url`")
    if status == 200:
        kind = answer.headers.get("content-type", "none")[:60]
        return UpstreamFailed(f"server {server!r} answered with content type {kind!r}, which is not MCP")
    fault = Unspoken if status in (400, 405, 406) else UpstreamFailed
    return fault(f"server {server!r} answered with HTTP {status}")
