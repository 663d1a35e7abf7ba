"""An inverted index in segments: one segment holds the documents of one server, is never changed, and is replaced when
that server's offers are others.

How much a word says of a document depends on the document alone (where the word stands, how often, how long the texts
are). What depends on all documents, how rare a word is, is left to the ranking: it may count only what the asker sees.
"""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Generator, Iterable, Iterator, Mapping

import msgspec

from toolgate.rules.searching import words
from toolgate.rules.steps import finished

_SATURATION = 1.2
"""k1 of BM25: how soon a word that stands there again says nothing more."""

_AT_ONCE = 500
"""Words that are packed before others get their turn."""


class Field(msgspec.Struct, frozen=True):
    """A part of a document. `weight` is what one word in it counts, `usual` the number of words that it mostly has (a
    constant, so that no document depends on others), `length` how much that matters (b of BM25)."""

    weight: float
    usual: float
    length: float
    stops: bool = False


NAME = Field(5.0, 3.0, 0.3, stops=True)
TITLE = Field(4.0, 4.0, 0.3, stops=True)
TAGS = Field(3.0, 2.0, 0.0, stops=True)
SERVER = Field(1.5, 2.0, 0.0, stops=True)
DESCRIPTION = Field(1.5, 20.0, 0.6)
PARAMETERS = Field(1.2, 6.0, 0.5)
DETAILS = Field(0.5, 30.0, 0.6)


class Document(msgspec.Struct, frozen=True):
    """`label` orders documents of equal rank and is unique in its segment; `name` is the one that is asked for
    exactly. `texts` are the texts of each field."""

    label: str
    name: str
    texts: tuple[tuple[Field, str], ...]


class Segment(msgspec.Struct, frozen=True, eq=False):
    """`terms` are sorted; the documents that have term i are `places[starts[i]:starts[i + 1]]`, with what it says of
    each in `weights`. `named` are the bits of the documents of a name without separators."""

    labels: tuple[str, ...]
    terms: tuple[str, ...]
    starts: "array[int]"
    places: "array[int]"
    weights: "array[float]"
    named: Mapping[str, int]

    def beginning(self, word: str) -> Iterator[tuple[str, int, int]]:
        """Every term that begins with this word, with its place among the postings: from, to."""
        at = bisect_left(self.terms, word)
        while at < len(self.terms) and self.terms[at].startswith(word):
            yield self.terms[at], self.starts[at], self.starts[at + 1]
            at += 1

    def exactly(self, word: str) -> tuple[int, int]:
        """The place of one term among the postings; empty where no document has it."""
        at = bisect_left(self.terms, word)
        if at < len(self.terms) and self.terms[at] == word:
            return self.starts[at], self.starts[at + 1]
        return 0, 0


def build(documents: Iterable[Document | None]) -> Generator[None, None, Segment]:
    """A segment of these documents, whose places they keep; None keeps a place empty. Yields after each one, and now
    and then while it packs."""
    labels: list[str] = []
    named: dict[str, int] = {}
    postings: dict[str, list[tuple[int, float]]] = {}
    for place, document in enumerate(documents):
        labels.append("" if document is None else document.label)
        if document is not None:
            name = words.joined(document.name)
            named[name] = named.get(name, 0) | 1 << place
            for term, weight in _weighed(document).items():
                postings.setdefault(term, []).append((place, weight))
            yield
    terms = sorted(postings)
    starts, places, weights = array("I", [0]), array("I"), array("f")
    for number, term in enumerate(terms):
        own = postings.pop(term)
        places.extend(place for place, _ in own)
        weights.extend(weight for _, weight in own)
        starts.append(len(places))
        if number % _AT_ONCE == 0:
            yield
    return Segment(tuple(labels), tuple(map(sys.intern, terms)), starts, places, weights, named)


def whole(documents: Iterable[Document | None]) -> Segment:
    """The same at once."""
    return finished(build(documents))


def _weighed(document: Document) -> dict[str, float]:
    """BM25F: what each word says of this document, between 0 and 1."""
    sums: dict[str, float] = {}
    for field, text in document.texts:
        found = [word for word in words.of_text(text) if field.stops or word not in words.STOPS]
        each = field.weight / (1 - field.length + field.length * len(found) / field.usual)
        for word in found:
            sums[word] = sums.get(word, 0.0) + each
        if field is NAME and len(found) > 1:
            name = words.joined(text)
            sums[name] = sums.get(name, 0.0) + each
    return {word: total / (_SATURATION + total) for word, total in sums.items()}


class Vocabulary:
    """The words of all segments, with the number of segments that have each. It only narrows what is looked for among
    near words: what is found still has to stand in a document that counts."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def __contains__(self, word: str) -> bool:
        return word in self._counts

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, segment: Segment) -> None:
        for term in segment.terms:
            self._counts[term] = self._counts.get(term, 0) + 1

    def drop(self, segment: Segment) -> None:
        for term in segment.terms:
            left = self._counts[term] - 1
            if left:
                self._counts[term] = left
            else:
                del self._counts[term]
