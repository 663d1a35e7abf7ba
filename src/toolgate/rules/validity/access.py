"""Valid keys, grants and secrets."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from toolgate.model.catalog import Offer, OfferKind
from toolgate.model.declared import EVERYONE, LOCAL_KEY, Condition
from toolgate.model.entities import Grant, Key, Secret
from toolgate.rules import globs, keys
from toolgate.rules.facts import Facts, Finding
from toolgate.rules.names import meant
from toolgate.rules.validity import conditions, fields, labels
from toolgate.rules.validity.shadows import shadowed

OFFERS = ("tools", "prompts", "resources")
MOST_CONDITIONS = 32

_DIGEST = re.compile(rf"[0-9a-f]{{{2 * keys.DIGEST_BYTES}}}")


def key(value: Key, facts: Facts) -> Iterator[Finding]:
    yield from fields.name(value)
    if value.name == LOCAL_KEY:
        yield "name", f"`{LOCAL_KEY}` is the bootstrap key, which is always known"
    yield from fields.undeclared(value, [spec.name for spec in facts.directory.declared.keys], facts)
    yield from _digest(value, facts)
    if value.owner is not None:
        yield from fields.subject("owner", value.owner, ("user", "service"), facts)
    yield from fields.teams("teams", value.teams, facts)
    yield from fields.words("cost_center", value.cost_center)
    yield from fields.expires(value, facts)
    for field, ceiling in (("audiences", value.audiences), ("tools", value.tools), ("networks", value.networks)):
        if not ceiling:
            yield field, "is empty, and nothing means nothing: this key could call nothing"
    for place, audience in enumerate(value.audiences):
        # Everybody may make keys of their own: whether there is a server is told to those who may see it.
        if audience not in ("*", "") and audience not in facts.directory.servers and facts.sees(audience):
            near = meant(audience, facts.directory.servers)
            yield f"audiences[{place}]", f"there is no server of this name{near} (`*` is every endpoint, `` is /mcp)"
    yield from fields.unique("audiences", value.audiences)
    yield from fields.globs("tools", value.tools)
    yield from fields.networks("networks", value.networks)


def _digest(value: Key, facts: Facts) -> Iterator[Finding]:
    if not _DIGEST.fullmatch(value.digest):
        yield "digest", f"a key's digest is {2 * keys.DIGEST_BYTES} of 0-9 and a-f"
        return
    others = [(other.name, other.digest) for other in facts.directory.all(Key).values()]
    others += [(other.name, other.digest.hex()) for other in facts.directory.declared.keys]
    for name, digest in others:
        if digest == value.digest:
            yield "digest", f"the key `{name}` has the same digest: it is the same key"


def secret(value: Secret, facts: Facts) -> Iterator[Finding]:
    yield from fields.name(value)
    yield from fields.team("owner", value.owner, facts)
    yield from fields.prose("description", value.description)
    if not value.sealed or not value.key_id:
        yield "", "is not sealed: a secret is set by its own use case"


_SUBJECTS = ("user", "service", "key", "team", "role")


def grant(value: Grant, facts: Facts) -> Iterator[Finding]:
    yield from fields.name(value)
    if value.subject != EVERYONE:
        yield from fields.subject("subject", value.subject, _SUBJECTS, facts, EVERYONE)
    yield from fields.prose("reason", value.reason)
    yield from fields.expires(value, facts)
    yield from fields.labels("tags", value.tags)
    yield from fields.labels("risks", value.risks)
    for field in ("servers", *OFFERS):
        yield from fields.globs(field, getattr(value, field))
    yield from _meant(value)
    servers = [name for name in sorted(facts.directory.servers) if _names(value, name)]
    yield from _servers(value, facts)
    known = labels.of_servers(facts.directory, servers)
    yield from labels.unmatched("tags", value.tags, known.tags)
    yield from labels.unmatched("risks", value.risks, known.risks)
    yield from _offers(value, servers, facts)
    yield from _conditions(value, servers, facts)
    yield from shadowed(value, servers, facts)


def _names(value: Grant, server: str) -> bool:
    return not value.servers or any(globs.matches(glob, server) for glob in value.servers)


def _meant(value: Grant) -> Iterator[Finding]:
    """Whether anything is named at all."""
    labelled = value.tags or value.risks
    if not value.servers and not labelled:
        yield "servers", 'names no server: nothing means nothing (["*"] means all), unless tags or risks are given'
    if not any(getattr(value, field) for field in OFFERS) and not labelled:
        yield "", 'names no tools, prompts or resources: nothing means nothing (["*"] means all)'
    if value.risks and (value.prompts or value.resources):
        yield "risks", "only tools have a risk: leave out prompts and resources, or make a grant of their own"


def _servers(value: Grant, facts: Facts) -> Iterator[Finding]:
    known = facts.directory.servers
    for place, glob in enumerate(value.servers):
        if not any(globs.matches(glob, server) for server in known):
            what = "there is no server of this name" if globs.is_literal(glob) else "no server matches"
            yield f"servers[{place}]", f"can never match: {what}{meant(glob, known)}"


def _offers(value: Grant, servers: list[str], facts: Facts) -> Iterator[Finding]:
    """Literal names that none of the servers offers, where it is known what all of them do."""
    if not servers or not all(server in facts.discoveries for server in servers):
        return
    for field, kinds in (("tools", (OfferKind.TOOL,)), ("prompts", (OfferKind.PROMPT,))):
        offered = {
            offer.name for server in servers for offer in facts.discoveries[server].offers if offer.kind in kinds
        }
        for place, glob in enumerate(getattr(value, field)):
            if globs.is_literal(glob) and glob not in offered:
                yield (
                    f"{field}[{place}]",
                    f"can never match: {', '.join(servers)} has none of this name{meant(glob, offered)}",
                )


def _conditions(value: Grant, servers: list[str], facts: Facts) -> Iterator[Finding]:
    if len(value.conditions) > MOST_CONDITIONS:
        yield "conditions", f"more than {MOST_CONDITIONS} of them"
        return
    for place, condition in enumerate(value.conditions):
        path = f"conditions[{place}]"
        flaws = list(conditions.judge(path, condition))
        yield from flaws
        if condition.argument is None:
            continue
        if value.resources:
            yield f"{path}.argument", "a resource has no arguments: make a grant of its own for resources"
        if not flaws:
            yield from _unmeetable(value, path, condition, servers, facts)


def _schema(offer: Offer) -> Any:
    """One that cannot be read says nothing."""
    try:
        return msgspec.json.decode(offer.definition.get("inputSchema", b"{}"))
    except (msgspec.DecodeError, RecursionError):
        return {}


def _unmeetable(value: Grant, path: str, condition: Condition, servers: list[str], facts: Facts) -> Iterator[Finding]:
    """A tool that is named and could never pass; or tools that are matched, none of which could."""
    reasons: dict[str, str | None] = {}
    for server in servers:
        discovery = facts.discoveries.get(server)
        for offer in () if discovery is None else discovery.offers:
            if offer.kind is not OfferKind.TOOL or not any(globs.matches(glob, offer.name) for glob in value.tools):
                continue
            schema = _schema(offer)
            reason = conditions.unmeetable(condition, schema)
            reasons[f"{server}/{offer.name}"] = reason
            if reason is not None and offer.name in value.tools:
                yield path, f"can never match the tool {offer.name} of {server}: {reason}"
    literal = all(globs.is_literal(glob) for glob in value.tools)
    if reasons and not literal and None not in reasons.values():
        tool, reason = next(iter(reasons.items()))
        yield path, f"can never match: none of the {len(reasons)} tools can pass it; {tool}: {reason}"
