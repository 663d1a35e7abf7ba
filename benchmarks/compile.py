"""What a new snapshot costs, and how long it holds the event loop. `uv run python -m benchmarks.compile`

Ten thousand tools and a thousand keys, each with a team and a grant of its own: from scratch, after one server of a
hundred changed, and after one grant changed. Then the same with one server that has all the tools.
"""

import time

import msgspec

from toolgate.control.compiler import Compiled, Source, compile_steps
from toolgate.model.catalog import Discovery, Offer, OfferKind
from toolgate.model.declared import Declared, GrantSpec, KeySpec, ServerSpec, TeamSpec

TOOLS = 10_000
KEYS = 1_000
SCHEMA = msgspec.Raw(b'{"type":"object","properties":{"query":{"type":"string"},"limit":{"type":"integer"}}}')


async def run(call: object, caller: object) -> None:
    """Stands for what a target ends in; compilation does not call it."""


def discovery(server: str, count: int, extra: str = "") -> Discovery:
    def definition(name: str) -> dict[str, msgspec.Raw]:
        raw = msgspec.Raw(msgspec.json.encode(name))
        return {
            "name": raw,
            "description": msgspec.Raw(b'"Looks something up, as its name says."'),
            "inputSchema": SCHEMA,
        }

    # Not in order, as servers list them.
    names = [f"tool_{number * 7919 % count:05}{extra}" for number in range(count)]
    offers = tuple(Offer(OfferKind.TOOL, name, definition(name)) for name in names)
    return Discovery(frozenset({"modern"}), ("2026-07-28",), b'{"tools":{}}', None, None, offers)


def source(servers: int) -> Source:
    names = [f"server-{number:03}" for number in range(servers)]
    declared = Declared(
        servers=tuple(ServerSpec(name, "echo", {}) for name in names),
        teams=tuple(TeamSpec(f"team-{number}") for number in range(KEYS)),
        keys=tuple(KeySpec(f"key-{number}", b"%032d" % number, (f"team-{number}",)) for number in range(KEYS)),
        grants=(
            GrantSpec("everyone", "allow", ("*",), ("tool_0*",)),
            *(
                GrantSpec(f"team:team-{number}", "allow", (names[number % servers],), (f"*{number:03}",))
                for number in range(KEYS)
            ),
        ),
    )
    discoveries = {name: discovery(name, TOOLS // servers) for name in names}
    return Source(declared, discoveries, {}, dict.fromkeys(names, run), b"local")


def measured(what: str, now: Source, before: Compiled | None) -> Compiled:
    """One compilation; prints its processor time, and its longest steps in milliseconds."""
    steps = compile_steps(now, before)
    held: list[float] = []
    while True:
        began = time.thread_time()
        try:
            next(steps)
        except StopIteration as done:
            held.append(time.thread_time() - began)
            compiled: Compiled = done.value
            break
        held.append(time.thread_time() - began)
    held.sort(reverse=True)
    worst = " ".join(f"{seconds * 1e3:.2f}" for seconds in held[:3])
    print(f"{what:<44}{sum(held) * 1e3:>9.0f} ms in {len(held):>6} steps, the longest {worst} ms")
    return compiled


def main() -> None:
    for servers in (100, 1):
        name = f"server-{servers - 1:03}"
        print(f"{TOOLS} tools of {servers} servers, {KEYS} keys with a grant each")
        first = source(servers)
        compiled = measured("from scratch", first, None)
        changed = {**first.discoveries, name: discovery(name, TOOLS // servers, "x")}
        measured("one server changed", msgspec.structs.replace(first, discoveries=changed), compiled)
        fewer = msgspec.structs.replace(first.declared, grants=first.declared.grants[:-1])
        measured("one grant taken back", msgspec.structs.replace(first, declared=fewer), compiled)
        measured("nothing changed", first, compiled)


if __name__ == "__main__":
    main()
