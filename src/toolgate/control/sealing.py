"""How stored secrets are sealed: AES-256-GCM under a data key of the ring.

The associated data is `secret|name|version`, so that what is sealed serves nowhere else: not under another name, and
not once it was replaced. 96-bit nonces at random: one data key may seal 2**32 times (NIST SP 800-38D section 8.3).
"""

import base64
import binascii
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from toolgate.model.entities import Secret
from toolgate.model.errors import ConfigError
from toolgate.rules.key_ring import KeyRing

_NONCE = 12


def seal(ring: KeyRing, name: str, version: int, value: str, random: Callable[[int], bytes]) -> tuple[str, str]:
    """(sealed text, id of the data key). `version` is the one that the record is about to have."""
    key_id, key = ring.current
    nonce = random(_NONCE)
    sealed = nonce + AESGCM(key).encrypt(nonce, value.encode(), _bound_to(name, version))
    return base64.b64encode(sealed).decode(), key_id


def unseal(ring: KeyRing, secret: Secret) -> str:
    """The value. Raises ConfigError naming the secret and what to do."""
    key = ring.find(secret.key_id)
    if key is None:
        step = "put that key back into the ring, or set the secret anew"
        raise ConfigError(
            (f"store:{secret.name} is sealed under the data key {secret.key_id}, which is missing: {step}",)
        )
    try:
        raw = base64.b64decode(secret.sealed, validate=True)
        plain = AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], _bound_to(secret.name, secret.stamp.version))
        return plain.decode()
    except (binascii.Error, InvalidTag, ValueError):
        raise ConfigError(
            (f"store:{secret.name} cannot be opened: it was damaged or moved; set it anew, or restore a backup",)
        ) from None


def _bound_to(name: str, version: int) -> bytes:
    return f"secret|{name}|{version}".encode()
