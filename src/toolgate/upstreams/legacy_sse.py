"""MCP servers over HTTP+SSE, the transport of 2024-11-05 (SPEC-DIGEST 4): one event stream carries what the server
says, and each of our messages is a POST to the address that its first event names. Such a stream is one session."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import msgspec

from toolgate.model.call import Era
from toolgate.model.declared import ServerSpec, Sharing
from toolgate.model.errors import ConfigError, UpstreamFailed
from toolgate.model.identity import Grant
from toolgate.pipeline.announcements import Announcements
from toolgate.pipeline.duplex import Peer
from toolgate.pipeline.duplex_upstream import DuplexUpstream, Limits
from toolgate.ports import HttpAnswer, HttpRoute, Toolbox, Upstream
from toolgate.protocol.sse import SseReader
from toolgate.rules import endpoints

SHARING: Sharing = "principal"

OPEN_SECONDS = 30.0
"""How long the server may take to open its stream and name the address."""

_STREAMS = 128


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`url` is the address of the event stream; `ca_file` a PEM bundle to trust instead of the system's."""

    url: Annotated[str, msgspec.Meta(min_length=1)]
    ca_file: str | None = None


class Stream:
    """One open event stream, as a Channel."""

    def __init__(self, server: str, route: HttpRoute, headers: tuple[tuple[str, str], ...], limit: int) -> None:
        self._server = server
        self._route = route
        self._headers = headers
        self._limit = limit
        self._post = route.prepare((*headers, ("content-type", "application/json"), ("accept", "application/json")))
        self._address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._answer: HttpAnswer | None = None
        self._reading: asyncio.Task[None] | None = None

    async def open(self, url: str, path: str, announcements: Announcements) -> Peer:
        """Opens the stream and waits for the address. Raises UpstreamFailed."""
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                headers = (*self._headers, ("accept", "text/event-stream"), ("cache-control", "no-store"))
                self._answer = answer = await self._route.send("GET", path, headers)
                _check_opened(self._server, answer)
                peer = Peer(self._server, self, announcements)
                self._reading = asyncio.ensure_future(self._read(answer, peer, url))
                await self._address
                return peer
        except TimeoutError:
            await self.close()
            raise UpstreamFailed(
                f"server {self._server!r} did not open its event stream within {OPEN_SECONDS:g} s"
            ) from None
        except BaseException:
            await self.close()
            raise

    async def send(self, frame: bytes, /) -> None:
        answer = await self._route.send("POST", self._address.result(), (), frame, prepared=self._post)
        answer.close()
        if not 200 <= answer.status < 300:
            raise UpstreamFailed(f"server {self._server!r} refused a message with HTTP status {answer.status}")

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})
        if self._answer is not None:
            self._answer.close()

    async def _read(self, answer: HttpAnswer, peer: Peer, url: str) -> None:
        reader = SseReader(self._limit)
        try:
            async for chunk in answer.chunks():
                for event in reader.feed(chunk):
                    if event.event == "message":
                        peer.receive(event.data)
                    elif event.event == "endpoint" and not self._address.done():
                        self._address.set_result(endpoints.follow(url, event.data.decode()))
                await asyncio.sleep(peer.pause())
            self._fail(peer, "closed its event stream")
        except UpstreamFailed as failure:
            self._fail(peer, f"broke its event stream: {failure.message}")
        except ValueError as flaw:
            self._fail(peer, f"sent a bad event: {flaw}")
        finally:
            self._fail(peer, "can no longer be heard")

    def _fail(self, peer: Peer, reason: str) -> None:
        """Ends the open calls, or the wait for the address. Only the first reason counts."""
        peer.fail(reason)
        if not self._address.done():
            self._address.set_exception(UpstreamFailed(f"server {self._server!r} {reason}"))
            self._address.exception()  # seen, even if nobody waits any more


def _check_opened(server: str, answer: HttpAnswer) -> None:
    if answer.status in (401, 403):
        raise UpstreamFailed(
            f"server {server!r} answered with HTTP status {answer.status}: it wants a credential, declared in `headers`"
        )
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if answer.status != 200 or kind != "text/event-stream":
        raise UpstreamFailed(
            f"server {server!r} answered with HTTP status {answer.status} and {kind[:100] or 'no content type'}, "
            "not with an event stream: is `url` its SSE address?"
        )


@asynccontextmanager
async def open(spec: ServerSpec, settings: Settings, toolbox: Toolbox, /) -> AsyncGenerator[Upstream]:
    """Raises ConfigError for a URL that is none. Nothing is dialled before the first use."""
    if spec.era == Era.MODERN:
        raise ConfigError((f"server {spec.name}: era: this transport has the handshake era only",))
    try:
        origin, path = endpoints.split(settings.url)
    except ValueError as error:
        raise ConfigError((f"server {spec.name}: url: {error}",)) from None
    ca_file = None if settings.ca_file is None else Path(settings.ca_file)
    route = toolbox.http.route(origin, server=spec.name, limit=spec.max_bytes, ca_file=ca_file, private=spec.private)

    async def connect(announcements: Announcements, grant: Grant) -> Peer:
        stream = Stream(spec.name, route, grant.headers, spec.max_bytes)
        return await stream.open(settings.url, path, announcements)

    eras = frozenset({Era.LEGACY.value})
    upstream = DuplexUpstream(spec, connect, Limits(_STREAMS, "event streams"), eras)
    try:
        yield upstream
    finally:
        await upstream.close()
        await route.close()
