"""One `toolgate up` owns a data directory at a time, and says in `running.json` where it listens.

The lock is an exclusive transaction of SQLite on an empty file: an operating system's lock on every platform, which
ends with its process however that ends. `running.json` alone proves nothing: it counts while the lock is held.
"""

import os
import secrets
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from toolgate.model.errors import ConfigError

LOCK = "up.lock"
RUNNING = "running.json"

_WAIT_S = 1.0
"""How long a start waits for the lock: a look from `find_running` holds it for less than a millisecond."""

_MOST_BYTES = 65536


class InUse(ConfigError):
    """Another process owns the data directory. `url` is where it listens; None while it starts."""

    def __init__(self, finding: str, url: str | None) -> None:
        super().__init__((finding,))
        self.url = url


class Running(msgspec.Struct, frozen=True):
    """Where the owner of a data directory is reached. `url` has no path; `started` is Unix time in seconds."""

    pid: int
    url: str
    started: float
    version: str


class Ownership:
    """Held by the one owner; made by `own`."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / RUNNING

    def announce(self, running: Running) -> None:
        """Says where we listen. Replaces what stood there, in one step."""
        temporary = self._file.with_name(f".{RUNNING}.{secrets.token_hex(4)}")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(running))
        temporary.replace(self._file)

    def withdraw(self) -> None:
        self._file.unlink(missing_ok=True)


@contextmanager
def own(directory: Path) -> Generator[Ownership]:
    """Owns the data directory until it is left. Raises InUse, naming the owner, when another process has it,
    and ConfigError."""
    lock = directory / LOCK
    _touch(lock)
    try:
        connection = sqlite3.connect(lock, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise ConfigError((f"{lock}: cannot be locked: {error}",)) from None
    with closing(connection):
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise _refusal(directory, error) from None
        except sqlite3.Error as error:
            raise ConfigError((f"{lock}: is not our lock file ({error}): remove it",)) from None
        ownership = Ownership(directory)
        ownership.withdraw()  # what a killed owner left
        try:
            yield ownership
        finally:
            ownership.withdraw()


def find_running(directory: Path) -> Running | None:
    """Who owns the data directory at this moment and has said where it listens; None when nobody does."""
    if not _is_locked(directory / LOCK):
        return None
    try:
        with (directory / RUNNING).open("rb") as file:
            return msgspec.json.decode(file.read(_MOST_BYTES), type=Running)
    except (OSError, msgspec.MsgspecError):
        return None


def _is_locked(lock: Path) -> bool:
    if not lock.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"{lock.absolute().as_uri()}?mode=ro", uri=True, timeout=0)) as connection:
            connection.execute("SELECT 1 FROM sqlite_schema").fetchall()
    except sqlite3.OperationalError as error:
        return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
    except sqlite3.Error:
        return False
    return False


def _touch(lock: Path) -> None:
    """Makes the file for its owner only. Never opens one that is there: closing it again would end our own lock
    (POSIX record locks end when the process closes any handle of the file)."""
    try:
        os.close(os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise ConfigError((f"{lock}: cannot be made: {error.strerror}",)) from None


def _refusal(directory: Path, error: sqlite3.OperationalError) -> ConfigError:
    if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
        return ConfigError(
            (f"{directory / LOCK}: cannot be locked ({error}): the data directory must be on a local disk",)
        )
    running = find_running(directory)
    who = "another Toolgate" if running is None else f"the Toolgate with process id {running.pid} at {running.url}"
    finding = f"{directory}: {who} is using this data directory: stop it, or choose another with --data-dir"
    return InUse(finding, None if running is None else running.url)
