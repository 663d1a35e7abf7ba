"""Who shares a session (or a child process) of a server of the handshake era, and that no call opens one of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Generator

import httpx2
import pytest

from tests.journeys.wire import MODERN, Wire
from tests.running import ALL, Gateway, Installation
from tests.servers.launching import launched_script, script

KEYS = {"alice": {"teams": ["blue"]}, "bella": {"teams": ["blue"]}, "carl": {"teams": ["red"]}}
DIFFERENT = {"principal": 3, "default": 3, "team": 2, "all": 1}
"""How many sessions the three keys have together."""

SHARED = (("child", "all"), ("http", "all"), ("http", "team"), ("http", "principal"))
PLACES = (*SHARED, ("child", "default"), ("http", "default"))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gateway]:
    with launched_script("sdk_server") as sdk:
        kinds = {
            "child": {"kind": "stdio", "command": script("sdk_server", "--stdio"), "era": "legacy"},
            "http": {"kind": "streamable_http", "url": sdk.url, "era": "legacy"},
        }
        servers = {f"{kind}-{who}": {**kinds[kind], "sharing": who} for kind, who in SHARED}
        declared = {
            "servers": {**servers, "child-default": kinds["child"], "http-default": kinds["http"]},
            "teams": {"blue": {}, "red": {}},
            "grants": [{"everyone": True, "allow": ALL}],
        }
        with Installation(tmp_path_factory.mktemp("sharing"), declared, KEYS).up() as running:
            yield running


async def place(gateway: Gateway, http: httpx2.AsyncClient, server: str, key: str, version: str) -> str:
    """Where calls of this key arrive: a process, or a session. Asks several times, at once too."""
    wire = await Wire(http, gateway.endpoint(server), gateway.keys[key], version).begin()
    answers = [await wire.call("received") for _ in range(3)]
    answers += await asyncio.gather(*(wire.call("received") for _ in range(5)))
    received = [answer.result["structuredContent"] for answer in answers]
    places = {str(one["headers"].get("mcp-session-id") or one["pid"]) for one in received}
    assert len(places) == 1, "a call has opened a session of its own"
    return places.pop()


@pytest.mark.promise("sharing.children")
@pytest.mark.parametrize("version", ["2025-11-25", MODERN])
@pytest.mark.parametrize(("kind", "sharing"), PLACES)
async def test_who_shares_a_session(gateway: Gateway, http: httpx2.AsyncClient, kind: str, sharing: str, version: str):
    server = f"{kind}-{sharing}"
    places = {key: await place(gateway, http, server, key, version) for key in KEYS}
    assert len(set(places.values())) == DIFFERENT[sharing]
    assert (places["alice"] == places["bella"]) == (sharing in ("team", "all"))
    again = {key: await place(gateway, http, server, key, version) for key in KEYS}
    assert again == places, "a session is kept from client to client"
