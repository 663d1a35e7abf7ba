"""One structured line per record: JSON for machines, a short form for people at a terminal.

Lines are written on a thread of their own, so that a reader who stalls (a full pipe, a slow disk) holds up no call.
They are made on the event loop: 2 microseconds each there, where a second thread that wants the interpreter costs the
loop six times as much. What cannot be written is counted, and said in the log itself once it can be written again.
"""

import asyncio
import os
import select
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import msgspec

from toolgate.model.errors import Outcome
from toolgate.model.records import CallRecord
from toolgate.ports import Toolbox
from toolgate.rules.redaction import printable, redacted, safe_json

MAX_WAITING = 16_384
"""Lines that may wait for the thread; a batch beyond it is lost and counted."""
_MAX_TEXT = 256
_MAX_CLIENT = 4_096
_MAX_CLIENTS = 1_024

_LEVELS = {
    Outcome.OK: "info",
    Outcome.TOOL_ERROR: "info",
    Outcome.INPUT_REQUIRED: "info",
    Outcome.CANCELLED: "info",
    Outcome.INVALID: "warning",
    Outcome.UNAUTHENTICATED: "warning",
    Outcome.DENIED: "warning",
    Outcome.LIMITED: "warning",
    Outcome.TIMEOUT: "error",
    Outcome.UPSTREAM_ERROR: "error",
}
_COLOURS = {"info": "32", "warning": "33", "error": "31"}


class Config(msgspec.Struct, frozen=True):
    """`descriptor` is an open file descriptor (standard output, a file opened for appending); it stays the caller's.

    `pretty` gives the form for people; `colour` adds ANSI colours to it. `close_s` is how many seconds closing waits
    for a reader who stalls.
    """

    descriptor: int
    pretty: bool = False
    colour: bool = False
    close_s: float = 2.0


class _Line(msgspec.Struct, omit_defaults=True, gc=False):
    """The line's members, in their order. Durations in milliseconds; what is empty is left out."""

    ts: datetime
    level: str
    event: str
    request_id: str
    method: str
    status: str
    dur_ms: float
    upstream_ms: float = 0.0
    endpoint: str = ""
    server: str = ""
    tool: str = ""
    target: str = ""
    user: str = ""
    team: str = ""
    client: str = ""
    era: str = ""
    protocol_version: str = ""
    error_type: str = msgspec.field(name="error.type", default="")
    bytes_in: int = 0
    bytes_out: int = 0


class _Lost(msgspec.Struct, gc=False):
    ts: datetime
    level: str
    event: str
    count: int


class _Client(msgspec.Struct):
    name: str = ""
    version: str = ""


_encoder = msgspec.json.Encoder()
_decode_client = msgspec.json.Decoder(_Client).decode


def line(record: CallRecord) -> bytes:
    """The record as one line of JSON, without the line break. Raises ValueError for text that is not Unicode."""
    return safe_json(_encoder.encode(_line(record, _client(record.client))))


def pretty(record: CallRecord, *, colour: bool = False) -> str:
    """The record as one line for people, without the line break."""
    return _pretty(_line(record, _client(record.client)), colour=colour)


def _line(record: CallRecord, client: str) -> _Line:
    outcome, target = record.outcome, record.target[:_MAX_TEXT]
    is_tool = record.method == "tools/call"
    return _Line(
        datetime.fromtimestamp(record.at, UTC),
        _LEVELS.get(outcome, "error"),
        "call",
        record.id[:_MAX_TEXT],
        record.method[:_MAX_TEXT],
        outcome,
        round(record.duration_s * 1e6) / 1e3,
        round(record.upstream_s * 1e6) / 1e3,
        record.endpoint[:_MAX_TEXT],
        record.server,
        target if is_tool else "",
        "" if is_tool else target,
        record.principal,
        record.team,
        client,
        record.era,
        record.version[:_MAX_TEXT],
        record.error or ("tool_error" if outcome is Outcome.TOOL_ERROR else ""),
        record.bytes_in,
        record.bytes_out,
    )


def _client(raw: bytes) -> str:
    """`name/version` of the client; empty when it did not say, or said it in a way that is not worth reading."""
    if not raw or len(raw) > _MAX_CLIENT:
        return ""
    try:
        client = _decode_client(raw)
    except msgspec.DecodeError:
        return ""
    name, version = client.name[: _MAX_TEXT // 2], client.version[: _MAX_TEXT // 2]
    return f"{name}/{version}" if version else name


def _pretty(line: _Line, *, colour: bool) -> str:
    """One line for people."""
    status = f"{line.status:<15}"
    if colour:
        status = f"\x1b[{_COLOURS[line.level]}m{status}\x1b[0m"
    what = " ".join(part for part in (line.method, line.server, line.tool or line.target) if part)
    took = f"{line.dur_ms:.1f} ms"
    if line.upstream_ms:
        took += f" ({line.upstream_ms:.1f} upstream)"
    rest = "  ".join(part for part in (took, line.user, line.client, line.error_type) if part)
    return f"{line.ts:%H:%M:%S}.{line.ts.microsecond // 1000:03d}Z  {status} {_for_people(what)}  {_for_people(rest)}"


def _for_people(text: str) -> str:
    return printable(redacted(text))


class CallLog:
    """The sink. `lost` counts records that were not written."""

    def __init__(self, config: Config) -> None:
        self.lost = 0
        self._pretty, self._colour, self._close_s = config.pretty, config.colour, config.close_s
        self._descriptor = os.dup(config.descriptor)
        self._clients: dict[bytes, str] = {}
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
        entries = [_line(record, self._client_name(record.client)) for record in records]
        try:
            return len(entries), self._text(entries)
        except ValueError:
            return self._render_each(entries)

    def _render_each(self, entries: list[_Line]) -> tuple[int, bytes]:
        texts: list[bytes] = []
        for entry in entries:
            with suppress(ValueError):
                texts.append(self._text([entry]))
        return len(texts), b"".join(texts)

    def _text(self, entries: list[_Line]) -> bytes:
        if self._pretty:
            return b"".join([_pretty(entry, colour=self._colour).encode() + b"\n" for entry in entries])
        return safe_json(_encoder.encode_lines(entries))

    def _notice(self, count: int) -> bytes:
        if self._pretty:
            return b"%d calls before this line were not logged\n" % count
        return _encoder.encode(_Lost(datetime.now(UTC), "warning", "records_lost", count)) + b"\n"

    def _client_name(self, raw: bytes) -> str:
        name = self._clients.get(raw)
        if name is None:
            name = _client(raw)
            if len(raw) <= _MAX_CLIENT:
                if len(self._clients) >= _MAX_CLIENTS:
                    self._clients.clear()
                self._clients[raw] = name
        return name

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
