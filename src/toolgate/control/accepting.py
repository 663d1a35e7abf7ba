"""Keeps what was accepted of each server in step with the servers, in the background: what a server offers when nothing
was accepted yet is accepted, drift is said in the log, and what was accepted of servers that are gone goes too."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress

from toolgate.control.offered import Offered
from toolgate.control.slices import others
from toolgate.model.catalog import Discovery
from toolgate.model.declared import Declared
from toolgate.model.entities import Acceptance, Server
from toolgate.model.errors import Conflict, StoreFailed
from toolgate.ports import Store
from toolgate.rules.directory import Directory
from toolgate.rules.drift import compare

ACTOR = "gateway"
"""Who accepts what a server offers at first, in the audit."""

CALM = 1.0
"""Seconds between a change and a look at it: servers that start together are looked at together."""

AGAIN = 30.0
"""Seconds after which it is tried again where the database failed, or another process was faster."""

logger = logging.getLogger(__name__)


class Accepting:
    """`discoveries` is what is known of each open server, `file` what the file declares at the moment."""

    def __init__(
        self,
        store: Store,
        discoveries: Callable[[], Mapping[str, Discovery]],
        file: Callable[[], Declared],
        offered: Offered,
    ) -> None:
        self._store = store
        self._discoveries = discoveries
        self._file = file
        self._offered = offered
        self._woken = asyncio.Event()
        self._seen: Mapping[str, Discovery] = {}

    def wake(self) -> None:
        """Something changed."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled."""
        pause: float | None = None
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._woken.wait()
            await asyncio.sleep(CALM)
            self._woken.clear()
            try:
                await self.look()
                pause = None
            except (StoreFailed, Conflict) as error:
                logger.debug("what servers offer could not be compared: %s", error)
                pause = AGAIN
            except Exception:
                logger.exception("what servers offer could not be compared with what was accepted")
                pause = AGAIN

    async def look(self) -> None:
        """Once. Raises StoreFailed, and Conflict where another process was faster."""
        discoveries = dict(self._discoveries())
        fresh = {name: found for name, found in discoveries.items() if self._seen.get(name) is not found}
        if not fresh and self._seen.keys() == discoveries.keys():
            return
        _, records = await self._store.load()
        await others()
        directory = Directory(records, self._file())
        await others()
        names = frozenset(directory.all(Server)) | {spec.name for spec in directory.declared.servers}
        first = [
            Acceptance(name=name, offers=dict(await self._offered.of(name, found)))
            for name, found in fresh.items()
            if name in names and directory.get(Acceptance, name) is None
        ]
        gone = [one for one in directory.all(Acceptance).values() if one.name not in names]
        if first or gone:
            async with self._store.transaction(ACTOR) as transaction:
                for accepted in first:
                    await transaction.put(accepted, expected=0)
                for accepted in gone:
                    await transaction.remove(Acceptance, accepted.name, expected=accepted.stamp.version)
        await self._say_drift(directory, fresh)
        self._offered.forget(discoveries)
        self._seen = discoveries

    async def _say_drift(self, directory: Directory, fresh: Mapping[str, Discovery]) -> None:
        for name, found in fresh.items():
            accepted = directory.get(Acceptance, name)
            drift = None if accepted is None else compare(accepted.offers, await self._offered.of(name, found))
            if drift:
                logger.warning("server %s: it offers something else than was accepted: %s", name, drift)
