"""What a process must have before it may listen where it was told to: pure, so that every combination can be tested.

Loopback needs nothing. Anywhere else needs TLS here, or a proxy before us that is named. `open` (no key at all) is for
loopback only, and never behind a proxy, which would bring others' calls from there.
"""

import ipaddress
from urllib.parse import urlsplit

import msgspec


class Listening(msgspec.Struct, frozen=True):
    """The settings that decide it, by their names; for the TLS files only whether they were given."""

    host: str
    open: bool = False
    tls_cert: bool = False
    tls_key: bool = False
    behind_proxy: bool = False
    public_url: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address. A name counts as remote, except `localhost` (RFC 6761 section
    6.3)."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def problems(listening: Listening) -> list[tuple[str, str]]:
    """(setting, what is wrong and what to do) for everything that forbids listening like this."""
    return [*_host(listening), *_open(listening), *_tls(listening), *_proxy(listening), *_urls(listening)]


def _host(listening: Listening) -> list[tuple[str, str]]:
    if is_loopback(listening.host) or listening.behind_proxy:
        return []
    if listening.tls_cert and listening.tls_key:
        if listening.host in ("0.0.0.0", "::") and listening.public_url is None and not listening.allowed_hosts:
            reason = "no client could address it, since a Host header never says this"
            return [("host", f"{reason}: set public_url or allowed_hosts to the names that clients use")]
        return []
    reason = "others can reach this address, and keys would travel in plain text"
    step = "set tls_cert and tls_key, or behind_proxy with public_url and trusted_proxies"
    return [("host", f"{reason}: {step}")]


def _open(listening: Listening) -> list[tuple[str, str]]:
    if not listening.open:
        return []
    if not is_loopback(listening.host):
        return [("open", "asks for no key, which only a loopback address may: unset it, or set host to 127.0.0.1")]
    if listening.behind_proxy or listening.public_url is not None:
        reason = "asks for no key, and a proxy would let everybody in: unset it, or behind_proxy and public_url"
        return [("open", reason)]
    return []


def _tls(listening: Listening) -> list[tuple[str, str]]:
    if listening.tls_cert == listening.tls_key:
        return []
    given, missing = ("tls_cert", "tls_key") if listening.tls_cert else ("tls_key", "tls_cert")
    return [(given, f"is of no use without {missing}: set both")]


def _proxy(listening: Listening) -> list[tuple[str, str]]:
    if not listening.behind_proxy:
        if listening.trusted_proxies:
            return [("trusted_proxies", "nothing is believed from a proxy unless behind_proxy is set: set it too")]
        return []
    found: list[tuple[str, str]] = []
    if listening.public_url is None:
        found.append(("behind_proxy", "public_url is missing: set it to the address that clients use"))
    if not listening.trusted_proxies:
        found.append(("behind_proxy", "trusted_proxies is missing: set it to the addresses that the proxy calls from"))
    for network in listening.trusted_proxies:
        try:
            parsed = ipaddress.ip_network(network)
        except ValueError:
            found.append(("trusted_proxies", "expected IP addresses or networks, as 10.0.0.5 or 10.0.0.0/24"))
            continue
        if parsed.prefixlen == 0:
            found.append(("trusted_proxies", "this trusts every address: name those of the proxy"))
    return found


def _urls(listening: Listening) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if listening.public_url is not None and not _is_origin(listening.public_url):
        found.append(("public_url", "expected https://host or https://host:port, with nothing after it"))
    found.extend(
        ("allowed_origins", "expected origins, as https://app.example.com or http://localhost:3000")
        for origin in listening.allowed_origins
        if not _is_origin(origin)
    )
    return found


def _is_origin(text: str) -> bool:
    """RFC 6454 section 6.2: scheme, host, port, and nothing else."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    bare = not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    return bare and parts.scheme in ("http", "https") and bool(parts.hostname)
