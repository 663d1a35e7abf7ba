"""Secrets of the store: set, replaced, sealed anew, and resolved as `store:NAME` beside `env:` and `file:`. No use case
gives a value back."""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from toolgate.control.administration import Administration
from toolgate.control.sealing import seal, unseal
from toolgate.model.entities import Secret
from toolgate.model.errors import ConfigError, NotFound, Refused
from toolgate.model.identity import Principal
from toolgate.ports import Secrets
from toolgate.rules import references
from toolgate.rules.key_ring import KeyRing
from toolgate.rules.permissions import ORGANISATION
from toolgate.rules.scopes import Need

MOST_BYTES = 64 * 1024
"""The largest secret."""


class Vault:
    """`ring` answers the data keys as they are now; `random` is `os.urandom`."""

    def __init__(
        self, administration: Administration, ring: Callable[[], KeyRing], random: Callable[[int], bytes]
    ) -> None:
        self._administration = administration
        self._ring = ring
        self._random = random

    async def create(self, actor: Principal, secret: Secret, value: str, *, request: str = "") -> Secret:
        """Seals a new secret; `secret.sealed` and `secret.key_id` are ours to fill. Raises what Administration does."""
        _judge(value)
        async with self._administration.open(actor, request=request) as desk:
            return await desk.create(self._sealed(secret, 1, value))

    async def replace(
        self, actor: Principal, secret: Secret, value: str | None, *, expected: int, request: str = ""
    ) -> Secret:
        """Gives a secret a new value, owner or description; None keeps the value (which is sealed anew, because what is
        sealed is bound to the version)."""
        if value is not None:
            _judge(value)
        async with self._administration.open(actor, request=request) as desk:
            known = desk.directory.get(Secret, secret.name)
            if value is None:
                if known is None or not desk.actor.may_read(desk.directory, known):
                    raise NotFound(f"there is no secret named {secret.name!r}, or none that you may see")
                # What cannot be opened is kept as it is until the desk has judged whether the actor may write at all.
                desk.judge_edit(secret, expected=expected)
                value = unseal(self._ring(), known)
            return await desk.replace(self._sealed(secret, expected + 1, value), expected=expected)

    async def rotate(self, actor: Principal, *, request: str = "") -> int:
        """Seals every secret anew under the current data key, all in one transaction, whoever manages it; says how many
        there were. Raises ConfigError when one cannot be opened, and changes none then."""
        async with self._administration.open(actor, request=request) as desk:
            desk.actor.require(desk.directory, (Need("secret:rotate", (ORGANISATION,)),))
            ring = self._ring()
            due = [one for one in desk.directory.all(Secret).values() if one.key_id != ring.current[0]]
            for secret in due:
                version = secret.stamp.version
                again = self._sealed(secret, version + 1, unseal(ring, secret))
                await desk.transaction.put(again, expected=version)
            return len(due)

    def _sealed(self, secret: Secret, version: int, value: str) -> Secret:
        sealed, key_id = seal(self._ring(), secret.name, version, value, self._random)
        return msgspec.structs.replace(secret, sealed=sealed, key_id=key_id)


def _judge(value: str) -> None:
    """Raises Refused; the reason never repeats the value."""
    try:
        length = len(value.encode())
    except UnicodeEncodeError:
        raise Refused((("value", "is no text in Unicode"),)) from None
    if not value:
        raise Refused((("value", "is empty"),))
    if length > MOST_BYTES:
        raise Refused((("value", f"is larger than {MOST_BYTES} bytes: it is not a secret"),))
    if "\0" in value:
        raise Refused((("value", "holds a NUL character, which no secret may"),))


class StoredSecrets(Secrets):
    """Resolves `store:NAME` from the records that it was last given, and everything else by `others`. Values are opened
    when they are asked for and kept nowhere."""

    def __init__(self, others: Secrets, ring: Callable[[], KeyRing]) -> None:
        self._others = others
        self._ring = ring
        self._held: Mapping[str, Secret] = {}

    def hold(self, secrets: Iterable[Secret]) -> None:
        """Replaces the records that are resolved from."""
        self._held = {secret.name: secret for secret in secrets}

    def resolve(self, reference: str, /) -> str:
        parsed = references.find(reference)
        if parsed is None or parsed.source != "store" or parsed.scheme:
            return self._others.resolve(reference)
        secret = self._held.get(parsed.name)
        if secret is None:
            raise ConfigError((f"{reference} is not in the store: set it, or correct the reference",))
        return unseal(self._ring(), secret)
