"""Which gateway the command line talks to, and with which key."""

import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from toolgate.model.errors import ConfigError, UpstreamFailed
from toolgate.rules.exposure import is_loopback
from toolgate.stores.data_dir import default_location, read_local_key
from toolgate.stores.ownership import find_running

URL_VARIABLE = "TOOLGATE_URL"
KEY_VARIABLE = "TOOLGATE_KEY"


class NotRunning(UpstreamFailed):
    """No gateway runs with this data directory."""


class Place(msgspec.Struct, frozen=True):
    """`origin` is scheme://host[:port], `base` the path before `/mcp` (mostly empty); `key` is empty when there is
    none. The key is in no repr."""

    origin: str
    base: str
    key: str

    def __repr__(self) -> str:
        return f"Place({self.origin!r}, {self.base!r}, ***)"


def data_directory(chosen: Path | None, environment: Mapping[str, str]) -> Path:
    """The data directory that was chosen, else the platform's."""
    return chosen or default_location(environment, sys.platform, Path.home())


def find(directory: Path, environment: Mapping[str, str]) -> Place:
    """The gateway that TOOLGATE_URL names, else the one that runs with this data directory; the key that TOOLGATE_KEY
    holds, else the directory's bootstrap key where the gateway is the directory's. Raises ConfigError, NotRunning."""
    url = environment.get(URL_VARIABLE, "")
    key = environment.get(KEY_VARIABLE, "")
    if url:
        origin, base = split(url, URL_VARIABLE)
        # The bootstrap key belongs to this directory's gateway: it is not shown to any other that a URL names.
        running = None if key else find_running(directory)
        own = running is not None and _same(split(running.url, "running.json"), (origin, base))
        return Place(origin, base, key or (read_local_key(directory) if own else ""))
    running = find_running(directory)
    if running is None:
        raise NotRunning(
            f"no Toolgate runs with the data directory {directory}: start `toolgate up`, or set {URL_VARIABLE}"
        )
    origin, base = split(running.url, "running.json")
    return Place(origin, base, key or read_local_key(directory))


def split(url: str, what: str) -> tuple[str, str]:
    """Origin and path of a gateway's URL, whether it ends in `/mcp` or not. Raises ConfigError without repeating what
    may hold a password."""
    wrong = ConfigError((f"{what}: expected the gateway's URL, as http://127.0.0.1:8484",))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise wrong from None
    named = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    if not named or parts.query or parts.fragment or port == 0:
        raise wrong
    return f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/").removesuffix("/mcp")


def _same(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two URLs are one gateway's: on this machine every name of loopback will do."""
    if one == other:
        return True
    first, second = urlsplit(one[0]), urlsplit(other[0])
    here = is_loopback(first.hostname or "") and is_loopback(second.hostname or "")
    return here and (first.scheme, first.port, one[1]) == (second.scheme, second.port, other[1])
