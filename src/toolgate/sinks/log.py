"""One structured line per record: JSON for machines, a short form for people at a terminal.

Lines are written on a thread of their own, so that a reader who stalls (a full pipe, a slow disk) holds up no call.
They are made on the event loop: a microsecond or two each there, where a second thread that wants the interpreter costs
the loop ten times as much. What cannot be written is counted, and said in the log itself once it can be written again.
"""

import asyncio
import os
import select
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import msgspec

from toolgate.model.records import CallRecord
from toolgate.ports import Toolbox
from toolgate.sinks.call_lines import Lines, pretty

MAX_WAITING = 16_384
"""Lines that may wait for the thread; a batch beyond it is lost and counted."""


class Config(msgspec.Struct, frozen=True):
    """`descriptor` is an open file descriptor (standard output, a file opened for appending); it stays the caller's.

    `pretty` gives the form for people; `colour` adds ANSI colours to it. `close_s` is how many seconds closing waits
    for a reader who stalls.
    """

    descriptor: int
    pretty: bool = False
    colour: bool = False
    close_s: float = 2.0


class _Lost(msgspec.Struct, gc=False):
    ts: datetime
    level: str
    event: str
    count: int


class CallLog:
    """The sink. `lost` counts records that were not written."""

    def __init__(self, config: Config) -> None:
        self.lost = 0
        self._pretty, self._colour, self._close_s = config.pretty, config.colour, config.close_s
        self._descriptor = os.dup(config.descriptor)
        self._lines = Lines()
        self._waiting: list[bytes] = []
        self._count = 0
        self._told = 0
        self._torn = False
        self._closed = False
        self._abandoned = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="toolgate-call-log", daemon=True)
        self._thread.start()

    def write(self, records: Sequence[CallRecord], /) -> None:
        if not records:
            return
        if self._closed or self._count + len(records) > MAX_WAITING:
            made, text = 0, b""
        else:
            made, text = self._render(records)
        with self._changed:
            self.lost += len(records) - made
            if made:
                self._waiting.append(text)
                self._count += made
                self._changed.notify()

    def close(self) -> None:
        """Writes what waits, for `close_s` at most; what is left then is lost and counted."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(self._close_s)
        with self._changed:
            if self._thread.is_alive():
                self._abandoned = True
                self._waiting.clear()
                self.lost += self._count
                self._count = 0

    def _run(self) -> None:
        try:
            while self._write_next():
                pass
        finally:
            os.close(self._descriptor)

    def _write_next(self) -> bool:
        """Waits for lines and writes all that are there. False once closed and done."""
        with self._changed:
            while not self._waiting:
                if self._closed:
                    return False
                self._changed.wait()
            text, count = b"".join(self._waiting), self._count
            self._waiting.clear()
            lost = self.lost
        notice = b"" if lost == self._told else self._notice(lost - self._told)
        written = self._write_all(notice + text)
        if written:
            self._told = lost
        with self._changed:
            if not self._abandoned:
                self._count -= count
                self.lost += 0 if written else count
        return True

    def _render(self, records: Sequence[CallRecord]) -> tuple[int, bytes]:
        """How many lines were made, and their text: what cannot be written costs its own line only."""
        texts: list[bytes] = []
        for record in records:
            with suppress(ValueError):
                texts.append(self._text(record).encode())
        return len(texts), b"".join(texts)

    def _text(self, record: CallRecord) -> str:
        return f"{pretty(record, colour=self._colour)}\n" if self._pretty else self._lines.text(record)

    def _notice(self, count: int) -> bytes:
        if self._pretty:
            return b"%d calls before this line were not logged\n" % count
        return msgspec.json.encode(_Lost(datetime.now(UTC), "warning", "records_lost", count)) + b"\n"

    def _write_all(self, data: bytes) -> bool:
        """Whether all of it was written. A line that was cut by an error is ended before the next one begins."""
        rest = memoryview(b"\n" + data if self._torn else data)
        try:
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except BlockingIOError:  # the descriptor is non-blocking, as a parent process may have made it
                    if self._abandoned:
                        return False
                    select.select((), (self._descriptor,), (), 1.0)
        except OSError:
            self._torn = self._torn or len(rest) < len(data)
            return False
        self._torn = False
        return True


@asynccontextmanager
async def open(config: Config, toolbox: Toolbox, /) -> AsyncGenerator[CallLog]:
    """Raises OSError when the descriptor is not open."""
    log = CallLog(config)
    try:
        yield log
    finally:
        await asyncio.to_thread(log.close)
