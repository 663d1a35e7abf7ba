"""Texts of a document, as a model may read them: no markup, no characters that nobody sees, nothing that speaks to the
model instead of telling it something, and not more than is needed."""

import html
import re
from collections.abc import Callable

from toolgate.rules.linting import texts

LONGEST_RAW = 4000
"""Characters of a text that are looked at."""

_TAG = re.compile(r"<!--.*?-->|</?[A-Za-z][^<>]{0,300}>|<!\[CDATA\[|\]\]>", re.DOTALL)
_FENCE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)
_IMAGE = re.compile(r"!\[[^\]]{0,200}\]\([^)]{0,500}\)")
_LINK = re.compile(r"\[([^\]\[]{1,200})\](?:\([^)]{0,500}\)|\[[^\]]{0,200}\])")
_MARK = re.compile(
    r"\*\*|__|\[![A-Z]{3,12}\]|^[ \t]*#{1,6}[ \t]+|^[ \t]*>[ \t]?|^[ \t]*[-*_]{3,}[ \t]*$|^[ \t]*\|.*$|^.*\|.*\|.*$",
    re.MULTILINE,
)
_UNSEEN = re.compile(
    "[\U000e0000-\U000e01ef\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u00ad\u180e\u115f\u1160\u3164\uffa0"
    "\ufe00-\ufe0f\ud800-\udfff\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)
_URL = re.compile(r"\(?https?://[^\s)>\]]+\)?")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n\s*\n|(?:^|\n)\s*[-*]\s+")
_COMMANDS = re.compile(
    r"\b(?:you are (?:an? )?(?:ai|assistant|language model)|as an ai\b|(?:the|this) (?:ai|llm|language model|assistant)"
    r" (?:must|should|shall|needs)|system prompt|developer message|jailbreak)",
    re.IGNORECASE,
)


def clean(raw: str, dropped: Callable[[str], None] | None = None) -> str:
    """One line of plain text. Sentences that look like instructions are left out; `dropped` is told of each."""
    said = _UNSEEN.sub("", raw[:LONGEST_RAW])
    for _ in range(2):
        said = html.unescape(said)
        said = _TAG.sub(" ", _FENCE.sub(" ", said))
    said = _LINK.sub(r"\1", _IMAGE.sub(" ", said))
    said = _URL.sub("", _UNSEEN.sub("", _MARK.sub("", said)))
    kept: list[str] = []
    for sentence in _SENTENCE.split(said):
        line = " ".join(sentence.split()).strip(" |")
        if not line:
            continue
        if is_suspicious(line):
            if dropped is not None:
                dropped(line)
        else:
            kept.append(line if line[-1] in ".!?:;,)" else f"{line}.")
    whole = " ".join(kept).strip()
    if is_suspicious(whole):
        if dropped is not None:
            dropped(whole)
        return ""
    return whole


def is_suspicious(line: str) -> bool:
    return _COMMANDS.search(line) is not None or next(iter(texts.judge(line)), None) is not None


def cut(said: str, most: int) -> str:
    """At most so many characters: whole sentences where the first fits, else whole words."""
    if len(said) <= most:
        return said
    within = said[:most]
    ends = [match.start() for match in re.finditer(r"[.!?](?= )", said[: most + 1])]
    if ends and ends[-1] >= min(40, most // 2):
        return within[: ends[-1] + 1]
    head = within[: most - 3].rpartition(" ")[0] or within[: most - 3]
    return f"{head.rstrip(' ,;:(')}..."
