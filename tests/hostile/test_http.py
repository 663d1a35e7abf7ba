"""Malformed and malicious HTTP, over raw sockets: each gets the right status or an end, and nobody else notices."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.raw import Answer, Raw, ask, head, message, modern, post
from tests.running import Gateway

LARGE = 8 * 1024 * 1024


@pytest.fixture
def host(gateway: Gateway) -> str:
    return gateway.url.removeprefix("http://")


@pytest.fixture
def good(host: str, alice: str) -> bytes:
    """A request that is answered well."""
    return modern(host, message("tools/call", {"name": "demo__echo", "arguments": {"text": "hello"}}), key=alice)


def well(answer: Answer) -> bool:
    return answer.status == 200 and "hello" in json.dumps(answer.json["result"])


# Bytes that are no request -------------------------------------------------------------------------------------------

GARBAGE = {
    "nothing but newlines": b"\r\n" * 100 + b"\0",
    "words": b"hello world\r\n\r\n",
    "no version": b"POST /mcp\r\n\r\n",
    "version 9": b"POST /mcp HTTP/9.9\r\nHost: a\r\n\r\n",
    "http 2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "lower-case method": b"post /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "space in target": b"POST /m cp HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "control in target": b"POST /m\x00cp HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "control in header": b"POST /mcp HTTP/1.1\r\nHost: local\x00host\r\n\r\n",
    "space before colon": b"POST /mcp HTTP/1.1\r\nHost : localhost\r\n\r\n",
    "folded header": b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
    "bare carriage return": b"POST /mcp HTTP/1.1\rHost: localhost\r\r",
    "negative length": b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    "length of words": b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: ten\r\n\r\n",
    "length beyond numbers": b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + b"9" * 40 + b"\r\n\r\n",
    "two lengths": b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "length and chunks": (
        b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "odd encoding": b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "connect": b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
}


@pytest.mark.promise("wire.http")
@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_refused_and_ends_the_connection(gateway: Gateway, data: bytes):
    with Raw(gateway.url) as raw:
        said = raw.send(data).done().everything()
    assert said == b"" or said.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 421 ")), said


@pytest.mark.promise("wire.http")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    at=st.integers(0, 300),
    noise=st.binary(min_size=1, max_size=12) | st.sampled_from([b"\r\n", b"\0", b"\r\n\r\n", b": ", b"0\r\n\r\n"]),
    cut=st.booleans(),
)
def test_a_request_with_noise_in_it_is_no_failure(gateway: Gateway, good: bytes, at: int, noise: bytes, cut: bool):
    at = min(at, len(good))
    with Raw(gateway.url) as raw:
        said = raw.send(good[:at] + noise + (b"" if cut else good[at:])).done().everything()
    statuses = {line[9:12] for line in said.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")}
    assert not any(status.startswith(b"5") for status in statuses), said


# Heads ---------------------------------------------------------------------------------------------------------------


@pytest.mark.promise("wire.bounded")
def test_a_head_that_is_too_large_is_refused(gateway: Gateway, host: str, alice: str):
    for headers in (
        {"X-Large": "a" * 40_000},
        {f"X-{n}": "a" * 2_000 for n in range(20)},
        {f"X-{n}": "a" for n in range(101)},
    ):
        data = modern(host, message("tools/list"), key=alice, headers=headers)
        answer = ask(gateway.url, data)
        assert answer.status == 431, headers
        with Raw(gateway.url) as raw:  # the same, in two pieces
            assert raw.send(data[:20_000]).send(data[20_000:]).answer().status == 431
    assert ask(gateway.url, head("GET", "/" + "a" * 40_000, host)).status == 431


@pytest.mark.promise("wire.bounded")
def test_endless_headers_end(gateway: Gateway):
    with Raw(gateway.url) as raw:
        raw.send(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n")
        for _ in range(64):
            raw.send(b"X: " + b"a" * 1000 + b"\r\n")
        assert raw.answer().status == 431


# Bodies --------------------------------------------------------------------------------------------------------------


@pytest.mark.promise("wire.bounded")
@pytest.mark.parametrize("expect", [False, True], ids=["at once", "with Expect"])
def test_large_bodies_are_taken_from_nobody_unknown(gateway: Gateway, host: str, expect: bool):
    headers = [("Content-Length", str(LARGE)), ("Content-Type", "application/json"), ("Authorization", "Bearer tg_no")]
    if expect:
        headers.append(("Expect", "100-continue"))
    with Raw(gateway.url) as raw:
        answer = raw.send(head("POST", "/mcp", host, headers) + b"[" * LARGE).answer()
        if answer.status == 100:
            answer = raw.answer()
        assert answer.status == 401


@pytest.mark.promise("wire.bounded")
@pytest.mark.parametrize("target", ["/mcp", "/mcp?x=1", "/livez", "/nowhere"])
@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_bodies_that_are_too_large_are_refused(gateway: Gateway, host: str, alice: str, target: str, framing: str):
    framed = ("Transfer-Encoding", "chunked") if framing == "chunks" else ("Content-Length", str(LARGE))
    kind = [("Content-Type", "application/json"), ("Accept", "*/*"), ("Authorization", f"Bearer {alice}"), framed]
    with Raw(gateway.url) as raw:
        raw.send(head("POST", target, host, kind))
        for _ in range(LARGE // 65536):
            raw.send(b"10000\r\n" + b" " * 65536 + b"\r\n" if framing == "chunks" else b" " * 65536)
        assert raw.answer().status == 413


@pytest.mark.promise("wire.bounded")
def test_chunks_of_one_byte_cost_no_more_than_they_hold(gateway: Gateway, host: str, alice: str):
    sent = json.dumps(message("tools/call", {"name": "demo__echo", "arguments": {"text": "hello"}})).encode()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in sent + b" " * 2000) + b"0\r\n\r\n"
    headers = {"Transfer-Encoding": "chunked", "Content-Length": "0"}
    data = modern(host, json.loads(sent), key=alice, headers=headers)
    data = data[: data.index(b"\r\n\r\n") + 4].replace(b"Content-Length: 0\r\n", b"")
    assert well(ask(gateway.url, data + chunks))


@pytest.mark.promise("wire.bounded")
@pytest.mark.parametrize(
    "framing",
    [b"1;" + b"a" * 100_000 + b"\r\n ", b"0\r\n" + b"X: a\r\n" * 20_000, b"0" * 100_000 + b"1\r\n "],
    ids=["chunk extension", "trailers", "zeros"],
)
def test_framing_is_bounded(gateway: Gateway, host: str, alice: str, framing: bytes):
    start = head("POST", "/mcp", host, {"Transfer-Encoding": "chunked", "Authorization": f"Bearer {alice}"})
    with Raw(gateway.url) as raw:
        assert raw.send(start).send(framing).answer().status in (400, 431)


@pytest.mark.promise("wire.trailers")
@pytest.mark.parametrize("target", ["/mcp", "/mcp?ordinary"])
def test_trailers_are_no_headers(gateway: Gateway, host: str, alice: str, target: str):
    """Whoever stands before us has not seen them when it let the request through."""
    sent = message("tools/list")
    data = modern(host, sent, key=None, target=target, headers={"Transfer-Encoding": "chunked", "Content-Length": "0"})
    start = data[: data.index(b"\r\n\r\n") + 4].replace(b"Content-Length: 0\r\n", b"")
    body = json.dumps(sent).encode()
    chunks = b"%x\r\n%b\r\n0\r\nAuthorization: Bearer %b\r\n\r\n" % (len(body), body, alice.encode())
    assert ask(gateway.url, start + chunks).status == 401


@pytest.mark.promise("wire.http")
def test_half_a_request_is_none(gateway: Gateway, host: str, alice: str, good: bytes):
    """A body that is whole as JSON, but not as HTTP: nothing of it is carried out."""
    for target in ("/mcp", "/mcp?ordinary"):
        text = f"half of {target}"
        sent = message("tools/call", {"name": "neighbour__fine", "arguments": {"text": text}})
        data = modern(host, sent, key=alice, target=target)
        with Raw(gateway.url) as raw:
            raw.send(data.replace(b"Content-Length: ", b"Content-Length: 9")).done()
            assert raw.everything() == b""
        assert well(ask(gateway.url, good))
        heard = modern(host, message("tools/call", {"name": "neighbour__heard"}), key=alice)
        assert text not in ask(gateway.url, heard).json["result"]["content"][0]["text"]
        assert ask(gateway.url, data).status == 200
        assert text in ask(gateway.url, heard).json["result"]["content"][0]["text"]


# Pipelines, versions, forms of target --------------------------------------------------------------------------------


@pytest.mark.promise("wire.http")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=st.lists(st.sampled_from(["short", "ordinary", "get", "unknown", "expect"]), min_size=2, max_size=20))
def test_pipelined_requests_are_answered_in_order(gateway: Gateway, kinds: list[str]):
    host, alice = gateway.url.removeprefix("http://"), gateway.keys["alice"]
    data, expected = b"", []
    for number, kind in enumerate(kinds):
        sent = message("tools/call", {"name": "demo__echo", "arguments": {"text": "hello"}}, id=number)
        target = {"ordinary": "/mcp?x", "unknown": "/servers/no-such/mcp"}.get(kind, "/mcp")
        if kind == "get":
            data += head("GET", "/livez", host)
        else:
            extra = {"Expect": "100-continue"} if kind == "expect" else {}
            data += modern(host, sent, key=alice, target=target, headers=extra)
        expected.append((kind, number))
    with Raw(gateway.url) as raw:
        raw.send(data)
        for kind, number in expected:
            answer = raw.answer()
            if answer.status == 100:
                answer = raw.answer()
            assert answer.status == (404 if kind == "unknown" else 200)
            if kind != "get":
                assert answer.json["id"] == number


@pytest.mark.promise("wire.gone")
def test_who_goes_away_leaves_nothing_behind(gateway: Gateway, host: str, alice: str):
    listen = message("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    for target in ("/mcp", "/mcp?ordinary"):
        mark = gateway.log.mark()
        with Raw(gateway.url) as raw:
            raw.send(modern(host, listen, key=alice, target=target)).until(b"acknowledged")
        gateway.log.wait('"subscriptions/listen","status":"cancelled"', since=mark, seconds=10)


def test_http_1_0_is_answered_and_closed(gateway: Gateway, good: bytes):
    with Raw(gateway.url) as raw:
        assert well(raw.send(good.replace(b"HTTP/1.1", b"HTTP/1.0", 1)).answer())
        assert raw.ended()


def test_an_upgrade_is_passed_over(gateway: Gateway, host: str, alice: str, good: bytes):
    """Java's client offers h2c with its first request; the connection goes on as it was."""
    offered = good.replace(b"Content-Type", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nContent-Type", 1)
    socket_like = head("GET", "/livez", host, {"Connection": "Upgrade", "Upgrade": "websocket"})
    with Raw(gateway.url) as raw:
        for _ in range(3):
            assert well(raw.send(offered).answer())
        assert raw.send(socket_like).answer().status == 200
        raw.send(offered + good)
        assert well(raw.answer())
        assert well(raw.answer())


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://localhost/mcp", 200),
        ("http://evil.example/mcp", 200),
        ("/mcp#x", 200),
        ("/mcp/", 404),
        ("//mcp", 404),
        ("*", 404),
        ("/servers//mcp", 404),
        ("/servers/%2e%2e/mcp", 404),
        ("/servers/..%2fmcp/mcp", 404),
        ("/servers/../mcp", 404),
        ("/servers/%00/mcp", 404),
        ("/servers/%f0%28%8c/mcp", 404),
        ("/servers/" + "a" * 20_000 + "/mcp", 404),
        ("/servers/d%65mo/mcp", 200),
        ("/servers/demo/mcp", 200),
        ("/servers/DEMO/mcp", 404),
        ("/servers/demo/../../metrics", 404),
        ("/%6dcp", 200),
    ],
)
def test_forms_of_the_target(gateway: Gateway, host: str, alice: str, target: str, status: int):
    """The Host header counts, whatever the target says; a name is a name, and never a path."""
    answer = ask(gateway.url, modern(host, message("tools/list"), key=alice, target=target))
    assert answer.status in (status, 400 if status == 404 else status), answer


# Host and Origin -----------------------------------------------------------------------------------------------------

REBINDING = [
    "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:8484", "localhost@evil.example",
    "localhost:80@evil.example", "127.1", "0.0.0.0", "2130706433", "0x7f.1", "[::1]evil", "[::ffff:127.0.0.1]", "[::1",
    "localhost:80:80", "localhost:port", "localhost evil.example", "localhost,evil.example", "", "a" * 300,
]  # fmt: skip


@pytest.mark.promise("wire.rebinding")
@pytest.mark.parametrize("name", REBINDING)
@pytest.mark.parametrize("target", ["/mcp", "/mcp?x", "/metrics", "/api/v1/calls"])
def test_foreign_hosts_are_refused(gateway: Gateway, host: str, alice: str, name: str, target: str):
    data = modern(host, message("tools/list"), key=alice, target=target, headers={"Host": name})
    assert ask(gateway.url, data).status == 421


@pytest.mark.promise("wire.rebinding")
@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "127.0.0.1", "localhost:1", "[::1]:99", " localhost "])
def test_names_of_this_machine_are_taken(gateway: Gateway, host: str, alice: str, name: str):
    assert ask(gateway.url, modern(host, message("tools/list"), key=alice, headers={"Host": name})).status == 200


@pytest.mark.promise("wire.rebinding")
@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "", "http://[", "http://localhost.evil.example", "http://localhost@evil.example",
     "http://127.0.0.1.evil.example", "file://localhost", "localhost", "http://localhost/x", "https://localhost:1:1",
     "http://evil.example#http://localhost", "http://localhost\tevil", "chrome-extension://a"],
)  # fmt: skip
@pytest.mark.parametrize("target", ["/mcp", "/mcp?x", "/api/v1/calls"])
def test_foreign_pages_are_refused(gateway: Gateway, host: str, alice: str, origin: str, target: str):
    data = modern(host, message("tools/list"), key=alice, target=target, headers={"Origin": origin})
    assert ask(gateway.url, data).status == 403


@pytest.mark.promise("wire.rebinding")
@pytest.mark.parametrize("name", ["Host", "Origin"])
def test_a_good_one_beside_a_bad_one_is_bad(gateway: Gateway, host: str, alice: str, name: str):
    """Also when the good one was seen alone before, and is remembered."""
    good = {"Host": host, "Origin": "http://localhost:3000"}[name]
    data = modern(host, message("tools/list"), key=alice, headers={name: good})
    assert ask(gateway.url, data).status == 200
    line = f"{name}: {good}\r\n".encode()
    for twice in (line + f"{name}: evil.example\r\n".encode(), f"{name}: evil.example\r\n".encode() + line):
        assert ask(gateway.url, data.replace(line, twice, 1)).status in (400, 403, 421)


# Many connections ----------------------------------------------------------------------------------------------------


@pytest.mark.promise("wire.bounded")
def test_connections_come_and_go(gateway: Gateway, good: bytes):
    """Hundreds that say nothing, half a thing, or go away with a reset: a client among them is served."""
    with ExitStack() as stack:
        for number in range(300):
            raw = stack.enter_context(Raw(gateway.url))
            if number % 3 == 1:
                raw.send(good[: number % len(good)])
            elif number % 3 == 2:
                raw._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        assert well(ask(gateway.url, good))
    assert well(ask(gateway.url, good))


def test_post_helper_is_what_it_says(gateway: Gateway, host: str, alice: str):
    """The tests above would prove nothing if their good requests were refused for another reason."""
    assert ask(gateway.url, post(host, b"{}", key=alice)).code == -32600
