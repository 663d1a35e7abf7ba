"""What the use cases of the control plane stand on, and the reading of all records at once."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from toolgate.control.kinds import Kinds
from toolgate.control.slices import others
from toolgate.model.catalog import Discovery
from toolgate.model.declared import Declared
from toolgate.model.entities import ENTITIES, Entity
from toolgate.ports import Clock, Store, Transaction
from toolgate.rules.directory import Directory
from toolgate.rules.facts import Facts


class Registry(msgspec.Struct, frozen=True):
    """`declared` is what a file declares at the moment; `discoveries` what is known of each server's offers, by
    server."""

    store: Store
    clock: Clock
    kinds: Kinds
    declared: Callable[[], Declared] = Declared
    discoveries: Callable[[], Mapping[str, Discovery]] = dict[str, Any]

    def facts(self, directory: Directory) -> Facts:
        return Facts(
            directory=directory,
            now=self.clock.now(),
            kinds=tuple(self.kinds.names),
            foreign=self.kinds.foreign,
            fields=lambda kind: tuple(self.kinds.fields(kind)),
            judge_settings=lambda kind, settings: tuple(self.kinds.validate(kind, settings)),
            discoveries=self.discoveries(),
        )

    async def directory(self) -> Directory:
        """Every record, outside of any transaction."""
        _, records = await self.store.load()
        await others()
        return Directory(records, self.declared())

    async def directory_in(self, transaction: Transaction) -> Directory:
        """Every record, as this transaction sees them."""
        records: list[Entity] = []
        for entity in ENTITIES.values():
            records.extend(await transaction.find(entity))
        await others()
        directory = Directory(records, self.declared())
        await others()
        return directory
