"""The thread in which one server lives, and the channels into it. A server of the SDK speaks both eras over one pair of
streams, bound by whatever is said first; so each conversation is a pair of streams, and the server's life is shared."""

import asyncio
import logging
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from mcp.server.lowlevel import Server
from mcp.server.runner import serve_dual_era_loop
from mcp.shared.memory import create_client_server_memory_streams
from mcp.shared.message import ServerMessageMetadata, SessionMessage
from mcp.types import jsonrpc_message_adapter
from msgspec import UNSET

from toolgate.model.errors import Invalid, UpstreamFailed
from toolgate.pipeline.duplex import Peer
from toolgate.protocol import jsonrpc
from toolgate.protocol.faults import INTERNAL
from toolgate.upstreams.python.loading import LoadError, load

log = logging.getLogger(__name__)

START_SECONDS = 60.0
CLOSE_SECONDS = 3.0
"""How long the server may take to end; then its thread, which nobody can kill, is left behind."""


class Host:
    """Starts its thread when it is first needed, and again when it ended. `place` and `folder` are those of `load`."""

    def __init__(self, server: str, place: str, folder: str | None) -> None:
        self._server = server
        self._place = place
        self._folder = folder
        self._life: _Life | None = None
        self._starting = asyncio.Lock()

    async def connect(self, *, limit: int) -> "Channel":
        """A new pair of streams into the server. Raises UpstreamFailed when its code does not load."""
        async with self._starting:
            if self._life is None or self._life.ended.is_set():
                life = _Life(self._server, asyncio.get_running_loop())
                await life.start(self._place, self._folder)
                self._life = life
            return Channel(self._life, limit)

    async def close(self) -> None:
        if self._life is not None:
            await self._life.close()


class _Life:
    """One run of the server: its thread, its event loop, its lifespan. `ended` is set when all that is over."""

    def __init__(self, server: str, home: asyncio.AbstractEventLoop) -> None:
        self.server = server
        self.home = home
        self.ended = threading.Event()
        self.channels: set[Channel] = set()
        self._ready: asyncio.Future[None] = home.create_future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._low: Server[Any] | None = None
        self._state: Any = None

    async def start(self, place: str, folder: str | None) -> None:
        # A daemon: a server that never ends must not keep the process from ending.
        name = f"python-{self.server}"
        threading.Thread(target=self._run, args=(place, folder), name=name, daemon=True).start()
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._ready
        except TimeoutError:
            raise UpstreamFailed(f"server {self.server!r} did not load within {START_SECONDS:g} s") from None

    async def close(self) -> None:
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None and not self.ended.is_set():
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(stop.set)
        if not await asyncio.to_thread(self.ended.wait, CLOSE_SECONDS):
            log.warning("server %r does not end: its thread is left behind", self.server)

    def submit(self, work: Coroutine[Any, Any, None]) -> "Future[None]":
        """Runs `work` in the server's loop. Raises UpstreamFailed when there is none any more."""
        if self._loop is not None and not self.ended.is_set():
            with suppress(RuntimeError):
                return asyncio.run_coroutine_threadsafe(work, self._loop)
        work.close()
        raise UpstreamFailed(f"server {self.server!r} has ended")

    # In the server's thread ------------------------------------------------------------------------------------------

    def _run(self, place: str, folder: str | None) -> None:
        reason = "ended"
        try:
            asyncio.run(self._live(place, folder))
        except LoadError as error:
            reason = f"cannot be loaded: {error}"
        except BaseException as error:  # their code may raise anything, SystemExit included
            log.warning("server %r failed", self.server, exc_info=error)
            reason = f"failed with {type(error).__name__}: {str(error)[:200]}"
        finally:
            self.ended.set()
            with suppress(RuntimeError):  # the gateway's own loop may be gone
                self.home.call_soon_threadsafe(self._over, reason)

    async def _live(self, place: str, folder: str | None) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._low = await load(place, folder)
        async with self._low.lifespan(self._low) as self._state:
            self.home.call_soon_threadsafe(self._loaded)
            await self._stop.wait()

    async def serve(self, channel: "Channel", inbox: "asyncio.Queue[SessionMessage]") -> None:
        """One conversation, until it is cancelled or the server hangs up."""
        assert self._low is not None
        async with create_client_server_memory_streams() as ((client_read, client_write), (read, write)):
            tasks = [
                asyncio.ensure_future(
                    serve_dual_era_loop(
                        self._low, read, write,
                        lifespan_state=self._state, init_options=self._low.create_initialization_options(),
                    )
                ),
                asyncio.ensure_future(_forward(inbox, client_write)),
                asyncio.ensure_future(channel.relay(client_read)),
            ]  # fmt: skip
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    # In the gateway's ------------------------------------------------------------------------------------------------

    def _loaded(self) -> None:
        if not self._ready.done():
            self._ready.set_result(None)

    def _over(self, reason: str) -> None:
        if not self._ready.done():
            self._ready.set_exception(UpstreamFailed(f"server {self.server!r} {reason}"))
        for channel in tuple(self.channels):
            channel.over(reason)


async def _forward(inbox: "asyncio.Queue[SessionMessage]", stream: Any) -> None:
    while True:
        await stream.send(await inbox.get())


class Channel:
    """A pair of streams into the server, as a Channel of a Peer."""

    def __init__(self, life: _Life, limit: int) -> None:
        self._life = life
        self._limit = limit
        self._inbox: asyncio.Queue[SessionMessage] = asyncio.Queue()
        self._peer: Peer | None = None
        self._serving: Future[None] | None = None

    def serve(self, peer: Peer) -> None:
        self._peer = peer
        self._life.channels.add(self)
        try:
            self._serving = self._life.submit(self._life.serve(self, self._inbox))
        except UpstreamFailed:
            self.over("has ended")
            return
        self._serving.add_done_callback(self._hung_up)

    async def send(self, frame: bytes, /) -> None:
        self._life.submit(self._put(frame))

    async def close(self) -> None:
        self._life.channels.discard(self)
        if self._serving is not None and not self._serving.done():
            self._serving.cancel()

    def over(self, reason: str) -> None:
        self._life.channels.discard(self)
        if self._peer is not None:
            self._peer.fail(reason)

    # In the server's thread ------------------------------------------------------------------------------------------

    async def _put(self, frame: bytes) -> None:
        self._inbox.put_nowait(SessionMessage(jsonrpc_message_adapter.validate_json(frame, by_name=False)))

    def _hung_up(self, serving: "Future[None]") -> None:
        # Cancelled is what we closed ourselves, and what ends with the server, which says why by itself.
        if not serving.cancelled():
            with suppress(RuntimeError):
                self._life.home.call_soon_threadsafe(self.over, "hung up")

    async def relay(self, stream: Any) -> None:
        """What the server says, one message at a time: it waits until each was taken, so that it cannot flood us."""
        async for item in stream:
            if not isinstance(item, SessionMessage):
                continue
            frame = item.message.model_dump_json(by_alias=True, exclude_unset=True).encode()
            related = None
            if isinstance(item.metadata, ServerMessageMetadata) and isinstance(item.metadata.related_request_id, int):
                related = item.metadata.related_request_id
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._take(frame, related), self._life.home))

    # In the gateway's ------------------------------------------------------------------------------------------------

    async def _take(self, frame: bytes, related: int | None) -> None:
        peer = self._peer
        if peer is None:
            return
        peer.receive(frame if len(frame) <= self._limit else _too_large(frame, self._limit), related)
        pause = peer.pause()
        if pause > 0:
            await asyncio.sleep(pause)


def _too_large(frame: bytes, limit: int) -> bytes:
    """An error in the place of an answer that may not be passed on; other messages end as answers to nobody."""
    try:
        message = jsonrpc.decode(frame)
        raw_id = jsonrpc.request_id(message) if message.method is UNSET else None
    except Invalid:
        raw_id = None
    return jsonrpc.error_response(raw_id, INTERNAL, f"the server sent a message of more than {limit} bytes")
