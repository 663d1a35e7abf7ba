"""The pool: reuse, order, bounds, and what happens when a kept connection turns out to be dead."""

import asyncio
import socket
import struct

import pytest

from tests.egress.peer import Handler, Line, Peer, answer, replying, serving, talking, until
from toolgate.egress.answer import WholeAnswer
from toolgate.egress.connection import Connection
from toolgate.egress.dialling import Destination, dial
from toolgate.egress.pool import Route
from toolgate.model.errors import Limited, UpstreamFailed


def narrow(peer: Peer, *, connections: int, line: int = 100) -> Route:
    to = Destination("weather", "127.0.0.1", peer.port, None, True, 5.0)
    return Route(to, f"127.0.0.1:{peer.port}", 1000, connections=connections, line=line)


async def test_calls_one_after_another_share_one_connection():
    async with talking(replying(answer())) as (route, peer):
        for _ in range(50):
            assert (await route.send("POST", "/", [], b"{}")).status == 200
        assert (peer.connections, len(peer.requests), route.idle) == (1, 50, 1)


async def test_calls_at_once_each_get_their_own_answer():
    async def handler(line: Line) -> None:
        while True:
            body = (await line.request()).rsplit(b"\r\n\r\n", 1)[1]
            if len(line.peer.requests) == 40:
                everybody.set()
            await everybody.wait()
            await line.send(answer(body))

    everybody = asyncio.Event()
    async with talking(handler) as (route, peer):
        bodies = [b"%d" % number for number in range(40)]
        replies = await asyncio.gather(*[route.send("POST", "/", [], body) for body in bodies])
        assert [reply.body for reply in replies] == bodies
        assert (peer.connections, route.idle) == (40, 40)


async def test_the_connection_used_last_is_used_next():
    async def handler(line: Line) -> None:
        number = line.peer.connections
        while True:
            await line.request()
            if len(line.peer.requests) == 2:
                both.set()
            await both.wait()
            await line.send(answer(b"%d" % number))

    both = asyncio.Event()
    async with talking(handler) as (route, _):
        await asyncio.gather(route.send("GET", "/", []), route.send("GET", "/", []))
        assert len({(await route.send("GET", "/", [])).body for _ in range(10)}) == 1


async def test_no_more_than_the_bound_are_open_and_the_line_is_served_in_order():
    async def handler(line: Line) -> None:
        while True:
            order.append((await line.request()).rsplit(b"\r\n\r\n", 1)[1])
            await line.send(answer())

    order: list[bytes] = []
    async with serving(handler) as peer:
        route = narrow(peer, connections=1)
        bodies = [b"%02d" % number for number in range(30)]
        await asyncio.gather(*[route.send("POST", "/", [], body) for body in bodies])
        assert order == bodies
        assert peer.connections == 1
        await route.close()


async def test_who_waits_is_served_when_a_connection_dies():
    async def handler(line: Line) -> None:
        await line.request()
        await line.send(answer(b"x", "connection: close"))

    async with serving(handler) as peer:
        route = narrow(peer, connections=2)
        replies = await asyncio.gather(*[route.send("POST", "/", [], b"{}") for _ in range(20)])
        assert {reply.body for reply in replies} == {b"x"}
        assert peer.connections == 20
        await route.close()


async def test_who_waits_fails_alone_when_nobody_can_be_reached():
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.close()
    route = Route(Destination("weather", "127.0.0.1", port, None, True, 5.0), "x", 1000, connections=2)
    outcomes = await asyncio.gather(*[route.send("GET", "/", []) for _ in range(10)], return_exceptions=True)
    assert all(isinstance(outcome, UpstreamFailed) for outcome in outcomes)
    assert "Connection refused" in str(outcomes[-1])
    await route.close()


def holding(asked: asyncio.Event, go: asyncio.Event) -> Handler:
    async def handler(line: Line) -> None:
        while True:
            await line.request()
            asked.set()
            await go.wait()
            await line.send(answer())

    return handler


async def test_the_line_is_bounded_and_a_cancelled_place_is_free_again():
    asked, go = asyncio.Event(), asyncio.Event()
    async with serving(holding(asked, go)) as peer:
        route = narrow(peer, connections=1, line=2)
        first = asyncio.create_task(route.send("POST", "/", [], b"1"))
        await asked.wait()
        second = asyncio.create_task(route.send("POST", "/", [], b"2"))
        third = asyncio.create_task(route.send("POST", "/", [], b"3"))
        await asyncio.sleep(0)
        with pytest.raises(Limited, match="'weather'"):
            await route.send("POST", "/", [], b"4")
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        fifth = asyncio.create_task(route.send("POST", "/", [], b"5"))
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(first, third, fifth)
        assert [request[-1:] for request in peer.requests] == [b"1", b"3", b"5"]
        assert peer.connections == 1
        await route.close()


async def test_a_place_cancelled_in_the_moment_of_being_served_is_passed_on():
    asked, go = asyncio.Event(), asyncio.Event()
    async with serving(holding(asked, go)) as peer:
        route = narrow(peer, connections=1)

        async def call_and_cancel_the_next() -> None:
            await route.send("POST", "/", [], b"1")
            second.cancel()

        first = asyncio.create_task(call_and_cancel_the_next())
        await asked.wait()
        second = asyncio.create_task(route.send("POST", "/", [], b"2"))
        third = asyncio.create_task(route.send("POST", "/", [], b"3"))
        await asyncio.sleep(0)
        go.set()
        assert (await third).status == 200
        await first
        with pytest.raises(asyncio.CancelledError):
            await second
        assert [request[-1:] for request in peer.requests] == [b"1", b"3"]
        assert (await route.send("POST", "/", [], b"4")).status == 200
        assert route.idle == 1
        await route.close()


async def test_a_connection_that_breaks_between_being_given_and_being_taken_is_not_used():
    asked, go = asyncio.Event(), asyncio.Event()
    async with serving(holding(asked, go)) as peer:
        route = narrow(peer, connections=1)

        async def call_and_close() -> None:
            await route.send("POST", "/", [], b"1")
            await route.close()

        first = asyncio.create_task(call_and_close())
        await asked.wait()
        second = asyncio.create_task(route.send("POST", "/", [], b"2"))
        await asyncio.sleep(0)
        go.set()
        with pytest.raises(UpstreamFailed, match="removed or changed"):
            await second
        await first
        assert len(peer.requests) == 1


@pytest.mark.parametrize("moment", ["dialling", "asking"])
async def test_a_cancelled_call_frees_its_slot(moment: str):
    asked, go = asyncio.Event(), asyncio.Event()
    async with serving(holding(asked, go)) as peer:
        route = narrow(peer, connections=1)
        task = asyncio.create_task(route.send("POST", "/", [], b"1"))
        await (asyncio.sleep(0) if moment == "dialling" else asked.wait())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go.set()
        assert (await route.send("POST", "/", [], b"2")).status == 200
        await route.close()


# Kept connections that are dead.


async def leaving(line: Line) -> None:
    """Answers once on each connection, reads one more request, and hangs up without a word."""
    await line.request()
    await line.send(answer())
    await line.request()


@pytest.mark.parametrize(
    ("method", "idempotent", "again"),
    [
        ("POST", False, False),
        ("PATCH", False, False),
        ("POST", True, True),
        ("GET", False, True),
        ("DELETE", False, True),
    ],
)
async def test_what_may_have_been_carried_out_is_sent_again_only_if_harmless(
    method: str, idempotent: bool, again: bool
):
    async with talking(leaving) as (route, peer):
        await route.send(method, "/", [])
        if again:
            assert (await route.send(method, "/", [], idempotent=idempotent)).status == 200
        else:
            with pytest.raises(UpstreamFailed, match="closed before an answer came"):
                await route.send(method, "/", [], idempotent=idempotent)
        assert (len(peer.requests), peer.connections) == ((3, 2) if again else (2, 1))


async def test_a_request_is_sent_again_only_once():
    async def handler(line: Line) -> None:
        if line.peer.connections == 1:
            await line.request()
            await line.send(answer())
        await line.request()

    async with talking(handler) as (route, peer):
        await route.send("GET", "/", [])
        with pytest.raises(UpstreamFailed, match="closed before an answer came"):
            await route.send("GET", "/", [])
        assert len(peer.requests) == 3


async def test_a_request_is_sent_again_only_once_even_on_another_kept_connection():
    async with serving(leaving) as peer:
        route = narrow(peer, connections=1)
        await route.send("GET", "/0", [])
        outcomes = await asyncio.gather(*[route.send("GET", f"/{name}", []) for name in "ab"], return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [UpstreamFailed, WholeAnswer]
        assert [request[4:6] for request in peer.requests] == [b"/0", b"/a", b"/b", b"/a"]
        await route.close()


async def test_half_an_answer_is_never_asked_for_again():
    async def handler(line: Line) -> None:
        await line.request()
        await line.send(answer())
        await line.request()
        await line.send(b"HTTP/1.1 2")

    async with talking(handler) as (route, peer):
        await route.send("GET", "/", [])
        with pytest.raises(UpstreamFailed, match="broke in the middle"):
            await route.send("GET", "/", [])
        assert len(peer.requests) == 2


async def test_a_connection_that_the_peer_closes_leaves_the_pool_at_once():
    async def handler(line: Line) -> None:
        await line.request()
        await line.send(answer())
        await go.wait()

    go = asyncio.Event()
    async with talking(handler) as (route, peer):
        await route.send("POST", "/", [], b"{}")
        assert route.idle == 1
        go.set()
        await until(lambda: route.idle == 0)
        assert (await route.send("POST", "/", [], b"{}")).status == 200
        assert peer.connections == 2


class Holder:
    def released(self, connection: Connection, /) -> None: ...

    def lost(self, connection: Connection, /) -> None: ...

    def gone(self, connection: Connection, /) -> None: ...


async def test_a_doubtful_connection_is_looked_at_before_it_is_used():
    """The peer hung up, and the loop had no turn yet to hear of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        to = Destination("weather", "127.0.0.1", listener.getsockname()[1], None, True, 5.0)
        connection = await dial(to, lambda: Connection(Holder(), "weather", 1000))
        accepted, _ = listener.accept()
        now = connection.idle_since = asyncio.get_running_loop().time()
        connection.expires = now + 4
        assert connection.usable(now + 1)
        accepted.close()
        assert not connection.usable(now + 1)
        connection.drop()


@pytest.mark.asyncio(loop_factories=["asyncio"])  # uvloop tells too late
async def test_what_the_socket_did_not_take_is_sent_again():
    """The peer has reset the connection and the loop had no turn yet to hear of it: nothing of the request got out."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        to = Destination("weather", "127.0.0.1", listener.getsockname()[1], None, True, 5.0)
        route = Route(to, "weather", 1000)

        async def answer_once(line: socket.socket) -> bytes:
            request = await loop.sock_recv(line, 65536)
            await loop.sock_sendall(line, answer())
            return request

        call = asyncio.create_task(route.send("POST", "/", [], b"1"))
        line, _ = await loop.sock_accept(listener)
        assert (await answer_once(line)).endswith(b"1")
        await call
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.close()
        call = asyncio.ensure_future(route.send("POST", "/", [], b"2"))
        line, _ = await loop.sock_accept(listener)
        assert (await answer_once(line)).endswith(b"2")
        assert (await call).status == 200
        await route.close()
        line.close()


async def test_idle_connections_run_out_by_themselves():
    async def handler(line: Line) -> None:
        await line.request()
        await line.send(answer(b"x", "keep-alive: timeout=2"))
        await line.hung_up()
        hung_up.set()

    hung_up = asyncio.Event()
    async with talking(handler) as (route, _):
        await route.send("GET", "/", [])
        assert route.idle == 1
        await hung_up.wait()
        assert route.idle == 0
