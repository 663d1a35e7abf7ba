"""What a record is judged against: all other records, the time, the kinds of servers, and what servers offer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from toolgate.model.catalog import Discovery
from toolgate.model.entities import Entity, Server
from toolgate.rules.directory import Directory

Finding = tuple[str, str]
"""(path of the field, what is wrong with it and what to do); the path is empty for the record as a whole."""


_CONNECTOR = "connector"


def _no_fields(kind: str) -> Sequence[str]:
    return ()


def _no_flaws(kind: str, settings: dict[str, Any]) -> Sequence[Finding]:
    return ()


def _everything(server: str) -> bool:
    return True


class Facts(msgspec.Struct, frozen=True):
    """`directory` holds all records but the one that is judged, which was `before` (None for a new one). `now` is Unix
    time in seconds. `foreign` are kinds of other packages; `fields` are the settings of a kind, and `judge_settings`
    what is wrong with some; `discoveries` are by server. `sees` says whether whoever asks may know of a server of this
    name, if there is one."""

    directory: Directory
    now: float
    before: Entity | None = None
    kinds: tuple[str, ...] = ()
    foreign: frozenset[str] = frozenset()
    fields: Callable[[str], Sequence[str]] = _no_fields
    judge_settings: Callable[[str, dict[str, Any]], Sequence[Finding]] = _no_flaws
    discoveries: Mapping[str, Discovery] = {}
    sees: Callable[[str], bool] = _everything

    def is_remote(self, kind: str) -> bool:
        """Whether servers of this kind are reached at a URL; all others run on, or read, the gateway's own machine."""
        return kind in self.kinds and "url" in self.fields(kind)

    def is_elsewhere(self, server: Server) -> bool:
        """Whether it neither runs on nor reads the gateway's own machine. A connector asks a product at its address,
        unless it is one from a folder. What a kind of another package does beside its URL, nobody knows here."""
        if server.kind in self.foreign:
            return False
        return self.is_remote(server.kind) or (server.kind == _CONNECTOR and "path" not in server.settings)

    def beside(self, record: Entity) -> "Facts":
        """As if this record were there too."""
        return msgspec.structs.replace(self, directory=self.directory.with_(record))

    def about(self, record: Entity) -> "Facts":
        """For judging what a record of this name is to become."""
        kept = self.directory.without(type(record), record.name)
        return msgspec.structs.replace(self, directory=kept, before=self.directory.get(type(record), record.name))
