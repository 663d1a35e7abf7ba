"""What is looked at before anything else: Host and Origin (DNS rebinding, SPEC-DIGEST 8), and who the client behind a
proxy is. Both checks hold on every bind."""

import re
from collections.abc import Sequence

import msgspec

from toolgate.edge.request import Request
from toolgate.rules import conditions

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})

_CACHE = 256
_FORWARDED = b"x-forwarded-for"
_HOST = re.compile(r"([a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{0,5})?")


class Refused(msgspec.Struct, frozen=True):
    """An HTTP answer without a JSON-RPC body."""

    status: int
    reason: str


class Guards:
    """`hosts` are the names under which this gateway may be addressed, without port; `origins` those of web pages that
    may call it (scheme://host[:port]). Pages of the same machine may call a gateway that only this machine reaches."""

    def __init__(
        self, hosts: Sequence[str], origins: Sequence[str], *, loopback: bool, proxies: Sequence[str] = ()
    ) -> None:
        named = {f"[{host}]" if ":" in host and host[0] != "[" else host for host in map(str.lower, hosts)}
        self._hosts = frozenset(named | LOOPBACK if loopback else named)
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)
        self._loopback = loopback
        self._proxies = conditions.networks(proxies)
        self._good: set[tuple[bytes | None, bytes | None]] = set()

    def check(self, request: Request) -> Refused | None:
        """None when Host and Origin may pass. Answers are remembered, within a bound."""
        pair = (request.headers.get(b"host"), request.headers.get(b"origin"))
        if pair in self._good and not request.repeated:
            return None
        refused = self._judge(request)
        if refused is None and len(self._good) < _CACHE:
            self._good.add(pair)
        return refused

    def trusts(self, client: str) -> bool:
        """Whether forwarded headers from this address may be believed."""
        return conditions.within(client, self._proxies)

    def place(self, request: Request) -> None:
        """Makes `client` of a request that came through trusted proxies the address that it came to them from: of
        X-Forwarded-For, the last that is none of theirs. One that cannot be read, or that trusted proxies left out,
        leaves it empty: an address that is in no network."""
        if not self._proxies or not self.trusts(request.client):
            return
        forwarded = request.header(_FORWARDED)
        if forwarded is None:
            return
        hops = [_address(hop) for hop in forwarded.split(",")]
        while len(hops) > 1 and self.trusts(hops[-1]):
            hops.pop()
        # Of a header that stands more than once, only the last is known: what comes before it may matter.
        request.client = "" if _FORWARDED in request.repeated and self.trusts(hops[-1]) else hops[-1]

    def _judge(self, request: Request) -> Refused | None:
        host = request.header(b"host")
        if host is None or b"host" in request.repeated or _name(host) not in self._hosts:
            return Refused(421, "This Host is not served here; see allowed_hosts and public_url.")
        origin = request.header(b"origin")
        if origin is None:
            return None
        if b"origin" in request.repeated or not self._allowed_origin(origin.lower()):
            return Refused(403, "This Origin may not call; see allowed_origins.")
        return None

    def _allowed_origin(self, origin: str) -> bool:
        if origin in self._origins:
            return True
        scheme, _, host = origin.partition("://")
        return self._loopback and scheme in ("http", "https") and _name(host) in LOOPBACK


def _address(hop: str) -> str:
    """An address without the port that some proxies add."""
    text = hop.strip(" \t")
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _name(host: str) -> str:
    """A Host header without its port; empty for what is none (RFC 9112 section 3.2)."""
    found = _HOST.fullmatch(host.strip(" \t").lower())
    return "" if found is None else found[1]
