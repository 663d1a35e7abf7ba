"""How long `toolgate up` takes with 200 servers of which half are dead. `uv run python -m benchmarks.starting`

The servers are records. A hundred answer (one program, a hundred paths, ten tools each). Of the dead, a third refuse
the connection, a third take it and say nothing, and a third drop it: their backlog is full. Beside it the same start
with all 200 alive, and with none, interleaved. Measured from the start of the process: until it says its endpoint,
until `/readyz` answers 200, and until every server that is alive is known to be. On a machine with other work, put
`chrt --fifo 10` before the command.
"""

import argparse
import asyncio
import contextlib
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

from toolgate.assembly.records import toolbox_of
from toolgate.client.administration import Administration
from toolgate.client.place import Place
from toolgate.egress.client import HttpClient
from toolgate.model.entities import Server
from toolgate.stores import records
from toolgate.stores.data_dir import make_directory, open_data_dir

SERVERS = 200
TOOLS = 10
LIMIT_S = 5.0
PATIENCE_S = 60.0
PROGRAM = "import sys; from toolgate.cli.main import main; sys.exit(main())"
ENDPOINT = re.compile(r"Endpoint +(?P<url>http\S+)/mcp")

RESULTS: dict[str, dict[str, Any]] = {
    "server/discover": {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "resultType": "complete"},
    "tools/list": {
        "tools": [
            {"name": f"tool_{number}", "description": "Looks something up.", "inputSchema": {"type": "object"}}
            for number in range(TOOLS)
        ],
        "resultType": "complete",
        "ttlMs": 0,
        "cacheScope": "private",
    },
}


async def upstream(scope: Any, receive: Any, send: Any) -> None:
    """A modern MCP server on every path, as small as one can be."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    asked = msgspec.json.decode(body)
    result = RESULTS.get(asked["method"])
    answer = {"result": result} if result is not None else {"error": {"code": -32601, "message": "no such method"}}
    encoded = msgspec.json.encode({"jsonrpc": "2.0", "id": asked.get("id"), **answer})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(encoded))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": encoded})


@contextlib.contextmanager
def living() -> Iterator[int]:
    """The program that answers; its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.starting", "--serve", str(port)])
    try:
        end = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
                break
            if time.monotonic() > end:
                raise SystemExit("the upstream did not start")
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


@contextlib.contextmanager
def dead() -> Iterator[tuple[int, int, int]]:
    """Three ports: one refuses, one takes connections and is silent, one drops what comes."""
    with contextlib.ExitStack() as stack:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            refusing = closed.getsockname()[1]
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1024))
        dropping = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = dropping.getsockname()[1]
        for _ in range(8):  # fills the backlog; the later ones hang as everybody's will
            filling = stack.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(("127.0.0.1", port))
        yield refusing, silent.getsockname()[1], port


def servers(alive: int, total: int, port: int, ports: Sequence[int]) -> list[Server]:
    urls = [
        f"http://127.0.0.1:{port if number < alive else ports[number % len(ports)]}/s{number}/mcp"
        for number in range(total)
    ]
    return [
        Server(name=f"server-{number:03}", kind="streamable_http", settings={"url": url})
        for number, url in enumerate(urls)
    ]


async def fill(data: Path, found: Sequence[Server]) -> None:
    make_directory(data)
    open_data_dir(data)
    opened = records.open(records.Config(), toolbox_of(data, {}))
    async with opened as store, store.transaction("benchmark") as writing:
        for one in found:
            await writing.put(one, expected=0)


async def known(url: str, key: str, alive: int, began: float) -> tuple[float, float]:
    """Seconds until it is ready, and until every living server is known as one."""
    route = HttpClient().route(url, server="toolgate", limit=1 << 20)
    end = time.monotonic() + PATIENCE_S
    while True:
        answer = await route.send("GET", "/readyz", ())
        answer.close()
        if answer.status == 200:
            break
        if time.monotonic() > end:
            raise SystemExit(f"not ready: {answer.body.decode()}")
        await asyncio.sleep(0.02)
    ready = time.monotonic() - began
    await route.close()
    async with Administration(Place(url, "", key)) as api:
        while True:
            healthy = [one async for one in api.each_health("healthy")]
            if sum(one.name.startswith("server-") for one in healthy) >= alive:
                return ready, time.monotonic() - began
            if time.monotonic() > end:
                raise SystemExit(f"{len(healthy)} of {alive} servers are known to be alive")
            await asyncio.sleep(0.02)


def start(found: Sequence[Server], alive: int) -> tuple[float, float, float]:
    """Seconds until the endpoint is said, until it is ready, and until the living servers are known."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        asyncio.run(fill(data, found))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TOOLGATE_")}
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "up", "--port", "0", "--data-dir", str(data)],
            cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            url = next(match["url"] for line in process.stdout if (match := ENDPOINT.search(line)))
            said = time.monotonic() - began
            key = (data / "local.key").read_text(encoding="utf-8").strip()
            return said, *asyncio.run(known(url, key, alive, began))
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_S)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--serve", type=int, default=0, help="be the server that answers, at this port")
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    if chosen.serve:
        uvicorn.run(upstream, host="127.0.0.1", port=chosen.serve, log_level="warning", access_log=False)  # type: ignore[arg-type]
        return
    with living() as port, dead() as ports:
        cases = {
            "no servers": (servers(0, 0, port, ports), 0),
            f"{SERVERS} servers": (servers(SERVERS, SERVERS, port, ports), SERVERS),
            f"{SERVERS} servers, half of them dead": (servers(SERVERS // 2, SERVERS, port, ports), SERVERS // 2),
        }
        taken: dict[str, list[tuple[float, float, float]]] = {name: [] for name in cases}
        for _ in range(chosen.rounds):
            for name, (found, alive) in cases.items():
                taken[name].append(start(found, alive))
        print(
            f"{'median of ' + str(chosen.rounds) + ' starts':<36}{'endpoint':>10}{'ready':>10}{'all living known':>20}"
        )
        for name, rounds in taken.items():
            columns = [statistics.median(column) for column in zip(*rounds, strict=True)]
            print(f"{name:<36}{columns[0]:>8.2f} s{columns[1]:>8.2f} s{columns[2]:>18.2f} s")
        worst = max(one[1] for one in taken[f"{SERVERS} servers, half of them dead"])
        print(f"slowest start with half of them dead: ready after {worst:.2f} s, of {LIMIT_S:g} s at most")


if __name__ == "__main__":
    main()
