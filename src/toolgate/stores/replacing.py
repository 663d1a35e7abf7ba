"""Files of other programs, changed in one step: whoever reads sees the old content or the new, never a part.

    NAME.DIGEST.toolgate-backup   what a file held before we changed it into something with this digest
    NAME.DIGEST.toolgate-absent   that there was no such file

The digest tells whether somebody else has changed the file since: then taking our change back by restoring would take
theirs back, too.
"""

import hashlib
import os
import secrets
import stat
from pathlib import Path

from toolgate.model.errors import ConfigError

MOST_BYTES = 64 * 1024 * 1024
_DIGITS = 12
_BACKUP, _ABSENT = ".toolgate-backup", ".toolgate-absent"
_PRIVATE = 0o600


def read(path: Path) -> bytes | None:
    """What a file holds; None when it is not there. Raises ConfigError for what is no regular file, or too large."""
    try:
        with path.open("rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigError((f"{path}: is not a regular file",))
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError((f"{path}: cannot be read: {_reason(error)}",)) from None
    if len(content) > MOST_BYTES:
        raise ConfigError((f"{path}: is larger than {MOST_BYTES} bytes",))
    return content


def write(path: Path, content: bytes, *, private: bool = False) -> None:
    """Replaces a file, or makes one, with its directory. It keeps its mode; a new one, or any if `private`, is its
    owner's only. A symbolic link stays one: what it leads to is replaced. Raises ConfigError."""
    try:
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = _PRIVATE if private else _mode(target)
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), _PRIVATE)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(mode)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError((f"{path}: cannot be written: {_reason(error)}",)) from None


def change(path: Path, before: bytes | None, after: bytes) -> Path:
    """Writes `after` where `before` was read, and keeps what was there first. Answers the backup's path. Raises
    ConfigError, also when the file is no longer what was read."""
    if read(path) != before:
        raise ConfigError((f"{path}: was changed by another program in this moment: try again",))
    first, former = before, None
    if before is not None:
        former = _kept(path, before)
        if former is not None:
            # Our own change is changed: what was there before it is what is worth keeping.
            first = None if former.name.endswith(_ABSENT) else read(former)
    backup = path.with_name(f"{path.name}.{_digest(after)}{_ABSENT if first is None else _BACKUP}")
    write(backup, first or b"", private=True)
    write(path, after)
    if former is not None and former != backup:
        former.unlink(missing_ok=True)
    return backup


def restore(path: Path) -> bool:
    """Makes a file what it was before we changed it; False, and nothing is done, when it is not what we made of it (or
    nothing was kept). Raises ConfigError."""
    now = read(path)
    backup = None if now is None else _kept(path, now)
    if backup is None:
        return False
    if backup.name.endswith(_ABSENT):
        path.unlink(missing_ok=True)
    else:
        write(path, read(backup) or b"")
    backup.unlink(missing_ok=True)
    return True


def _kept(path: Path, content: bytes) -> Path | None:
    """The backup that belongs to a file of this content."""
    stem = f"{path.name}.{_digest(content)}"
    return next((found for end in (_BACKUP, _ABSENT) if (found := path.with_name(stem + end)).is_file()), None)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return _PRIVATE


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
