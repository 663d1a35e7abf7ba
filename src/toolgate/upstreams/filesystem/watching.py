"""Looks, again and again, whether files that somebody listens to have changed. Asking is the only way that works on
every file system, and through the same confinement as reading."""

import asyncio
import os
import time
from contextlib import suppress

from toolgate.model.catalog import Change, ChangeKind
from toolgate.model.errors import Fault
from toolgate.pipeline.announcements import Announcements
from toolgate.upstreams.filesystem import resources
from toolgate.upstreams.filesystem.failures import Failure, Stopped
from toolgate.upstreams.filesystem.tools.tool import Desk
from toolgate.upstreams.filesystem.workers import Pulse, Workers

MOST_WATCHED = 2_000
"""Files that are looked at; of more, those whose URIs come first."""

_LOOK_SECONDS = 30.0
_RECENT_SECONDS = 5.0
"""What changed less than this before somebody began to listen is announced: it may have been after they asked to, and
before we heard of it."""

_Signature = tuple[int, ...]
"""What changes when the file does; empty where there is none."""

_Seen = dict[str, _Signature]


class Watching:
    def __init__(self, desk: Desk, workers: Workers, announcements: Announcements) -> None:
        self._desk = desk
        self._workers = workers
        self._announcements = announcements
        self._uris: tuple[str, ...] = ()
        self._seen: _Seen = {}
        self._tops: tuple[tuple[int, int], ...] | None = None

    async def watch(self, uris: frozenset[str]) -> None:
        """From now on these; what they are now is what changes are held against."""
        self._uris = tuple(sorted(uris)[:MOST_WATCHED])
        new = tuple(uri for uri in self._uris if uri not in self._seen)
        found = await self._look_at(new) if new else {}
        seen = {uri: _signature(stat) for uri, stat in found.items()}
        self._seen = {uri: self._seen.get(uri, seen.get(uri, ())) for uri in self._uris}
        for uri, stat in found.items():
            if stat is not None and abs(time.time() - stat.st_ctime) < _RECENT_SECONDS:
                self._announcements.announce(Change(ChangeKind.RESOURCE, uri))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self._desk.settings.poll)
            with suppress(Fault, Stopped, Failure, OSError):
                await self._look()

    async def _look(self) -> None:
        for uri, stat in (await self._look_at(self._uris)).items():
            signature = _signature(stat)
            if uri in self._seen and self._seen[uri] != signature:
                self._seen[uri] = signature
                self._announcements.announce(Change(ChangeKind.RESOURCE, uri))
        tops = await self._workers.run(self._top, self._pulse(), long=True)
        if self._tops is not None and tops != self._tops:
            self._announcements.announce(Change(ChangeKind.LISTS))
        self._tops = tops

    async def _look_at(self, uris: tuple[str, ...]) -> dict[str, os.stat_result | None]:
        pulse = self._pulse()

        def look() -> dict[str, os.stat_result | None]:
            found: dict[str, os.stat_result | None] = {}
            for uri in uris:
                pulse.check()
                found[uri] = resources.look(self._desk, uri)
            return found

        return await self._workers.run(look, pulse, long=True)

    def _top(self) -> tuple[tuple[int, int], ...]:
        """What changes when a file is added to, or taken from, the top of a root."""
        with suppress(OSError):  # said by the next discovery
            self._desk.files.refresh()
        files = self._desk.files
        found = [os.fstat(files.descriptor(root)) for root in files.places.roots if files.is_open(root)]
        return tuple((stat.st_ino, stat.st_mtime_ns) for stat in found)

    @staticmethod
    def _pulse() -> Pulse:
        return Pulse(time.perf_counter() + _LOOK_SECONDS)


def _signature(found: os.stat_result | None) -> _Signature:
    return () if found is None else (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
