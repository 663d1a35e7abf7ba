"""Who may see and call what: grants folded into one row of bits per principal set (default deny, deny beats
allow, no exemptions). Listing and calling read the same row.

A set of targets is a whole number here, bit i for target i: folding thousands of them is one operation.
"""

import posixpath
import re
import unicodedata
from collections.abc import Container, Iterable, Mapping, Sequence
from urllib.parse import unquote

import msgspec

from toolgate.model.catalog import OfferKind
from toolgate.model.declared import EVERYONE, GrantSpec
from toolgate.model.snapshot import Row
from toolgate.rules import globs

Names = Mapping[tuple[str, OfferKind], Mapping[str, int]]
"""The targets of one part as grants see them: by server and kind, each name with the bits of what is called so there. A
target of a virtual server stands under both of its names."""


NO_TAGS: Mapping[str, Container[str]] = {}


class Reach(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """What a grant names, whoever it is for and whether it allows or denies: grants of equal reach share their work."""

    servers: tuple[str, ...]
    tools: tuple[str, ...]
    prompts: tuple[str, ...]
    resources: tuple[str, ...]
    tags: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()


def reach(grant: GrantSpec) -> Reach:
    return Reach(grant.servers, grant.tools, grant.prompts, grant.resources, grant.tags, grant.risks)


def allowed(row: Row, part: str, bit: int) -> bool:
    """Whether every call may use it: one bit test. A part or a bit that the row does not have is not allowed."""
    bits = row.parts.get(part, b"")
    index = bit >> 3
    return index < len(bits) and bool(bits[index] >> (bit & 7) & 1)


def conditional(row: Row, part: str, bit: int) -> bool:
    """Whether it depends on the call (see `rules.conditions`)."""
    bits = row.conditional.get(part, b"")
    index = bit >> 3
    return index < len(bits) and bool(bits[index] >> (bit & 7) & 1)


def listed(row: Row, part: str, bit: int) -> bool:
    """Whether some call may use it."""
    return allowed(row, part, bit) or conditional(row, part, bit)


def by_subject(grants: Sequence[GrantSpec]) -> dict[str, list[int]]:
    """The places in `grants` of each subject's own."""
    places: dict[str, list[int]] = {}
    for place, grant in enumerate(grants):
        places.setdefault(grant.subject, []).append(place)
    return places


def applicable(subjects: Iterable[str], places: Mapping[str, Sequence[int]]) -> tuple[int, ...]:
    """The places of the grants that hold for a principal with these subjects, in order. `places` is `by_subject`."""
    return tuple(sorted(place for subject in {*subjects, EVERYONE} for place in places.get(subject, ())))


def chosen(within: Reach, kind: OfferKind) -> tuple[str, ...]:
    """The globs of a reach that are about this kind."""
    if kind is OfferKind.TOOL:
        return within.tools
    return within.prompts if kind is OfferKind.PROMPT else within.resources


def names_server(within: Reach, server: str) -> bool:
    return any(globs.matches(glob, server) for glob in within.servers)


def named(glob: str, names: Mapping[str, int]) -> int:
    """The bits of the names that the glob matches."""
    if globs.is_literal(glob):
        return names.get(glob, 0)
    bits = 0
    fullmatch = globs.compiled(glob).fullmatch
    for name, own in names.items():
        if glob == "*" or fullmatch(name) is not None:
            bits |= own
    return bits


def fold(rights: int) -> bytes:
    """The row of one part. Without trailing zeros, so that rights are equal bytes whatever else there is."""
    return rights.to_bytes((rights.bit_length() + 7) // 8, "little")


def denied_uris(
    grants: Iterable[GrantSpec], tags: Mapping[str, Container[str]] = NO_TAGS
) -> tuple[tuple[str, str], ...]:
    """(server glob, URI glob) of every deny on resources, each once; an escaped glob stands for the plain one too.

    Of tags, those of the servers count (`tags`, by name), since URIs that no list names have none of their own.
    Conditions are left out of account, which denies more: what a server reads as the same URI cannot be known.
    """
    pairs = (
        (server, spelling)
        for grant in grants
        if grant.effect == "deny" and not grant.risks
        for server in (_tagged(grant, tags) if grant.tags else grant.servers)
        for uri in grant.resources
        for spelling in (uri, unquote(uri))
    )
    return tuple(dict.fromkeys(pairs))


def _tagged(grant: GrantSpec, tags: Mapping[str, Container[str]]) -> list[str]:
    """The servers that a grant names and that have one of its tags."""
    return [
        server
        for server, own in tags.items()
        if any(tag in own for tag in grant.tags) and any(globs.matches(glob, server) for glob in grant.servers)
    ]


def uri_denied(row: Row, servers: Iterable[str], uri: str) -> bool:
    """Whether a deny names this very URI: asked only where the URI itself had no bit (templates, unlisted resources).

    `servers` are all names under which a grant may name its server. A server may read an escaped URI, or one with `..`
    or a query in it, as the plain one: whoever is denied one spelling is denied the others.
    """
    if not row.denied_uris:
        return False
    spellings = _spellings(uri)
    return any(
        any(pattern.fullmatch(spelling) for spelling in spellings) and any(server.fullmatch(name) for name in servers)
        for server, pattern in row.denied_uris
    )


def _spellings(uri: str) -> set[str]:
    """The URI as it stands, without its escapes (also those that were escaped twice), and the ways in which a server
    may read it: composed (Unicode NFC), without query or fragment, up to a NUL, without spaces around it, with `/` for
    `\\`, with scheme and host in small letters (RFC 3986 section 6.2.2.1), and with `.`, `..` and repeated `/`
    resolved."""
    plain, again = uri, unquote(uri)
    for _ in range(3):
        if again == plain:
            break
        plain, again = again, unquote(again)
    found = {uri, plain}
    for text in (plain, *(cut.split(plain, maxsplit=1)[0] for cut in _CUTS)):
        found.add(text)
        found.add(_straight(unicodedata.normalize("NFC", text)))
    return found


_CUTS = (re.compile(r"[?#\0]"), re.compile("#"), re.compile(r"\0"))


def _straight(text: str) -> str:
    """One spelling for all that differ in nothing that counts."""
    scheme, colon, rest = _BLANK.sub("", text).replace("\\", "/").partition(":")
    host, slash, path = rest[2:].partition("/") if rest.startswith("//") else ("", "", rest)
    authority = f"//{host.lower()}" if rest.startswith("//") else ""
    straight = posixpath.normpath(slash + path) if slash + path else ""
    if straight.startswith("//"):  # POSIX gives exactly two a meaning of their own; URIs do not
        straight = straight[1:]
    return f"{scheme.lower()}{colon}{authority}{straight}"


_BLANK = re.compile(r"^[\x00-\x20]+|[\x00-\x20]+$|[\t\r\n]")
"""What readers of URLs leave out: blanks around them, tabs and line ends within (WHATWG URL section 4.4)."""
