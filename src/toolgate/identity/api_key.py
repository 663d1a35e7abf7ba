"""Toolgate's own keys as bearer tokens (RFC 6750 section 2.1): one keyed digest and one look-up in the snapshot."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec

from toolgate.model.errors import ConfigError, Unauthenticated
from toolgate.model.identity import Credential, Principal
from toolgate.model.snapshot import Snapshot
from toolgate.ports import Authenticator, Clock, Toolbox
from toolgate.rules import keys

_PREFIX = keys.PREFIX.encode()


class Config(msgspec.Struct, frozen=True):
    """`pepper` is the installation's key pepper (`stores.data_dir`), PEPPER_BYTES long. It never appears in a repr.
    `used` is written to: when each key was last shown, in Unix seconds by its name."""

    pepper: bytes
    used: dict[str, float] = {}

    def __repr__(self) -> str:
        return "Config(pepper=***)"


class ApiKeys:
    """Finds who holds a key. What does not begin as a Toolgate key is left to other authenticators."""

    def __init__(self, pepper: bytes, clock: Clock, used: dict[str, float]) -> None:
        self._pepper = pepper
        self._clock = clock
        self._used = used

    async def identify(self, snapshot: Snapshot, credential: Credential, /) -> Principal | None:
        secret = credential.secret
        if credential.scheme != "bearer" or not secret.startswith(_PREFIX):
            return None
        if len(secret) > keys.LONGEST_KEY:
            raise Unauthenticated("The key is too long to be a Toolgate key.", presented=True)
        principal = snapshot.principals.get(keys.digest(self._pepper, secret))
        if principal is None:
            raise Unauthenticated(_why_unknown(secret), presented=True)
        now = self._clock.now()
        if principal.expires is not None and principal.expires <= now:
            raise Unauthenticated(f"The key `{principal.name}` has expired: ask for a new one.", presented=True)
        self._used[principal.name] = now
        return principal


def _why_unknown(secret: bytes) -> str:
    """What to tell the holder of a key that is not in the snapshot; the key itself is never in it."""
    flaw = keys.flaw(secret.decode("ascii", "replace"))
    if flaw is not None:
        return f"This key cannot be valid: {flaw}."
    return "This key is not known here: it was revoked, or it belongs to another Toolgate."


@asynccontextmanager
async def open(config: Config, toolbox: Toolbox, /) -> AsyncGenerator[Authenticator]:
    """Raises ConfigError when the pepper has the wrong length."""
    if len(config.pepper) != keys.PEPPER_BYTES:
        raise ConfigError((f"the key pepper must have {keys.PEPPER_BYTES} bytes, not {len(config.pepper)}",))
    yield ApiKeys(config.pepper, toolbox.clock, config.used)
