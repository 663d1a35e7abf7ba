"""What many kinds of records share: names, words, references to teams and subjects, times, globs, networks, URLs."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence, Sized
from ipaddress import ip_network
from typing import Any, cast
from urllib.parse import urlsplit

from toolgate.model.entities import Entity, Role, ServiceAccount, User
from toolgate.rules import permissions
from toolgate.rules.facts import Facts, Finding
from toolgate.rules.names import GROUP, GROUP_RULE, LABEL, LABEL_RULE, NAME, NAME_RULE, meant

LONGEST_TEXT = 4096
LONGEST_WORDS = 200
LONGEST_GLOB = 256
MOST_ITEMS = 1000
MOST_MEMBERS = 5000
"""Of a mapping in a record, as the overrides of a server's tools."""

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


def name(value: Entity, pattern: re.Pattern[str] = NAME, rule: str = NAME_RULE) -> Iterator[Finding]:
    if not pattern.fullmatch(value.name):
        yield "name", rule


def undeclared(value: Entity, declared: Collection[str], facts: Facts) -> Iterator[Finding]:
    """A name that a file declares is that file's."""
    if value.name in declared:
        where = facts.directory.declared.file
        yield "name", f"{'a file' if where is None else where.name} declares one of this name: take another, or it out"


def words(path: str, text: str | None, longest: int = LONGEST_WORDS) -> Iterator[Finding]:
    """A short text on one line, for people."""
    if text is None:
        return
    if len(text) > longest:
        yield path, f"longer than {longest} characters"
    if _UNPRINTABLE.search(text):
        yield path, "holds a character that cannot be seen"


def prose(path: str, text: str) -> Iterator[Finding]:
    """A text of several lines, for people."""
    yield from words(path, text.replace("\n", " ").replace("\t", " "), LONGEST_TEXT)


def crowded(values: Mapping[str, Any]) -> Iterator[Finding]:
    """The fields of a record with more items than any has use for: judged first, because judging all of them takes
    long. A kind's settings are its own."""
    for field, value in values.items():
        if isinstance(value, (list, tuple, dict)) and field != "settings":
            count, most = len(cast("Sized", value)), MOST_MEMBERS if isinstance(value, dict) else MOST_ITEMS
            if count > most:
                yield field, f"has {count} items, more than {most}"


def labels(path: str, given: Sequence[str]) -> Iterator[Finding]:
    for place, label in enumerate(given):
        if not LABEL.fullmatch(label):
            yield f"{path}[{place}]", LABEL_RULE
    yield from unique(path, given)


def unique(path: str, given: Sequence[str]) -> Iterator[Finding]:
    seen: set[str] = set()
    for place, item in enumerate(given):
        if item in seen:
            yield f"{path}[{place}]", "this already stands in the list"
        seen.add(item)
    if len(given) > MOST_ITEMS:
        yield path, f"more than {MOST_ITEMS} of them"


def teams(path: str, given: Sequence[str], facts: Facts) -> Iterator[Finding]:
    for place, team in enumerate(given):
        if team not in facts.directory.teams:
            yield f"{path}[{place}]", f"there is no team of this name{meant(team, facts.directory.teams)}"
    yield from unique(path, given)


def team(path: str, given: str | None, facts: Facts) -> Iterator[Finding]:
    if given is not None and given not in facts.directory.teams:
        yield path, f"there is no team of this name{meant(given, facts.directory.teams)}"


def subject(path: str, given: str, kinds: Sequence[str], facts: Facts, *words: str) -> Iterator[Finding]:
    """`kind:NAME` of something that is there. `kinds` are those that may stand here, `words` what may as well."""
    kind, colon, named = given.partition(":")
    if not colon or kind not in kinds:
        yield path, f"expected {', '.join((*(f'{one}:NAME' for one in kinds), *words))}"
    elif kind == "group":
        if not GROUP.fullmatch(named):
            yield path, GROUP_RULE
    else:
        known = _known(kind, facts)
        if named not in known:
            yield path, f"there is no {kind} of this name{meant(named, known)}"


def _known(kind: str, facts: Facts) -> Collection[str]:
    directory = facts.directory
    if kind == "team":
        return directory.teams
    if kind == "key":
        return directory.keys | {"local"}
    if kind == "role":
        return frozenset(permissions.ROLES) | frozenset(directory.all(Role))
    return directory.all(User) if kind == "user" else directory.all(ServiceAccount)


def expires(value: Entity, facts: Facts) -> Iterator[Finding]:
    """A moment to come. One that has passed and stands there already may stay while something else is changed."""
    moment: float | None = getattr(value, "expires")  # noqa: B009 # of several kinds
    if moment is None or (facts.before is not None and getattr(facts.before, "expires", None) == moment):
        return
    if not moment > facts.now or moment > 1e11:
        yield "expires", "is no moment to come: give Unix time in seconds, or nothing for no end"


def glob(path: str, given: str) -> Iterator[Finding]:
    if not given or len(given) > LONGEST_GLOB:
        yield path, f"a glob has 1 to {LONGEST_GLOB} characters"
    elif given != given.strip():
        yield path, "can never match: no name begins or ends with a space"


def globs(path: str, given: Sequence[str]) -> Iterator[Finding]:
    for place, item in enumerate(given):
        yield from glob(f"{path}[{place}]", item)
    yield from unique(path, given)


def networks(path: str, given: Sequence[str]) -> Iterator[Finding]:
    for place, network in enumerate(given):
        try:
            ip_network(network)
        except ValueError as error:
            near = _without_host_bits(network)
            step = f": did you mean {near}?" if near else ", as 10.0.0.0/8 or 2001:db8::/32"
            yield f"{path}[{place}]", f"is no range of addresses ({'host bits set' if near else _short(error)}){step}"
    yield from unique(path, given)


def _without_host_bits(network: str) -> str:
    try:
        return str(ip_network(network, strict=False))
    except ValueError:
        return ""


def _short(error: ValueError) -> str:
    return "not in CIDR form" if str(error) else "malformed"


def https(path: str, url: str) -> Iterator[Finding]:
    """A link for people: https, a host, and no credentials."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        yield path, "this is not a URL"
        return
    if parts.scheme != "https" or not host or len(url) > 2048 or _UNPRINTABLE.search(url) or " " in url:
        yield path, "expected an https:// URL"
    elif "@" in parts.netloc:
        yield path, "a URL must not hold a user name or password"
