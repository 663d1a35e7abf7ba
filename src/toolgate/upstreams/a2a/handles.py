"""Handles of tasks and contexts: sealed, so that they can neither be read nor made, and bound to who got them. A model
reaches the tasks of its own caller, whatever ids it makes up."""

from typing import Literal

import msgspec

from toolgate.protocol.sealed import Seal

_LONGEST = 4000


class Held(msgspec.Struct, frozen=True, array_like=True):
    """What a handle stands for: ids of the agent's own. A handle of a context has no task."""

    task: str
    context: str


class _Sealed(msgspec.Struct, frozen=True, array_like=True):
    principal: str
    held: Held


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Sealed).decode


class Handles:
    """Those of one server. `key` are 32 bytes that all replicas share."""

    def __init__(self, key: bytes) -> None:
        self._seals = {kind: Seal(key, f"a2a-{kind}") for kind in ("task", "context")}

    def task(self, held: Held, principal: str) -> str:
        return self._seals["task"].seal(_encode(_Sealed(principal, held)))

    def context(self, context: str, principal: str) -> str:
        return self._seals["context"].seal(_encode(_Sealed(principal, Held("", context))))

    def opened(self, kind: Literal["task", "context"], handle: str, principal: str) -> Held | None:
        """None for a handle that is none of ours, of the other kind, or somebody else's."""
        raw = self._seals[kind].open(handle) if len(handle) <= _LONGEST else None
        if raw is None:
            return None
        sealed = _decode(raw)
        return sealed.held if sealed.principal == principal else None
