"""Text to words: names are taken apart (`getUserById`, `create_issue`), marks and case do not count, plurals are like
their singular, and scripts without spaces are read two characters at a time."""

import re
import unicodedata
from collections.abc import Iterator

LONGEST = 64
"""Characters of one word; more are cut off."""

SHORTEST_NEAR = 4
"""Characters that a word needs so that others count as near it: short words are near to everything."""

STOPS = frozenset({
    "a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "in", "is", "it", "of", "on", "or", "that", "the",
    "this", "to", "with",
})  # fmt: skip
"""Words that say nothing in a sentence. In names they count."""

_RUN = re.compile(r"[^\W_]+")
_HUMPS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+[0-9]*|[A-Z]+[0-9]*|[0-9]+[a-z]*")
_UNSPACED = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def of_text(text: str) -> list[str]:
    """The words of a text, in order. A name of several parts stands there whole and in parts: `GitHub` is `github`,
    `git` and `hub`."""
    found: list[str] = []
    for run in _RUN.findall(plain(text)):
        found.extend(_of_run(run))
    return found


def of_query(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """The words that are asked for, each once, with the parts that it could be read as instead (mostly none). Words
    that say nothing are left out unless there are no others."""
    asked: dict[str, tuple[str, ...]] = {}
    for run in _RUN.findall(plain(text)):
        if run.isascii():
            whole, *parts = _of_run(run)
            asked.setdefault(whole, tuple(parts))
        else:
            asked.update(dict.fromkeys(_of_run(run), ()))
    telling = {word: parts for word, parts in asked.items() if word not in STOPS}
    return list((telling or asked).items())


def joined(text: str) -> str:
    """A name without what holds its parts together: `create_issue`, `createIssue` and `create issue` are one."""
    return "".join(_RUN.findall(plain(text))).casefold()[:LONGEST]


def plain(text: str) -> str:
    """The text without accents and other marks."""
    if text.isascii():
        return text
    bare = "".join(one for one in unicodedata.normalize("NFKD", text) if unicodedata.category(one) != "Mn")
    return unicodedata.normalize("NFC", bare)


def near(word: str) -> Iterator[str]:
    """Every word that one mistake in typing could have made of this one: a letter too few, too many, another, or two
    swapped."""
    if len(word) < SHORTEST_NEAR:
        return
    letters = dict.fromkeys((*_LETTERS, *word))
    for place in range(len(word) + 1):
        before, after = word[:place], word[place:]
        for letter in letters:
            yield before + letter + after
            if after:
                yield before + letter + after[1:]
        if after:
            yield before + after[1:]
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]


def _of_run(run: str) -> Iterator[str]:
    """The whole first, for what is spelled in ASCII."""
    if run.isascii():
        yield stem(run.lower()[:LONGEST])
        humps = _HUMPS.findall(run)
        if len(humps) > 1:
            for hump in humps:
                yield stem(hump.lower()[:LONGEST])
        return
    end = 0
    for unspaced in _UNSPACED.finditer(run):
        if unspaced.start() > end:
            yield run[end : unspaced.start()].casefold()[:LONGEST]
        text, end = unspaced.group(), unspaced.end()
        yield from (text[place : place + 2] for place in range(max(1, len(text) - 1)))
    if end < len(run):
        yield run[end:].casefold()[:LONGEST]


def stem(word: str) -> str:
    """English plurals as their singular; everything else as it is."""
    if len(word) <= 3 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    if word.endswith(("xes", "ches", "shes", "sses", "zes")):
        return word[:-2]
    return word[:-1]
