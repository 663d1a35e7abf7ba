"""A gateway with records, on a real socket, in this process: SQLite, the real use cases, the real authenticators."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tests.databases.fixtures import Place as Database
from toolgate.assembly.administration import over
from toolgate.assembly.gateway import open_gateway
from toolgate.client.administration import Administration
from toolgate.client.place import Place
from toolgate.egress.client import HttpClient
from toolgate.model.declared import Declared, KeySpec, TeamSpec
from toolgate.model.entities import Binding
from toolgate.ports import HttpAnswer
from toolgate.rules import keys
from toolgate.rules.key_ring import KEY_BYTES, KeyRing
from toolgate.rules.permissions import ROLES
from toolgate.settings import Settings
from toolgate.stores.data_dir import open_data_dir
from toolgate.stores.records import Records

NOBODY = "nobody"
"""A key without any role."""


@dataclass(frozen=True)
class Site:
    """`keys` are clear: `owner` is the bootstrap key, and one for each built-in role and for nobody."""

    url: str
    keys: Mapping[str, str]
    records: Records

    def api(self, who: str = "local") -> Administration:
        return Administration(Place(self.url, "", self.keys[who]))

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        who: str | None = "local",
        headers: Mapping[str, str] | None = None,
    ) -> HttpAnswer:
        """One plain exchange; a `body` that is not bytes is sent as JSON."""
        sent = dict(headers or {})
        if who is not None:
            sent["Authorization"] = f"Bearer {self.keys[who]}"
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        encoded = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        route = HttpClient().route(self.url, server="toolgate", limit=64 * 1024 * 1024)
        try:
            return await route.send(method, f"/api/v1{path}", list(sent.items()), encoded)
        finally:
            await route.close()


@asynccontextmanager
async def administered(directory: Path) -> AsyncGenerator[Site]:
    data = open_data_dir(directory / "data")
    clear = {name: keys.mint(secrets.token_bytes(keys.ENTROPY_BYTES)) for name in (*ROLES, NOBODY)}
    declared = Declared(
        teams=tuple(TeamSpec(f"only-{name}") for name in clear),
        keys=tuple(
            KeySpec(
                f"key-{name}",
                keys.digest(data.key_pepper, key.encode()),
                teams=() if name == NOBODY else (f"only-{name}",),
            )
            for name, key in clear.items()
        ),
    )
    ring = KeyRing((("one", secrets.token_bytes(KEY_BYTES)),))
    settings = Settings(port=0, watch=False, drain_timeout=2.0)
    async with Database("sqlite", data.path, None).open() as records:
        opening = over(records, data.key_pepper, lambda: ring)
        async with open_gateway(settings, data, declared, {}, None, (), opening, None) as gateway:
            serving = asyncio.create_task(gateway.serve())
            try:
                site = Site(gateway.listening.url, {**clear, "local": data.local_key}, records)
                async with site.api() as api:
                    for role in ROLES:
                        await api.create(Binding(name=f"give-{role}", subject=f"team:only-{role}", role=role))
                yield site
            finally:
                gateway.listening.server.stop(at_once=True)
                async with asyncio.timeout(20):
                    await serving
