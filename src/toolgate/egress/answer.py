"""The two kinds of answer behind `HttpAnswer`: whole, or a stream that is still arriving."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from toolgate.model.errors import UpstreamFailed

HIGH_WATER = 256 * 1024  # bytes of a stream held for a slow reader before the connection stops being read


class Source(Protocol):
    """What a stream needs of the connection that feeds it."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def abandon(self) -> None: ...

    def failed(self, what: str, /) -> UpstreamFailed: ...


class WholeAnswer:
    """An answer whose body is complete; its connection is already back in the pool."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    async def chunks(self) -> AsyncIterator[bytes]:
        """Nothing: everything is in `body`."""
        return
        yield b""

    def close(self) -> None:
        """Nothing is held."""


class StreamedAnswer:
    """A `text/event-stream` whose head has arrived. It may be endless, so the limit of a body does not bind it: whoever
    reads it bounds what one event may hold; here at most HIGH_WATER plus one read of the socket waits.

    It holds its connection until the stream ends or `close()` is called.
    """

    __slots__ = ("_buffer", "_ended", "_error", "_paused", "_source", "_waiter", "body", "headers", "status")

    def __init__(self, source: Source, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        self.headers = headers
        self.body = b""
        self._source = source
        self._buffer = bytearray()
        self._paused = False
        self._ended = False
        self._error: UpstreamFailed | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """What has arrived, joined; may be called again after a break. One reader at a time.

        Raises UpstreamFailed when the connection breaks, after everything that arrived before was given out.
        Cancelling the reader drops the connection.
        """
        while True:
            if self._buffer:
                data = bytes(self._buffer)
                self._buffer.clear()
                self._resume()
                yield data
            elif self._error is not None:
                raise self._error
            elif self._ended:
                return
            else:
                self._waiter = asyncio.get_running_loop().create_future()
                try:
                    await self._waiter
                except asyncio.CancelledError:
                    self.close()
                    raise
                finally:
                    self._waiter = None

    def close(self) -> None:
        """Drops the connection unless the stream has ended. What was not yet read is gone."""
        if not self._ended:
            self._buffer.clear()
            self.fail(self._source.failed("the stream was closed on this side"))
            self._source.abandon()

    def feed(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > HIGH_WATER and not self._paused:
            self._paused = True
            self._source.pause()
        self._wake()

    def end(self) -> None:
        self._ended = True
        self._resume()
        self._wake()

    def fail(self, error: UpstreamFailed) -> None:
        self._ended = True
        self._error = error
        self._wake()

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._source.resume()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


Answer = WholeAnswer | StreamedAnswer
