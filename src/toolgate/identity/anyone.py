"""Callers without a key, where `--open` lets them in: they act as the local key's principal, with its rights and no
more."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec

from toolgate.model.identity import Credential, Principal
from toolgate.model.snapshot import Snapshot
from toolgate.ports import Authenticator, Toolbox


class Config(msgspec.Struct, frozen=True):
    """`principal` is whom a caller without any credential is taken for."""

    principal: Principal


class Anyone:
    """Takes only those who show nothing: a bad key is still a bad key."""

    def __init__(self, principal: Principal) -> None:
        self._principal = principal

    async def identify(self, snapshot: Snapshot, credential: Credential, /) -> Principal | None:
        return self._principal if credential.scheme == "none" else None


@asynccontextmanager
async def open(config: Config, toolbox: Toolbox, /) -> AsyncGenerator[Authenticator]:
    yield Anyone(config.principal)
