"""Streamed answers: given out as they come, held back for a slow reader, dropped when nobody wants them."""

import asyncio

import pytest

from tests.egress.peer import STREAM, Line, answer, chunk, replying, talking
from toolgate.egress.answer import HIGH_WATER, StreamedAnswer
from toolgate.model.errors import UpstreamFailed


async def test_a_stream_is_given_out_with_its_head_and_chunk_by_chunk():
    async def handler(line: Line) -> None:
        await line.request()
        await line.send(STREAM)
        for number in range(3):
            await asked.wait()
            asked.clear()
            await line.send(chunk(b"data: %d\n\n" % number))
        await asked.wait()
        await line.send(b"0\r\n\r\n")
        await line.request()
        await line.send(answer())

    asked = asyncio.Event()
    async with talking(handler) as (route, peer):
        reply = await route.send("POST", "/", [], b"{}")
        assert (reply.status, reply.body) == (200, b"")
        asked.set()
        seen: list[bytes] = []
        async for data in reply.chunks():
            seen.append(data)
            asked.set()
        assert seen == [b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n"]
        reply.close()
        await route.send("POST", "/", [], b"{}")
        assert peer.connections == 1


async def test_a_stream_that_comes_at_once_gives_its_connection_back_at_once():
    data = STREAM + chunk(b"data: 1\n\n") + b"0\r\n\r\n"
    async with talking(replying(data)) as (route, peer):
        for _ in range(3):
            reply = await route.send("POST", "/", [], b"{}")
            assert [part async for part in reply.chunks()] == [b"data: 1\n\n"]
        assert peer.connections == 1


async def test_a_stream_until_close_ends_with_it():
    async def handler(line: Line) -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\ndata: 1\n\n")

    async with talking(handler) as (route, _):
        reply = await route.send("GET", "/", [])
        assert b"".join([part async for part in reply.chunks()]) == b"data: 1\n\n"


async def test_a_broken_stream_gives_out_what_came_and_then_fails():
    async def handler(line: Line) -> None:
        await line.request()
        await line.send(STREAM + chunk(b"data: 1\n\n"))

    async with talking(handler) as (route, _):
        reply = await route.send("GET", "/", [])
        parts = reply.chunks()
        assert await anext(aiter(parts)) == b"data: 1\n\n"
        with pytest.raises(UpstreamFailed, match="'weather': the connection broke in the middle"):
            await anext(aiter(parts))


async def test_a_reader_that_does_not_read_stops_the_server_and_nothing_is_lost():
    total = 64 * 1024 * 1024

    async def handler(line: Line) -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n" % total)
        for _ in range(total // 65536):
            await line.send(b"x" * 65536)
        sent.set()
        await line.hung_up()

    sent = asyncio.Event()
    async with talking(handler) as (route, _):
        reply = await route.send("GET", "/", [])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await sent.wait()
        got = 0
        async for data in reply.chunks():
            assert len(data) <= HIGH_WATER + 256 * 1024
            got += len(data)
        assert got == total
        assert route.idle == 1


async def test_closing_a_stream_hangs_up_and_ends_its_reader():
    async def handler(line: Line) -> None:
        await line.request()
        await line.send(STREAM)
        await line.hung_up()
        hung_up.set()

    hung_up = asyncio.Event()
    async with talking(handler) as (route, _):
        reply = await route.send("GET", "/", [])
        assert isinstance(reply, StreamedAnswer)
        parts = reply.chunks()
        reader = asyncio.ensure_future(anext(aiter(parts)))
        await asyncio.sleep(0)
        reply.close()
        reply.close()
        with pytest.raises(UpstreamFailed, match="closed on this side"):
            await reader
        await hung_up.wait()
        assert route.idle == 0


@pytest.mark.parametrize("head", [False, True])
async def test_cancelling_hangs_up(head: bool):
    """Before the answer, and in the middle of a stream: a modern server reads it as a cancelled call."""

    async def handler(line: Line) -> None:
        await line.request()
        if head:
            await line.send(STREAM)
        asked.set()
        await line.hung_up()
        hung_up.set()

    async def call() -> None:
        reply = await route.send("POST", "/", [], b"{}")
        started.set()
        async for _ in reply.chunks():
            pass

    asked, started, hung_up = asyncio.Event(), asyncio.Event(), asyncio.Event()
    async with talking(handler) as (route, _):
        task = asyncio.create_task(call())
        await (started if head else asked).wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await hung_up.wait()
