"""When keys were last used: the authenticator notes it, and a little later it is kept for all processes to tell."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress

import msgspec

from toolgate.model.entities import Entity, Key
from toolgate.model.errors import StoreFailed
from toolgate.ports import KeyUses

EVERY = 30.0
"""Seconds between two times that uses are kept; a process that is killed loses what it saw in between."""

logger = logging.getLogger(__name__)


class LastUse:
    """`seen` is what this process saw, in Unix seconds by the name of the key; others write it. Without `kept`, that is
    all there is."""

    def __init__(self, seen: Mapping[str, float], kept: KeyUses | None = None) -> None:
        self._seen = seen
        self._kept = kept
        self._told: dict[str, float] = {}

    async def told(self, *records: Entity) -> tuple[Entity, ...]:
        """The records, keys with their last use. While the database is away, it is what this process knows. What a key
        of the same name did before this one was made is not told of it."""
        if not any(isinstance(record, Key) for record in records):
            return records
        kept: Mapping[str, float] = {}
        with suppress(StoreFailed):
            kept = {} if self._kept is None else await self._kept.used()
        return tuple(_used(record, max(kept.get(record.name, 0), self._seen.get(record.name, 0))) for record in records)

    async def keep(self) -> None:
        """Keeps what was not kept yet. Raises StoreFailed, and it stays to be kept."""
        if self._kept is None:
            return
        fresh = {name: at for name, at in dict(self._seen).items() if at > self._told.get(name, 0)}
        if fresh:
            await self._kept.keep(fresh)
            self._told |= fresh

    async def run(self) -> None:
        """Until cancelled; then what is left is kept."""
        try:
            while True:
                await asyncio.sleep(EVERY)
                await self._try()
        finally:
            await self._try()

    async def _try(self) -> None:
        try:
            await self.keep()
        except StoreFailed as error:
            logger.debug("when keys were used could not be kept: %s", error)


def _used(record: Entity, at: float) -> Entity:
    """A record that is no key, and a key that was not used, as they are."""
    if not isinstance(record, Key) or at <= record.stamp.created_at:
        return record
    return msgspec.structs.replace(record, stamp=msgspec.structs.replace(record.stamp, used_at=at))
