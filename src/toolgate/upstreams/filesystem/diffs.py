"""A unified diff between two texts, as `diff -u` writes it."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

CONTEXT = 3

_MOST_COMPARED = 4_000_000
"""Pairs of lines; between more than that, what differs is shown as replaced whole."""

_Change = tuple[int, int, int, int]
"""Lines of the old text (from, to) that became lines of the new one."""


def unified(old: str, new: str, name: str) -> str:
    """Empty where nothing differs. Line breaks are compared as they are, and shown as one."""
    before, after = lines_of(old), lines_of(new)
    changes = list(_changes(before, after))
    if not changes:
        return ""
    lines = [f"--- {name}", f"+++ {name}"]
    for hunk in _hunks(changes):
        lines += _written(hunk, before, after)
    return "\n".join(lines) + "\n"


def lines_of(text: str) -> list[str]:
    """With their ends; only a line feed ends a line, as editors and compilers count."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def _changes(before: Sequence[str], after: Sequence[str]) -> Iterator[_Change]:
    """What is the same at both ends is not looked at: edits are small, and files may be large."""
    shorter = min(len(before), len(after))
    begin = next((place for place in range(shorter) if before[place] != after[place]), shorter)
    end = 0
    while end < shorter - begin and before[-1 - end] == after[-1 - end]:
        end += 1
    old, new = before[begin : len(before) - end], after[begin : len(after) - end]
    if not old and not new:
        return
    if len(old) * len(new) > _MOST_COMPARED:
        yield begin, begin + len(old), begin, begin + len(new)
        return
    for tag, old_from, old_to, new_from, new_to in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            yield begin + old_from, begin + old_to, begin + new_from, begin + new_to


def _hunks(changes: Sequence[_Change]) -> Iterator[list[_Change]]:
    """Changes whose contexts touch stand together."""
    hunk = [changes[0]]
    for change in changes[1:]:
        if change[0] - hunk[-1][1] > 2 * CONTEXT:
            yield hunk
            hunk = []
        hunk.append(change)
    yield hunk


def _written(hunk: Sequence[_Change], before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    begin = max(0, hunk[0][0] - CONTEXT)
    end = min(len(before), hunk[-1][1] + CONTEXT)
    shift = hunk[0][2] - hunk[0][0]
    new_begin = begin + shift
    new_end = end + hunk[-1][3] - hunk[-1][1]
    yield f"@@ -{_range(begin, end)} +{_range(new_begin, new_end)} @@"
    at = begin
    for old_from, old_to, new_from, new_to in hunk:
        yield from (_line(" ", line) for line in before[at:old_from])
        yield from (_line("-", line) for line in before[old_from:old_to])
        yield from (_line("+", line) for line in after[new_from:new_to])
        at = old_to
    yield from (_line(" ", line) for line in before[at:end])


def _range(begin: int, end: int) -> str:
    count = end - begin
    return f"{begin + 1 if count else begin}" if count == 1 else f"{begin + 1 if count else begin},{count}"


def _line(sign: str, line: str) -> str:
    bare = line.rstrip("\r\n")
    return f"{sign}{bare}" if line.endswith("\n") else f"{sign}{bare}\n\\ No newline at end of file"
