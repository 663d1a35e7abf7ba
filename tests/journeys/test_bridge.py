"""What only `toolgate bridge` has: a key, a network that breaks, a gateway that is started again."""

from __future__ import annotations

import os
import secrets
import stat
import sys
import uuid
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import trustme

from tests.free_port import free_port
from tests.journeys.carriers import DEMO, bridged, declared, opened
from tests.journeys.pipes import PREFIX, Pipes, piped
from tests.journeys.terminal import Terminal
from tests.running import Gateway, Installation
from toolgate.stores.data_dir import SEALING_BYTES, SEALING_KEY

__all__ = ["declared"]

eras = pytest.mark.parametrize("modern", [False, True], ids=["legacy", "modern"])


@asynccontextmanager
async def bridge(gateway: Gateway, *, key: str = "", modern: bool = True) -> AsyncGenerator[Pipes]:
    async with piped(gateway.file.parent, "bridge", gateway.endpoint(), TOOLGATE_KEY=key or gateway.local) as client:
        if not modern:
            await client.initialize()
        yield client


def text(response: Any) -> str:
    return response["result"]["content"][0]["text"]


@pytest.mark.promise("bridge.key")
async def test_the_key_is_in_no_argument_list(tmp_path: Path):
    with Installation(tmp_path, DEMO).up() as gateway:
        file = tmp_path / "key"
        file.write_text(gateway.local + "\n", "ascii")
        file.chmod(0o600)
        async with piped(tmp_path, "bridge", gateway.url, "--key-file", str(file)) as client:
            assert text(await client.call("demo__echo", {"text": "x"}, modern=True)) == "x"
            shown = " ".join(psutil.Process(client.process.pid).cmdline())
        assert "key" in shown
        assert gateway.local not in shown
        if os.name == "posix":
            file.chmod(stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP)
            said = Terminal(tmp_path).run("bridge", gateway.url, "--key-file", str(file))
            assert (said.code, "others can read this key" in said.err) == (2, True)


@pytest.mark.promise("bridge.key")
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://mcp.example.com/mcp", "--insecure-http"),
        ("https://someone:secret@mcp.example.com/mcp", "holds a user name or password"),
        ("mcp.example.com", "expected the MCP endpoint"),
        ("https://[", "malformed"),
    ],
)
def test_what_would_give_the_key_away_is_refused(tmp_path: Path, url: str, said: str):
    done = Terminal(tmp_path, TOOLGATE_KEY="tg_x").run("bridge", url)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "secret" not in done.err


@pytest.mark.promise("bridge.key")
async def test_tls_is_verified(tmp_path: Path):
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    files = {name: tmp_path / name for name in ("chain.pem", "key.pem", "ca.pem")}
    for number, blob in enumerate(certificate.cert_chain_pems):
        blob.write_to_path(str(files["chain.pem"]), append=number > 0)
    certificate.private_key_pem.write_to_path(str(files["key.pem"]))
    authority.cert_pem.write_to_path(str(files["ca.pem"]))
    tls = ("--tls-cert", str(files["chain.pem"]), "--tls-key", str(files["key.pem"]))
    installation = Installation(tmp_path, DEMO)
    with installation.up(*tls) as gateway:
        assert gateway.url.startswith("https://")
        async with bridged(installation, gateway.url, "--ca-file", str(files["ca.pem"])).pipes() as client:
            assert text(await client.call("demo__echo", {"text": "x"}, modern=True)) == "x"
        async with bridge(gateway) as client:
            refused = await client.call("demo__echo", {"text": "x"}, modern=True)
            assert "its certificate is not trusted" in refused["error"]["message"]


@eras
async def test_a_bad_key_is_said_with_what_to_do(tmp_path: Path, modern: bool):
    with Installation(tmp_path, DEMO).up() as gateway:
        key = gateway.local[:-1] + ("0" if gateway.local[-1] != "0" else "1")
        async with bridge(gateway, key=key) as client:
            begin = client.ask_modern("tools/list") if modern else client.ask("initialize", INITIALIZE)
            error = (await client.answer(await begin))["error"]
        assert error["code"] == 401
        assert "TOOLGATE_KEY" in error["message"]
        assert key not in error["message"]


INITIALIZE = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}


@eras
async def test_a_gateway_that_is_not_there_is_said_and_found_once_it_is(tmp_path: Path, modern: bool):
    installation, port = Installation(tmp_path, DEMO), free_port()
    async with bridged(installation, f"http://127.0.0.1:{port}").pipes() as client:
        begin = client.ask_modern("tools/list") if modern else client.ask("initialize", INITIALIZE)
        error = (await client.answer(await begin))["error"]
        assert f"127.0.0.1:{port}" in error["message"]
        assert "check that it runs" in error["message"]
        with installation.up("--port", str(port)):
            if not modern:
                await client.initialize()
            assert text(await client.call("demo__echo", {"text": "x"}, modern=modern)) == "x"


@pytest.mark.promise("headers.mirrored")
async def test_mirrored_arguments_are_learnt_when_they_are_needed(tmp_path: Path, declared: dict[str, Any]):
    with opened("bridge", tmp_path, declared) as carrier:
        async with carrier.pipes() as client:  # which lists nothing before it calls
            called = await client.call("sdk__place", {"region": "Zürich", "count": 3}, modern=True)
            assert text(called) == "3 in Zürich"
            assert text(await client.call("sdk__place", {"region": "Bern"}, modern=True)) == "1 in Bern"


@pytest.mark.promise("bridge.sessions")
async def test_a_session_that_the_gateway_lost_is_begun_anew(tmp_path: Path, declared: dict[str, Any]):
    installation, port = Installation(tmp_path, declared), free_port()
    async with bridged(installation, f"http://127.0.0.1:{port}").pipes() as client:
        with installation.up("--port", str(port)):
            await client.initialize()
            await client.answer(await client.ask("resources/subscribe", {"uri": "notes://today"}))
            await client.answer(await client.ask("logging/setLevel", {"level": "alert"}))
        (installation.data / SEALING_KEY).write_bytes(secrets.token_bytes(SEALING_BYTES))
        with installation.up("--port", str(port)):
            assert text(await client.call("demo__echo", {"text": "again"}, modern=False)) == "again"
            await client.call("sdk__touch", {"name": "today"}, modern=False)
            assert (await client.heard("notifications/resources/updated"))["uri"] == "notes://today"
            await client.call("sdk__log", modern=False)
            levels = [one["params"]["level"] for one in client.kept if one.get("method") == "notifications/message"]
            assert levels == ["alert", "emergency"]
            assert await client.end() == 0
        assert not [message for message in client.kept if "bridge" in str(message.get("id"))]


@pytest.mark.promise("bridge.sessions")
async def test_news_is_heard_again_after_a_restart(tmp_path: Path):
    installation, port = Installation(tmp_path, DEMO), free_port()
    async with bridged(installation, f"http://127.0.0.1:{port}").pipes() as client:
        with installation.up("--port", str(port)):
            await client.initialize()
        with installation.up("--port", str(port)) as gateway:
            more = {**DEMO["servers"], "more": {"kind": "echo"}}
            for number in range(60):  # until the stream is open again, changes are nobody's to hear
                mark = gateway.log.mark()
                installation.declare({**DEMO, "servers": DEMO["servers"] if number % 2 else more})
                gateway.log.wait("is in force", since=mark)
                assert text(await client.call("demo__echo", {"text": "x"}, modern=False)) == "x"
                if any(message.get("method") == "notifications/tools/list_changed" for message in client.kept):
                    return
    raise AssertionError("no change was heard")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows tells a killed process by another exit code")
@eras
async def test_a_gateway_that_dies_during_a_call_leaves_no_call_open(
    tmp_path: Path, declared: dict[str, Any], modern: bool
):
    name = uuid.uuid4().hex
    installation = Installation(tmp_path, declared)
    async with AsyncExitStack() as stack:
        stack.enter_context(pytest.raises(AssertionError, match="exit code -9"))
        gateway = stack.enter_context(installation.up())
        async with bridge(gateway, modern=modern) as client:
            hanging = await client.begin("sdk__hang", {"name": name}, modern=modern, progressToken=name)
            await client.heard("notifications/progress")
            gateway.process.kill()
            error = (await client.answer(hanging))["error"]
            assert "127.0.0.1" in error["message"]
            assert await client.end() == 0


async def test_a_listen_that_the_gateway_ends_is_said_to_end(tmp_path: Path):
    with Installation(tmp_path, DEMO).up() as gateway:
        async with bridge(gateway) as client:
            listen = await client.ask_modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
            await client.heard("notifications/subscriptions/acknowledged")
            gateway.process.terminate()
            result = (await client.answer(listen))["result"]
            assert result["_meta"] == {f"{PREFIX}subscriptionId": listen}
            assert (await client.heard("notifications/cancelled"))["requestId"] == listen


@pytest.mark.promise("calls.cancelled")
@eras
async def test_the_gateway_records_a_call_that_was_taken_back(tmp_path: Path, declared: dict[str, Any], modern: bool):
    name = uuid.uuid4().hex
    with Installation(tmp_path, declared).up() as gateway:
        async with bridge(gateway, modern=modern) as client:
            hanging = await client.begin("sdk__hang", {"name": name}, modern=modern, progressToken=name)
            await client.heard("notifications/progress")
            await client.tell("notifications/cancelled", {"requestId": hanging})
            gateway.log.wait('"status":"cancelled".*"tool":"hang"')


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
async def test_the_session_is_ended_with_the_bridge(tmp_path: Path):
    with Installation(tmp_path, DEMO).up() as gateway:
        for ending in ("closed", "stopped"):
            async with bridge(gateway, modern=False) as client:
                before = _ended(gateway)
                if ending == "closed":
                    assert await client.end() == 0
                else:
                    client.process.terminate()
                    assert await client.process.wait() == 0
                assert len(_ended(gateway)) == len(before) + 1


def _ended(gateway: Gateway) -> list[str]:
    file = gateway.data / "ended-sessions.jsonl"
    return file.read_text("utf-8").splitlines() if file.exists() else []
