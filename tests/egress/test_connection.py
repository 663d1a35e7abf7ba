"""One connection, handed bytes in every possible cut: what the loop hands over is not ours to choose."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.egress.peer import CHUNKED, STREAM, Line, Peer, answer, chunk, serving
from toolgate.egress.answer import Answer
from toolgate.egress.connection import Connection
from toolgate.egress.dialling import Destination, dial
from toolgate.model.errors import UpstreamFailed
from toolgate.pipeline.outbox import outbox_of


class Holder:
    """The least that can own a connection."""

    def __init__(self) -> None:
        self.back = 0

    def released(self, connection: Connection, /) -> None:
        self.back += 1

    def lost(self, connection: Connection, /) -> None: ...

    def gone(self, connection: Connection, /) -> None: ...


async def silent(line: Line) -> None:
    await line.hung_up()


async def connected(peer: Peer) -> tuple[Holder, Connection]:
    holder = Holder()
    to = Destination("weather", "127.0.0.1", peer.port, None, True, 5.0)
    return holder, await dial(to, lambda: Connection(holder, "weather", 100_000))


def asking(connection: Connection) -> asyncio.Future[Answer]:
    """A request that is on the wire already: the loop's turn that writes it is over."""
    waiter = connection.start(b"GET / HTTP/1.1\r\n\r\n")
    outbox_of(asyncio.get_running_loop()).flush()
    return waiter


async def fed(peer: Peer, pieces: Sequence[bytes]) -> tuple[Holder, asyncio.Future[Answer]]:
    """A connected connection that is handed these bytes, as the loop would hand them over."""
    holder, connection = await connected(peer)
    waiter = asking(connection)
    for piece in pieces:
        if not connection.closed:
            connection.data_received(piece)
    if not waiter.done():
        connection.fail("the test is over")
    connection.drop()
    return holder, waiter


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 103 Hints\r\nlink: x\r\n\r\n" + answer(b'{"a":1}', "empty:", "x: y"),
        CHUNKED + chunk(b'{"a":') + b"2;x\r\n1}\r\n0\r\ntrailer: z\r\n\r\n",
    ],
)
async def test_an_answer_may_be_cut_anywhere(data: bytes):
    async with serving(silent) as peer:
        for cut in range(1, len(data)):
            holder, waiter = await fed(peer, [data[:cut], data[cut:]])
            reply = waiter.result()
            assert reply.body == b'{"a":1}'
            assert "trailer" not in reply.headers
            assert holder.back == 1
        holder, waiter = await fed(peer, [data[place : place + 1] for place in range(len(data))])
        assert waiter.result().body == b'{"a":1}'


PIECES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [CHUNKED, STREAM, answer(), chunk(b"x"), b"0\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"\r\n", b"a: b\r\n"]
        ),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(pieces=PIECES)
def test_any_bytes_end_in_an_answer_or_in_upstream_failed(pieces: list[bytes]):
    async def scenario() -> None:
        async with serving(silent) as peer:
            _, waiter = await fed(peer, pieces)
            if waiter.exception() is not None:
                assert isinstance(waiter.exception(), UpstreamFailed)

    asyncio.run(scenario())


async def test_an_answer_that_came_in_the_moment_of_cancelling_keeps_its_connection():
    """It may already be another's: cancelling must not drop it under them."""
    async with serving(silent) as peer:
        _, connection = await connected(peer)
        waiter = asking(connection)
        connection.data_received(answer())
        connection.cancelled(waiter)
        assert not connection.closed
        other = asking(connection)
        connection.cancelled(waiter)
        connection.data_received(answer(b"other"))
        assert other.result().body == b"other"
        connection.drop()


async def test_a_connection_that_the_peer_ended_is_closed_in_the_same_turn_of_the_loop():
    async with serving(silent) as peer:
        _, connection = await connected(peer)
        connection.eof_received()
        assert connection.closed
        connection.drop()


async def test_an_answer_to_a_cancelled_request_keeps_its_connection():
    async with serving(silent) as peer:
        holder, connection = await connected(peer)
        waiter = asking(connection)
        waiter.cancel()
        connection.data_received(answer())
        connection.cancelled(waiter)
        assert not connection.closed
        assert holder.back == 1
        connection.drop()


@pytest.mark.parametrize("first", ["head", "cancel"])
async def test_a_stream_that_nobody_will_read_costs_its_connection(first: str):
    async with serving(silent) as peer:
        _, connection = await connected(peer)
        waiter = asking(connection)
        if first == "cancel":
            waiter.cancel()
        connection.data_received(STREAM)
        connection.cancelled(waiter)
        assert connection.closed
