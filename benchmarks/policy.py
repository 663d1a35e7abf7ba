"""What policy costs: one decision, a whole compilation, and one change. `uv run python -m benchmarks.policy`

A company of 1,000 users in 50 teams, 200 servers with 2,000 tools, and 800 grants, of which some depend on the call;
then the same with 20,000 tools.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec

from benchmarks.compile import discovery, run
from toolgate.control.compiler import Compiled, Source, compile_all, compile_steps
from toolgate.control.publisher import Publisher
from toolgate.model.declared import Condition, Declared, GrantSpec, KeySpec, ServerSpec
from toolgate.model.snapshot import Row
from toolgate.rules import access, conditions
from toolgate.rules.conditions import Facts

USERS, TEAMS, SERVERS, GRANTS = 1_000, 50, 200, 800
DECISIONS = 200_000


def company(tools: int) -> Source:
    names = [f"server-{number:03}" for number in range(SERVERS)]
    keys = tuple(
        KeySpec(
            f"key-{number}", b"%032d" % number, (f"team-{number % TEAMS}",),
            subjects=(f"user:{number}", f"team:team-{number % TEAMS}", f"role:role-{number % 20}"),
        )
        for number in range(USERS)
    )  # fmt: skip
    declared = Declared(
        servers=tuple(ServerSpec(name, "echo", {}, tags=(f"tag-{n % 10}",)) for n, name in enumerate(names)),
        keys=keys,
        grants=tuple(grant(number, names) for number in range(GRANTS)),
    )
    return Source(
        declared, {name: discovery(name, tools // SERVERS) for name in names}, {}, dict.fromkeys(names, run), b"local"
    )


def grant(number: int, names: list[str]) -> GrantSpec:
    subjects = (f"team:team-{number % TEAMS}", f"user:{number}", f"role:role-{number % 20}")
    tests = (Condition(argument="query", prefix="a"),) if number % 10 == 0 else ()
    return GrantSpec(
        subjects[number % 3], "deny" if number % 8 == 7 else "allow",
        (names[number % SERVERS], names[-1 - number % 97]),
        ("*",) if number % 2 else ("tool_*1", "tool_*2"), tags=("tag-1", "tag-2") if number % 9 == 4 else (),
        conditions=tests, name=f"grant-{number}",
    )  # fmt: skip


def each(what: Callable[[Row, str, int], bool], row: Row, part: str, bit: int) -> float:
    """Microseconds of one decision, the loop around it left out; the least of five runs."""
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(DECISIONS):
            what(row, part, bit)
        decided = time.perf_counter()
        for _ in range(DECISIONS):
            pass
        best = min(best, 2 * decided - began - time.perf_counter())
    return best / DECISIONS * 1e6


def judged(row: Row, part: str, bit: int) -> bool:
    facts = Facts(lambda: msgspec.json.decode(b'{"query":"abc","limit":10}'), None, "", 0.0)
    return access.conditional(row, part, bit) and conditions.judged(row, part, bit, facts)


def found(compiled: Compiled, bits: Callable[[Row], Any]) -> tuple[Row, str, int]:
    """The first target of the first row that has one."""
    for row in compiled.snapshot.rows.values():
        for part, own in bits(row).items():
            number = int.from_bytes(own, "little")
            return row, part, (number & -number).bit_length() - 1
    raise LookupError("no row has such a target")


def steps(now: Source, before: Compiled | None) -> tuple[float, float]:
    """Milliseconds of processor time of one compilation, and of its longest step."""
    running = compile_steps(now, before)
    held: list[float] = []
    while True:
        began = time.thread_time()
        done = next(running, running)
        held.append(time.thread_time() - began)
        if done is running:
            return sum(held) * 1e3, max(held) * 1e3


async def published(source: Source, change: Callable[[Source], Source]) -> float:
    """Milliseconds from a change to the snapshot that has it."""
    now = source
    publisher = Publisher(lambda: now)
    task = asyncio.create_task(publisher.run())
    now = change(source)
    began = time.perf_counter()
    publisher.changed()
    await publisher.published()
    took = time.perf_counter() - began
    task.cancel()
    return took * 1e3


def changed(source: Source, **members: Any) -> Source:
    return msgspec.structs.replace(source, declared=msgspec.structs.replace(source.declared, **members))


def one_tool(source: Source) -> Source:
    name = source.declared.servers[0].name
    count = len(source.discoveries[name].offers)
    return msgspec.structs.replace(source, discoveries={**source.discoveries, name: discovery(name, count, "x")})


CHANGES: dict[str, Callable[[Source], Source]] = {
    "one key more": lambda now: changed(
        now, keys=(*now.declared.keys, KeySpec("new", b"new", ("team-1",), tools=("tool_*1",)))
    ),
    "one grant taken back": lambda now: changed(now, grants=now.declared.grants[:-1]),
    "one server's tools changed": one_tool,
}


def main() -> None:
    print(f"{USERS} users, {SERVERS} servers, {GRANTS} grants")
    for tools in (2_000, 20_000):
        source = company(tools)
        print(f"\n{tools} tools")
        whole, longest = steps(source, None)
        print(f"{'compiled from scratch':<44}{whole:>9.0f} ms, the longest step {longest:.2f} ms")
        for name, change in CHANGES.items():
            print(f"{name + ', published':<44}{asyncio.run(published(source, change)):>9.1f} ms")
        compiled = compile_all(source)
        plain = found(compiled, lambda row: row.parts)
        print(f"{'a decision':<44}{each(access.allowed, *plain):>9.2f} us")
        depending = found(compiled, lambda row: row.conditional)
        print(f"{'a decision that depends on arguments':<44}{each(judged, *depending):>9.2f} us")


if __name__ == "__main__":
    main()
