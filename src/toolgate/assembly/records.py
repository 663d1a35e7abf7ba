"""The record store of an installation: opened, gathered with the file, and the use cases over it."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec

from toolgate import extensions
from toolgate.assembly.administration import Opening, over
from toolgate.assembly.gathering import Gathering
from toolgate.credentials.references import References
from toolgate.egress.client import HttpClient
from toolgate.model.declared import Declared
from toolgate.ports import Toolbox
from toolgate.settings import SECRET_KEYS, Settings
from toolgate.stores import key_ring
from toolgate.stores.clock import SystemClock
from toolgate.stores.data_dir import DataDir


class Kept(msgspec.Struct, frozen=True):
    """What a gateway with records needs beside its file; empty for one that runs from the file alone."""

    administration: Opening | None = None
    gathering: Gathering | None = None


@asynccontextmanager
async def open_records(
    settings: Settings, data: DataDir, declared: Declared, environment: Mapping[str, str]
) -> AsyncGenerator[Kept]:
    """Opens the database, unless there is to be none. Raises ConfigError, also when the file and the records do not go
    together or the keys there were made with another pepper, and StoreFailed."""
    if settings.state == "none":
        yield Kept()
        return
    records = extensions.record_store()
    given = environment.get(SECRET_KEYS)
    ring = partial(key_ring.load, data.path, given)
    data_keys = key_ring.RingFile(data.path) if given is None else None
    toolbox = toolbox_of(data.path, environment)
    async with records.open(records.Config(settings.database), toolbox) as store:
        await store.judge_pepper(data.path, data.key_pepper)
        gathering = Gathering(store, toolbox.clock, ring, declared)
        await gathering.begin()
        opening = over(
            store,
            data.key_pepper,
            ring,
            lambda: gathering.file,
            probing=True,
            data_keys=data_keys,
            catalog=settings.catalog,
            key_uses=store.key_uses,
        )
        yield Kept(opening, gathering)


def toolbox_of(data: Path, environment: Mapping[str, str]) -> Toolbox:
    """What a store may use; references in settings start at the working directory."""
    return Toolbox(HttpClient(), References(environment, Path.cwd()), SystemClock(), data)
