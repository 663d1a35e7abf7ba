"""Secrets by reference: `env:NAME` from the environment, `file:PATH` from a file that only its owner can read."""

import os
import shlex
import stat
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from toolgate.model.errors import ConfigError
from toolgate.ports import Secrets, Toolbox
from toolgate.rules import references
from toolgate.rules.references import Reference

MOST_BYTES = 64 * 1024
"""The largest secret; a file beyond it is a mistake (or a device), not a secret."""

_READABLE_BY_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Config(msgspec.Struct, frozen=True):
    """`environment` is what `env:` reads: the composition root hands in the process environment. Relative paths of
    `file:` start at `base`. The environment never appears in a repr."""

    environment: Mapping[str, str]
    base: Path = Path()

    def __repr__(self) -> str:
        return f"Config({len(self.environment)} variables, base={str(self.base)!r})"


class References:
    """Reads a secret anew each time, so that a rotated one is seen at the next load. One trailing newline is not part
    of it. Every ConfigError names the reference and the next step, never the value."""

    def __init__(self, environment: Mapping[str, str], base: Path) -> None:
        self._environment = environment
        self._base = base

    def resolve(self, reference: str, /) -> str:
        parsed = references.find(reference)
        if parsed is None or parsed.scheme:
            # What is not a reference may be a secret that was pasted in the wrong place: it is not repeated.
            raise ConfigError(("a secret must be given by reference, as env:NAME or file:PATH",))
        flaw = references.flaw(parsed)
        if flaw is not None:
            raise ConfigError((flaw,))
        if parsed.source == "store":
            raise ConfigError(
                (
                    f"{reference} is a secret of the store, and this gateway runs without one: give env:NAME or"
                    " file:PATH, or run `toolgate up` with records (without `--state none`)",
                )
            )
        value = self._from_environment(parsed) if parsed.source == "env" else self._from_file(parsed)
        if not value:
            raise ConfigError((f"{reference} is empty",))
        if "\0" in value:
            raise ConfigError((f"{reference} holds a NUL character, which no secret may",))
        return value

    def _from_environment(self, reference: Reference) -> str:
        value = self._environment.get(reference.name)
        if value is None:
            raise ConfigError((f"{reference} is not set: set the environment variable before Toolgate starts",))
        return value

    def _from_file(self, reference: Reference) -> str:
        path = self._base / Path(reference.name).expanduser()
        try:
            # Non-blocking, so that a pipe put in the file's place cannot hold us; it makes no difference to a file.
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        except FileNotFoundError:
            raise ConfigError((f"{reference} does not exist: create it with mode 0600",)) from None
        except (OSError, ValueError) as error:
            raise ConfigError((f"{reference} cannot be read: {_reason(error)}",)) from None
        try:
            _judge(os.fstat(handle), reference)
            with os.fdopen(handle, "rb", closefd=False) as file:
                raw = file.read(MOST_BYTES + 1)
        finally:
            os.close(handle)
        if len(raw) > MOST_BYTES:
            raise ConfigError((f"{reference} is larger than {MOST_BYTES} bytes: it is not a secret",))
        try:
            return raw.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise ConfigError((f"{reference} is not text in UTF-8",)) from None


def _judge(status: os.stat_result, reference: Reference) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError((f"{reference} is not a regular file",))
    # A file of somebody else (a secret that an orchestrator mounted) has the mode that they chose, and we could not
    # change it. Windows has no such mode bits; there the directory's access list decides.
    if os.name == "posix" and status.st_uid == os.geteuid() and status.st_mode & _READABLE_BY_OTHERS:
        found = f"can be read by others (mode {stat.S_IMODE(status.st_mode):04o})"
        raise ConfigError((f"{reference} {found}: run `chmod 600 {shlex.quote(reference.name)}`",))


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


@asynccontextmanager
async def open(config: Config, toolbox: Toolbox, /) -> AsyncGenerator[Secrets]:
    yield References(config.environment, config.base)
