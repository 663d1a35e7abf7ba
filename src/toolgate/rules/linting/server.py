"""Lints of everything that one server offers."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from toolgate.model.catalog import Discovery, Offer, OfferKind
from toolgate.model.declared import Override
from toolgate.rules import overriding
from toolgate.rules.linting import Lint, Severity, prompts, texts, tools

MOST_TOOLS = 40
MOST_TOKENS = 20_000

_NAMES = ("name", "title")
_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


def lint(
    discovery: Discovery, overrides: Mapping[str, Override] | None = None, others: Collection[str] = ()
) -> tuple[Lint, ...]:
    """All lints, the worst first. `overrides` add what is missing, by tool, and what they hide is offered to nobody;
    `others` are the names of other servers, which nothing here should speak of."""
    found = list(_server(discovery, others))
    size = count = 0
    for offer in discovery.offers:
        override = (overrides or {}).get(offer.name) if offer.kind is OfferKind.TOOL else None
        if override is not None and override.hidden:
            continue
        definition = texts.plain(offer.definition)
        if definition is None:
            found.append(Lint(Severity.ERROR, "unreadable", offer.name, "", "is nested too deep, or is no JSON"))
            continue
        if offer.kind is OfferKind.TOOL:
            definition = _overridden(definition, override)
            length = len(msgspec.json.encode(definition))
            size += length
            count += 1
            found.extend(tools.lint(offer.name, definition, length))
        elif offer.kind is OfferKind.PROMPT:
            found.extend(prompts.lint(offer.name, definition))
        found.extend(_texts(offer, definition, others))
    if count > MOST_TOOLS:
        reason = f"{count} tools: models choose badly among more than {MOST_TOOLS}; offer fewer by a virtual server"
        found.append(Lint(Severity.WARNING, "server-tools", "", "", reason))
    if tools.tokens(size) > MOST_TOKENS:
        reason = f"its tools take about {tools.tokens(size)} tokens of every conversation"
        found.append(Lint(Severity.WARNING, "server-size", "", "", reason))
    return tuple(sorted(dict.fromkeys(found), key=lambda one: (_ORDER[one.severity], one.offer, one.path, one.rule)))


def _overridden(definition: dict[str, Any], override: Override | None) -> dict[str, Any]:
    if override is None:
        return definition
    changed = {**definition, **overriding.texts(override)}
    if override.parameters and "inputSchema" in definition:
        changed["inputSchema"] = overriding.schema(definition["inputSchema"], override.parameters)
    return changed


def _server(discovery: Discovery, others: Collection[str]) -> Iterator[Lint]:
    if discovery.instructions:
        yield from _judged("", "instructions", discovery.instructions, others)
    seen: set[tuple[OfferKind, str]] = set()
    for offer in discovery.offers:
        if (offer.kind, offer.name) in seen:
            yield Lint(Severity.ERROR, "duplicate", offer.name, "", f"stands twice among the {offer.kind}")
        seen.add((offer.kind, offer.name))


def _texts(offer: Offer, definition: Mapping[str, Any], others: Collection[str]) -> Iterator[Lint]:
    for path, text in texts.texts(dict(definition)):
        yield from _judged(offer.name, path, text, others)
    for name in _NAMES:
        text = definition.get(name)
        if isinstance(text, str) and not text.isascii():
            reason = "holds letters that are not ASCII, which can look like others"
            yield Lint(Severity.WARNING, "name-script", offer.name, name, reason)
    schema: Any = definition.get("inputSchema")
    properties: Any = schema.get("properties") if isinstance(schema, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    for parameter in sorted(texts.SIDE_CHANNELS & set(properties)) if isinstance(properties, dict) else ():  # pyright: ignore[reportUnknownArgumentType]
        reason = "a parameter through which a server would learn what it has no business to know"
        yield Lint(Severity.ERROR, "side-channel", offer.name, f"inputSchema.properties.{parameter}", reason)


def _judged(offer: str, path: str, text: str, others: Collection[str]) -> Iterator[Lint]:
    for severity, rule, reason in texts.judge(text):
        yield Lint(severity, rule, offer, path, reason)
    for other in others:
        # A name that is a common word proves nothing; one with a tool after it does.
        if other in text and re.search(rf"(?<![A-Za-z0-9-]){re.escape(other)}__[A-Za-z0-9_-]+", text):
            reason = f"speaks of tools of the server {other}"
            yield Lint(Severity.WARNING, "shadowing", offer, path, reason)
