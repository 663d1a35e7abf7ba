"""Secrets of the store: set, replaced, sealed anew, and resolved as `store:NAME` beside `env:` and `file:`. No use case
gives a value back."""

import asyncio
import hmac
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import msgspec

from toolgate.control.administration import Administration
from toolgate.control.sealing import seal, unseal
from toolgate.model.entities import Secret
from toolgate.model.errors import ConfigError, NotFound, Refused
from toolgate.model.identity import Principal
from toolgate.ports import DataKeys, Secrets
from toolgate.rules import references
from toolgate.rules.key_ring import KeyRing
from toolgate.rules.permissions import ORGANISATION
from toolgate.rules.scopes import Need

MOST_BYTES = 64 * 1024
"""The largest secret."""


class Rotated(msgspec.Struct, frozen=True):
    """The id of the data key that all secrets are sealed under now, and how many of them had to be sealed anew."""

    key_id: str
    secrets: int


class Vault:
    """`ring` answers the data keys as they are now; `random` is `os.urandom`. Without `keys` the ring is somebody
    else's to change, as one in the environment is."""

    def __init__(
        self,
        administration: Administration,
        ring: Callable[[], KeyRing],
        random: Callable[[int], bytes],
        keys: DataKeys | None = None,
    ) -> None:
        self._administration = administration
        self._ring = ring
        self._random = random
        self._keys = keys
        self._turn = asyncio.Lock()

    async def create(self, actor: Principal, secret: Secret, value: str, *, request: str = "") -> Secret:
        """Seals a new secret; `secret.sealed` and `secret.key_id` are ours to fill. Raises what Administration does."""
        sealed = self.seal(secret, value)
        async with self._administration.open(actor, request=request) as desk:
            return await desk.create(sealed)

    def seal(self, secret: Secret, value: str) -> Secret:
        """A new secret as it is stored, for whoever makes it together with other records. Raises Refused."""
        _judge(value)
        return self._sealed(secret, 1, value)

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

    async def rotate(self, actor: Principal, *, request: str = "") -> Rotated:
        """Makes a new data key, seals every secret anew under it, all in one transaction and whoever manages it, and
        drops the old keys. Raises ConfigError when a secret cannot be opened, and changes none then.

        At every moment each secret's key is in the ring: the new one is there before anything is sealed with it, and
        the old ones until the transaction has been committed. What a killed process left is finished by the next call.
        """
        async with self._turn:
            async with self._administration.open(actor, request=request) as desk:
                desk.actor.require(desk.directory, (Need("secret:rotate", (ORGANISATION,)),))
                ring, due = await self._renewed(list(desk.directory.all(Secret).values()))
                for secret in due:
                    version = secret.stamp.version
                    again = self._sealed(secret, version + 1, unseal(ring, secret))
                    await desk.transaction.put(again, expected=version)
            if self._keys is not None:
                await asyncio.to_thread(self._keys.keep_only, frozenset((ring.current[0],)))
            return Rotated(ring.current[0], len(due))

    async def _renewed(self, secrets: list[Secret]) -> tuple[KeyRing, list[Secret]]:
        """The ring with its new key, and what is not sealed under that one. A new key that nothing is sealed under yet
        was left by a rotation that did not end: it will do."""
        ring = self._ring()
        under = {secret.key_id for secret in secrets}
        unfinished = len(ring.keys) > 1 and bool(under) and ring.current[0] not in under
        if self._keys is not None and not unfinished:
            ring = await asyncio.to_thread(self._keys.add)
        return ring, [secret for secret in secrets if secret.key_id != ring.current[0]]

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
        self._last: KeyRing | None = None

    def hold(self, secrets: Iterable[Secret]) -> frozenset[str]:
        """Replaces the records that are resolved from; the names of those whose value may be another now. One that was
        sealed anew, or described anew, has the same."""
        before, self._held = self._held, {secret.name: secret for secret in secrets}
        changed = {
            name
            for name in before.keys() | self._held.keys()
            if before.get(name) != self._held.get(name) and not self._is_same(before.get(name), self._held.get(name))
        }
        if self._held:
            with suppress(ConfigError):  # said by whoever needs it
                self._last = self._ring()
        return frozenset(changed)

    def resolve(self, reference: str, /) -> str:
        parsed = references.find(reference)
        if parsed is None or parsed.source != "store" or parsed.scheme:
            return self._others.resolve(reference)
        secret = self._held.get(parsed.name)
        if secret is None:
            raise ConfigError((f"{reference} is not in the store: set it, or correct the reference",))
        return self._unsealed(secret)

    def _unsealed(self, secret: Secret) -> str:
        """What is held may have been sealed anew since, and its key dropped: then the ring of that time knows it."""
        ring = self._ring()
        if ring.find(secret.key_id) is None and self._last is not None:
            ring = self._last
        return unseal(ring, secret)

    def _is_same(self, one: Secret | None, other: Secret | None) -> bool:
        if one is None or other is None:
            return False
        try:
            return hmac.compare_digest(self._unsealed(one).encode(), self._unsealed(other).encode())
        except ConfigError:
            return False
