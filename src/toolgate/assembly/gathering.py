"""Records and the file together, as they are in force: gathered anew whenever either of them changes."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress

from toolgate.control.gathered import Gathered, gather, gather_steps
from toolgate.control.slices import done, others
from toolgate.control.vault import StoredSecrets
from toolgate.model.declared import Declared
from toolgate.model.entities import Entity, Secret, Server, Virtual
from toolgate.model.errors import ConfigError, StoreFailed
from toolgate.ports import Clock, Secrets, Store
from toolgate.rules.directory import Directory
from toolgate.rules.key_ring import KeyRing

AGAIN = 1.0
"""Seconds after which a database that failed is asked again."""

LONGEST = 60.0
"""Seconds between two looks at the clock, which may be set."""

logger = logging.getLogger(__name__)

Take = Callable[[Declared], None]
"""Takes into force what was gathered."""

Reopen = Callable[[frozenset[str]], None]
"""Has these servers opened anew although their declarations are as they were."""


class Gathering:
    """`file` is what the file declares at the moment, `declared` all of it together; nothing is, before `begin`."""

    def __init__(self, store: Store, clock: Clock, ring: Callable[[], KeyRing], file: Declared) -> None:
        self.file = file
        self.declared = file
        self._store = store
        self._clock = clock
        self._ring = ring
        self._seq = 0
        self._records: tuple[Entity, ...] = ()
        self._served: tuple[tuple[Entity, ...], Mapping[str, Server | Virtual]] = ((), {})
        self._until: float | None = None
        self._stored: StoredSecrets | None = None
        self._secrets: Mapping[str, Secret] = {}
        self._take: Take | None = None
        self._reopen: Reopen | None = None

    async def begin(self) -> None:
        """Raises ConfigError when the file and the records do not go together, and StoreFailed."""
        self._seq, self._records = await self._store.load()
        self._accept(self._judged(self.file), self.file)

    @property
    def store(self) -> Store:
        """Where the records live."""
        return self._store

    def served(self) -> Mapping[str, Server | Virtual]:
        """The records of servers and virtual servers by name; the very same object until records change."""
        if self._served[0] is not self._records:
            found = {one.name: one for one in self._records if isinstance(one, (Server, Virtual))}
            self._served = (self._records, found)
        return self._served[1]

    def secrets(self, others: Secrets) -> Secrets:
        """Resolves `store:NAME`, and by `others` everything else."""
        self._stored = StoredSecrets(others, self._ring)
        self._stored.hold(self._secrets.values())
        return self._stored

    def into(self, take: Take, reopen: Reopen) -> None:
        """Where everything goes that is gathered from now on."""
        self._take = take
        self._reopen = reopen

    def take_file(self, file: Declared) -> None:
        """A changed file. Raises ConfigError, and leaves all as it was, when it does not go with the records."""
        self._accept(self._judged(file), file)

    async def run(self, problems: dict[str, str]) -> None:
        """Until cancelled: follows the records. A database that fails leaves in force what is."""
        told = ""
        while True:
            try:
                # After a failure it is looked at, also when nothing changed: it may be back.
                if told or await self._wait():
                    self._seq, self._records = await self._store.load()
                    problems.pop("records", None)
            except StoreFailed as error:
                problems["records"] = f"the database cannot be read, what was in force stays: {error}"
                if told != str(error):
                    logger.error("the database cannot be read, what was in force stays: %s", error)
                told = str(error)
                await asyncio.sleep(AGAIN)
                continue
            if told:
                logger.info("the database can be read again")
                told = ""
            try:
                file, gathered = await self._gathered()
                self._accept(gathered, file)
            except ConfigError as error:
                problems["records"] = f"the records do not go with the file: {error}"
                logger.error("the records do not go with the file, what was in force stays:\n%s", error)

    async def _wait(self) -> bool:
        """Until records changed (True), or what was gathered changes by itself."""
        if self._until is None:
            await self._store.wait(self._seq)
            return True
        left = max(0.0, self._until - self._clock.now())
        with suppress(TimeoutError):
            async with asyncio.timeout(min(left, LONGEST)):
                await self._store.wait(self._seq)
                return True
        return False

    async def _gathered(self) -> tuple[Declared, Gathered]:
        """What the records say now, with the file that it goes with; others get their turns in between. A file that is
        taken meanwhile goes with these records, too."""
        while True:
            file = self.file
            await others()
            gathered = await done(gather_steps(Directory(self._records, file), self._clock.now()))
            if self.file is file:
                return file, _sound(gathered)

    def _judged(self, file: Declared) -> Gathered:
        return _sound(gather(Directory(self._records, file), self._clock.now()))

    def _accept(self, gathered: Gathered, file: Declared) -> None:
        secrets = {secret.name: secret for secret in gathered.secrets}
        self.file, self.declared = file, gathered.declared
        self._until, self._secrets = gathered.until, secrets
        changed = frozenset[str]() if self._stored is None else self._stored.hold(secrets.values())
        if self._reopen is not None and changed:
            self._reopen(frozenset(server for server, used in gathered.uses.items() if used & changed))
        if self._take is not None:
            self._take(gathered.declared)


def _sound(gathered: Gathered) -> Gathered:
    """Raises ConfigError when the records and the file do not go together."""
    if gathered.findings:
        raise ConfigError(tuple(f"{path}: {reason}" for path, reason in gathered.findings))
    return gathered
