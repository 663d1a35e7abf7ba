"""The file of the data keys that stored secrets are sealed with: `secrets.keys` in the data directory, mode 0600.

Where the environment gives the ring, there is no file: then the operator keeps it, and puts a new key first to rotate.
"""

import secrets
from pathlib import Path

from toolgate.model.errors import ConfigError
from toolgate.ports import DataKeys
from toolgate.rules import key_ring
from toolgate.rules.key_ring import KEY_BYTES, KeyRing
from toolgate.stores import replacing
from toolgate.stores.data_dir import make_private, read_private

FILE = "secrets.keys"

_ID_BYTES = 4


def load(data: Path, given: str | None = None) -> KeyRing:
    """The ring: `given` (the text of an environment variable), or that of the file, which is made when it is not there.
    Raises ConfigError naming the place, never a key."""
    if given is not None:
        return _parse(given, "the key ring of the environment")
    path = data / FILE
    if not path.exists():
        make_private(path, key_ring.render(KeyRing((_new(),))).encode("ascii"))
    return _parse(read_private(path).decode("ascii", "replace"), str(path))


class RingFile(DataKeys):
    """The file in this data directory, replaced whole each time. One process at a time may change it."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def add(self) -> KeyRing:
        return self._write(load(self._data).before(*_new()))

    def keep_only(self, used: frozenset[str], /) -> KeyRing:
        return self._write(load(self._data).only(used))

    def _write(self, ring: KeyRing) -> KeyRing:
        replacing.write(self._data / FILE, key_ring.render(ring).encode("ascii"), private=True)
        return ring


def _new() -> tuple[str, bytes]:
    return secrets.token_hex(_ID_BYTES), secrets.token_bytes(KEY_BYTES)


def _parse(text: str, where: str) -> KeyRing:
    try:
        return key_ring.parse(text)
    except ValueError as error:
        raise ConfigError((f"{where}: {error}: restore it from a backup",)) from None
