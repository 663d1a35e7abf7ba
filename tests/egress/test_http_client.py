"""The outgoing client against a raw server over real sockets: one request and its answer."""

import asyncio

import pytest

from tests.egress.peer import CHUNKED, STREAM, Line, answer, chunk, read, replying, serving, talking
from toolgate.egress.client import HttpClient
from toolgate.egress.connection import HEAD_LIMIT
from toolgate.model.errors import UpstreamFailed
from toolgate.ports import Http


async def test_a_request_is_written_as_told_and_the_answer_read():
    async with talking(replying(answer(b'{"a":1}', "Mcp-Session-Id: S", "x: 1", "X: 2"))) as (route, peer):
        prepared = route.prepare([("accept", "application/json"), ("authorization", "Bearer t")])
        reply = await route.send("POST", "/mcp?x=1", [("mcp-name", "add")], b"{}", prepared=prepared)
    assert peer.requests == [
        b"POST /mcp?x=1 HTTP/1.1\r\nhost: 127.0.0.1:%d\r\naccept: application/json\r\nauthorization: Bearer t\r\n"
        b"mcp-name: add\r\ncontent-length: 2\r\n\r\n{}" % peer.port
    ]
    assert (reply.status, reply.body) == (200, b'{"a":1}')
    assert reply.headers == {
        "content-type": "application/json",
        "content-length": "7",
        "mcp-session-id": "S",
        "x": "1, 2",
    }
    assert [part async for part in reply.chunks()] == []
    reply.close()


def test_the_client_implements_the_port():
    """Held by the type checker, which reads this line."""
    client: Http = HttpClient()
    assert callable(client.route)


async def test_a_get_has_no_body_and_a_post_always_a_length():
    async with talking(replying(answer())) as (route, peer):
        await route.send("GET", "/", [])
        await route.send("POST", "/", [])
        await route.send("DELETE", "/", [])
    host = b"host: 127.0.0.1:%d\r\n" % peer.port
    assert peer.requests == [
        b"GET / HTTP/1.1\r\n" + host + b"\r\n",
        b"POST / HTTP/1.1\r\n" + host + b"content-length: 0\r\n\r\n",
        b"DELETE / HTTP/1.1\r\n" + host + b"\r\n",
    ]


@pytest.mark.parametrize(
    ("data", "status", "body", "connections"),
    [
        pytest.param(answer(), 200, b"{}", 1, id="length"),
        pytest.param(CHUNKED + chunk(b"a") + chunk(b"bc") + b"0\r\n\r\n", 200, b"abc", 1, id="chunked"),
        pytest.param(CHUNKED + b"1;x=y\r\na\r\n0\r\nX-Sum: 1\r\n\r\n", 200, b"a", 1, id="extension and trailer"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nall of it", 200, b"all of it", 2, id="until close"),
        pytest.param(answer(b"x", "connection: close"), 200, b"x", 2, id="connection: close"),
        pytest.param(b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx", 200, b"x", 2, id="HTTP/1.0"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", 1, id="204"),
        pytest.param(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", 304, b"", 1, id="304"),
        pytest.param(b"HTTP/1.1 202\r\ncontent-length: 0\r\n\r\n", 202, b"", 1, id="no reason phrase"),
        pytest.param(answer(b"", "location: /x", status="307 T"), 307, b"", 1, id="redirect"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + answer(), 200, b"{}", 1, id="100"),
        pytest.param(b"HTTP/1.1 103 Hints\r\nlink: </x>\r\n\r\n" * 3 + answer(), 200, b"{}", 1, id="103"),
        pytest.param(answer(b"x", "upgrade: h2c", "connection: upgrade"), 200, b"x", 1, id="offers an upgrade"),
        pytest.param(answer(b"x", "keep-alive: timeout=1"), 200, b"x", 2, id="keep-alive for one second"),
        pytest.param(answer(b"x", "keep-alive: timeout=60, max=9"), 200, b"x", 1, id="keep-alive for a minute"),
        pytest.param(answer(b"x", "content-encoding: identity"), 200, b"x", 1, id="identity"),
        pytest.param(answer(b"x", "x-empty:"), 200, b"x", 1, id="empty header"),
    ],
)
async def test_every_framing_is_read_and_the_connection_kept_where_allowed(
    data: bytes, status: int, body: bytes, connections: int
):
    async def handler(line: Line) -> None:
        await line.request()
        await line.send(data)
        if b"content-length" not in data and b"chunked" not in data and status == 200:
            return
        await line.request()
        await line.send(data)

    async with talking(handler) as (route, peer):
        for _ in range(2):
            reply = await route.send("POST", "/", [], b"{}")
            assert (reply.status, reply.body) == (status, body)
            assert "link" not in reply.headers
            assert "x-sum" not in reply.headers
        assert peer.connections == connections


BAD = [
    pytest.param(b"SSH-2.0-OpenSSH_9.9\r\n", "malformed", id="not HTTP"),
    pytest.param(b"HTTP/1.1 2x0 OK\r\n\r\n", "malformed", id="status"),
    pytest.param(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "malformed", id="header without colon"),
    pytest.param(b"HTTP/1.1 200 OK\r\nname : x\r\n\r\n", "malformed", id="space before colon"),
    pytest.param(b"HTTP/1.1 200 OK\r\na: x\r\n folded\r\n\r\n", "malformed", id="folded"),
    pytest.param(b"HTTP/1.1 200 OK\r\na: x\0y\r\n\r\n", "malformed", id="NUL"),
    pytest.param(
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc", "malformed", id="two lengths"
    ),
    pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", "malformed", id="negative length"),
    pytest.param(CHUNKED[:-2] + b"content-length: 1\r\n\r\n0\r\n\r\n", "malformed", id="length and chunked"),
    pytest.param(CHUNKED + b"xyz\r\n", "malformed", id="chunk size"),
    pytest.param(
        b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", "switched protocols", id="101"
    ),
    pytest.param(answer(b"x", "content-encoding: gzip"), "compressed answer ('gzip')", id="gzip"),
    pytest.param(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "'gzip, chunked'", id="gzip, chunked"
    ),
    pytest.param(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 102 + b"\r\n", "more than 100 repeated headers", id="repeated"),
    pytest.param(answer(b"x" * 2000), "larger than the limit of 1000 bytes", id="long"),
    pytest.param(
        b"HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n", "larger than the limit of 1000 bytes", id="announced"
    ),
    pytest.param(CHUNKED + chunk(b"x" * 600) * 2, "larger than the limit of 1000 bytes", id="long chunked"),
]


@pytest.mark.parametrize(("data", "what"), BAD)
async def test_a_bad_answer_is_refused_by_name_and_the_connection_dropped(data: bytes, what: str):
    async def handler(line: Line) -> None:
        await line.request()
        await line.send(data)
        await line.hung_up()
        hung_up.set()

    hung_up = asyncio.Event()
    async with talking(handler, limit=1000) as (route, _):
        with pytest.raises(UpstreamFailed) as caught:
            await route.send("GET", "/", [("authorization", "Bearer hush")])
        await hung_up.wait()
    assert "'weather'" in caught.value.message
    assert what in caught.value.message
    assert "hush" not in repr(caught.value)


@pytest.mark.parametrize(
    ("start", "endless"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n", b"x: " + b"y" * 500 + b"\r\n", id="headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nx: ", b"y" * 500, id="one header"),
        pytest.param(b"", b"HTTP/1.1 103 Hints\r\n\r\n" * 20, id="interim answers"),
        pytest.param(b"", b"\r\n" * 200, id="empty lines"),
        pytest.param(CHUNKED + b"1;", b"x" * 500, id="chunk extension"),
        pytest.param(CHUNKED + b"0\r\n", b"x: " + b"y" * 500 + b"\r\n", id="trailers"),
        pytest.param(CHUNKED, chunk(b"x" * 500), id="chunks"),
        pytest.param(STREAM + b"1;", b"x" * 500, id="chunk extension of a stream"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 500, id="body until close"),
    ],
)
async def test_an_endless_answer_is_cut(start: bytes, endless: bytes):
    async def handler(line: Line) -> None:
        await line.request()
        await line.send(start)
        while True:
            await line.send(endless)

    async with talking(handler, limit=200_000) as (route, _):
        with pytest.raises(UpstreamFailed, match=r"limit|bytes of headers|head of its answer|repeated headers"):
            await read(await route.send("GET", "/", []))


async def test_a_large_head_in_one_piece_is_refused_too():
    async with talking(replying(answer(b"x", f"x: {'y' * HEAD_LIMIT}"))) as (route, _):
        with pytest.raises(UpstreamFailed, match=r"head of its answer|bytes of headers"):
            await route.send("GET", "/", [])


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200", id="status line"),
        pytest.param(answer(b"abc")[:-1], id="length"),
        pytest.param(CHUNKED + chunk(b"abc"), id="chunked"),
    ],
)
@pytest.mark.parametrize("reset", [False, True])
async def test_an_answer_that_breaks_off_is_no_answer(data: bytes, reset: bool):
    async def handler(line: Line) -> None:
        await line.request()
        await line.send(data)
        if reset:
            line.reset()

    async with talking(handler) as (route, peer):
        with pytest.raises(UpstreamFailed, match=r"'weather': the connection (broke|was closed)"):
            await route.send("GET", "/", [])
        assert len(peer.requests) == 1


async def test_an_answer_until_close_is_no_answer_when_the_connection_is_reset():
    async def handler(line: Line) -> None:
        await line.request()
        await line.send(STREAM.replace(b"transfer-encoding: chunked\r\n", b""))
        await started.wait()
        line.reset()

    started = asyncio.Event()
    async with talking(handler) as (route, _):
        reply = await route.send("GET", "/", [])
        started.set()
        with pytest.raises(UpstreamFailed, match="broke in the middle"):
            await read(reply)


@pytest.mark.parametrize("extra", [b"garbage", b"H", answer(b"second"), answer(b"x" * 200_000)])
async def test_bytes_behind_an_answer_cost_the_connection_and_poison_nothing(extra: bytes):
    """Either they come with the answer, or they come to an idle connection: the next answer is never one of them."""

    async def handler(line: Line) -> None:
        await line.request()
        await line.send(answer(b"first") + extra)
        await line.hung_up()

    async with talking(handler) as (route, peer):
        for expected in (1, 2):
            reply = await route.send("GET", "/", [])
            assert reply.body == b"first"
            assert peer.connections == expected


@pytest.mark.parametrize("unasked", [answer(b"unasked"), b"\r\n"])
async def test_bytes_to_an_idle_connection_cost_it(unasked: bytes):
    async def handler(line: Line) -> None:
        await line.request()
        await line.send(answer(b"first"))
        await go.wait()
        await line.send(unasked)
        await line.hung_up()
        hung_up.set()

    go, hung_up = asyncio.Event(), asyncio.Event()
    async with talking(handler) as (route, peer):
        await route.send("GET", "/", [])
        assert route.idle == 1
        go.set()
        await hung_up.wait()
        assert route.idle == 0
        assert (await route.send("GET", "/", [])).body == b"first"
        assert peer.connections == 2


async def test_a_large_request_answered_early_costs_the_connection():
    async def handler(line: Line) -> None:
        line.write(answer(b"too much", status="413 Content Too Large"))
        await done.wait()

    done = asyncio.Event()
    async with talking(handler) as (route, _):
        reply = await route.send("POST", "/", [], b"x" * (32 << 20))
        assert reply.status == 413
        assert route.idle == 0
        done.set()


async def test_a_closed_route_ends_what_is_under_way_and_takes_nothing_new():
    async def handler(line: Line) -> None:
        await line.request()
        asked.set()
        await line.hung_up()
        hung_up.set()

    asked, hung_up = asyncio.Event(), asyncio.Event()
    async with serving(handler) as peer:
        route = HttpClient().route(f"http://127.0.0.1:{peer.port}/", server="weather", limit=1000)
        task = asyncio.create_task(route.send("POST", "/", [], b"{}"))
        await asked.wait()
        await route.close()
        with pytest.raises(UpstreamFailed, match="'weather': it was removed or changed"):
            await task
        await hung_up.wait()
        with pytest.raises(UpstreamFailed, match="removed or changed"):
            await route.send("GET", "/", [])
        await route.close()
