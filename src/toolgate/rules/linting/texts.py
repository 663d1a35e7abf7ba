"""Signs of poisoning in any text that a model may read: characters that people cannot see, and words that are meant for
the model and not for them (security: tool poisoning, line jumping, shadowing).

The words are patterns in RE2, so that no text can hold the judge up. They find what is written to be found; a clean
result is no proof.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec

from toolgate.rules import patterns
from toolgate.rules.linting import Severity
from toolgate.rules.nesting import too_deep

LONGEST_JUDGED = 100_000
"""Characters of one text that are looked at; a longer one is a finding by itself."""

_HIDDEN: tuple[tuple[str, str], ...] = (
    ("[\U000e0000-\U000e007f]", "tag characters, which no reader shows and every model reads"),
    ("[\u200b\u200c\u2060-\u2064\ufeff\u00ad\u180e\u115f\u1160\u3164\uffa0]", "characters of no width"),
    ("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]", "characters that turn the direction of text"),
    ("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", "control characters"),
    ("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4}", "a run of variation selectors, which can hold a hidden text"),
)

_STRONG: tuple[tuple[str, str], ...] = (
    (
        r"(?i)<\s*/?\s*(important|system|secret|instructions?|critical|hidden|admin|assistant)\s*>",
        "a tag that poses as instructions",
    ),
    (
        r"(?i)\b(ignore|disregard|forget|override)\b.{0,40}\b(previous|prior|above|earlier|all|other|system)\b.{0,30}"
        r"\b(instructions?|prompts?|rules?|messages?|context)\b",
        "tells the model to ignore its instructions",
    ),
    (
        r"(?i)\b(do not|don't|never|without)\b.{0,30}\b(tell|telling|mention|mentioning|inform|informing|reveal"
        r"|notify|notifying|show|alert)\b.{0,30}\b(the )?(user|human|person|anyone)\b",
        "asks for secrecy towards the user",
    ),
    (
        r"(?i)\b(before|after|when(ever)?|prior to)\b.{0,30}\b(us(e|ing)|call(ing)?|invok(e|ing))\b.{0,20}"
        r"\b(any|every|each|all|another|other|this)\b.{0,20}\btools?\b.{0,80}\b(must|always|first|read|send|call)\b",
        "steers the use of other tools",
    ),
    (
        r"(?i)(~/\.ssh|\bid_(rsa|ed25519|ecdsa)\b|/etc/(passwd|shadow)|\.aws/credentials|\.netrc\b|\.kube/config"
        r"|claude_desktop_config|mcp\.json\b|/proc/self/environ)",
        "names places where keys and passwords lie",
    ),
    (
        r"(?i)\b(send|post|upload|forward|include|append|pass|attach)\b.{0,60}\b(conversation|chat history"
        r"|system prompt|previous messages|api[ _-]?keys?|passwords?|credentials|private keys?"
        r"|environment variables)\b",
        "asks for the conversation or for secrets",
    ),
)

_WEAK: tuple[tuple[str, str], ...] = (
    (r"(?i)\byou (must|should|have to|need to) (always|never|first|only)\b", "speaks to the model in commands"),
    (r"(?i)\b(always|only) use this (tool|server)\b", "wants to be preferred to other tools"),
    (r"!\[[^\]]*\]\(https?://", "an image that would be fetched from elsewhere"),
    (r"[A-Za-z0-9+/]{200}", "a long run of encoded text"),
    (r"(?i)\bact as\b|\byou are now\b|\bnew instructions\b", "gives the model another role"),
    ("\x1b\\[|\\\\x1b\\[|\\\\u001b\\[", "sequences that steer a terminal"),
)

SIDE_CHANNELS = frozenset({
    "sidenote", "side_note", "context_dump", "conversation", "conversation_history", "chat_history", "system_prompt",
    "previous_messages", "chain_of_thought", "reasoning_trace", "all_tools", "tool_list", "model_name",
})  # fmt: skip
"""Parameters through which a server would learn what it has no business to know."""

_JUDGES = tuple(
    (severity, rule, patterns.searches(pattern), reason)
    for severity, rule, table in (
        (Severity.ERROR, "hidden-unicode", _HIDDEN),
        (Severity.ERROR, "poisoning", _STRONG),
        (Severity.WARNING, "suspicious-words", _WEAK),
    )
    for pattern, reason in table
)


def judge(text: str) -> Iterator[tuple[Severity, str, str]]:
    """(severity, rule, reason) of everything suspicious in one text."""
    if len(text) > LONGEST_JUDGED:
        yield Severity.ERROR, "length", f"longer than {LONGEST_JUDGED} characters"
        text = text[:LONGEST_JUDGED]
    for severity, rule, found, reason in _JUDGES:
        if found(text):
            yield severity, rule, reason


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, text) of every text in plain JSON values that are not too deep, names of members included."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, inner in cast("Mapping[str, Any]", value).items():
            place = f"{path}.{name}" if path else name
            yield place, name
            yield from texts(inner, place)
    elif isinstance(value, list):
        for place, inner in enumerate(cast("list[Any]", value)):
            yield from texts(inner, f"{path}[{place}]")


def plain(definition: Mapping[str, msgspec.Raw]) -> dict[str, Any] | None:
    """A definition as plain values; None for one that is nested too deep, or is no JSON."""
    found: dict[str, Any] = {}
    for name, raw in definition.items():
        try:
            found[name] = msgspec.json.decode(raw)
        except (msgspec.DecodeError, RecursionError):
            return None
    return None if too_deep(found) else found
