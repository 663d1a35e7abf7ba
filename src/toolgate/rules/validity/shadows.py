"""Allows that can never allow anything, because a deny that holds whenever they do takes all of it."""

from collections.abc import Iterator, Sequence

from toolgate.model.declared import EVERYONE
from toolgate.model.entities import Grant, Key
from toolgate.rules import globs
from toolgate.rules.directory import Directory
from toolgate.rules.facts import Facts, Finding


def shadowed(value: Grant, servers: Sequence[str], facts: Facts) -> Iterator[Finding]:
    """A finding for each pattern of an allow that denials cover on each of `servers`, which are those that it names."""
    if value.effect != "allow" or not servers:
        return
    wider = _wider(facts.directory, value.subject)
    denials = [
        grant for grant in facts.directory.all(Grant).values() if grant.subject in wider and _always(grant, facts)
    ]
    for field in ("tools", "prompts", "resources"):
        for place, pattern in enumerate(getattr(value, field)):
            shadows = [_shadow(server, field, pattern, denials) for server in servers]
            first = shadows[0]
            if first is not None and None not in shadows:
                yield (
                    f"{field}[{place}]",
                    f"can never match: the grant {first.name} denies all of it, and deny beats allow",
                )


def _always(grant: Grant, facts: Facts) -> bool:
    """Whether this is a deny that holds in every call, for good."""
    narrowed = grant.conditions or grant.tags or grant.risks
    return grant.effect == "deny" and grant.expires is None and not narrowed


def _wider(directory: Directory, subject: str) -> frozenset[str]:
    """The subjects whose grants hold for everyone for whom one of this subject does."""
    kind, _, name = subject.partition(":")
    found = {subject, EVERYONE}
    if kind == "key":
        key = directory.get(Key, name)
        if key is not None:
            found |= {f"team:{above}" for team in key.teams for above in directory.above(team)}
            found |= set() if key.owner is None else _wider(directory, key.owner)
    elif kind in ("user", "service"):
        found |= {f"team:{team}" for team in directory.teams_of(subject)}
    elif kind == "team":
        found |= {f"team:{above}" for above in directory.above(name)}
    return frozenset(found)


def _shadow(server: str, field: str, pattern: str, denials: Sequence[Grant]) -> Grant | None:
    for denial in denials:
        here = any(globs.matches(glob, server) for glob in denial.servers)
        if here and any(globs.covers(denied, pattern) for denied in getattr(denial, field)):
            return denial
    return None
