"""Edits of the configuration while Toolgate runs."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.journeys.test_changes import TOOLS_CHANGED, listening
from tests.journeys.wire import MODERN, SECONDS, Wire
from tests.running import ALL, Gateway, Installation
from tests.servers.launching import LaunchedServer, launched_script

IN_FORCE = "the changed configuration is in force"
REFUSED = "is refused, the former configuration stays in force"


@pytest.fixture(scope="module")
def sdk() -> Generator[LaunchedServer]:
    with launched_script("sdk_server") as server:
        yield server


def declared(sdk: LaunchedServer, *servers: str, denied: tuple[str, ...] = ()) -> dict[str, Any]:
    kinds = {"demo": {"kind": "echo"}, "sdk": {"kind": "streamable_http", "url": sdk.url}}
    grant: dict[str, Any] = {"key": "alice", "allow": ALL}
    if denied:
        grant["deny"] = {"servers": ["*"], "tools": list(denied)}
    return {"servers": {name: kinds[name] for name in servers}, "grants": [grant]}


async def edited(gateway: Gateway, installation: Installation, content: Any, said: str = IN_FORCE) -> None:
    """Writes the configuration and waits until the process has said what it made of it."""
    mark = gateway.log.mark()
    installation.write(content) if isinstance(content, str) else installation.declare(content)
    await asyncio.to_thread(gateway.log.wait, said, since=mark, seconds=SECONDS)


@pytest.mark.promise("reload.atomic")
@pytest.mark.parametrize("version", ["2025-11-25", MODERN])
async def test_calls_under_way_end_as_they_began(
    tmp_path: Path, http: httpx2.AsyncClient, sdk: LaunchedServer, version: str
):
    installation = Installation(tmp_path, declared(sdk, "demo", "sdk"), ("alice",))
    with installation.up() as gateway:
        wire = await Wire(http, gateway.endpoint(), gateway.keys["alice"], version).begin()
        name = uuid.uuid4().hex
        message = wire.request(
            "tools/call", {"name": "sdk__released", "arguments": {"name": name}}, {"progressToken": 1}
        )
        async with listening(wire) as listener, wire.streaming(message) as (_, events):
            while (await anext(events)).message is None:
                pass
            await edited(gateway, installation, declared(sdk, "demo"))
            await listener.next(TOOLS_CHANGED)
            listed = [tool["name"] for tool in (await wire.ask("tools/list")).result["tools"]]
            assert "demo__echo" in listed
            assert not any(tool.startswith("sdk__") for tool in listed)
            assert (await wire.call("sdk__add", {"a": 1, "b": 1})).error["code"] == -32602
            await Wire(http, sdk.url).call("release", {"name": name})
            rest = [event.message async for event in events if event.message is not None]
        assert rest[-1]["result"]["content"][0]["text"] == f"{name} was released", "its server was removed"


@pytest.mark.promise("reload.broken")
@pytest.mark.parametrize("text", ["version: 1\nservers: {", "version: 1\nservers: {demo: {kind: ecko}}\n", ""])
async def test_a_broken_edit_changes_nothing_and_is_said(
    tmp_path: Path, http: httpx2.AsyncClient, sdk: LaunchedServer, text: str
):
    installation = Installation(tmp_path, declared(sdk, "demo"), ("alice",))
    with installation.up() as gateway:
        wire = Wire(http, gateway.endpoint("demo"), gateway.keys["alice"])
        await edited(gateway, installation, text, REFUSED)
        assert (await wire.call("echo", {"text": "hi"})).result["content"][0]["text"] == "hi"
        await edited(gateway, installation, declared(sdk, "demo", denied=("echo",)))
        assert (await wire.call("echo", {"text": "hi"})).status == 403


@pytest.mark.promise("reload.atomic")
@pytest.mark.parametrize("version", ["2025-11-25", MODERN])
async def test_rights_change_for_the_next_call(
    tmp_path: Path, http: httpx2.AsyncClient, sdk: LaunchedServer, version: str
):
    installation = Installation(tmp_path, declared(sdk, "demo"), ("alice", "bob"))
    with installation.up() as gateway:
        wire = await Wire(http, gateway.endpoint("demo"), gateway.keys["alice"], version).begin()
        async with listening(wire) as listener:
            await edited(gateway, installation, declared(sdk, "demo", denied=("echo",)))
            await listener.next(TOOLS_CHANGED)
            assert "echo" not in [tool["name"] for tool in (await wire.ask("tools/list")).result["tools"]]
            assert (await wire.call("echo", {"text": "hi"})).status == 403


@pytest.mark.promise("reload.atomic")
@pytest.mark.parametrize("version", ["2025-11-25", MODERN])
async def test_a_removed_key_is_out_and_its_streams_end(
    tmp_path: Path, http: httpx2.AsyncClient, sdk: LaunchedServer, version: str
):
    installation = Installation(tmp_path, declared(sdk, "demo"), ("alice",))
    with installation.up() as gateway:
        wire = await Wire(http, gateway.endpoint("demo"), gateway.keys["alice"], version).begin()
        params = {"notifications": {"toolsListChanged": True}}
        stream = wire.streaming(wire.request("subscriptions/listen", params)) if wire.modern else wire.listening()
        async with asyncio.timeout(SECONDS), stream as (_, events):
            await edited(gateway, installation, "version: 1\nservers: {demo: {kind: echo}}\n")
            last = [event.message async for event in events if event.message is not None]
        if wire.modern:
            assert last[-1]["result"]["resultType"] == "complete", "the end is said"
        assert (await wire.call("echo", {"text": "hi"})).status == 401


async def test_edits_that_come_quickly_end_in_the_last(tmp_path: Path, http: httpx2.AsyncClient, sdk: LaunchedServer):
    installation = Installation(tmp_path, declared(sdk, "demo"), ("alice",))
    with installation.up() as gateway:
        wire = Wire(http, gateway.endpoint("demo"), gateway.keys["alice"])
        for number in range(10):
            installation.declare(declared(sdk, "demo", denied=("add",) if number % 2 else ("echo",)))
        async with asyncio.timeout(SECONDS), listening(wire) as listener:
            while (await wire.call("echo", {"text": "hi"})).status == 403 or (
                await wire.call("add", {"a": 1, "b": 1})
            ).status != 403:
                await listener.next(TOOLS_CHANGED)
