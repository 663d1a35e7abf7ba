"""The `teams`, `keys` and `grants` sections of the file -> TeamSpec, KeySpec, GrantSpec."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import get_args

import msgspec

from toolgate.control.declared_virtual import read_glob
from toolgate.control.places import Place
from toolgate.model.declared import EVERYONE, LOCAL_KEY, Effect, GrantSpec, KeySpec, TeamSpec
from toolgate.rules import globs, keys
from toolgate.rules.names import closest

OFFER_FIELDS = ("tools", "prompts", "resources")

_EFFECTS: tuple[Effect, ...] = get_args(Effect)
_SUBJECTS = ("key", "team", EVERYONE)
_DIGEST = re.compile(rf"[0-9a-f]{{{2 * keys.DIGEST_BYTES}}}")


class Rule(msgspec.Struct, frozen=True):
    """A grant with the place it was read from, and the place of each of its patterns by (field, pattern)."""

    grant: GrantSpec
    place: Place
    patterns: Mapping[tuple[str, str], Place]


def read_teams(section: Place) -> list[TeamSpec]:
    teams: list[TeamSpec] = []
    for name, place in section.named().items():
        entries = place.record(("description",))
        teams.append(TeamSpec(name, entries["description"].text() if "description" in entries else None))
    return teams


def read_keys(section: Place, teams: Collection[str]) -> list[KeySpec]:
    found: list[KeySpec] = []
    digests: dict[bytes, str] = {}
    for name, place in section.named().items():
        if name == LOCAL_KEY:
            place.wrong(f"`{LOCAL_KEY}` is the bootstrap key, which is always known and is not declared")
        entries = place.record(("digest", "teams", "observe", "expires"), required=("digest",))
        digest = _read_digest(entries["digest"]) if "digest" in entries else None
        if digest is not None and digests.setdefault(digest, name) != name:
            entries["digest"].wrong(f"the key `{digests[digest]}` has the same digest: it is the same key")
        found.append(
            KeySpec(
                name=name,
                digest=digest or b"",
                teams=tuple(entries["teams"].references(teams, "team")) if "teams" in entries else (),
                observer=bool(entries["observe"].flag()) if "observe" in entries else False,
                expires=entries["expires"].moment() if "expires" in entries else None,
            )
        )
    return found


def _read_digest(place: Place) -> bytes | None:
    value = place.node.value
    if isinstance(value, str) and _DIGEST.fullmatch(value):
        return bytes.fromhex(value)
    if isinstance(value, str) and value.startswith(keys.PREFIX):
        place.wrong("this is a key itself: it is no longer secret; make a new one and give its digest here")
    elif isinstance(value, int):
        place.wrong("expected a digest, found a number: put it in quotes")
    else:
        place.wrong(f"a key's digest is {2 * keys.DIGEST_BYTES} of 0-9 and a-f")
    return None


class Subjects(msgspec.Struct, frozen=True):
    """Who and what a grant can name: declared keys (without `local`), teams, and servers with virtual servers."""

    keys: Collection[str]
    teams: Collection[str]
    servers: Collection[str]


def read_grants(section: Place, known: Subjects) -> list[Rule]:
    return [rule for place in section.items() for rule in _read_entry(place, known)]


def _read_entry(place: Place, known: Subjects) -> list[Rule]:
    """One item of the list: a subject, and what it is allowed, denied, or both."""
    if not isinstance(place.node.value, dict):
        place.expected("a mapping with `key`, `team` or `everyone`, and `allow` or `deny`")
        return []
    entries = place.record((*_SUBJECTS, *_EFFECTS))
    subject = _read_subject(place, entries, known)
    if not any(effect in entries for effect in _EFFECTS):
        place.wrong("neither `allow` nor `deny` is given: this grant says nothing")
    rules = [_read_rule(entries[effect], subject or "", effect, known) for effect in _EFFECTS if effect in entries]
    return [rule for rule in rules if rule is not None] if subject is not None else []


def _read_subject(place: Place, entries: Mapping[str, Place], known: Subjects) -> str | None:
    named = [subject for subject in _SUBJECTS if subject in entries]
    if len(named) != 1:
        found = " and ".join(f"`{subject}`" for subject in named) or "none"
        place.wrong(f"a grant is for exactly one of `key`, `team` or `everyone: true`; found {found}")
        return None
    spot = entries[named[0]]
    if named[0] == EVERYONE:
        if spot.flag() is False:
            spot.wrong("`everyone` is either true or not there")
            return None
        return EVERYONE
    name = spot.text()
    if name is None:
        return None
    declared = [*known.keys, LOCAL_KEY] if named[0] == "key" else known.teams
    if name not in declared:
        spot.wrong(f"no {named[0]} of this name is declared", closest(name, declared))
        return None
    return f"{named[0]}:{name}"


def _read_rule(place: Place, subject: str, effect: Effect, known: Subjects) -> Rule | None:
    entries = place.record(("servers", *OFFER_FIELDS), required=("servers",))
    patterns: dict[tuple[str, str], Place] = {}
    for field in entries:
        for spot, _ in entries[field].texts():
            glob = read_glob(spot)
            if glob is not None:
                patterns[field, glob] = spot
    _judge_servers(entries, patterns, known.servers)
    if isinstance(place.node.value, dict) and all(entries[name].is_empty() for name in entries if name != "servers"):
        place.wrong('names no tools, prompts or resources: nothing means nothing (["*"] means all)')
    lists = {field: tuple(glob for where, glob in patterns if where == field) for field in ("servers", *OFFER_FIELDS)}
    if not lists["servers"] or not any(lists[field] for field in OFFER_FIELDS):
        return None
    grant = GrantSpec(
        subject, effect, lists["servers"], tools=lists["tools"], prompts=lists["prompts"], resources=lists["resources"]
    )
    return Rule(grant, place, patterns)


_Patterns = Mapping[tuple[str, str], Place]


def _judge_servers(entries: Mapping[str, Place], patterns: _Patterns, servers: Collection[str]) -> None:
    if "servers" in entries and entries["servers"].is_empty():
        entries["servers"].wrong('names no server: nothing means nothing (["*"] means all)')
    for (field, glob), spot in patterns.items():
        if field == "servers" and not any(globs.matches(glob, server) for server in servers):
            what = "no server of this name is declared" if globs.is_literal(glob) else "no declared server matches"
            spot.wrong(f"can never match: {what}", closest(glob, servers))


def find_shadowed(rules: Sequence[Rule], teams_of: Mapping[str, Sequence[str]], servers: Collection[str]) -> None:
    """Reports every pattern of an allow that can never allow anything, because denials that hold for the same subject
    cover it on each server that the allow names. `teams_of` gives the teams of each key."""
    denials: dict[str, list[Rule]] = {}
    for rule in rules:
        if rule.grant.effect == "deny":
            denials.setdefault(rule.grant.subject, []).append(rule)
    for rule in rules:
        if rule.grant.effect == "allow":
            wider = _wider(rule.grant.subject, teams_of)
            _report_shadowed(rule, [denial for subject in wider for denial in denials.get(subject, ())], servers)


def _wider(subject: str, teams_of: Mapping[str, Sequence[str]]) -> list[str]:
    """The subjects whose grants hold for everyone for whom one of this subject does, itself first."""
    kind, _, name = subject.partition(":")
    teams = teams_of.get(name, ()) if kind == "key" else ()
    return list(dict.fromkeys((subject, *(f"team:{team}" for team in teams), EVERYONE)))


def _report_shadowed(rule: Rule, denials: Sequence[Rule], servers: Collection[str]) -> None:
    named = [server for server in servers if any(globs.matches(glob, server) for glob in rule.grant.servers)]
    for (field, pattern), spot in rule.patterns.items():
        if field == "servers" or not named:
            continue
        shadows = [_shadow(server, field, pattern, denials) for server in named]
        if all(shadow is not None for shadow in shadows):
            shadow = next(shadow for shadow in shadows if shadow is not None)
            where = f"{shadow.place.path} (line {shadow.place.line})"
            spot.wrong(f"can never match: {where} denies all of it, and deny beats allow")


def _shadow(server: str, field: str, pattern: str, denials: Sequence[Rule]) -> Rule | None:
    """The denial that takes all of this pattern on this server."""
    for denial in denials:
        here = any(globs.matches(glob, server) for glob in denial.grant.servers)
        if here and any(globs.covers(denied, pattern) for denied in getattr(denial.grant, field)):
            return denial
    return None
