"""Which documents answer a query, and in which order (BM25 over the documents that count).

A word matches itself, and at a discount what begins with it; where nothing does, what is spelled nearly so. How rare a
word is, how many documents there are, and which near words exist: all of it is counted over the documents that the
asker may see, so that what is hidden changes nothing of the answer.
"""

import heapq
from collections.abc import Container, Generator, Mapping, Sequence
from math import log

import msgspec

from toolgate.rules.searching import words
from toolgate.rules.searching.index import Segment

PREFIX = 0.7
NEAR = 0.5
"""What a word counts that only begins with the one that was asked for, or is spelled nearly so."""

EXACT_NAME = 2.0
"""How much more a document counts whose very name was asked for."""


class Within(msgspec.Struct, frozen=True):
    """A segment with the bits of its documents that count. `name` orders segments and is unique."""

    name: str
    segment: Segment
    bits: int


class Ranked(msgspec.Struct, frozen=True, order=True):
    """One document: ordered by rank. `rank` is the score below zero."""

    rank: float
    name: str
    label: str
    place: int


class Outcome(msgspec.Struct, frozen=True):
    """`total` documents match, of which `best` are the first that were asked for, and `more` says whether some follow.
    `near` are the words that were taken for one that nothing has."""

    best: tuple[Ranked, ...]
    total: int
    more: bool
    near: Mapping[str, tuple[str, ...]]


SLICE = 2000
"""Postings that are looked at before others get their turn (about a millisecond)."""

Matches = dict[int, dict[int, float]]
"""By segment (its place) and document: what a word says of it."""


def search(
    segments: Sequence[Within],
    query: str,
    vocabulary: Container[str],
    *,
    limit: int,
    after: tuple[float, str, str] | None = None,
) -> Generator[None, None, Outcome]:
    """The documents that match the query, best first; those after a rank, where one is given (rank, name, label).
    Yields between slices of a millisecond or two; returns the outcome."""
    counting = [within for within in segments if within.bits]
    look = _Look(counting, vocabulary)
    matched: list[Matches] = []
    for word, parts in words.of_query(query):
        matched.extend((yield from look.word(word, parts)))
    scores = yield from _scores(counting, matched)
    _prefer(counting, scores, words.joined(query))
    best = yield from _best(counting, scores, limit + 1, after)
    return Outcome(tuple(best[:limit]), sum(map(len, scores.values())), len(best) > limit, look.near)


def _prefer(counting: Sequence[Within], scores: dict[int, dict[int, float]], name: str) -> None:
    """Raises the scores of documents whose very name was asked for."""
    for number, own in scores.items():
        named = counting[number].segment.named.get(name, 0)
        while named:
            place = (named & -named).bit_length() - 1
            named &= named - 1
            if place in own:
                own[place] *= EXACT_NAME


def _best(
    counting: Sequence[Within],
    scores: Mapping[int, Mapping[int, float]],
    limit: int,
    after: tuple[float, str, str] | None,
) -> Generator[None, None, list[Ranked]]:
    """The first documents, in order. Only those that may be among them are looked at by more than their score."""
    floor = float("-inf") if after is None else after[0]
    ranks = [-score for own in scores.values() for score in own.values() if -score >= floor]
    yield
    least = heapq.nsmallest(limit, ranks) if after is None else sorted(ranks)[: limit + _ties(ranks, floor)]
    yield
    if not least:
        return []
    most = least[-1]
    found = [
        Ranked(-score, counting[number].name, counting[number].segment.labels[place], place)
        for number, own in scores.items()
        for place, score in own.items()
        if floor <= -score <= most
    ]
    yield
    return heapq.nsmallest(limit, [one for one in found if after is None or (one.rank, one.name, one.label) > after])


def _ties(ranks: Sequence[float], floor: float) -> int:
    """How many have the very rank at which a page begins: some of them stood on the page before."""
    return ranks.count(floor)


def _scores(
    counting: Sequence[Within], matched: Sequence[Matches]
) -> Generator[None, None, dict[int, dict[int, float]]]:
    """The sum over the words, rare ones counting more, times the share of the words that a document has."""
    documents = sum(within.bits.bit_count() for within in counting)
    scores: dict[int, dict[int, float]] = {}
    counts: dict[int, dict[int, int]] = {}
    turns = _Turns()
    for matches in matched:
        having = sum(map(len, matches.values()))
        rarity = log(1 + (documents - having + 0.5) / (having + 0.5))
        for number, own in matches.items():
            sums = scores.get(number)
            if sums is None:
                scores[number] = {place: rarity * weight for place, weight in own.items()}
            else:
                _add(sums, counts.setdefault(number, {}), own, rarity)
            if turns.due(len(own)):
                yield
    share = 1 / max(1, len(matched))
    for number, own in scores.items() if len(matched) > 1 else ():
        hits = counts.get(number, {})
        scores[number] = {place: score * share * hits.get(place, 1) for place, score in own.items()}
        if turns.due(len(own)):
            yield
    return scores


def _add(sums: dict[int, float], hits: dict[int, int], own: Mapping[int, float], rarity: float) -> None:
    """Adds what a word says. `hits` counts the words of those documents that have more than one."""
    for place, weight in own.items():
        known = sums.get(place)
        if known is None:
            sums[place] = rarity * weight
        else:
            sums[place] = known + rarity * weight
            hits[place] = hits.get(place, 1) + 1


class _Turns:
    """Counts work, and says when others should have their turn."""

    def __init__(self) -> None:
        self._done = 0

    def due(self, units: int) -> bool:
        self._done += units
        if self._done < SLICE:
            return False
        self._done = 0
        return True


class _Look:
    """Looks words up in the documents that count."""

    def __init__(self, counting: Sequence[Within], vocabulary: Container[str]) -> None:
        self._counting = counting
        self._vocabulary = vocabulary
        self._flags: dict[int, str] = {}
        self._turns = _Turns()
        self.near: dict[str, tuple[str, ...]] = {}

    def word(self, word: str, parts: tuple[str, ...]) -> Generator[None, None, list[Matches]]:
        """What matches a word; one that nothing has is read in its parts, and then as a mistake in typing."""
        found = yield from self._beginning(word)
        if found:
            return [found]
        if not parts:
            return [(yield from self._near(word))]
        whole: list[Matches] = []
        for part in parts:
            whole.extend((yield from self.word(part, ())))
        return whole

    def _beginning(self, word: str) -> Generator[None, None, Matches]:
        """What is this word, or begins with it. A single character begins too much to mean it."""
        found: Matches = {}
        for number, within in enumerate(self._counting):
            segment = within.segment
            terms = segment.beginning(word) if len(word) > 1 else ((word, *segment.exactly(word)),)
            for term, start, end in terms:
                self._collect(found, number, range(start, end), 1.0 if term == word else PREFIX)
                if self._turns.due(1 + end - start):
                    yield
        return found

    def _near(self, word: str) -> Generator[None, None, Matches]:
        found: Matches = {}
        having: dict[str, int] = {}
        for other in dict.fromkeys(words.near(word)):
            if other not in self._vocabulary or other == word:
                continue
            own: Matches = {}
            for number, within in enumerate(self._counting):
                start, end = within.segment.exactly(other)
                self._collect(own, number, range(start, end), NEAR)
                if self._turns.due(1 + end - start):
                    yield
            if own:
                having[other] = sum(map(len, own.values()))
                _join(found, own)
        if having:
            self.near[word] = tuple(sorted(having, key=lambda other: (-having[other], other)))
        return found

    def _collect(self, found: Matches, number: int, postings: range, share: float) -> None:
        """The documents of these postings that count, each with the most that one of its words says."""
        segment = self._counting[number].segment
        if not postings:
            return
        flags = self._flags_of(number)
        known = found.get(number)
        pairs = zip(
            segment.places[postings.start : postings.stop], segment.weights[postings.start : postings.stop], strict=True
        )
        own = {place: weight * share for place, weight in pairs if flags[place] == "1"}
        if known is None:
            if own:
                found[number] = own
            return
        for place, weight in own.items():
            if weight > known.get(place, 0.0):
                known[place] = weight

    def _flags_of(self, number: int) -> str:
        """One character for each document: looking a bit up in a large whole number takes as long as copying it."""
        flags = self._flags.get(number)
        if flags is None:
            within = self._counting[number]
            flags = self._flags[number] = format(within.bits, f"0{len(within.segment.labels)}b")[::-1]
        return flags


def _join(found: Matches, other: Matches) -> None:
    for number, own in other.items():
        kept = found.setdefault(number, {})
        for place, weight in own.items():
            kept[place] = max(weight, kept.get(place, 0.0))
