"""Messages over two byte streams, one line each. Only the standard library is used here.

A descriptor that others hold, too, must not be made non-blocking, and not every kind can be awaited on every platform.
So there is a thread for either direction that may wait. Where the kernel says that nothing need wait (there is
something to read, or room for a message), the loop does it itself, which saves the way to the thread and back.
"""

import asyncio
import os
import select
import socket
import stat
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress

if sys.platform == "win32":
    import msvcrt

HIGH_WATER = 1024 * 1024
"""Bytes waiting for a reader who stalls, from which on writers should hold back."""

_CHUNK = 256 * 1024
_ROOM = 256
"""Lines that were read and not yet taken, from which on nothing more is read."""

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
        self._splitter = _Splitter(limit)
        self._room = threading.Semaphore(_ROOM)
        self._reading = False
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
        self._sender = _sender(sink)
        self._awaited = _can_be_awaited(source)
        if self._awaited:
            self._attend()
        else:
            threading.Thread(target=self._read_all, name="toolgate-in", daemon=True).start()
        self._writer.start()

    async def next(self) -> bytes | None:
        """The next line without its end; None when there will be no more."""
        line = await self._read.get()
        if not self._awaited:
            self._room.release()
        elif not self._reading and self._read.qsize() < _ROOM // 2:
            self._attend()
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
        data = line + b"\n"
        if not self._waiting:  # the thread has nothing to do, so that nothing is overtaken
            try:
                sent = self._sender.send(data)
            except OSError:
                self._lose()
                return
            if sent == len(data):
                return
            data = data[sent:]
        with self._changed:
            self._out.append(data)
            self._waiting += len(data)
            self._changed.notify()

    async def close(self, seconds: float) -> None:
        """Writes what waits, for at most so long. Nothing is read any more."""
        if self._reading:
            self._pause()
        with self._changed:
            self._ended = True
            self._changed.notify()
        await asyncio.to_thread(self._writer.join, seconds)
        self._sender.close()

    # On the threads -------------------------------------------------------------------------------------------------

    def _read_all(self) -> None:
        while chunk := _chunk(self._source):
            for line in self._splitter.lines(chunk):
                if not self._give(line):
                    return
        for line in self._splitter.rest():
            self._give(line)
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
            data = memoryview(b"".join(batch))
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

    def _attend(self) -> None:
        self._reading = True
        self._loop.add_reader(self._source, self._readable)

    def _pause(self) -> None:
        self._reading = False
        self._loop.remove_reader(self._source)

    def _readable(self) -> None:
        chunk = _chunk(self._source)
        for line in self._splitter.lines(chunk) if chunk else self._splitter.rest():
            self._read.put_nowait(line)
        if not chunk:
            self._pause()
            self._awaited = False  # there is nothing more to attend to
            self._read.put_nowait(None)
        elif self._read.qsize() >= _ROOM:
            self._pause()

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


class _Splitter:
    """Chunks in, lines without their ends out: TOO_LONG for each that is longer than the limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._skipping = False

    def lines(self, chunk: bytes) -> Iterator[bytes]:
        *ends, tail = chunk.split(b"\n")
        for end in ends:
            self._rest += end
            too_long = self._skipping or len(self._rest) > self._limit
            line = TOO_LONG if too_long else bytes(self._rest).rstrip(b"\r")
            self._rest.clear()
            self._skipping = False
            yield line
        self._rest += tail
        if len(self._rest) > self._limit:
            self._skipping = True
            self._rest.clear()

    def rest(self) -> Iterator[bytes]:
        """What came after the last end of a line."""
        if self._rest.strip():
            yield bytes(self._rest)


def _chunk(source: int) -> bytes:
    """What comes next; empty at the end."""
    try:
        return os.read(source, _CHUNK)
    except OSError:
        return b""


def _can_be_awaited(source: int) -> bool:
    """Whether the loop can tell when there is something to read: not of files and, on Windows, of nothing."""
    return sys.platform != "win32" and _kind(source) in (stat.S_IFIFO, stat.S_IFSOCK)


class _Sender:
    """`send` writes as much as need not wait, and says how much that was; it raises OSError when the peer is gone. This
    one leaves all to the thread."""

    def send(self, data: bytes) -> int:
        return 0

    def close(self) -> None:
        """Lets go of what it opened."""


if sys.platform != "win32":

    class _ToSocket(_Sender):
        def __init__(self, sink: int) -> None:
            self._peer = socket.socket(fileno=os.dup(sink))

        def send(self, data: bytes) -> int:
            try:
                return self._peer.send(data, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return 0

        def close(self) -> None:
            self._peer.close()

    class _ToPipe(_Sender):
        """Linux opens a pipe once more, so that it is non-blocking for us alone. Elsewhere it is known only of a short
        message whether it fits: it goes in whole, or not at all (POSIX)."""

        def __init__(self, sink: int) -> None:
            self._sink = sink
            self._own: int | None = None
            self._writable = select.poll()
            self._writable.register(sink, select.POLLOUT)
            with suppress(OSError):
                if sys.platform == "linux":
                    self._own = os.open(f"/proc/self/fd/{sink}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)

        def send(self, data: bytes) -> int:
            try:
                if self._own is not None:
                    return os.write(self._own, data)
                if len(data) <= select.PIPE_BUF and self._writable.poll(0):
                    return os.write(self._sink, data)
            except BlockingIOError:
                pass
            return 0

        def close(self) -> None:
            if self._own is not None:
                os.close(self._own)
                self._own = None


def _sender(sink: int) -> _Sender:
    if sys.platform != "win32":
        kind = _kind(sink)
        if kind == stat.S_IFSOCK:
            return _ToSocket(sink)
        if kind == stat.S_IFIFO:
            return _ToPipe(sink)
    return _Sender()


def _kind(descriptor: int) -> int:
    try:
        return stat.S_IFMT(os.fstat(descriptor).st_mode)
    except OSError:
        return 0


def _binary(descriptor: int) -> None:
    """Windows would translate line ends."""
    if sys.platform == "win32":
        msvcrt.setmode(descriptor, os.O_BINARY)
