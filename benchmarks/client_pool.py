"""What one call costs in the outgoing HTTP client: CPU microseconds of this process, and microseconds that pass.

    uv run --group dev python -m benchmarks.client_pool [--rounds 5] [--calls 4000]

The server is a child process that gives every request the same 276 bytes of JSON. Contenders run interleaved, because
machines drift; the median of the rounds is printed. aiohttp takes part where it is installed (it is no dependency):
add `--with aiohttp` to the command.
"""

import argparse
import asyncio
import contextlib
import importlib
import multiprocessing
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from multiprocessing.connection import Connection as Pipe
from typing import Any, cast

from toolgate.egress.client import HttpClient

BODY = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":1,"b":2}}}'
REPLY = b'{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"%s"}],"isError":false}}' % (b"3" * 190)
ANSWER = (
    b"HTTP/1.1 200 OK\r\ndate: Tue, 24 Nov 2026 08:00:00 GMT\r\nserver: x\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(REPLY), REPLY)
)
CONSTANT = [
    ("user-agent", "toolgate/0.1"),
    ("accept", "application/json, text/event-stream"),
    ("content-type", "application/json"),
    ("mcp-protocol-version", "2026-07-28"),
    ("authorization", "Bearer " + "x" * 40),
]
OWN = [("mcp-method", "tools/call"), ("mcp-name", "add")]

Call = Callable[[], Awaitable[object]]


class Server(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if data.endswith(BODY):  # aiohttp may send the head by itself
            self.transport.write(ANSWER)


async def serve(pipe: Pipe) -> None:
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0, backlog=512)
    pipe.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def child(pipe: Pipe) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        loop_of_uvloop().run_until_complete(serve(pipe))


def loop_of_uvloop() -> asyncio.AbstractEventLoop:
    return importlib.import_module("uvloop").new_event_loop()


@contextlib.asynccontextmanager
async def contenders(port: int) -> AsyncIterator[dict[str, Call]]:
    origin = f"http://127.0.0.1:{port}"
    route = HttpClient().route(origin, server="bench", limit=1 << 20)
    prepared = route.prepare(CONSTANT)
    both = CONSTANT + OWN
    calls: dict[str, Call] = {
        "own pool, headers prepared": lambda: route.send("POST", "/mcp", OWN, BODY, prepared=prepared),
        "own pool, headers each time": lambda: route.send("POST", "/mcp", both, BODY),
    }
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(route.close)
        with contextlib.suppress(ImportError):
            aiohttp: Any = importlib.import_module("aiohttp")
            connector = aiohttp.TCPConnector(limit=256)
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
            headers = dict(both)

            async def call() -> object:
                async with session.post(f"{origin}/mcp", data=BODY, headers=headers) as reply:
                    return await reply.read()

            calls["aiohttp"] = call
        yield calls


async def measure(call: Call, calls: int, concurrency: int) -> tuple[float, float]:
    """CPU and wall microseconds per call."""

    async def worker() -> None:
        for _ in range(calls // concurrency):
            await call()

    done = calls // concurrency * concurrency
    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*[worker() for _ in range(concurrency)])
    return (time.process_time() - cpu) / done * 1e6, (time.perf_counter() - wall) / done * 1e6


async def compare(port: int, rounds: int, calls: int) -> None:
    print(f"{'concurrency':>11}  {'client':<28} {'CPU us/call':>11} {'us/call':>9}")
    async with contenders(port) as all_of_them:
        for concurrency in (1, 16, 64):
            seen: dict[str, list[tuple[float, float]]] = {name: [] for name in all_of_them}
            for _ in range(rounds + 1):
                for name, call in all_of_them.items():
                    seen[name].append(await measure(call, calls, concurrency))
            for name, figures in seen.items():
                cpu, wall = (statistics.median(column) for column in zip(*figures[1:], strict=True))
                print(f"{concurrency:>11}  {name:<28} {cpu:>11.1f} {wall:>9.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=4000)
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=child, args=(theirs,), daemon=True)
    process.start()
    try:
        loop = loop_of_uvloop()
        loop.run_until_complete(compare(ours.recv(), options.rounds, options.calls))
        loop.close()
    finally:
        process.terminate()
        process.join()


if __name__ == "__main__":
    main()
