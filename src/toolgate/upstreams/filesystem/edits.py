"""Replacements in a text: each must say exactly what is there, and only once, or the whole edit is refused."""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from toolgate.upstreams.filesystem.failures import Failure

_MOST_PLACES = 8


class Edit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One replacement."""

    old_text: Annotated[str, msgspec.Meta(min_length=1, description="The text to replace, exactly as it is.")]
    new_text: Annotated[str, msgspec.Meta(description="What stands there instead.")]
    replace_all: Annotated[bool, msgspec.Meta(description="Replace it wherever it occurs.")] = False


def edited(text: str, edits: Sequence[Edit], shown: str) -> str:
    """The text after all edits, each applied to what the one before left. Where every line of the text ends in CR LF,
    edits may be written with LF alone. Raises Failure, naming the edit."""
    crlf = "\r\n" in text and text.count("\n") == text.count("\r\n")
    for number, edit in enumerate(edits, 1):
        which = f"`{shown}`, edit {number}" if len(edits) > 1 else f"`{shown}`"
        old, new = _fitting(edit.old_text, crlf), _fitting(edit.new_text, crlf)
        count = text.count(old)
        if count == 0:
            raise Failure(f"{which}: `old_text` does not occur{_hint(text, old)}; nothing was changed")
        if count > 1 and not edit.replace_all:
            lines = ", ".join(str(line) for line in _lines_with(text, old))
            raise Failure(
                f"{which}: `old_text` occurs {count:,} times (lines {lines}); add lines around it until only one place "
                "fits, or set `replace_all`; nothing was changed"
            )
        text = text.replace(old, new)
    return text


def _fitting(text: str, crlf: bool) -> str:
    return text.replace("\r\n", "\n").replace("\n", "\r\n") if crlf else text


def _lines_with(text: str, part: str) -> list[int | str]:
    lines: list[int | str] = []
    at = text.find(part)
    while at != -1:
        if len(lines) == _MOST_PLACES:
            return [*lines, "..."]
        lines.append(text.count("\n", 0, at) + 1)
        at = text.find(part, at + len(part))
    return lines


def _hint(text: str, old: str) -> str:
    """Where the same words stand with other blanks: what models most often get wrong."""
    wanted = [" ".join(line.split()) for line in old.strip().split("\n")]
    have = [" ".join(line.split()) for line in text.split("\n")]
    for place in range(len(have) - len(wanted) + 1):
        if have[place] == wanted[0] and have[place : place + len(wanted)] == wanted:
            return f", but line {place + 1} has the same words with other blanks: read it again"
    return ": read the file again"
