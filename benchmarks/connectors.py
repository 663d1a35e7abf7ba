"""What a connector adds to the raw HTTP call: `python -m benchmarks.connectors`, from the root of the repository, on
Linux with two cores.

GitHub's `list_pull_requests` against a product that answers 2 to 430 kB, in three ways that take turns: the raw call
through the gateway's own client, whose answer nobody looks at; the same with its JSON decoded; and the connector.
Processor time of the process, threads included. Then calls of another server through two whole gateways that take
turns: one has ten connectors, the other none.
"""

import argparse
import asyncio
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import yaml

from benchmarks.calling import Load, request, window
from benchmarks.processes import BenchmarkError, Placement, started, wait_for_port
from tests.free_port import free_port
from tests.ports.speaking import Ear, modern, spec, tool
from toolgate.credentials.references import References
from toolgate.egress.client import HttpClient
from toolgate.ports import Toolbox, Upstream
from toolgate.stores.clock import SystemClock
from toolgate.upstreams import connector
from toolgate.upstreams.connector import reading

PROGRAM = ("-c", "import sys; from toolgate.cli.main import main; sys.exit(main())")
ROWS = {"2 kB": 1, "20 kB": 1, "100 kB": 5, "430 kB": 22}
CALLS = 100
"""Of each way in one round."""

Way = Callable[[], Awaitable[Any]]


def row(number: int, size: int) -> dict[str, Any]:
    """A pull request as GitHub tells it: mostly addresses, the same repository twice, people again and again."""
    user = {f"user_url_{n}": f"https://api.github.example/users/ada/{n}" for n in range(14)} | {"login": "ada", "id": 1}
    repo = {f"repo_url_{n}": f"https://api.github.example/repos/acme/site/{n}{{/sha}}" for n in range(50)}
    short = {
        "number": number,
        "title": "Change",
        "state": "open",
        "draft": False,
        "user": user,
        "html_url": "https://x",
    }
    if size < 10_000:
        return short
    side = {"label": "acme:main", "ref": "main", "sha": "0" * 40, "user": user, "repo": {**repo, "owner": user}}
    many = {"head": side, "base": side, "assignees": [user] * 3, "requested_reviewers": [user] * 3, "_links": repo}
    return {**short, **many, "updated_at": "2027-01-31T12:00:00Z", "body": "x" * 1000}


def answers() -> dict[str, bytes]:
    """By the name of the repository, which is the size."""
    made: dict[str, bytes] = {}
    for name, count in ROWS.items():
        size = int(name.partition(" ")[0]) * 1000
        rows = [row(number, size) for number in range(count)]
        rows[0]["filler"] = "x" * max(0, size - len(msgspec.json.encode(rows)))
        made[name.replace(" ", "-")] = msgspec.json.encode(rows)
    return made


async def product(port: int) -> None:
    """Answers each repository's pull requests, whatever else is asked."""
    made = answers()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = made[head.split(b"/", 4)[3].decode()]
                length = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(length.encode() + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, sock=socket.create_server(("127.0.0.1", port)))
    await server.serve_forever()


async def cost(way: Way) -> float:
    """Microseconds of processor time of one call."""
    began = time.process_time_ns()
    for _ in range(CALLS):
        await way()
    return (time.process_time_ns() - began) / CALLS / 1000


def ways(upstream: Upstream, route: Any, prepared: Any, size: str) -> dict[str, Way]:
    repository = size.replace(" ", "-")
    called = tool("list_pull_requests", modern(), owner="acme", repo=repository)

    async def raw() -> bytes:
        target = f"/repos/acme/{repository}/pulls?state=open&per_page=20"
        answer = await route.send("GET", target, (), b"", prepared=prepared, idempotent=True)
        return answer.body

    async def decoded() -> Any:
        return msgspec.json.decode(await raw())

    async def connected() -> None:
        out = msgspec.structs.replace(called, deadline=time.perf_counter() + 20)
        result = await upstream.call(out, Ear())
        if result.is_error or b"structuredContent" not in result.body:
            raise BenchmarkError(f"a wrong answer: {result.body[:300]!r}")

    return {"raw": raw, "decoded": decoded, "connector": connected}


async def calls(port: int, directory: Path, rounds: int) -> None:
    client, url = HttpClient(), f"http://127.0.0.1:{port}"
    toolbox = Toolbox(client, References({"TOKEN": "benchmark-token"}, directory), SystemClock(), directory)
    settings = connector.Settings(
        connector="github", token="env:TOKEN", private=True, variables={"base_url": url}
    )  # fmt: skip
    route = client.route(url, server="raw", limit=2**24)
    prepared = route.prepare([("Accept", "application/json"), ("Authorization", "Bearer benchmark-token")])
    print("| answer | raw µs | and decoded µs | connector µs | it adds to raw (range) | of it decoding |")
    print("| --- | --: | --: | --: | --: | --: |")
    async with connector.open(spec(kind="connector"), settings, toolbox) as upstream:
        for size in ROWS:
            listed = ways(upstream, route, prepared, size)
            found: dict[str, list[float]] = {name: [] for name in listed}
            for number in range(rounds + 1):
                for name, way in listed.items():
                    taken = await cost(way)
                    if number:  # the first is for warming up
                        found[name].append(taken)
            added = [one - raw for one, raw in zip(found["connector"], found["raw"], strict=True)]
            decoding = [one - raw for one, raw in zip(found["decoded"], found["raw"], strict=True)]
            shown = " | ".join(f"{statistics.median(taken):,.0f}" for taken in found.values())
            spread = f"{statistics.median(added):,.0f} ({min(added):,.0f} to {max(added):,.0f})"
            print(f"| {size} | {shown} | {spread} | {statistics.median(decoding):,.0f} |", flush=True)
    await route.close()


def declared(connectors: int) -> dict[str, Any]:
    """An echo server, and so many connectors: those that come with Toolgate, in turns."""
    ids = reading.included()
    servers: dict[str, Any] = {"echo": {"kind": "echo"}}
    for number in range(connectors):
        id_ = ids[number % len(ids)]
        read = reading.read(reading.INCLUDED / id_)
        names = {
            name: "env:TOKEN" if field.secret else "me@acme.example" for name, field in read.auth[0].fields.items()
        }
        url = {"base_url": f"https://{id_}.example"} if read.variables["base_url"].default is None else {}
        servers[f"{id_}-{number}"] = {"kind": "connector", "connector": id_, "credentials": names, "variables": url}
    return {
        "version": 1,
        "servers": servers,
        "grants": [{"key": "local", "allow": {"servers": ["*"], "tools": ["*"]}}],
    }


def straight_line(directory: Path, rounds: int, seconds: float) -> None:
    """Two gateways on one core take turns with calls of the echo server."""
    loads: dict[int, list[Load]] = {0: [], 10: []}
    ports = {count: free_port() for count in loads}
    places = {count: directory / str(count) for count in loads}
    commands = {}
    for count, place in places.items():
        place.mkdir()
        (place / "toolgate.yaml").write_text(yaml.safe_dump(declared(count)))
        flags = [
            "--config",
            str(place / "toolgate.yaml"),
            "--data-dir",
            str(place / "data"),
            "--port",
            str(ports[count]),
        ]
        commands[count] = [sys.executable, *PROGRAM, "up", *flags]
    token = {"TOKEN": "benchmark-token"}
    with (
        started("none", commands[0], Placement(0), places[0], token) as none,
        started("ten", commands[10], Placement(0), places[10], token) as ten,
    ):
        gateways = {0: none, 10: ten}
        sent = {}
        for count, gateway in gateways.items():
            wait_for_port(gateway, ports[count])
            key = (places[count] / "data" / "local.key").read_text().strip()
            sent[count] = [(request(ports[count], key, "echo", "echo", {"text": "hello"}), b"hello")]
        for number in range(rounds + 1):
            for count, gateway in gateways.items():
                load = window(gateway, ports[count], sent[count], seconds)
                if number:
                    loads[count].append(load)
    cost = {count: [load.cpu_us / load.calls for load in found] for count, found in loads.items()}
    ratios = [ten / none for ten, none in zip(cost[10], cost[0], strict=True)]
    print("\n| a call of another server | CPU µs/call | ratio (range) |\n| --- | --: | --: |")
    print(f"| no connectors | {statistics.median(cost[0]):,.1f} | |")
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    print(f"| ten connectors | {statistics.median(cost[10]):,.1f} | {spread} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each window through the whole line")
    parser.add_argument("--product", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.product is not None:
        asyncio.run(product(given.product))
        return
    with tempfile.TemporaryDirectory(prefix="tgconnectors-") as name:
        directory, port = Path(name), free_port()
        os.sched_setaffinity(0, {1})
        command = [sys.executable, "-m", "benchmarks.connectors", "--product", str(port)]
        with started("product", command, Placement(0), directory, {"PYTHONPATH": os.getcwd()}) as served:
            wait_for_port(served, port)
            asyncio.run(calls(port, directory, given.rounds))
        straight_line(directory, given.rounds, given.seconds)


if __name__ == "__main__":
    main()
