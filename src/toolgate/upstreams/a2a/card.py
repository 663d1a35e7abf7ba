"""The agent card: what an agent says of itself, in the shapes of 0.2, 0.3 (`url`, `additionalInterfaces`) and 1.0
(`supportedInterfaces`). A2A specification 1.0 section 8; 0.3 section 5.

A card is written by a stranger: it chooses only among the places that were allowed before it was read.
"""

from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec

from toolgate.model.errors import ParseFailed, UpstreamFailed
from toolgate.protocol import jsonrpc
from toolgate.rules import endpoints, globs
from toolgate.rules.redaction import printable

PLACES = ("/.well-known/agent-card.json", "/.well-known/agent.json")
"""Where a card is; the second is of 0.2."""

_JSONRPC = "JSONRPC"
_MOST_SKILLS = 200
_LONGEST = 200


class Interface(msgspec.Struct, frozen=True, rename="camel"):
    """One place where an agent is asked; 0.3 says `transport` where 1.0 says `protocolBinding`."""

    url: str = ""
    transport: str = ""
    protocol_binding: str = ""
    protocol_version: str = ""
    tenant: str = ""


class Capabilities(msgspec.Struct, frozen=True, rename="camel"):
    """What the agent can do beyond answering."""

    streaming: bool | None = None
    extended_agent_card: bool | None = None


class Skill(msgspec.Struct, frozen=True, rename="camel"):
    """One thing that the agent can do."""

    id: str
    name: str = ""
    description: str = ""
    examples: tuple[str, ...] | None = None
    input_modes: tuple[str, ...] | None = None


class Card(msgspec.Struct, frozen=True, rename="camel"):
    """The members of a card that are used here; the others are passed over."""

    name: str
    description: str = ""
    version: str = ""
    capabilities: Capabilities = Capabilities()
    skills: tuple[Skill, ...] = ()
    default_input_modes: tuple[str, ...] | None = None
    supported_interfaces: tuple[Interface, ...] | None = None
    security_schemes: dict[str, dict[str, Any]] | None = None
    url: str = ""
    preferred_transport: str | None = None
    protocol_version: str = ""
    additional_interfaces: tuple[Interface, ...] | None = None
    supports_authenticated_extended_card: bool | None = None

    @property
    def has_more(self) -> bool:
        """Whether it shows more to those who sign in."""
        return bool(self.supports_authenticated_extended_card or self.capabilities.extended_agent_card)


class Place(msgspec.Struct, frozen=True):
    """Where messages go, and in which form: `modern` is 1.0, else 0.2 and 0.3."""

    origin: str
    path: str
    modern: bool
    version: str
    tenant: str = ""


_decode = msgspec.json.Decoder(Card).decode


def read(body: bytes, server: str) -> Card:
    """Raises UpstreamFailed for what is no card."""
    try:
        jsonrpc.check_depth(body)
        card = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, ParseFailed) as error:
        raise UpstreamFailed(
            f"server {server!r}: its agent card cannot be read: {printable(str(error))[:200]}"
        ) from None
    if len(card.skills) > _MOST_SKILLS:
        raise UpstreamFailed(
            f"server {server!r}: its agent card has {len(card.skills)} skills, more than {_MOST_SKILLS}"
        )
    return card


def interfaces(card: Card) -> list[Interface]:
    """All places that the card names, the agent's favourite first; each with its binding and version filled in."""
    found = [one for one in card.supported_interfaces or () if one.url]
    if card.url:
        transport = card.preferred_transport or _JSONRPC
        old = [Interface(card.url, transport), *(card.additional_interfaces or ())]
        found += [
            msgspec.structs.replace(
                one, protocol_binding=one.transport, protocol_version=card.protocol_version or "0.2"
            )
            for one in old
        ]
    return found


def place(card: Card, card_url: str, endpoint: str | None, allowed: tuple[str, ...], server: str) -> Place:
    """Where and how this agent is asked: JSON-RPC, the newest version that it has. Raises UpstreamFailed."""
    known = [one for one in interfaces(card) if one.protocol_binding.upper() == _JSONRPC and _is_ours(one)]
    if not known:
        named = ", ".join(sorted({f"{one.protocol_binding} {one.protocol_version}" for one in interfaces(card)}))
        raise UpstreamFailed(
            f"server {server!r}: its agent card names no JSON-RPC interface of A2A 0.2, 0.3 or 1.0;"
            f" it has {printable(named)[:_LONGEST] or 'none'}"
        )
    chosen = max(known, key=lambda one: one.protocol_version.startswith("1."))
    url = _judged(chosen.url, card_url, allowed, server) if endpoint is None else endpoint
    origin, path = endpoints.split(url)
    return Place(origin, path, chosen.protocol_version.startswith("1."), chosen.protocol_version, chosen.tenant)


def _is_ours(one: Interface) -> bool:
    return one.protocol_version.startswith(("1.", "0.2", "0.3"))


def _judged(named: str, card_url: str, allowed: tuple[str, ...], server: str) -> str:
    """The URL that the card names. Raises UpstreamFailed unless it is of the card's origin or of an allowed host."""
    try:
        url = urljoin(card_url, named)
        endpoints.split(url)
        here, there = urlsplit(card_url), urlsplit(url)
        same = _origin(here.scheme, here.hostname, here.port) == _origin(there.scheme, there.hostname, there.port)
    except ValueError:
        raise UpstreamFailed(f"server {server!r}: its agent card names a URL that is none") from None
    host = (there.hostname or "").lower()
    if not same and not any(globs.matches(glob.lower(), host) for glob in allowed):
        raise UpstreamFailed(
            f"server {server!r}: its agent card sends messages to {printable(f'{there.scheme}://{there.netloc}')[:_LONGEST]},"
            " not to where the card is: allow that host in `allow_hosts`, or say in `endpoint` where messages go"
        )
    if here.scheme == "https" and there.scheme != "https":
        raise UpstreamFailed(
            f"server {server!r}: its agent card leads from https to http: say in `endpoint` where messages go"
        )
    return url


def _origin(scheme: str, host: str | None, port: int | None) -> tuple[str, str | None, int | None]:
    return scheme, host, port or {"http": 80, "https": 443}.get(scheme)


def schemes(card: Card) -> str:
    """How the agent wants callers to sign in, in a few words; empty when it does not say."""
    told = [_scheme(one) for one in (card.security_schemes or {}).values()]
    return printable(" or ".join(dict.fromkeys(filter(None, told))))[:_LONGEST]


def _scheme(one: dict[str, Any]) -> str:
    """0.3 has the members of OpenAPI, 1.0 one member that names the kind."""
    for member, kind in _KINDS.items():
        if isinstance(one.get(member), dict):
            one = {**one[member], "type": kind}
    kind, name = one.get("type"), one.get("name")
    if kind == "apiKey":
        return f"an API key in the {one.get('location', one.get('in'))} {name}"
    if kind == "http":
        return f"the header Authorization with the scheme {one.get('scheme')}"
    return {"oauth2": "an OAuth 2 token", "openIdConnect": "an OpenID Connect token", "mutualTLS": "mutual TLS"}.get(
        str(kind), ""
    )


_KINDS = {
    "apiKeySecurityScheme": "apiKey",
    "httpAuthSecurityScheme": "http",
    "oauth2SecurityScheme": "oauth2",
    "openIdConnectSecurityScheme": "openIdConnect",
    "mtlsSecurityScheme": "mutualTLS",
}
