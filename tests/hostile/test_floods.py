"""Floods: many sessions, streams, subscriptions, and clients that go away at the wrong moment. Memory and files stay
bounded, come back, and others are served."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil
import pytest

from tests.hostile.raw import Raw, ask, head, message, modern, post
from tests.hostile.test_sealed import LEGACY, Client
from tests.running import Gateway

MIB = 1024 * 1024


@pytest.fixture
def host(gateway: Gateway) -> str:
    return gateway.url.removeprefix("http://")


@contextmanager
def bounded(gateway: Gateway, growth: int) -> Iterator[None]:
    """Fails when the gateway holds more than `growth` bytes more after the block, or any file more."""
    process = psutil.Process(gateway.process.pid)
    before, files = process.memory_info().rss, _files(process)
    yield
    served = ask(gateway.url, head("GET", "/livez", gateway.url.removeprefix("http://")))
    assert served.status == 200
    grown = process.memory_info().rss - before
    assert grown < growth, f"{grown / MIB:.0f} MiB more"
    for _ in range(200):  # the ends of connections are noticed one look of the loop later
        if _files(process) <= files + 8:
            return
        ask(gateway.url, head("GET", "/livez", gateway.url.removeprefix("http://")))
    raise AssertionError(f"{_files(process)} files, {files} before")


def _files(process: psutil.Process) -> int:
    if sys.platform == "linux":
        return len(os.listdir(f"/proc/{process.pid}/fd"))
    return process.num_fds() if hasattr(process, "num_fds") else 0


@pytest.mark.promise("wire.floods")
def test_ten_thousand_sessions(gateway: Gateway, host: str, alice: str):
    """One more, and the first still answers: sessions are sealed in their ids, not kept."""
    params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
    body = json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}).encode()
    data = post(host, body, key=alice)
    first = Client(gateway)
    with bounded(gateway, 64 * MIB), Raw(gateway.url) as raw:
        for _ in range(100):
            raw.send(data * 100)
            for _ in range(100):
                assert "mcp-session-id" in raw.answer().headers
        assert first.ping().status == 200


@pytest.mark.promise("wire.floods")
def test_sessions_with_a_stream_each(gateway: Gateway):
    with bounded(gateway, 64 * MIB):
        with ExitStack() as stack:
            for _ in range(200):
                client = Client(gateway)
                raw = stack.enter_context(client.stream(("Mcp-Session-Id", client.id)))
                assert raw.answer(head_only=True).status == 200
        assert Client(gateway).ping().status == 200


@pytest.mark.promise("wire.floods")
def test_a_new_stream_of_a_session_ends_the_former(gateway: Gateway):
    client = Client(gateway)
    with bounded(gateway, 32 * MIB), ExitStack() as stack:
        former: Raw | None = None
        for _ in range(50):
            raw = stack.enter_context(client.stream(("Mcp-Session-Id", client.id)))
            assert raw.answer(head_only=True).status == 200
            if former is not None:
                former.until(b"0\r\n\r\n")
            former = raw


@pytest.mark.promise("wire.floods")
def test_subscriptions_are_bounded(gateway: Gateway, host: str, alice: str):
    def listen(uris: list[str]) -> bytes:
        sent = message("subscriptions/listen", {"notifications": {"resourceSubscriptions": uris}})
        return modern(host, sent, key=alice)

    with bounded(gateway, 96 * MIB):
        answer = ask(gateway.url, listen([f"a{number}" for number in range(100_000)]))
        assert (answer.status, answer.code) == (400, -32602)
        with ExitStack() as stack:
            honoured = 0
            for number in range(15):
                raw = stack.enter_context(Raw(gateway.url))
                raw.send(listen([f"{{?a}}{number}/{n}/{'a' * 3000 * (n % 2)}" for n in range(1000)]))
                heard = raw.until(b"\n\n")
                honoured += heard.count(f"{{?a}}{number}/".encode())
            assert honoured <= 10_000
    assert ask(gateway.url, modern(host, message("tools/list"), key=alice)).status == 200


@pytest.mark.promise("wire.floods")
def test_calls_of_clients_that_went_away_are_bounded(gateway: Gateway):
    """In the handshake era they go on; a client that only begins them has no more than so many."""
    client = Client(gateway)
    with bounded(gateway, 64 * MIB), ExitStack() as stack:
        sent = {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "hostile__hang"}}
        for number in range(300):
            raw = stack.enter_context(Raw(gateway.url))
            headers = {"Mcp-Session-Id": client.id}
            raw.send(post(client.host, json.dumps({**sent, "id": number}).encode(), headers, key=client.key))
        last = client.post({**sent, "id": "one more"}, client.id)
        assert (last.status, last.code) == (429, 429)
        assert client.ping().status == 429
        assert Client(gateway).ping().status == 200
        with client.stream(("Mcp-Session-Id", client.id), method="DELETE") as raw:  # takes them all back
            assert raw.answer().status == 200


@pytest.mark.promise("wire.floods")
def test_large_answers_that_nobody_reads(gateway: Gateway, host: str, alice: str):
    """Each client asks for the longest list again and again, and takes none of it."""
    data = modern(host, message("tools/list"), key=alice)
    with bounded(gateway, 128 * MIB), ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(Raw(gateway.url, receive_buffer=4096)).send(data * 50)
        assert ask(gateway.url, data).status == 200


@pytest.mark.promise("wire.floods")
def test_large_bodies_that_never_end(gateway: Gateway, host: str):
    """From nobody: no more of each is held than a head's worth."""
    start = head("POST", "/mcp", host, {"Content-Length": str(4 * MIB), "Content-Type": "application/json"})
    with bounded(gateway, 64 * MIB), ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(Raw(gateway.url)).send(start + b"[" * (2 * MIB))
        assert ask(gateway.url, head("GET", "/livez", host)).status == 200


@pytest.mark.promise("wire.floods")
def test_garbage_leaves_nothing(gateway: Gateway, host: str, alice: str):
    sent = modern(host, message("tools/call", {"name": "demo__echo", "arguments": {"text": "x" * 5000}}), key="tg_no")
    paths = [
        modern(host, message("tools/list"), key=alice, target=f"/servers/{'a' * 20_000}{n}/mcp") for n in range(200)
    ]
    with bounded(gateway, 96 * MIB):
        for data in (sent, b"\0", b"GET / HTTP/1.1\r\n", sent[:200], *paths):
            for _ in range(10 if data in paths else 200):
                with Raw(gateway.url) as raw:
                    raw.send(data)
