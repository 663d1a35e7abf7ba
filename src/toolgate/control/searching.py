"""Search over servers, virtual servers and their tools, by words.

Whoever asks finds what they may call (the row of the data plane says so, the very one that lists and calls read) and
what they may see in the registry (their permissions say so, by the records of this moment). Everything in the answer is
computed from that alone: see `rules.searching`.

The index is kept in memory, one segment for each compiled part, and follows the published snapshot: what a search
judges by is the snapshot whose parts are indexed, never another.
"""

import asyncio
import base64
import logging
from collections.abc import Callable, Iterator, Mapping

import msgspec

from toolgate.control.actors import Actor, actor_of
from toolgate.control.compiler import Compiled
from toolgate.control.described import Described, describe, first_words, shown_text, tool_documents
from toolgate.control.parts import Part
from toolgate.control.registry import Registry
from toolgate.control.slices import Pace, done, others
from toolgate.model.catalog import OfferKind
from toolgate.model.errors import Refused
from toolgate.model.found import Hit, HitKind, Hits, Reachable
from toolgate.model.identity import Principal
from toolgate.model.snapshot import Row
from toolgate.rules.directory import Directory
from toolgate.rules.searching import index, ranking, words
from toolgate.rules.searching.index import Segment, Vocabulary
from toolgate.rules.searching.ranking import Ranked, Within

logger = logging.getLogger(__name__)

MOST_CHARACTERS = 200
MOST_WORDS = 12
MOST_HITS = 100

_DOCUMENT = 12
"""Units of work (`control.slices`) that one document takes to index."""

_NOTHING = Row({})


class Offers(msgspec.Struct, frozen=True, eq=False):
    """The tools of one part in the index. `listed` are the bits of those that stand in lists, `sources` those that come
    from each server."""

    part: Part
    segment: Segment
    listed: int
    sources: Mapping[str, int]


class Found(msgspec.Struct, frozen=True, eq=False):
    """One part or server of which something counts for whoever asks: bits, and those of them that they may call."""

    within: Within
    callable: int
    offers: Offers | None
    described: Described | None


class Search:
    """`compiled` is what is published at the moment."""

    def __init__(self, registry: Registry, compiled: Callable[[], Compiled]) -> None:
        self._registry = registry
        self._compiled = compiled
        self._offers: dict[str, Offers] = {}
        self._servers: dict[str, tuple[Described, Segment]] = {}
        self._vocabulary = Vocabulary()
        self._following = asyncio.Lock()
        self._changed = asyncio.Event()
        self._changed.set()
        self._known: tuple[int, Directory] | None = None

    def changed(self) -> None:
        """Another snapshot is published."""
        self._changed.set()

    async def run(self) -> None:
        """Until cancelled: keeps the index up to date, so that searches find it so. What fails here fails again, and is
        answered, when somebody searches."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._follow()
            except Exception:
                logger.exception("what servers offer now could not be indexed for search")

    async def search(
        self, actor: Principal, query: str, *, kind: str | None = None, limit: int = 20, after: str | None = None
    ) -> Hits:
        """One page of hits, best first. `kind` is `server` (virtual ones are servers here) or `tool`. Raises Refused
        for what cannot be searched for, and StoreFailed."""
        position = _position(query, kind, after)
        directory = await self._directory()
        compiled = await self._follow(directory)
        who = actor_of(directory, actor, self._registry.clock.now())
        found = {one.within.name: one for one in self._counting(actor, who, directory, compiled, kind)}
        outcome = await done(
            ranking.search(
                [one.within for one in found.values()],
                query,
                self._vocabulary,
                limit=max(1, min(limit, MOST_HITS)),
                after=position,
            )
        )
        return Hits(
            items=tuple(self._hit(found[one.name], one) for one in outcome.best),
            total=outcome.total,
            near=dict(outcome.near),
            next=_cursor(outcome.best[-1]) if outcome.more else None,
        )

    async def _directory(self) -> Directory:
        """Every record as it is now. They are read again only when there was a change since they were."""
        declared = self._registry.declared()
        if self._known is not None:
            seq, directory = self._known
            if directory.declared is declared and not await self._registry.store.changes(seq, limit=1):
                return directory
        seq, records = await self._registry.store.load()
        directory = Directory(records, declared)
        self._known = (seq, directory)
        return directory

    async def _follow(self, directory: Directory | None = None) -> Compiled:
        """Indexes what is published and was not; the answer is what is indexed then."""
        async with self._following:
            while True:
                compiled = self._compiled()
                for name in self._offers.keys() - compiled.parts.keys():
                    self._vocabulary.drop(self._offers.pop(name).segment)
                pace = Pace()
                for name, part in compiled.parts.items():
                    known = self._offers.get(name)
                    if known is None or known.part is not part:
                        await self._index(part, pace)
                if directory is not None:
                    await self._describe(directory, compiled)
                if compiled is self._compiled():
                    return compiled

    async def _index(self, part: Part, pace: Pace) -> None:
        steps = index.build(tool_documents(part))
        while True:
            try:
                next(steps)
            except StopIteration as done:
                segment: Segment = done.value
                break
            if pace.spent(_DOCUMENT):
                await others()
        listed, sources = 0, dict[str, int]()
        for bit, place in enumerate(part.placed):
            if place.offer.kind is OfferKind.TOOL:
                sources[place.own.server] = sources.get(place.own.server, 0) | 1 << bit
                listed |= place.listed << bit
            if pace.spent(1):
                await others()
        known = self._offers.get(part.name)
        if known is not None:
            self._vocabulary.drop(known.segment)
        self._offers[part.name] = Offers(part, segment, listed, sources)
        self._vocabulary.add(segment)

    async def _describe(self, directory: Directory, compiled: Compiled) -> None:
        """Indexes servers and virtual servers as the records, the file and they themselves describe them."""
        described = describe(directory, compiled)
        for name in self._servers.keys() - described.keys():
            self._vocabulary.drop(self._servers.pop(name)[1])
        pace = Pace()
        for name, one in described.items():
            known = self._servers.get(name)
            if known is not None and known[0] == one:
                continue
            if pace.spent(_DOCUMENT):
                await others()
            if known is not None:
                self._vocabulary.drop(known[1])
            segment = index.whole((one.document(),))
            self._servers[name] = (one, segment)
            self._vocabulary.add(segment)

    def _counting(
        self, actor: Principal, who: Actor, directory: Directory, compiled: Compiled, kind: str | None
    ) -> Iterator[Found]:
        """Everything of which something counts for whoever asks. Names of segments order hits of equal rank: servers
        stand before their tools."""
        row = compiled.snapshot.rows.get(actor.id, _NOTHING)
        reached = actor.ceiling is None or bool({"*", ""} & actor.ceiling.audiences)
        audiences = frozenset[str]() if actor.ceiling is None else actor.ceiling.audiences
        readable = {name for name, (one, _) in self._servers.items() if one.may_read(directory, who)}
        for name, (one, segment) in sorted(self._servers.items()):
            may_call = name in row.sees and (reached or name in audiences)
            if kind != "tool" and (may_call or name in readable):
                yield Found(Within(f"{name} ", segment, 1), int(may_call and one.served), None, one)
        if kind == "server":
            return
        for name, offers in sorted(self._offers.items()):
            bits = 0
            if reached or name in audiences:
                bits = (_bits(row.parts, name) | _bits(row.conditional, name)) & offers.listed
            seen = 0
            if name in readable:
                for source, own in offers.sources.items():
                    seen |= own if source in readable else 0
            if bits or seen:
                described = self._servers.get(name)
                within = Within(f"{name} tool", offers.segment, bits | seen)
                yield Found(within, bits, offers, None if described is None else described[0])

    def _hit(self, found: Found, ranked: Ranked) -> Hit:
        may_call = bool(found.callable >> ranked.place & 1)
        described = found.described
        if found.offers is None:
            assert described is not None
            return Hit(
                kind=HitKind.VIRTUAL if described.virtual else HitKind.SERVER,
                server=described.name,
                name=described.name,
                description=first_words(described.description),
                tags=described.tags,
                access=_access(may_call, described.served),
            )
        place = found.offers.part.placed[ranked.place]
        served = place.listed and (described is None or described.served)
        return Hit(
            kind=HitKind.TOOL,
            server=found.offers.part.name,
            name=place.own.public,
            public=place.merged.public,
            title=first_words(shown_text(place.definition, "title")),
            description=first_words(shown_text(place.definition, "description")),
            tags=tuple(sorted(place.labels.tags)),
            access=_access(may_call, served),
        )


def _access(may_call: bool, served: bool) -> Reachable:
    if may_call:
        return Reachable.CALLABLE
    return Reachable.REQUESTABLE if served else Reachable.VISIBLE


def _bits(rows: Mapping[str, bytes], part: str) -> int:
    return int.from_bytes(rows.get(part, b""), "little")


def _position(query: str, kind: str | None, after: str | None) -> tuple[float, str, str] | None:
    """Where a page begins. Raises Refused with everything that is wrong with what is asked for."""
    findings: list[tuple[str, str]] = []
    if len(query) > MOST_CHARACTERS:
        findings.append(("q", f"at most {MOST_CHARACTERS} characters are searched for"))
    else:
        asked = len(words.of_query(query))
        if not asked:
            findings.append(("q", "say what to search for: one word at least"))
        elif asked > MOST_WORDS:
            findings.append(("q", f"at most {MOST_WORDS} words are searched for"))
    if kind not in (None, "server", "tool"):
        findings.append(("kind", "it is `server` or `tool`"))
    position = None if after is None else _opened(after)
    if after is not None and position is None:
        findings.append(("after", "this is not the `next` of a page: begin again without it"))
    if findings:
        raise Refused(tuple(findings))
    return position


def _cursor(ranked: Ranked) -> str:
    """Where a page ends: nothing but what its last hit says. A rank is a matter of the words and of what is seen, so
    that a cursor serves whoever it is shown to, and shows nobody anything."""
    body = msgspec.json.encode((ranked.rank, ranked.name, ranked.label))
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def _opened(cursor: str) -> tuple[float, str, str] | None:
    try:
        body = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return msgspec.json.decode(body, type=tuple[float, str, str])
    except (ValueError, msgspec.MsgspecError):
        return None
