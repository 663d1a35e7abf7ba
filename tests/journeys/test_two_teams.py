"""Two teams that share nothing: whatever one of them does, it is told the same whether the other's servers exist or
not. Only time may tell, and what differs by chance anyway."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.journeys.test_changes import TOOLS_CHANGED, listening
from tests.journeys.wire import MODERN, SECONDS, Answer, Wire
from tests.running import ALL, Installation
from tests.servers.launching import SERVERS

BLUE: dict[str, Any] = {
    "blue-demo": {"kind": "echo"},
    "blue-many": {"kind": "python", "object": "many_tools:build", "path": str(SERVERS)},
}
RED: dict[str, Any] = {
    "a-demo": {"kind": "echo"},  # before those of the blue team, with the same resources as one of them
    "red-sdk": {"kind": "python", "object": "sdk_server:build", "path": str(SERVERS)},
    "red-demo": {"kind": "echo"},
    "red-down": {"kind": "streamable_http", "url": "http://127.0.0.1:9/mcp"},
}
TEAMS = {"ann": {"teams": ["blue"]}, "rob": {"teams": ["red"]}}
CHANCE = re.compile(r'"(id|at|duration_s|upstream_s|nextCursor)":("[^"]*"|[0-9.e-]+)')
LAST = "nonsense/last"
URIS = (
    *("notes://today", "notes://none", "demo://about", "note://x/y", ""),
    *("a-demo+demo://about", "blue-demo+demo://about", "red-demo+demo://about"),
)
HEADERS = ("content-type", "www-authenticate", "retry-after", "allow", "cache-control")


def company(servers: dict[str, Any]) -> dict[str, Any]:
    """Each team may use what bears its name."""
    grants = [{"team": team, "allow": {**ALL, "servers": [f"{team}-*"]}} for team in ("blue", "red")]
    found = [grant for grant in grants if any(name.startswith(grant["team"]) for name in servers)]
    return {"servers": servers, "teams": {"blue": {}, "red": {}}, "grants": found}


def told(answer: Answer) -> tuple[Any, ...]:
    """Everything of an answer that is not chance."""
    headers = {name: answer.headers[name] for name in HEADERS if name in answer.headers}
    return answer.status, headers, CHANCE.sub(r'"\1":?', answer.text), answer.before


PROBES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("tools/list", {}),
    ("prompts/list", {}),
    ("resources/list", {}),
    ("resources/templates/list", {}),
    ("tools/list", {"cursor": "nonsense"}),
    ("tools/call", {"name": "blue-demo__echo", "arguments": {"text": "hi"}}),
    *(
        ("tools/call", {"name": name, "arguments": {}})
        for name in ("red-sdk__add", "red-demo__echo", "red-down__x", "red-none__x", "red-sdk__none", "add", "echo")
    ),
    ("prompts/get", {"name": "red-sdk__review"}),
    ("prompts/get", {"name": "red-none__review"}),
    *(("resources/read", {"uri": uri}) for uri in URIS),
    *(
        ("completion/complete", {"ref": ref, "argument": {"name": "language", "value": "py"}})
        for ref in (
            {"type": "ref/prompt", "name": "red-sdk__review"},
            {"type": "ref/prompt", "name": "review"},
            {"type": "ref/resource", "uri": "notes://{name}"},
            {"type": "ref/resource", "uri": "notes://today"},
        )
    ),
    ("logging/setLevel", {"level": "info"}),
    ("resources/subscribe", {"uri": "notes://today"}),
    ("nonsense", {}),
)
ENDPOINTS = ("a-demo", "blue-demo", "blue-many", "red-sdk", "red-demo", "red-down", "red-none")


class Spy:
    """Ann, who asks everything that she can think of, at every URL, in both eras."""

    def __init__(self, http: httpx2.AsyncClient, url: str, key: str) -> None:
        self._http = http
        self._url = url
        self._key = key

    async def everything(self) -> list[tuple[Any, ...]]:
        seen: list[tuple[Any, ...]] = []
        for version in ("2025-11-25", MODERN):
            for server in (None, *ENDPOINTS):
                seen.extend([(version, server, *one) async for one in self._at(server, version)])
        await self.wire(None, MODERN).ask(LAST)
        records = await self._records()
        return [*seen, *(("record", record) for record in records)]

    async def _records(self) -> list[dict[str, Any]]:
        """Those of all calls, once the last is among them: they are written a moment later."""
        headers = {"authorization": f"Bearer {self._key}"}
        async with asyncio.timeout(SECONDS):
            while True:
                calls = (await self._http.get(f"{self._url}/api/v1/calls?limit=1000", headers=headers)).json()["calls"]
                if calls and calls[-1]["method"] == LAST:
                    return [{**call, "id": "", "at": 0, "duration_s": 0, "upstream_s": 0} for call in calls]

    def wire(self, server: str | None, version: str) -> Wire:
        path = "/mcp" if server is None else f"/servers/{server}/mcp"
        return Wire(self._http, f"{self._url}{path}", self._key, version)

    async def _at(self, server: str | None, version: str) -> AsyncGenerator[tuple[Any, ...]]:
        wire = self.wire(server, version)
        if wire.modern:
            yield "discover", *told(await wire.ask("server/discover"))
        else:
            info = {"name": "wire", "version": "1"}
            begun = await wire.ask("initialize", {"protocolVersion": version, "capabilities": {}, "clientInfo": info})
            yield "initialize", "mcp-session-id" in begun.headers, *told(begun)
            wire.session = begun.headers.get("mcp-session-id", "foreign")
        for method, params in PROBES:
            yield method, repr(params), *told(await wire.ask(method, params, id=1))
        for _ in range(3):
            page = await wire.ask("tools/list", {})
            cursor = page.message.get("result", {}).get("nextCursor") if page.message else None
            if cursor is None:
                break
            yield "page", len(cursor), *told(await wire.ask("tools/list", {"cursor": cursor}, id=1))
        if not wire.modern:
            yield "end", await wire.end()


@pytest.mark.promise("policy.unseen")
async def test_a_team_is_told_nothing_of_another(tmp_path: Path):
    installation = Installation(tmp_path, company(BLUE), TEAMS)
    seen: list[list[tuple[Any, ...]]] = []
    for servers in (BLUE, {**BLUE, **RED}):
        installation.declare(company(servers))
        installation.servers = tuple(name for name in servers if name != "red-down")
        with installation.up() as gateway:
            async with httpx2.AsyncClient(timeout=SECONDS) as http:
                seen.append(await Spy(http, gateway.url, gateway.keys["ann"]).everything())
    alone, beside = seen
    for one, other in zip(alone, beside, strict=True):
        assert one == other
    assert len(alone) > 300


@pytest.mark.promise("policy.unseen")
@pytest.mark.parametrize("version", ["2025-11-25", MODERN])
async def test_a_team_hears_nothing_of_another(tmp_path: Path, http: httpx2.AsyncClient, version: str):
    """Servers of the other team come and go; the first thing that is heard is what changed of one's own."""
    installation = Installation(tmp_path, company(BLUE), TEAMS)
    with installation.up() as gateway:
        wire = await Wire(http, f"{gateway.url}/mcp", gateway.keys["ann"], version).begin()
        async with listening(wire) as listener:
            for servers in ({**BLUE, **RED}, BLUE, {"blue-demo": BLUE["blue-demo"], **RED}):
                mark = gateway.log.mark()
                installation.declare(company(servers))
                gateway.log.wait(r"is in force", since=mark)
            heard = await listener.next(TOOLS_CHANGED)
            assert set(heard) <= {"_meta"}
            listed = [tool["name"] for tool in (await wire.ask("tools/list")).result["tools"]]
            assert listed
            assert all(name.startswith("blue-demo__") for name in listed), "nothing was heard before that"
