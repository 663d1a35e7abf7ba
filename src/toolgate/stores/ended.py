"""Which sessions were ended, kept in a file that only grows until it is rewritten: a deleted session stays deleted.

Each line is a JSON array `[session, until]`, written with one unbuffered write before `end` returns: it survives the
death of the process at any moment. It is forced to the disk when the file is rewritten and when it is closed; the death
of the machine may therefore lose the latest lines, after which those sessions would answer again to the principal that
owned them.
"""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from toolgate.stores import directories

LIMIT = 50_000
"""Ended sessions that are remembered. Beyond it the one that was ended first is forgotten."""
_MAX_LINE = 4_096
_BINARY = getattr(os, "O_BINARY", 0)

_log = logging.getLogger(__name__)
_decode = msgspec.json.Decoder(tuple[str, float]).decode


class EndedSessions:
    """Ended sessions and the Unix time until which each must be remembered. Raises OSError when opened where it cannot
    write; later failures to write are logged, and hold only until the next restart."""

    def __init__(self, path: Path, now: float, limit: int = LIMIT) -> None:
        self._path = path
        self._limit = limit
        self._until: dict[str, float] = {}
        self._torn = False
        self._file: int | None = None
        for session, until in _read(path):
            self._remember(session, until)
        self._rewrite(now)

    def __contains__(self, session: str) -> bool:
        return session in self._until

    def __len__(self) -> int:
        return len(self._until)

    def add(self, session: str, until: float, now: float) -> None:
        """Remembers it, in memory at once and in the file as long as that can be written."""
        self._remember(session, until)
        try:
            if self._lines >= 2 * self._limit:
                self._lines = self._limit  # should it fail, it is not tried again at once
                self._rewrite(now)
            else:
                self._append(_line(session, until))
        except OSError as error:
            _log.error(
                "%s cannot be written (%s): a deleted session would come back after a restart; free the disk or "
                "correct the permissions",
                self._path,
                error.strerror,
                extra={"event": "ended_sessions_not_written"},
            )

    def close(self) -> None:
        if self._file is not None:
            try:
                os.fsync(self._file)
            finally:
                self._close_file()

    def _close_file(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)

    def _remember(self, session: str, until: float) -> None:
        self._until.pop(session, None)
        self._until[session] = until
        if len(self._until) > self._limit:
            del self._until[next(iter(self._until))]

    def _append(self, line: bytes) -> None:
        if self._file is None:
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _BINARY, 0o600)
        data = b"\n" + line if self._torn else line
        self._lines += 1
        self._torn = True
        if os.write(self._file, data) < len(data):
            raise OSError(0, "only part of a line was written")
        self._torn = False

    def _rewrite(self, now: float) -> None:
        """Puts a file in place that holds what is still to be remembered, and opens it for appending."""
        self._until = {session: until for session, until in self._until.items() if until > now}
        fresh = self._path.with_name(self._path.name + ".new")
        data = b"".join(_line(session, until) for session, until in self._until.items())
        self._close_file()  # Windows replaces no file that is open
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _BINARY, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        directories.sync(self._path.parent)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | _BINARY)
        self._lines = len(self._until)
        self._torn = False


def _line(session: str, until: float) -> bytes:
    return msgspec.json.encode((session, until)) + b"\n"


def _read(path: Path) -> Iterator[tuple[str, float]]:
    """Every whole line; one that was cut off by a crash, or damaged, is passed over and said."""
    damaged = 0
    try:
        with path.open("rb") as file:
            while line := file.readline(_MAX_LINE):
                try:
                    yield _decode(line)
                except msgspec.DecodeError:
                    damaged += bool(line.strip())
    except FileNotFoundError:
        return
    if damaged:
        _log.warning("%s: %d damaged lines were passed over", path, damaged, extra={"event": "ended_sessions_damaged"})
