"""Sealed text: state that we hand to strangers and take back unread and unchanged (session ids, cursors, request
states).

AES-256-GCM; the purpose is associated data, so that one kind of sealed text never passes for another. Each purpose has
its own key, derived from the sealing key by HKDF-SHA256 (RFC 5869).
"""

import base64
import binascii
import os
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE = 12


class Seal:
    """Seals and opens bytes for one purpose. `key` is the 32-byte sealing key that all replicas share."""

    def __init__(self, key: bytes, purpose: str, random: Callable[[int], bytes] = os.urandom) -> None:
        self._purpose = purpose.encode()
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"toolgate/" + self._purpose).derive(key)
        self._cipher = AESGCM(derived)
        self._random = random

    def seal(self, plain: bytes) -> str:
        """URL-safe text without padding."""
        nonce = self._random(_NONCE)
        return _text(nonce + self._cipher.encrypt(nonce, plain, self._purpose))

    def open(self, text: str) -> bytes | None:
        """What was sealed; None for anything that we did not seal for this purpose, to the letter."""
        try:
            raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
            # Base64 has several texts for the same bytes; only ours is taken.
            return self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], self._purpose) if _text(raw) == text else None
        except (binascii.Error, InvalidTag, ValueError):
            return None


def derived_key(key: bytes, purpose: str) -> bytes:
    """A sealing key for what an extension seals, 32 bytes; `key` is the one that all replicas share."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"toolgate/extension/" + purpose.encode()).derive(key)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
