"""Secrets of the store under a live server: set, replaced, and in use all the while."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.journeys.terminal import Terminal
from tests.journeys.wire import MODERN, SECONDS, Wire
from tests.running import ALL, Gateway, Installation
from tests.servers.launching import LaunchedServer, launched_script
from toolgate.client.administration import Administration
from toolgate.client.place import Place
from toolgate.model.entities import Secret
from toolgate.model.errors import Refused
from toolgate.stores.key_ring import FILE

LIVE_SECONDS = 1.0
"""How long a new value may take to be shown, once it was acknowledged."""


@pytest.fixture(scope="module")
def sdk() -> Generator[LaunchedServer]:
    with launched_script("sdk_server") as server:
        yield server


@pytest.fixture
def gateway(tmp_path: Path, sdk: LaunchedServer) -> Generator[Gateway]:
    """Its file has two servers that are shown a secret of the store, which is not there yet."""
    shown = {"kind": "streamable_http", "url": sdk.url, "headers": {"X-Token": "store:token"}}
    servers = {"newer": {**shown, "era": "modern"}, "older": {**shown, "era": "legacy"}, "demo": {"kind": "echo"}}
    installation = Installation(tmp_path, {"servers": servers, "grants": [{"key": "alice", "allow": ALL}]}, ("alice",))
    installation.servers = ("demo",)
    with installation.up() as running:
        yield running


async def shown_token(wire: Wire) -> str | None:
    """What the server received in this call."""
    answer = await wire.call("received", {})
    content: list[dict[str, Any]] = answer.result["content"]
    return json.loads(content[0]["text"])["headers"].get("x-token")


async def until_shown(wire: Wire, value: str) -> None:
    """Every call until then must be served; none is asked for before the one before it has ended."""
    end = time.monotonic() + LIVE_SECONDS
    while (found := await shown_token(wire)) != value:
        assert time.monotonic() < end, f"after {LIVE_SECONDS:g} s it is still shown {found!r}"


async def offered(wire: Wire) -> None:
    end = time.monotonic() + SECONDS
    while not (await wire.ask("tools/list")).result["tools"]:
        assert time.monotonic() < end, "its tools are not there"
        await asyncio.sleep(0)


@pytest.mark.promise("secrets.live")
@pytest.mark.parametrize("server", ["newer", "older"])
async def test_a_secret_is_replaced_under_a_live_server(gateway: Gateway, http: httpx2.AsyncClient, server: str):
    wire = Wire(http, gateway.endpoint(server), gateway.keys["alice"], MODERN)
    missing = (await wire.call("received", {})).error["message"]
    assert "store:token is not in the store" in missing, "the rest of the file is served meanwhile"
    async with Administration(Place(gateway.url, "", gateway.local)) as api:
        made = await api.put_secret("token", "first-value")
        await offered(wire)
        assert await shown_token(wire) == "first-value"
        name = uuid.uuid4().hex
        message = wire.request("tools/call", {"name": "released", "arguments": {"name": name}}, {"progressToken": 1})
        async with wire.streaming(message) as (_, events):
            while (await anext(events)).message is None:
                pass
            await api.put_secret("token", "second-value", version=made.stamp.version)
            await until_shown(wire, "second-value")
            await wire.call("release", {"name": name})
            rest = [event.message async for event in events if event.message is not None]
        assert rest[-1]["result"]["content"][0]["text"] == f"{name} was released", "it began with the former value"
        with pytest.raises(Refused, match=f"server {server}"):
            await api.remove(Secret, "token", version=made.stamp.version + 1)


@pytest.mark.promise("secrets.live")
async def test_no_call_is_refused_while_secrets_change(gateway: Gateway, http: httpx2.AsyncClient):
    wire = Wire(http, gateway.endpoint("newer"), gateway.keys["alice"], MODERN)
    async with Administration(Place(gateway.url, "", gateway.local)) as api:
        made = await api.put_secret("token", "value-0")
        await offered(wire)
        changed = asyncio.Event()

        async def calling() -> int:
            count = 0
            while not changed.is_set():
                assert (await wire.call("add", {"a": 1, "b": 1})).result["content"][0]["text"] == "2"
                count += 1
            return count

        callers = [asyncio.create_task(calling()) for _ in range(4)]
        for number in range(1, 6):
            await api.put_secret("token", f"value-{number}", version=made.stamp.version + number - 1)
            await until_shown(wire, f"value-{number}")
        changed.set()
        assert all(await asyncio.gather(*callers))


@pytest.mark.promise("secrets.rotation-live")
async def test_the_data_key_is_rotated_and_nobody_notices(gateway: Gateway, http: httpx2.AsyncClient):
    wire = Wire(http, gateway.endpoint("older"), gateway.keys["alice"], "2025-11-25")
    terminal = Terminal(gateway.file.parent, TOOLGATE_DATA_DIR=str(gateway.data))
    async with Administration(Place(gateway.url, "", gateway.local)) as api:
        await api.put_secret("token", "kept-value")
        await wire.begin()
        await offered(wire)
        before = (gateway.data / FILE).read_text()
        mark = gateway.log.mark()
        said = await asyncio.to_thread(terminal.run, "secret", "rotate")
        assert (said.code, said.out) == (0, ""), said
        assert "1 secret sealed anew" in said.err
        after = (gateway.data / FILE).read_text()
        assert len(after.splitlines()) == 1
        assert after != before
        assert (await api.get(Secret, "token")).key_id == after.partition(":")[0]
        await api.put_secret("another", "makes a change that comes after it")
        assert await shown_token(wire) == "kept-value"
        assert "offer" not in gateway.log.text(mark), "its server was opened anew"


@pytest.mark.promise("secrets.from-the-file-alone")
def test_without_records_there_is_no_store(tmp_path: Path):
    server = {"kind": "streamable_http", "url": "http://127.0.0.1:9/mcp", "headers": {"X-Token": "store:token"}}
    installation = Installation(tmp_path, {"servers": {"api": server}})
    terminal = Terminal(tmp_path, TOOLGATE_DATA_DIR=str(installation.data))
    for command in (["up", "--state", "none", "--port", "0"], ["stdio"]):
        said = terminal.run(*command)
        assert said.code == 2, said
        assert "toolgate.yaml:" in said.err
        assert "store:token is a secret of the store, and this gateway runs without one" in said.err
    assert terminal.run("check").code == 0
