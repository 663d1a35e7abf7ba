"""What a search costs, rights included: for who sees everything, and for who may call little of it.
`uv run python -m benchmarks.search`

10,000 tools of 200 servers, which are records beside those of 1,000 people with a key each; a SQLite file. Each tool
has a name of three words, a description of twenty, and four parameters that are described. Times are those of the whole
use case (records looked at, rights judged, hits ranked and shown), by the clock and, for machines that do other things
at the same time, by the processor.
"""

import asyncio
import random
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from benchmarks.compile import run
from toolgate.control.administration import Administration
from toolgate.control.compiler import Source, compile_all
from toolgate.control.gathered import gather
from toolgate.control.kinds import kinds_of
from toolgate.control.registry import Registry
from toolgate.control.searching import Search
from toolgate.credentials.references import References
from toolgate.egress.client import HttpClient
from toolgate.model.catalog import Discovery, Offer, OfferKind
from toolgate.model.declared import LOCAL_KEY
from toolgate.model.entities import Entity, Grant, Key, Server, Team, User
from toolgate.model.identity import Principal
from toolgate.ports import Toolbox
from toolgate.stores import records
from toolgate.stores.clock import SystemClock

SERVERS, TOOLS, USERS, TEAMS = 200, 50, 1_000, 50
ROUNDS = 20
T = TypeVar("T")
OWNER = Principal(f"key:{LOCAL_KEY}", LOCAL_KEY)
VERBS = ("get", "list", "create", "update", "delete", "search", "send", "export", "merge", "close")
QUERIES = (
    "create invoice", "list", "search customer by email", "get file content", "ivnoice", "fi", "delete user account",
    "export report as table", "getUserAccount", "send message to channel", "zzyzx",
)  # fmt: skip


class Remote(msgspec.Struct):
    """Settings of the shape that a remote kind has."""

    url: str


def words(chance: random.Random) -> list[str]:
    """A vocabulary in which, as in every language, few words are frequent."""
    known = ["invoice", "customer", "email", "file", "content", "user", "account", "report", "table", "message"]
    made = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(4, 9))) for _ in range(6_000)]
    return [*known, *made]


def discovery(chance: random.Random, vocabulary: Sequence[str], weights: Sequence[float], extra: str = "") -> Discovery:
    def some(count: int) -> list[str]:
        return chance.choices(vocabulary, weights, k=count)

    def offer(number: int) -> Offer:
        name = f"{chance.choice(VERBS)}_{'_'.join(some(2))}_{number}{extra}"
        parameters = {word: {"type": "string", "description": " ".join(some(8))} for word in some(4)}
        texts = {
            "name": name,
            "description": " ".join(some(20)),
            "inputSchema": {"type": "object", "properties": parameters},
        }
        raw = {member: msgspec.Raw(msgspec.json.encode(value)) for member, value in texts.items()}
        return Offer(OfferKind.TOOL, name, raw)

    offers = tuple(offer(number) for number in range(TOOLS))
    return Discovery(frozenset({"modern"}), ("2026-07-28",), b'{"tools":{}}', None, None, offers)


def company() -> list[Entity]:
    names = [f"server-{number:03}" for number in range(SERVERS)]
    return [
        *(Team(name=f"team-{n}", members=tuple(f"user:u{m}" for m in range(n, USERS, TEAMS))) for n in range(TEAMS)),
        *(User(name=f"u{number}") for number in range(USERS)),
        *(Key(name=f"k{number}", digest=f"{number:064x}", owner=f"user:u{number}") for number in range(USERS)),
        *(
            Server(name=name, kind="remote", settings={"url": "https://example.org"}, owner=f"team-{number % TEAMS}")
            for number, name in enumerate(names)
        ),
        *(
            Grant(name=f"g{number}", subject=f"team:team-{number % TEAMS}", servers=(names[number],), tools=("*1*",))
            for number in range(SERVERS)
        ),
    ]


async def timed(what: Callable[[], Awaitable[T]]) -> tuple[T, float, float]:
    """What came of it, and milliseconds by the clock and of the processor."""
    began, used = time.perf_counter(), time.process_time()
    outcome = await what()
    return outcome, (time.perf_counter() - began) * 1e3, (time.process_time() - used) * 1e3


async def measured(name: str, search: Search, who: Principal) -> None:
    clock: list[float] = []
    processor: list[float] = []
    hits = 0
    for _ in range(ROUNDS):
        for query in QUERIES:
            found, took, used = await timed(lambda query=query: search.search(who, query))
            clock.append(took)
            processor.append(used)
            hits = max(hits, found.total)
    for what, times in (("clock", clock), ("processor", processor)):
        cuts = statistics.quantiles(times, n=100)
        told = f"p50 {cuts[49]:>6.1f} ms   p99 {cuts[98]:>6.1f} ms   longest {max(times):>6.1f} ms"
        print(f"{f'{name}, {what}':<54}{told}   (up to {hits} hits)")


async def measure(directory: Path) -> None:
    chance = random.Random(8484)
    vocabulary = words(chance)
    weights = [1 / (place + 2) for place in range(len(vocabulary))]
    toolbox = Toolbox(HttpClient(), References({}, directory), SystemClock(), directory)
    async with records.open(records.Config(), toolbox) as store:
        discoveries = {f"server-{n:03}": discovery(chance, vocabulary, weights) for n in range(SERVERS)}
        kinds = kinds_of({"remote": lambda: Remote})
        registry = Registry(store, toolbox.clock, kinds, discoveries=lambda: discoveries)
        async with store.transaction("benchmark") as transaction:
            for record in company():
                await transaction.put(record, expected=0)
        declared = gather(await Administration(registry).registry.directory(), toolbox.clock.now()).declared

        def source() -> Source:
            return Source(declared, dict(discoveries), {}, dict.fromkeys(discoveries, run), None)

        compiled = compile_all(source())
        search = Search(registry, lambda: compiled)
        tracemalloc.start()
        await search.search(OWNER, "list")
        size = tracemalloc.get_traced_memory()[0] / SERVERS / TOOLS
        tracemalloc.stop()
        search = Search(registry, lambda: compiled)
        _, _, first = await timed(lambda: search.search(OWNER, "list"))
        print(f"{SERVERS * TOOLS} tools of {SERVERS} servers, {USERS} people; {len(QUERIES)} queries, {ROUNDS} rounds")
        print(f"{'indexed from scratch, processor':<54}{first:>10.0f} ms, {size:.0f} bytes for each tool")
        await measured("a search of who sees everything", search, OWNER)
        await measured("a search of a member of one team", search, Principal("key:k7", "k7"))
        discoveries["server-007"] = discovery(chance, vocabulary, weights, "x")
        compiled = compile_all(source(), compiled)
        _, _, took = await timed(lambda: search.search(OWNER, "list"))
        print(f"{'after one server of them changed, processor':<54}{took:>10.0f} ms")


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(measure(Path(directory)))


if __name__ == "__main__":
    main()
