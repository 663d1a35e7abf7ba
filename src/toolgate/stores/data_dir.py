"""The data directory: where it is, and the secrets that an installation makes for itself on its first start.

    sealing.key   32 bytes   seals session ids, cursors and request states
    key.pepper    32 bytes   keys the digests of API keys: without it every declared digest is worthless
    local.key     text       the bootstrap key, which the command line uses when TOOLGATE_KEY is unset

Files are complete when they appear and are never replaced, so that several processes may start at once. `local.key` is
made last: where it is, the others must be, and are not made anew when they are lost.
"""

import os
import secrets
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec

from toolgate.model.errors import ConfigError
from toolgate.rules import keys

SEALING_KEY = "sealing.key"
KEY_PEPPER = "key.pepper"
LOCAL_KEY = "local.key"
SEALING_BYTES = 32

_MOST_BYTES = 4096


class DataDir(msgspec.Struct, frozen=True):
    """An installation's own secrets; none of them appears in a repr. `first_start` is true in the one process that made
    the bootstrap key, which is to print it."""

    path: Path
    sealing_key: bytes
    key_pepper: bytes
    local_key: str
    first_start: bool

    @property
    def local_key_file(self) -> Path:
        return self.path / LOCAL_KEY

    def __repr__(self) -> str:
        return f"DataDir({str(self.path)!r}, ***)"


def default_location(environment: Mapping[str, str], platform: str, home: Path) -> Path:
    """Where the data of a user's programs belongs. `platform` is `sys.platform`.

    Linux and others: XDG Base Directory Specification; a relative XDG_DATA_HOME is ignored, as it says.
    """
    if platform == "win32":
        local = environment.get("LOCALAPPDATA")
        return (Path(local) if local else home / "AppData" / "Local") / "toolgate"
    if platform == "darwin":
        return home / "Library" / "Application Support" / "toolgate"
    given = environment.get("XDG_DATA_HOME", "")
    return (Path(given) if given.startswith("/") else home / ".local" / "share") / "toolgate"


def open_data_dir(path: Path) -> DataDir:
    """Opens an installation, or makes one where there is none. Raises ConfigError naming the file and what to do."""
    make_directory(path)
    if not (path / LOCAL_KEY).exists():
        make_private(path / SEALING_KEY, secrets.token_bytes(SEALING_BYTES))
        make_private(path / KEY_PEPPER, secrets.token_bytes(keys.PEPPER_BYTES))
        made = keys.mint(secrets.token_bytes(keys.ENTROPY_BYTES))
        first_start = make_private(path / LOCAL_KEY, f"{made}\n".encode("ascii"))
    else:
        first_start = False
    return DataDir(
        path=path,
        sealing_key=_read_exactly(path / SEALING_KEY, SEALING_BYTES),
        key_pepper=_read_exactly(path / KEY_PEPPER, keys.PEPPER_BYTES),
        local_key=read_local_key(path),
        first_start=first_start,
    )


def read_local_key(path: Path) -> str:
    """The bootstrap key of the data directory at `path`. Raises ConfigError when it is not there or is no key."""
    file = path / LOCAL_KEY
    key = read_private(file).decode("ascii", "replace").strip()
    flaw = keys.flaw(key)
    if flaw is not None:
        raise ConfigError((f"{file}: does not hold a key ({flaw}): delete it, and the next start makes another",))
    return key


def make_directory(path: Path) -> None:
    """Makes the directory for its owner only, unless it is there. Raises ConfigError, also when others can write in."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
    except OSError as error:
        raise ConfigError((f"{path}: the data directory cannot be made: {_reason(error)}",)) from None
    if os.name == "posix" and status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError((f"{path}: others can change this directory: run `chmod 700 {shlex.quote(str(path))}`",))


def make_private(path: Path, content: bytes) -> bool:
    """Makes a file whole and at once, unless it is there; says whether it made it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            # Both refuse to replace: a second name on POSIX, and a rename on Windows, where that is a rename's way.
            if os.name == "posix":
                os.link(temporary, path)
            else:
                temporary.rename(path)
        finally:
            temporary.unlink(missing_ok=True)
    except FileExistsError:
        return False
    except OSError as error:
        raise ConfigError((f"{path}: cannot be made: {_reason(error)}",)) from None
    return True


def read_private(path: Path) -> bytes:
    """What a secret file holds. Raises ConfigError, also when others can read it."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise ConfigError((_missing(path),)) from None
    except OSError as error:
        raise ConfigError((f"{path}: cannot be read: {_reason(error)}",)) from None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError((f"{path}: is not a regular file: remove it",))
        if os.name == "posix" and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigError((f"{path}: others can read this secret: run `chmod 600 {shlex.quote(str(path))}`",))
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(_MOST_BYTES)
    finally:
        os.close(handle)


def _missing(path: Path) -> str:
    if path.name == LOCAL_KEY:
        return f"{path}: is not there: `toolgate up` makes it on its first start"
    return (
        f"{path}: is missing from a data directory that is in use: restore it from a backup, or delete {LOCAL_KEY}"
        " beside it to begin anew (sessions and declared keys become invalid)"
    )


def _read_exactly(path: Path, length: int) -> bytes:
    content = read_private(path)
    if len(content) != length:
        raise ConfigError((f"{path}: holds {len(content)} bytes instead of {length}: restore it from a backup",))
    return content


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
