"""Merged lists of more than a page, and the cursors that lead through them."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import httpx2
import pytest

from tests.journeys.wire import LEGACY, MODERN, Wire
from tests.running import ALL, Gateway, Installation
from tests.servers.launching import SERVERS

MANY: dict[str, Any] = {"kind": "python", "object": "many_tools:build", "path": str(SERVERS)}
TOOLS = 1200
"""What tests/servers/many_tools.py offers."""


def declared(*names: str) -> dict[str, Any]:
    return {
        "servers": dict.fromkeys(names, MANY),
        "grants": [
            {"everyone": True, "allow": ALL},
            {"key": "bob", "deny": {"servers": ["*"], "tools": ["tool-0*"]}},
        ],
    }


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("many"), declared("first", "second"), ("alice", "bob"))


@pytest.fixture(scope="module")
def gateway(installation: Installation) -> Generator[Gateway]:
    with installation.up() as running:
        yield running


async def pages(wire: Wire, cursor: str | None = None) -> tuple[list[list[str]], list[str]]:
    """The names on each page, and the cursors between them."""
    found: list[list[str]] = []
    cursors: list[str] = []
    while True:
        result = (await wire.ask("tools/list", {} if cursor is None else {"cursor": cursor})).result
        found.append([tool["name"] for tool in result["tools"]])
        cursor = result.get("nextCursor")
        if cursor is None:
            return found, cursors
        cursors.append(cursor)


@pytest.mark.promise("lists.pages")
@pytest.mark.parametrize("version", [*LEGACY, MODERN])
async def test_a_merged_list_is_paged(gateway: Gateway, http: httpx2.AsyncClient, version: str):
    wire = await Wire(http, gateway.endpoint(), gateway.keys["alice"], version).begin()
    found, _ = await pages(wire)
    assert [len(page) for page in found] == [1000, 1000, 400]
    names = [name for page in found for name in page]
    assert names == sorted(f"{server}__tool-{number:04}" for server in ("first", "second") for number in range(TOOLS))
    answer = await wire.call(names[-1])
    assert answer.result["content"][0]["text"] == "tool-1199"


@pytest.mark.promise("lists.pages")
async def test_pages_hold_what_the_caller_may_see(gateway: Gateway, http: httpx2.AsyncClient):
    found, _ = await pages(Wire(http, gateway.endpoint(), gateway.keys["bob"]))
    assert [len(page) for page in found] == [400]
    own, _ = await pages(Wire(http, gateway.endpoint("first"), gateway.keys["alice"]))
    assert [len(page) for page in own] == [1000, 200]


@pytest.mark.promise("lists.pages")
async def test_a_cursor_serves_its_principal_list_and_endpoint_alone(gateway: Gateway, http: httpx2.AsyncClient):
    alice = Wire(http, gateway.endpoint(), gateway.keys["alice"])
    _, cursors = await pages(alice)
    cursor = cursors[0]
    strangers = [
        (Wire(http, gateway.endpoint(), gateway.keys["bob"]), "tools/list", cursor),
        (Wire(http, gateway.endpoint("first"), gateway.keys["alice"]), "tools/list", cursor),
        (alice, "tools/list", cursor[:-4] + ("AAAA" if not cursor.endswith("AAAA") else "BBBB")),
        (alice, "tools/list", ""),
        (alice, "tools/list", "1000"),
        (await Wire(http, gateway.endpoint(), gateway.keys["bob"], "2025-11-25").begin(), "tools/list", cursor),
    ]
    for wire, method, given in strangers:
        answer = await wire.ask(method, {"cursor": given})
        assert answer.error["code"] == -32602, given
        assert answer.status == (400 if wire.modern else 200)
    legacy = await Wire(http, gateway.endpoint(), gateway.keys["alice"], "2025-11-25").begin()
    assert (await legacy.ask("tools/list", {"cursor": cursor})).result["tools"], "it is the same list in every era"


@pytest.mark.promise("lists.pages")
async def test_a_cursor_outlives_a_reload_and_a_restart(tmp_path: Any, http: httpx2.AsyncClient):
    installation = Installation(tmp_path, declared("second"), ("alice", "bob"))
    with installation.up() as gateway:
        wire = Wire(http, gateway.endpoint(), gateway.keys["alice"])
        found, cursors = await pages(wire)
        mark = gateway.log.mark()
        installation.declare(declared("first", "second", "third"))
        gateway.log.wait("the changed configuration is in force", since=mark)
        for name in ("first", "third"):
            gateway.log.wait(f"server {name}: {TOOLS} offers", since=mark)
        rest, _ = await pages(wire, cursors[0])
        assert rest[0][: len(found[1])] == found[1], "what comes before the cursor does not come again"
        assert set(rest[0][len(found[1]) :]) <= {f"third__tool-{number:04}" for number in range(TOOLS)}
    with installation.up() as gateway:
        wire.url = gateway.endpoint()
        again, _ = await pages(wire, cursors[0])
        assert again[0][: len(found[1])] == found[1]
        assert sum(len(page) for page in again) == len(found[1]) + TOOLS
