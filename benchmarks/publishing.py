"""What publishing costs a gateway that serves: `uv run --group dev python -m benchmarks.publishing`, on Linux.

1,000 users with a key each in 50 teams, 20 roles, 200 servers with 20,000 tools, 800 grants, as records in SQLite. The
gateway runs in this process on one core, as `toolgate up` runs it; the load generator, the upstream and the program
that makes changes share another. Windows with and without changes are interleaved. A change is timed from its request,
and from its answer, to the end of the first request that sees it act.
"""

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.policy import GRANTS, SERVERS, TEAMS, USERS, grant
from benchmarks.processes import Placement, started, wait_for_port
from tests.free_port import free_port
from toolgate.assembly.gateway import Gateway, open_gateway
from toolgate.assembly.records import open_records, toolbox_of
from toolgate.cli.event_loop import run, settle
from toolgate.model.declared import Declared
from toolgate.model.entities import Binding, Entity, Grant, Key, Role, Server, Team, User
from toolgate.rules import keys
from toolgate.settings import Settings
from toolgate.sinks import logging_setup
from toolgate.sinks.log import CallLog
from toolgate.sinks.log import Config as CallLogConfig
from toolgate.stores import records
from toolgate.stores.data_dir import DataDir, open_data_dir

HERE = Path(__file__).parent
TOOLS = 20_000
ROLES = 20
LOAD, PROBE = "load", "probe"
GROWING = "growing"
BEAT_S = 0.001
PAUSE_S = 0.3
"""Between two changes."""
LOOK_S = 0.002
"""Between two looks at whether a change acts."""
PATIENCE_S = 30.0
STARTING_S = 0.3
"""What the start of the programs on the other core takes of this process does not count."""
GATEWAY, BESIDE = Placement(0), Placement(1)
YIELDING = ("chrt", "--idle", "0")
"""For what must not take from the load generator and its upstream what the gateway then seems to take: whoever else
wakes, goes first."""


def entities(digests: Mapping[str, str], upstream: str) -> Iterator[Entity]:
    """The company as records. `digests` are those of the keys LOAD and PROBE."""
    names = [f"server-{number:03}" for number in range(SERVERS)]
    for number in range(TEAMS):
        members = tuple(f"user:user-{user}" for user in range(number, USERS, TEAMS))
        yield Team(name=f"team-{number}", members=members)
    for number in range(ROLES):
        yield Role(name=f"role-{number}", permissions=("server:read",))
        yield Binding(name=f"role-{number}", subject=f"team:team-{number}", role=f"role-{number}")
    for number in range(USERS):
        yield User(name=f"user-{number}")
        yield Key(name=f"key-{number}", digest=f"{number:064x}", owner=f"user:user-{number}")
    for name in (LOAD, PROBE):
        yield Key(name=name, digest=digests[name])
    for number, name in enumerate(names[:-1]):
        settings = {"url": upstream}
        yield Server(name=name, kind="streamable_http", settings=settings, era="modern", tags=(f"tag-{number % 10}",))
    command = [*BESIDE.prefix(), *YIELDING, sys.executable, "-m", "benchmarks.growing"]
    where = {"command": command, "cwd": str(HERE.parent)}
    yield Server(name=GROWING, kind="stdio", settings=where, era="legacy", sharing="all")
    for number in range(GRANTS - 2):
        spec = grant(number, [*names[:-1], GROWING])
        subject = spec.subject.replace("user:", "user:user-")
        yield Grant(
            name=spec.name, subject=subject, effect=spec.effect, servers=spec.servers, tools=spec.tools,
            tags=spec.tags, conditions=spec.conditions,
        )  # fmt: skip
    yield Grant(name=LOAD, subject=f"key:{LOAD}", servers=(names[0],), tools=("*",))
    yield Grant(name=PROBE, subject=f"key:{PROBE}", servers=(GROWING,), tools=("grow*",))


async def fill(data: DataDir, found: Sequence[Entity]) -> None:
    async with (
        records.open(records.Config(), toolbox_of(data.path, {})) as store,
        store.transaction("bench") as writing,
    ):
        for entity in found:
            await writing.put(entity, expected=0)


class Changer:
    """Makes changes, and looks until each acts; one connection for the API, one for what clients see."""

    def __init__(self, port: int, local: str, probe: str) -> None:
        self._port = port
        self._local = local
        self._probe = probe
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        self._version = 0

    def ask(self, method: str, path: str, key: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        sent = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **headers}
        self._connection.request(method, path, None if body is None else json.dumps(body), sent)
        answer = self._connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else {}

    def mcp(self, key: str, method: str, params: Mapping[str, Any], name: str | None = None) -> tuple[int, Any]:
        prefix = "io.modelcontextprotocol/"
        meta = {f"{prefix}protocolVersion": "2026-07-28", f"{prefix}clientCapabilities": {}}
        meta[f"{prefix}clientInfo"] = {"name": "changer", "version": "1"}
        headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method}
        headers |= {"Accept": "application/json, text/event-stream"} | ({} if name is None else {"Mcp-Name": name})
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
        return self.ask("POST", "/mcp", key, message, **headers)

    def tools(self, key: str) -> list[str] | None:
        status, answer = self.mcp(key, "tools/list", {})
        return [tool["name"] for tool in answer["result"]["tools"]] if status == 200 else None

    def timed(self, change: Callable[[], Callable[[], bool]]) -> tuple[float, float]:
        """Milliseconds from the request, and from its answer, to the first look at which it acts."""
        began = time.perf_counter()
        acts = change()
        answered = time.perf_counter()
        while not acts():
            if time.perf_counter() > answered + PATIENCE_S:
                raise TimeoutError("a change does not act")
            time.sleep(LOOK_S)
        ended = time.perf_counter()
        return (ended - began) * 1e3, (ended - answered) * 1e3

    def key(self) -> Callable[[], bool]:
        name = f"new-{secrets.token_hex(4)}"
        status, made = self.ask("POST", "/api/v1/keys", self._local, {"name": name, "owner": "user:user-1"})
        assert status == 201, made
        return lambda: self.tools(made["key"]) is not None

    def grant(self) -> Callable[[], bool]:
        name = f"new-{secrets.token_hex(4)}"
        tool = f"echo_{secrets.randbelow(100)}"
        before = self.tools(self._probe)
        body = {"name": name, "subject": f"key:{PROBE}", "servers": [GROWING], "tools": [tool]}
        status, made = self.ask("POST", "/api/v1/grants", self._local, body)
        assert status == 201, made
        known = f"{GROWING}__{tool}" in (before or ())
        return lambda: known or f"{GROWING}__{tool}" in (self.tools(self._probe) or ())

    def tool(self) -> Callable[[], bool]:
        name = f"grown_{secrets.token_hex(4)}"
        grow = f"{GROWING}__grow"
        status, answer = self.mcp(self._probe, "tools/call", {"name": grow, "arguments": {"name": name}}, grow)
        assert status == 200, answer
        return lambda: f"{GROWING}__{name}" in (self.tools(self._probe) or ())

    def run(self, seconds: float) -> dict[str, list[tuple[float, float]]]:
        kinds = {"key": self.key, "grant": self.grant, "tool": self.tool}
        took: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for kind, change in kinds.items():
                took[kind].append(self.timed(change))
                time.sleep(PAUSE_S)
        return took


@dataclass
class Beat:
    """How long the loop was held: `longest` is in seconds of its own processor time, since it was last set to 0. (What
    others take of the core is no hold of ours.)"""

    longest: float = 0.0

    async def run(self) -> None:
        while True:
            began = time.thread_time()
            await asyncio.sleep(BEAT_S)
            self.longest = max(self.longest, time.thread_time() - began)


@contextlib.asynccontextmanager
async def serving(data: DataDir, port: int, log: Path) -> AsyncIterator[Gateway]:
    """The gateway as `toolgate up` runs it, with its 200 servers discovered."""
    settings = Settings(port=port, data_dir=data.path)
    with log.open("wb") as sink, log.with_name("gateway.log").open("w") as lines:
        logging_setup.configure("json", settings.log_level, lines)
        calls = CallLog(CallLogConfig(sink.fileno()))
        async with (
            open_records(settings, data, Declared(), {}) as kept,
            open_gateway(
                settings, data, Declared(), {}, None, (calls,), kept.administration, kept.gathering
            ) as gateway,
        ):  # fmt: skip
            await gateway.line.catalog.settled(PATIENCE_S)
            await gateway.line.publisher.published()
            settle()
            task = asyncio.create_task(gateway.serve())
            yield gateway
            gateway.listening.server.stop()
            await task
        calls.close()


async def child(*command: str, **variables: str) -> Any:
    """What a program on the other core prints as JSON."""
    process = await asyncio.create_subprocess_exec(
        *BESIDE.prefix(), *command, stdout=subprocess.PIPE, env={**os.environ, **variables}, cwd=HERE.parent
    )
    out, _ = await process.communicate()
    if not out:
        raise ChildProcessError(f"{command[0]} said nothing (status {process.returncode})")
    return json.loads(out)


@dataclass(frozen=True)
class Window:
    """What one window saw; milliseconds."""

    p50: float
    p99: float
    longest: float
    changes: Mapping[str, list[tuple[float, float]]]


@dataclass(frozen=True)
class Bench:
    """What the windows are measured with."""

    load: Path
    port: int
    seconds: float
    rate: float
    clear: Mapping[str, str]
    local: str

    async def window(self, beat: Beat, *, changing: bool) -> Window:
        asyncio.get_running_loop().call_later(STARTING_S, setattr, beat, "longest", 0.0)
        url = f"http://127.0.0.1:{self.port}/servers/server-000/mcp"
        load = child(
            str(self.load), "--url", url, "--tool", "echo_7", "--connections", "16",
            "--duration", str(self.seconds), "--rate", str(self.rate), TOOLGATE_KEY=self.clear[LOAD],
        )  # fmt: skip
        if not changing:
            said, changes = await load, {}
        else:
            itself = (sys.executable, "-m", "benchmarks.publishing", "--changer", str(self.port))
            secret = {"BENCH_LOCAL": self.local, "BENCH_PROBE": self.clear[PROBE], "BENCH_S": str(self.seconds)}
            said, changes = await asyncio.gather(load, child(*YIELDING, *itself, **secret))
        if said["errors"]:
            raise ValueError(f"{said['errors']} calls were not answered right")
        return Window(said["p50_us"] / 1e3, said["p99_us"] / 1e3, beat.longest * 1e3, changes)


def build(directory: Path, name: str) -> Path:
    program = directory / name
    subprocess.run(["cc", "-std=gnu11", "-O2", "-o", program, HERE / f"{name}.c", "-lm"], check=True, timeout=120)
    return program


async def measured(directory: Path, options: argparse.Namespace, upstream: str) -> list[tuple[Window, Window]]:
    (directory / "data").mkdir(mode=0o700)
    data = open_data_dir(directory / "data")
    clear = {name: keys.mint(secrets.token_bytes(keys.ENTROPY_BYTES)) for name in (LOAD, PROBE)}
    digests = {name: keys.digest(data.key_pepper, key.encode()).hex() for name, key in clear.items()}
    await fill(data, tuple(entities(digests, upstream)))
    port = free_port()
    bench = Bench(build(directory, "load"), port, options.window, options.rate, clear, data.local_key)
    rounds: list[tuple[Window, Window]] = []
    async with serving(data, port, directory / "calls.log"):
        beat = Beat()
        task = asyncio.create_task(beat.run())
        await bench.window(beat, changing=True)  # the first does not count
        for _ in range(options.rounds):
            quiet = await bench.window(beat, changing=False)
            rounds.append((quiet, await bench.window(beat, changing=True)))
        task.cancel()
    return rounds


def told(rounds: Sequence[tuple[Window, Window]]) -> None:
    print(f"{USERS} users, {SERVERS} servers, {TOOLS} tools, {GRANTS} grants; {len(rounds)} rounds\n")
    print("| change | until it acts, from the request: median, worst (ms) | from its answer |")
    print("| --- | --: | --: |")
    for kind in ("key", "grant", "tool"):
        took = [one for _, busy in rounds for one in busy.changes[kind]]
        cells = [f"{statistics.median(times):.0f}, {max(times):.0f}" for times in zip(*took, strict=True)]
        print(f"| one {kind} | {cells[0]} | {cells[1]} |")
    for name, of in (("p50", "p50"), ("p99", "p99"), ("longest hold of the loop", "longest")):
        quiet, busy = (statistics.median(getattr(pair[place], of) for pair in rounds) for place in (0, 1))
        print(f"{name}: {quiet:.2f} ms without changes, {busy:.2f} ms with, {busy / quiet:.2f} times")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.publishing", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--window", type=float, default=6.0, metavar="SECONDS")
    parser.add_argument("--rate", type=float, default=350.0, help="calls per second")
    parser.add_argument("--changer", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.changer is not None:
        changer = Changer(options.changer, os.environ["BENCH_LOCAL"], os.environ["BENCH_PROBE"])
        print(json.dumps(changer.run(float(os.environ["BENCH_S"]))))
        return
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        directory = Path(scratch)
        port = free_port()
        each = str(TOOLS // SERVERS)
        command = [str(build(directory, "upstream")), "--port", str(port), "--era", "modern", "--tools", each]
        with started("upstream", command, BESIDE, directory) as upstream:
            wait_for_port(upstream, port)
            os.sched_setaffinity(0, {GATEWAY.core})
            told(run(measured(directory, options, f"http://127.0.0.1:{port}/mcp")))


if __name__ == "__main__":
    main()
