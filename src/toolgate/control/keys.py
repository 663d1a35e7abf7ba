"""API keys: made, rotated, revoked. The key itself is answered once, by the call that made it, and kept nowhere."""

from collections.abc import Callable

import msgspec

from toolgate.control.administration import Administration
from toolgate.control.repeating import Repeat
from toolgate.model.entities import Key
from toolgate.model.errors import Refused
from toolgate.model.identity import Principal
from toolgate.rules import keys


class Minted(msgspec.Struct, frozen=True):
    """A key's record, and the key itself, which is nowhere else and not in a repr."""

    key: Key
    clear: str

    def __repr__(self) -> str:
        return f"Minted({self.key.name!r}, ***)"


class Keys:
    """`pepper` keys the digests; `random` is `os.urandom`."""

    def __init__(self, administration: Administration, pepper: bytes, random: Callable[[int], bytes]) -> None:
        self._administration = administration
        self._pepper = pepper
        self._random = random

    async def mint(self, actor: Principal, value: Key, *, request: str = "", repeat: Repeat | None = None) -> Minted:
        """Makes a key. `value` says everything of it but the digest, which is ours. Raises what `create` raises."""
        clear, digest = self._new()
        made = msgspec.structs.replace(value, digest=digest, revoked=False)
        return Minted(await self._administration.create(actor, made, request=request, repeat=repeat), clear)

    async def rotate(self, actor: Principal, name: str, *, expected: int, request: str = "") -> Minted:
        """Another secret for the same key: the one before is refused from the next call on.

        Raises Refused for a revoked key, which would stay so.
        """
        clear, digest = self._new()
        # Read beside the transaction: `expected` makes sure that it is still the same then.
        known = await self._administration.get(actor, Key, name)
        if known.revoked:
            raise Refused((("revoked", f"the key {name!r} was revoked, which is for ever: make another"),))
        changed = msgspec.structs.replace(known, digest=digest)
        return Minted(await self._administration.replace(actor, changed, expected=expected, request=request), clear)

    async def revoke(self, actor: Principal, name: str, *, expected: int, request: str = "") -> Key:
        """Refuses the key from the next call on; the record stays, so that the audit can name it."""
        changed = msgspec.structs.replace(await self._administration.get(actor, Key, name), revoked=True)
        async with self._administration.open(actor, request=request) as desk:
            return await desk.restrict(changed, expected=expected)

    async def own(
        self, actor: Principal, *, after: str | None = None, limit: int = 100
    ) -> tuple[tuple[Key, ...], str | None]:
        """The keys of the person or program that the actor is."""
        who = await self._administration.whoami(actor)
        return await self._administration.list(actor, Key, after=after, limit=limit, filters={"owner": who.subject})

    def _new(self) -> tuple[str, str]:
        clear = keys.mint(self._random(keys.ENTROPY_BYTES))
        return clear, keys.digest(self._pepper, clear.encode()).hex()
