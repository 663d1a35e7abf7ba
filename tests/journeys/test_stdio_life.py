"""The life of a `toolgate stdio`: what it serves, next to whom, what may reach its standard output, and how it ends."""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.carriers import DEMO, declared, served
from tests.journeys.pipes import PREFIX, piped
from tests.journeys.terminal import Terminal
from tests.running import Installation
from tests.servers.launching import SERVERS

__all__ = ["declared"]

asked_to_stop = pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")

NOISY = """
import os, sys
from mcp.server.mcpserver import MCPServer

print("hello from the import")
server = MCPServer("noisy")

@server.tool()
def shout() -> str:
    print("hello from print", flush=True)
    os.write(1, b"hello from the descriptor\\n")
    sys.__stdout__.write("hello from __stdout__\\n")
    sys.__stdout__.flush()
    return "done"
"""


def text(response: Any) -> str:
    return response["result"]["content"][0]["text"]


async def test_without_any_preparation_it_serves_the_demo(tmp_path: Path):
    async with piped(tmp_path, "stdio") as client:
        assert text(await client.call("demo__echo", {"text": "x"}, modern=True)) == "x"
        assert await client.end() == 0


@pytest.mark.promise("stdio.eras")
async def test_what_a_server_prints_does_not_reach_the_client(tmp_path: Path):
    (tmp_path / "noisy.py").write_text(NOISY, "utf-8")
    noisy = {**DEMO, "servers": {"noisy": {"kind": "python", "object": "noisy:server", "path": str(tmp_path)}}}
    async with served(Installation(tmp_path, noisy)).pipes() as client:
        assert text(await client.call("noisy__shout", modern=True)) == "done"
        assert await client.end() == 0
        assert client.kept == []


async def test_one_server_is_served_under_its_own_names(tmp_path: Path):
    async with served(Installation(tmp_path, DEMO), "--server", "demo").pipes() as client:
        await client.initialize()
        assert text(await client.call("echo", {"text": "x"}, modern=False)) == "x"


async def test_it_is_a_bridge_where_an_up_has_the_data_directory(tmp_path: Path, declared: dict[str, Any]):
    installation = Installation(tmp_path, declared)
    with installation.up() as gateway:
        for flags, tool in (((), "demo__echo"), (("--server", "demo"), "echo")):
            async with served(installation, *flags).pipes() as client:
                await client.initialize()
                mark = gateway.log.mark()
                assert text(await client.call(tool, {"text": "x"}, modern=False)) == "x"
                record = json.loads(gateway.log.wait('.*"tool":"echo".*', since=mark)[0])
                assert record["client"] == "pipes/1"


async def test_two_may_run_side_by_side_with_one_data_directory(tmp_path: Path):
    installation = Installation(tmp_path, DEMO)
    async with served(installation).pipes() as one, served(installation).pipes() as other:
        assert text(await one.call("demo__echo", {"text": "1"}, modern=True)) == "1"
        assert text(await other.call("demo__echo", {"text": "2"}, modern=True)) == "2"


@pytest.mark.promise("changes.lists")
@pytest.mark.parametrize("modern", [False, True], ids=["legacy", "modern"])
async def test_an_edit_is_taken_and_announced(tmp_path: Path, modern: bool):
    installation = Installation(tmp_path, DEMO)
    async with served(installation).pipes() as client:
        if modern:
            await client.ask_modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
            await client.heard("notifications/subscriptions/acknowledged")
        else:
            await client.initialize()
        assert text(await client.call("demo__echo", {"text": "x"}, modern=modern)) == "x"
        installation.declare({**DEMO, "servers": {"demo": {"kind": "echo"}, "more": {"kind": "echo"}}})
        await client.heard("notifications/tools/list_changed")
        assert text(await client.call("more__echo", {"text": "y"}, modern=modern)) == "y"


def test_a_wrong_configuration_is_said_on_standard_error(tmp_path: Path):
    (tmp_path / "toolgate.yaml").write_text("version: 1\nserver: {}\n", "utf-8")
    said = Terminal(tmp_path).run("stdio")
    assert (said.code, said.out) == (2, "")
    assert said.err == 'toolgate.yaml:2: server: unknown key (did you mean "servers"?)\n'


@asked_to_stop
@pytest.mark.promise("stop.drains")
async def test_told_to_stop_it_ends_what_listens_and_lets_calls_end(tmp_path: Path, declared: dict[str, Any]):
    async with served(Installation(tmp_path, declared)).pipes() as client:
        listen = await client.ask_modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
        await client.heard("notifications/subscriptions/acknowledged")
        slow = await client.begin("sdk__slow", {"steps": 2, "seconds": 1}, modern=True, progressToken="t")
        await client.heard("notifications/progress")
        client.process.terminate()
        ended = (await client.answer(listen))["result"]
        assert ended == {"resultType": "complete", "_meta": {f"{PREFIX}subscriptionId": listen}}
        assert (await client.heard("notifications/cancelled"))["requestId"] == listen
        assert text(await client.answer(slow)) == "took 2 steps"
        assert (await client.heard("notifications/progress"))["progress"] == 2
        with pytest.raises(EOFError):
            await client.next()
        assert await client.process.wait() == 0


@pytest.mark.promise("stdio.bounded")
async def test_too_many_requests_at_once_are_refused_and_the_others_answered(tmp_path: Path):
    name = uuid.uuid4().hex
    within = {"kind": "python", "object": "sdk_server:build", "path": str(SERVERS)}  # without a pool between
    async with served(Installation(tmp_path, {**DEMO, "servers": {"sdk": within}})).pipes() as client:
        tokens = range(530)
        ids = [await client.begin("sdk__released", {"name": name}, modern=True, progressToken=each) for each in tokens]
        waiting, refused = ids[:512], ids[512:]
        for request_id in refused:
            assert (await client.answer(request_id))["error"]["code"] == 429
        running = {(await client.heard("notifications/progress"))["progressToken"] for _ in waiting}
        assert running == set(tokens[:512])
        await client.tell("notifications/cancelled", {"requestId": waiting.pop(0)})
        released: Any = {}
        for _ in range(100):  # the one that was taken back counts until it has ended
            released = await client.call("sdk__release", {"name": name}, modern=True)
            if "result" in released:
                break
        assert text(released) == f"released {name}"
        for request_id in waiting:
            assert text(await client.answer(request_id)) == f"{name} was released"


async def test_a_client_that_closes_both_ends_ends_it(tmp_path: Path, declared: dict[str, Any]):
    async with served(Installation(tmp_path, declared)).pipes() as client:
        await client.begin("sdk__hang", {"name": "x"}, modern=True, progressToken="t")
        await client.heard("notifications/progress")
        await client.begin("sdk__slow", {"steps": 50, "seconds": 0.5}, modern=True, progressToken="u")
        client.hang_up()
        assert await client.process.wait() == 0
