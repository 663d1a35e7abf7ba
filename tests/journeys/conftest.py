"""The one Toolgate that most journeys share, and the servers behind it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any

import httpx2
import pytest

from tests.journeys.peers import DENIED, Behind, launched_peers
from tests.journeys.wire import MODERN, SECONDS, Wire
from tests.npm.fixtures import npm_toolchain
from tests.npm.toolchain import Toolchain
from tests.running import ALL, Gateway, Installation

__all__ = ["npm_toolchain"]

KEYS = {"alice": {}, "bob": {}, "carol": {}, "dave": {}, "nobody": {}}
"""`alice` may use everything but DENIED; `bob` and `carol` everything; `dave` one tool of one server; `nobody`
nothing."""

Connect = Callable[..., Awaitable[Wire]]


@pytest.fixture(scope="session")
def behind(npm_toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Generator[Behind]:
    with launched_peers(npm_toolchain, tmp_path_factory.mktemp("files")) as found:
        yield found


@pytest.fixture(scope="session")
def gateway(behind: Behind, tmp_path_factory: pytest.TempPathFactory) -> Generator[Gateway]:
    """Everything behind one Toolgate. Tests that change what it serves use one of their own."""
    grants: list[dict[str, Any]] = [
        {"key": "alice", "allow": ALL, "deny": {"servers": ["*"], "tools": list(DENIED)}},
        *({"key": name, "allow": ALL} for name in ("bob", "carol", "local")),
        {"key": "dave", "allow": {"servers": ["sdk"], "tools": ["add"]}},
    ]
    declared = {"servers": {**behind.servers, **crossed(behind)}, "virtual": VIRTUAL, "grants": grants}
    with Installation(tmp_path_factory.mktemp("gateway"), declared, KEYS).up() as running:
        yield running


def crossed(behind: Behind) -> dict[str, Any]:
    """Servers once more, spoken to in one era only: one half of the clients is of the other."""
    sdk, asks = behind.servers["sdk"], behind.servers["asks"]
    return {
        "newer": {**sdk, "era": "modern"},
        "older": {**sdk, "era": "legacy"},
        "asks-newer": {**asks, "era": "modern"},
        "asks-older": {**asks, "era": "legacy"},
    }


VIRTUAL: dict[str, Any] = {
    "chosen": {
        "description": "A few things of several servers",
        "offers": [
            {
                "server": "sdk",
                "tools": [
                    {"name": "add", "as": "sum", "description": "Adds, under another name."},
                    {"name": "place", "as": "locate"},
                    "received",
                    "slow",
                ],
                "prompts": [{"name": "review", "as": "inspect"}],
                "resources": ["notes://*"],
            },
            {"server": "demo", "tools": ["echo"]},
        ],
    }
}


@pytest.fixture
async def http() -> AsyncGenerator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=SECONDS) as client:
        yield client


@pytest.fixture
def connect(gateway: Gateway, http: httpx2.AsyncClient) -> Connect:
    """Makes raw clients of the shared Toolgate: `await connect("sdk", key="carol", version="2025-11-25")`. With
    `begin=False` one of the handshake era has not initialized."""

    async def make(
        server: str | None = None,
        *,
        key: str | None = "bob",
        version: str = MODERN,
        capabilities: dict[str, Any] | None = None,
        begin: bool = True,
    ) -> Wire:
        secret = None if key is None else gateway.keys.get(key, key)
        wire = Wire(http, gateway.endpoint(server), secret, version, capabilities)
        return await wire.begin() if begin else wire

    return make
