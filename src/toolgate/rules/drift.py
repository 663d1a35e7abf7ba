"""What a server offers now against what was accepted: pure. Only what a model is told counts: tools and prompts with
every field of their definitions but `_meta`, and the server's instructions. Resources come and go as data does.

A definition is known by the digests of its fields, so that a difference can be named without keeping the definition.
"""

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from toolgate.model.catalog import Discovery, Offer, OfferKind
from toolgate.rules.nesting import too_deep

DIGEST_BYTES = 16

INSTRUCTIONS = "instructions"
"""The server's instructions, among the names of what it offers."""

_WORDS = {OfferKind.TOOL: "tool", OfferKind.PROMPT: "prompt"}
_SHOWN = 5

_LEFT_OUT = frozenset({"_meta", "name"})


class Changed(msgspec.Struct, frozen=True):
    """One offer of another definition than was accepted, and the members of the definition that are different."""

    offer: str
    fields: tuple[str, ...]


class Drift(msgspec.Struct, frozen=True):
    """Offers by `tool:NAME`, `prompt:NAME` or `instructions`, in order. Empty where all is as it was accepted."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[Changed, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def __str__(self) -> str:
        """In words, on one line; of many, the first few."""
        lines = self.lines()
        left = f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        return "; ".join(lines[:_SHOWN]) + left

    def lines(self) -> list[str]:
        """In words, one line for each."""
        told = [f"{name} is new" for name in self.added]
        told += [f"{name} is gone" for name in self.removed]
        told += [f"{one.offer} has another {', '.join(one.fields)}" for one in self.changed]
        return told


def digests(discovery: Discovery) -> Iterator[tuple[str, str]]:
    """(name, digests) of everything that counts, one by one: whoever has much of it may pause in between."""
    if discovery.instructions:
        yield INSTRUCTIONS, _written({"text": _digest(discovery.instructions.encode())})
    for offer in discovery.offers:
        word = _WORDS.get(offer.kind)
        if word is not None:
            yield f"{word}:{offer.name}", _written(_fields(offer))


def compare(accepted: Mapping[str, str], now: Mapping[str, str]) -> Drift:
    """Both as `digests` gives them."""
    return Drift(
        added=tuple(sorted(now.keys() - accepted.keys())),
        removed=tuple(sorted(accepted.keys() - now.keys())),
        changed=tuple(
            Changed(name, _different(accepted[name], now[name]))
            for name in sorted(accepted.keys() & now.keys())
            if accepted[name] != now[name]
        ),
    )


def _fields(offer: Offer) -> dict[str, str]:
    return {name: _digest(_canonical(raw)) for name, raw in offer.definition.items() if name not in _LEFT_OUT}


def _canonical(raw: msgspec.Raw) -> bytes:
    """The same bytes for the same value, however it is written. What is nested too deep counts as it is written."""
    try:
        value: Any = msgspec.json.decode(raw)
        return bytes(raw) if too_deep(value) else msgspec.json.encode(value, order="sorted")
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return bytes(raw)


def _digest(text: bytes) -> str:
    return blake2b(text, digest_size=DIGEST_BYTES).hexdigest()


def _written(fields: Mapping[str, str]) -> str:
    """One text for a definition: thousands of them are read with every change of any record. Names of members come
    from strangers, so that JSON keeps them apart."""
    return msgspec.json.encode(fields, order="sorted").decode()


def _different(accepted: str, now: str) -> tuple[str, ...]:
    was, is_ = (msgspec.json.decode(text, type=dict[str, str]) for text in (accepted, now))
    return tuple(sorted(name for name in was.keys() | is_.keys() if was.get(name) != is_.get(name)))
