"""The data keys that stored secrets are sealed with: named, several at a time, the first of them current.

As text (an environment variable) it is `ID:BASE64,ID:BASE64`; in its file one per line. What is sealed says which key
it needs, so an old key stays in the ring until everything is sealed anew.
"""

import base64
import binascii
import re

import msgspec

KEY_BYTES = 32

_ID = re.compile(r"[a-z0-9]{1,32}")


class KeyRing(msgspec.Struct, frozen=True):
    """`keys` are (id, 32 bytes); none of them appears in a repr."""

    keys: tuple[tuple[str, bytes], ...]

    @property
    def current(self) -> tuple[str, bytes]:
        return self.keys[0]

    def find(self, key_id: str) -> bytes | None:
        return next((key for name, key in self.keys if name == key_id), None)

    def before(self, key_id: str, key: bytes) -> "KeyRing":
        """The ring with another current key."""
        return KeyRing(((key_id, key), *self.keys))

    def only(self, used: frozenset[str]) -> "KeyRing":
        """The ring without the keys that nothing needs any more; the current one stays."""
        return KeyRing((self.current, *(pair for pair in self.keys[1:] if pair[0] in used)))

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(name for name, _ in self.keys)})"


def parse(text: str) -> KeyRing:
    """Raises ValueError saying what is wrong, without any key in it."""
    keys: list[tuple[str, bytes]] = []
    for place, entry in enumerate(re.split(r"[,\n]", text.strip()), 1):
        name, colon, encoded = entry.strip().partition(":")
        if not colon or not _ID.fullmatch(name):
            raise ValueError(f"key {place} of the ring: expected ID:BASE64, with an id of 1 to 32 of a-z and 0-9")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise ValueError(f"key {name} of the ring is not base64") from None
        if len(key) != KEY_BYTES:
            raise ValueError(f"key {name} of the ring has {len(key)} bytes instead of {KEY_BYTES}")
        if name in (known for known, _ in keys):
            raise ValueError(f"key {name} is in the ring twice")
        keys.append((name, key))
    return KeyRing(tuple(keys))


def render(ring: KeyRing) -> str:
    """The ring as its file holds it."""
    return "".join(f"{name}:{base64.b64encode(key).decode()}\n" for name, key in ring.keys)
