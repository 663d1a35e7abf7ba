"""The `keys` and `grants` sections of the file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

import msgspec

from toolgate.control.declared_virtual import read_glob
from toolgate.control.filed import Filed, read_fields
from toolgate.control.kinds import flaws
from toolgate.control.places import Names, Place, steps
from toolgate.model.declared import EVERYONE, LOCAL_KEY, Condition, Effect
from toolgate.model.entities import Grant, Key
from toolgate.rules import globs, keys
from toolgate.rules.names import NAME, NAME_RULE

OFFER_FIELDS = ("tools", "prompts", "resources")

_EFFECTS: tuple[Effect, ...] = get_args(Effect)
_SUBJECTS = ("key", "user", "service", "team", "role", EVERYONE)
_LABELS = ("tags", "risks")
_LISTS = ("servers", *OFFER_FIELDS, *_LABELS)
_CEILINGS = ("owner", "audiences", "tools", "networks", "cost_center", "revoked", "expires")
_DIGEST = re.compile(rf"[0-9a-f]{{{2 * keys.DIGEST_BYTES}}}")


class Rule(msgspec.Struct, frozen=True):
    """A grant with the place it was read from, and the place of each of its patterns by (field, pattern)."""

    grant: Grant
    place: Place
    patterns: Mapping[tuple[str, str], Place]
    filed: Filed


def read_keys(section: Place, teams: Names, *, others: bool) -> list[Filed]:
    """With `others`, a key may be one whose digest the gateway has."""
    found: list[Filed] = []
    digests: dict[bytes, str] = {}
    for name, place in section.named().items():
        if name == LOCAL_KEY:
            place.wrong(f"`{LOCAL_KEY}` is the bootstrap key, which is always known and is not declared")
        entries = place.record(("digest", "teams", "observe", *_CEILINGS), required=() if others else ("digest",))
        digest = _read_digest(entries["digest"]) if "digest" in entries else None
        if digest is not None and digests.setdefault(digest, name) != name:
            entries["digest"].wrong(f"the key `{digests[digest]}` has the same digest: it is the same key")
        record = Key(
            name=name,
            digest="" if digest is None else digest.hex(),
            teams=tuple(entries["teams"].references(teams, "team")) if "teams" in entries else (),
            observer=bool(entries["observe"].flag()) if "observe" in entries else False,
            **read_fields(entries, Key, _CEILINGS),
        )
        called = {"observer" if key == "observe" else key: entry for key, entry in entries.items()}
        found.append(Filed(record, frozenset(called), place, called))
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
    """Who a grant can name, by the word for each kind (`key`, `team`, ...); and the servers with virtual servers."""

    names: Mapping[str, Names]
    servers: Names


def read_grants(section: Place, known: Subjects) -> list[Rule]:
    """A grant without a name gets one by its place, which is none that it is known by elsewhere."""
    rules: list[Rule] = []
    for number, place in enumerate(section.items(), 1):
        rules.extend(_read_entry(place, known, number))
    return rules


def _read_entry(place: Place, known: Subjects, number: int) -> list[Rule]:
    """One item of the list: a subject, and what it is allowed, denied, or both."""
    if not isinstance(place.node.value, dict):
        place.expected(f"a mapping with {_one_of_subjects()}, and `allow` or `deny`")
        return []
    entries = place.record(("name", *_SUBJECTS, "reason", "expires", *_EFFECTS))
    subject = _read_subject(place, entries, known)
    given: list[Effect] = [effect for effect in _EFFECTS if effect in entries]
    if not given:
        place.wrong("neither `allow` nor `deny` is given: this grant says nothing")
    name = _read_name(entries["name"]) if "name" in entries else f"grant-{number}"
    rules: list[Rule] = []
    for effect in given:
        # Two grants in one entry are two records: the denial has a name of its own.
        called = f"{name}-deny" if effect == "deny" and len(given) > 1 else name
        rule = _read_rule(place, entries, effect, subject or "", called, known)
        if rule is not None:
            rules.append(rule)
    return rules if subject is not None else []


def _one_of_subjects() -> str:
    return f"{', '.join(f'`{one}`' for one in _SUBJECTS[:-1])} or `{EVERYONE}: true`"


def _read_name(place: Place) -> str:
    name = place.text()
    if name is not None and not NAME.fullmatch(name):
        place.wrong(NAME_RULE)
    return name or "unnamed"


def _read_subject(place: Place, entries: Mapping[str, Place], known: Subjects) -> str | None:
    named = [subject for subject in _SUBJECTS if subject in entries]
    if len(named) != 1:
        found = " and ".join(f"`{subject}`" for subject in named) or "none"
        place.wrong(f"a grant is for exactly one of {_one_of_subjects()}; found {found}")
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
    declared = known.names[named[0]]
    if name not in declared:
        spot.wrong(f"no {named[0]} of this name is declared", declared.meant(name))
        return None
    return f"{named[0]}:{name}"


def _read_rule(
    item: Place, given: Mapping[str, Place], effect: Effect, subject: str, name: str, known: Subjects
) -> Rule | None:
    place = given[effect]
    entries = place.record((*_LISTS, "conditions"))
    labelled = any(field in entries and not entries[field].is_empty() for field in _LABELS)
    if isinstance(place.node.value, dict) or place.node.value is None:
        _judge_named(place, entries, labelled=labelled)
    patterns: dict[tuple[str, str], Place] = {}
    for field in _LISTS:
        for spot, text in entries[field].texts() if field in entries else ():
            glob = text if field in _LABELS else read_glob(spot)
            if glob is not None:
                patterns[field, glob] = spot
    _judge_servers(entries, patterns, known.servers)
    lists = {field: tuple(glob for where, glob in patterns if where == field) for field in _LISTS}
    conditions = tuple(_read_conditions(entries["conditions"])) if "conditions" in entries else ()
    if not labelled and (not lists["servers"] or not any(lists[field] for field in OFFER_FIELDS)):
        return None
    said = read_fields(given, Grant, ("reason", "expires"))
    grant = Grant(name=name, subject=subject, effect=effect, conditions=conditions, **lists, **said)
    spots = {**entries, **{field: given[field] for field in ("name", "reason", "expires") if field in given}}
    spots |= {"subject": next(given[one] for one in _SUBJECTS if one in given)} if subject else {}
    fields = frozenset({"subject", "effect", *entries, *said})
    return Rule(grant, place, patterns, Filed(grant, fields, item, spots, "name" in given))


def _judge_named(place: Place, entries: Mapping[str, Place], *, labelled: bool) -> None:
    """Whether it names anything. By a tag or a risk alone, it may be any server's."""
    if "servers" not in entries and not labelled:
        place.wrong("`servers` is missing")
    offers = [entries[field] for field in OFFER_FIELDS if field in entries]
    if isinstance(place.node.value, dict) and all(one.is_empty() for one in offers) and not labelled:
        place.wrong('names no tools, prompts or resources: nothing means nothing (["*"] means all)')


def _read_conditions(section: Place) -> Iterator[Condition]:
    for place in section.items():
        if not isinstance(place.node.value, dict):
            place.expected("a mapping, as {argument: amount, maximum: 100}")
            continue
        entries = place.record([field.name for field in msgspec.structs.fields(Condition)])
        values: dict[str, Any] = {key: entry.node.plain() for key, entry in entries.items()}
        wrong = flaws(Condition, values)
        for path, reason in wrong:
            top = next((str(one) for one in steps(path)), "")
            entries.get(top, place).wrong(reason)
        if not wrong:
            yield msgspec.convert(values, Condition)


_Patterns = Mapping[tuple[str, str], Place]


def _judge_servers(entries: Mapping[str, Place], patterns: _Patterns, servers: Names) -> None:
    if "servers" in entries and entries["servers"].is_empty():
        entries["servers"].wrong('names no server: nothing means nothing (["*"] means all)')
    for (field, glob), spot in patterns.items():
        if field == "servers" and not servers.others and not any(globs.matches(glob, one) for one in servers.known):
            what = "no server of this name is declared" if globs.is_literal(glob) else "no declared server matches"
            spot.wrong(f"can never match: {what}", servers.meant(glob))


def find_shadowed(rules: Sequence[Rule], teams_of: Mapping[str, Sequence[str]], servers: Names) -> None:
    """Reports every pattern of an allow that can never allow anything, because denials that hold for the same subject
    cover it on each server that the allow names. `teams_of` gives the teams of each key."""
    denials: dict[str, list[Rule]] = {}
    for rule in rules:
        if rule.grant.effect == "deny" and not (rule.grant.conditions or rule.grant.expires or _labels(rule.grant)):
            denials.setdefault(rule.grant.subject, []).append(rule)
    for rule in rules:
        if rule.grant.effect == "allow":
            wider = _wider(rule.grant.subject, teams_of)
            _report_shadowed(rule, [denial for subject in wider for denial in denials.get(subject, ())], servers)


def _labels(grant: Grant) -> bool:
    return bool(grant.tags or grant.risks)


def _wider(subject: str, teams_of: Mapping[str, Sequence[str]]) -> list[str]:
    """The subjects whose grants hold for everyone for whom one of this subject does, itself first."""
    kind, _, name = subject.partition(":")
    teams = teams_of.get(name, ()) if kind == "key" else ()
    return list(dict.fromkeys((subject, *(f"team:{team}" for team in teams), EVERYONE)))


def _report_shadowed(rule: Rule, denials: Sequence[Rule], servers: Names) -> None:
    named = [server for server in servers.known if any(globs.matches(glob, server) for glob in rule.grant.servers)]
    for (field, pattern), spot in rule.patterns.items():
        if field not in OFFER_FIELDS or not named:
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
