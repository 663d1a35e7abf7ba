"""The clients of this machine: which are meant, where their files are, what stands in them."""

import codecs
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import msgspec

from toolgate.control.clients.client import Client, Where
from toolgate.control.clients.table import CLIENTS
from toolgate.model.errors import ConfigError
from toolgate.stores import replacing


class Content(msgspec.Struct, frozen=True):
    """A file as bytes (None: it is not there) and as text, with the mark that some editors put before it apart. Not in
    a repr."""

    raw: bytes | None
    text: str
    mark: bytes = b""

    def __repr__(self) -> str:
        return "Content(***)"

    def encoded(self, text: str) -> bytes:
        """Another text in the same encoding."""
        return self.mark + text.encode()


def where() -> Where:
    """This machine, this person, this directory."""
    return Where(sys.platform, Path.home(), os.environ, Path.cwd())


def chosen(names: Sequence[str]) -> list[Client]:
    """Clients by the names that people type, each once. Raises ConfigError."""
    unknown = [name for name in names if name not in CLIENTS]
    if unknown:
        near = get_close_matches(unknown[0], list(CLIENTS), n=1)
        hint = f' (did you mean "{near[0]}"?)' if near else ""
        raise ConfigError((f"{unknown[0][:60]!r} is no client known here{hint}: {', '.join(CLIENTS)}",))
    return [CLIENTS[name] for name in dict.fromkeys(names)]


def file_of(client: Client, place: Where) -> Path:
    """The client's file: the one that is there, else the one whose directory is there, else the usual one."""
    files = [Path(file) for file in client.files(place)]
    return next((file for file in files if file.is_file()), next((f for f in files if f.parent.is_dir()), files[0]))


def content(path: Path) -> Content:
    """Raises ConfigError for what cannot be read, or is not UTF-8."""
    raw = replacing.read(path)
    mark = codecs.BOM_UTF8 if raw is not None and raw.startswith(codecs.BOM_UTF8) else b""
    try:
        return Content(raw, (raw or b"").removeprefix(mark).decode(), mark)
    except UnicodeDecodeError:
        raise ConfigError((f"{path}: this is not text in UTF-8",)) from None


def short(path: Path) -> str:
    """A path as people write it."""
    try:
        return f"~/{path.relative_to(Path.home()).as_posix()}"
    except (ValueError, RuntimeError):
        return str(path)
