"""Messages over two byte streams, one line each, by a thread for either direction: pipes cannot be awaited on every
platform, and a pipe that others hold too must not be made non-blocking. Only the standard library is used here."""

import asyncio
import os
import sys
import threading
from collections import deque
from collections.abc import Callable

if sys.platform == "win32":
    import msvcrt

HIGH_WATER = 1024 * 1024
"""Bytes waiting for a reader who stalls, from which on writers should hold back."""

_CHUNK = 256 * 1024
_ROOM = 256
"""Lines that may have been read and not yet been taken."""

TOO_LONG = b"\0"
"""Stands for a line that was longer than the limit; no message can look like it."""


class Lines:
    """One peer at the other end of two file descriptors. Made and used on the event loop; `limit` is the most bytes of
    one line that is read. `lost` is set when the peer can no longer be told anything."""

    def __init__(self, source: int, sink: int, limit: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._source = source
        self._sink = sink
        self._limit = limit
        self._read: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = threading.Semaphore(_ROOM)
        self._out: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._waiting = 0
        self._ended = False
        self._low = asyncio.Event()
        self._low.set()
        self.drained: Callable[[], None] | None = None
        self.lost = asyncio.Event()
        self._writer = threading.Thread(target=self._write_all, name="toolgate-out", daemon=True)
        for descriptor in (source, sink):
            _binary(descriptor)
        threading.Thread(target=self._read_all, name="toolgate-in", daemon=True).start()
        self._writer.start()

    async def next(self) -> bytes | None:
        """The next line without its end; None when there will be no more."""
        line = await self._read.get()
        self._room.release()
        return line

    def end_reading(self) -> None:
        """`next` gives None once what was read is taken: nobody should wait for a peer that is told to go."""
        self._read.put_nowait(None)

    @property
    def paused(self) -> bool:
        """The peer does not read: what is written now would pile up."""
        return self._waiting > HIGH_WATER

    async def room(self) -> None:
        """Waits while the peer does not read."""
        while self.paused and not self.lost.is_set():
            self._low.clear()
            await self._low.wait()

    def write(self, line: bytes) -> None:
        """One message. Never waits; after the peer went away everything is dropped."""
        if self.lost.is_set():
            return
        with self._changed:
            self._out.append(line)
            self._waiting += len(line) + 1
            self._changed.notify()

    async def close(self, seconds: float) -> None:
        """Writes what waits, for at most so long."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        await asyncio.to_thread(self._writer.join, seconds)

    # On the threads -------------------------------------------------------------------------------------------------

    def _read_all(self) -> None:
        rest = bytearray()
        skipping = False
        while True:
            try:
                chunk = os.read(self._source, _CHUNK)
            except OSError:
                chunk = b""
            if not chunk:
                break
            *lines, tail = chunk.split(b"\n")
            for line in lines:
                rest += line
                whole = TOO_LONG if skipping or len(rest) > self._limit else bytes(rest).rstrip(b"\r")
                rest.clear()
                skipping = False
                if not self._give(whole):
                    return
            rest += tail
            if len(rest) > self._limit:
                skipping = True
                rest.clear()
        if rest.strip():
            self._give(bytes(rest))
        self._give(None)

    def _give(self, line: bytes | None) -> bool:
        self._room.acquire()
        try:
            self._loop.call_soon_threadsafe(self._read.put_nowait, line)
        except RuntimeError:  # the loop has ended
            return False
        return True

    def _write_all(self) -> None:
        while (batch := self._next()) is not None:
            data = memoryview(b"".join(line + b"\n" for line in batch))
            try:
                sent = 0
                while sent < len(data):
                    sent += os.write(self._sink, data[sent:])
            except OSError:
                self._tell(self._lose)
                return
            with self._changed:
                high = self._waiting > HIGH_WATER
                self._waiting -= len(data)
                low = high and self._waiting <= HIGH_WATER
            if low:
                self._tell(self._drained)

    def _next(self) -> list[bytes] | None:
        """What waits, up to about a mebibyte; None at the end."""
        with self._changed:
            while not self._out:
                if self._ended:
                    return None
                self._changed.wait()
            batch: list[bytes] = []
            size = 0
            while self._out and size < HIGH_WATER:
                batch.append(self._out.popleft())
                size += len(batch[-1])
            return batch

    def _tell(self, what: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(what)
        except RuntimeError:  # the loop has ended: nobody is left to be told
            return

    # On the loop ----------------------------------------------------------------------------------------------------

    def _drained(self) -> None:
        self._low.set()
        if self.drained is not None:
            self.drained()

    def _lose(self) -> None:
        """The peer closed its end: it is as if it had ended its own side, too."""
        self.lost.set()
        with self._changed:
            self._out.clear()
            self._waiting = 0
        self._drained()
        self.end_reading()


def _binary(descriptor: int) -> None:
    """Windows would translate line ends."""
    if sys.platform == "win32":
        msvcrt.setmode(descriptor, os.O_BINARY)
