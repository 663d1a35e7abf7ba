"""What is withheld, on the wire: servers that are paused, draining or retired, and keys that are for less than their
owner may. Everything is changed under a running gateway, and another client's stream goes on."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.journeys.terminal import Terminal
from tests.journeys.test_changes import TOOLS_CHANGED, listening
from tests.journeys.wire import MODERN, SECONDS, Answer, Wire
from tests.running import ENDPOINT
from toolgate.client.administration import Administration
from toolgate.client.place import Place
from toolgate.model.declared import Condition
from toolgate.model.entities import Grant, Key, Server, User

LIVE_SECONDS = 1.0
HELLO: dict[str, Any] = {"text": "hello"}
ALL = ["add", "echo", "now"]
BOTH = [f"{server}__{tool}" for server in ("blue", "red") for tool in ALL]


@dataclass(frozen=True)
class Site:
    """A gateway whose records hold two servers: `alice` may use both, `bob` one."""

    url: str
    api: Administration
    http: httpx2.AsyncClient
    keys: dict[str, str]

    def wire(self, key: str, server: str | None = None, version: str = MODERN) -> Wire:
        return Wire(self.http, f"{self.url}/{f'servers/{server}/' if server else ''}mcp", key, version)

    async def mint(self, name: str, **members: Any) -> str:
        made = await self.api.mint(Key(name=name, digest="", owner="user:alice", **members))
        return made.clear


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Place, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("withheld")
    with Terminal(folder, TOOLGATE_DATA_DIR=str(folder / "data")).start("up", "--port", "0") as up:
        place = Place(up.out.wait(ENDPOINT)["url"], "", (folder / "data" / "local.key").read_text().strip())
        yield place, asyncio.run(company(place))
        up.process.terminate()
        assert up.process.wait(20) == 0


@pytest.fixture
async def site(running: tuple[Place, dict[str, str]]) -> AsyncGenerator[Site]:
    place, keys = running
    async with Administration(place) as api, httpx2.AsyncClient(timeout=SECONDS) as http:
        site = Site(place.origin, api, http, keys)
        await until(lambda: names(site.wire(site.keys["alice"])), BOTH)
        yield site


async def company(place: Place) -> dict[str, str]:
    """The keys of two people, of whom each may use what is theirs."""
    keys: dict[str, str] = {}
    async with Administration(place) as api:
        for server in ("blue", "red"):
            await api.register(Server(name=server, kind="echo"))
        for name, servers in (("alice", ("blue", "red")), ("bob", ("blue",))):
            await api.create(User(name=name))
            await api.create(Grant(name=name, subject=f"user:{name}", servers=servers, tools=("*",)))
            keys[name] = (await api.mint(Key(name=name, digest="", owner=f"user:{name}"))).clear
    return keys


async def names(wire: Wire) -> list[str] | int:
    """What is listed, or the status of the refusal."""
    answer = await wire.ask("tools/list")
    return [tool["name"] for tool in answer.result["tools"]] if answer.status == 200 else answer.status


async def until(look: Callable[[], Awaitable[Any]], wanted: Any) -> None:
    """Looks again and again until it is as wanted, within the promised second."""
    end = time.monotonic() + LIVE_SECONDS
    while (found := await look()) != wanted:
        assert time.monotonic() < end, f"after {LIVE_SECONDS:g} s it is still {found}"


def told(answer: Answer, name: str) -> tuple[Any, ...]:
    """What somebody is told, whatever the server is called that they asked for."""
    return answer.status, re.sub(rf"\b{name}(?=__|\b)", "NAME", answer.text)


async def everything(site: Site, key: str, server: str) -> list[tuple[Any, ...]]:
    """All that one is told of a server, on its own endpoint and on that of all."""
    ref = {"ref": {"type": "ref/prompt", "name": f"{server}__x"}, "argument": {"name": "a", "value": ""}}
    own, every = site.wire(key, server), site.wire(key)
    answers = [
        await own.ask("tools/list", id=1),
        await own.ask("tools/call", {"name": "echo", "arguments": HELLO}, id=1),
        await own.ask("server/discover", id=1),
        await every.ask("tools/call", {"name": f"{server}__echo", "arguments": HELLO}, id=1),
        await every.ask("completion/complete", ref, id=1),
        await every.ask("prompts/get", {"name": f"{server}__x"}, id=1),
    ]
    return [told(answer, server) for answer in answers]


@pytest.mark.promise("withheld.states")
async def test_a_server_goes_from_state_to_state_for_who_may_use_it_and_is_never_there_for_others(site: Site):
    alice, bob = site.keys["alice"], site.keys["bob"]
    unknown = await everything(site, bob, "none")
    await site.api.register(Server(name="green", kind="echo"))
    await site.api.create(Grant(name="alice-green", subject="user:alice", servers=("green",), tools=("*",)))
    every, own = site.wire(alice), site.wire(alice, "green")
    await until(lambda: names(own), ALL)
    assert await everything(site, bob, "green") == unknown
    async with listening(site.wire(bob)) as stream:
        await site.api.move(Server, "green", "drain")
        await until(lambda: names(every), BOTH)
        assert (await every.call("green__echo", HELLO)).status == 200, "a draining server answers"
        assert await everything(site, bob, "green") == unknown
        await site.api.move(Server, "green", "pause")
        await until(lambda: _paused(own, "echo"), True)
        assert await _paused(every, "green__echo")
        assert await names(every) == BOTH
        assert await everything(site, bob, "green") == unknown
        await site.api.move(Server, "green", "resume")
        await until(lambda: names(own), ALL)
        await site.api.move(Server, "green", "retire")
        await until(lambda: names(own), 404)
        assert await names(every) == BOTH
        assert await everything(site, alice, "green") == await everything(site, alice, "none")
        assert await everything(site, bob, "green") == unknown
        # None of that was for bob: what he hears first is of his own server.
        heard = asyncio.ensure_future(stream.next(TOOLS_CHANGED))
        await asyncio.sleep(0)
        assert not heard.done()
        grant = await site.api.get(Grant, "bob")
        grant = await site.api.patch(Grant, "bob", {"tools": ["echo"]}, version=grant.stamp.version)
        await heard
        await site.api.patch(Grant, "bob", {"tools": ["*"]}, version=grant.stamp.version)


async def _said(wire: Wire, text: str) -> int:
    return (await wire.call("echo", {"text": text})).status


async def _paused(wire: Wire, tool: str) -> bool:
    """Whether a call is refused, and told why."""
    answer = await wire.call(tool, HELLO)
    assert answer.message is not None
    return "the server green is paused" in answer.message.get("error", {}).get("message", "")


@pytest.mark.promise("withheld.keys")
async def test_a_key_with_a_ceiling_lists_and_calls_no_other_tool(site: Site):
    key = await site.mint("ceiling", tools=("ec*",))
    await until(lambda: names(site.wire(key)), ["blue__echo", "red__echo"])
    assert await names(site.wire(key, "blue")) == ["echo"]
    assert (await site.wire(key, "blue").call("echo", HELLO)).status == 200
    denied = await site.wire(key, "blue").call("add", {"a": 1, "b": 2})
    assert (denied.status, await names(site.wire(key, "blue"))) == (403, ["echo"])


@pytest.mark.promise("withheld.keys")
@pytest.mark.parametrize("version", ["2025-11-25", MODERN])
async def test_a_key_for_one_url_serves_at_no_other(site: Site, version: str):
    key = await site.mint(f"audience-{version}", audiences=("blue",))
    await until(lambda: names(site.wire(key, "blue")), ALL)
    for server in (None, "red"):
        wire = site.wire(key, server, version)
        info = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "wire", "version": "1"}}
        answer = await (wire.ask("tools/list") if wire.modern else wire.ask("initialize", info))
        assert (answer.status, "/servers/blue/mcp" in answer.text) == (403, True), answer


@pytest.mark.promise("withheld.keys")
async def test_a_key_that_expires_is_out_at_that_moment_with_its_streams(site: Site):
    expires = time.time() + 3
    key = await site.mint("expiring", expires=expires)
    wire = site.wire(key)
    await until(lambda: names(wire), BOTH)
    message = wire.request("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    async with listening(site.wire(site.keys["bob"])) as other, wire.streaming(message) as (_, events):
        await anext(events)
        async with asyncio.timeout(SECONDS):
            async for _ in events:
                pass
        assert expires - 0.1 <= time.time() < expires + LIVE_SECONDS
        assert await names(wire) == 401
        grant = await site.api.get(Grant, "bob")
        grant = await site.api.patch(Grant, "bob", {"tools": ["echo"]}, version=grant.stamp.version)
        await other.next(TOOLS_CHANGED)
        await site.api.patch(Grant, "bob", {"tools": ["*"]}, version=grant.stamp.version)


@pytest.mark.promise("withheld.keys")
async def test_a_condition_decides_call_by_call_and_the_tool_is_listed(site: Site):
    key = await site.mint("conditions")
    grant = Grant(
        name="no-secrets", subject="key:conditions", effect="deny", servers=("blue",), tools=("echo",),
        conditions=(Condition(argument="text", prefix="secret"),),
    )  # fmt: skip
    await site.api.create(grant)
    wire = site.wire(key, "blue")
    await until(lambda: _said(wire, "secret plan"), 403)
    assert await _said(wire, "hello") == 200
    assert await names(wire) == ALL
