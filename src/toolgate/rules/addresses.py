"""Which IP addresses may be dialled. Pure: text in, a reason for refusal out.

`ipaddress.is_global` is no safe filter: it calls the NAT64, 6to4 and IPv4-compatible forms of loopback and metadata
addresses public. So this is an explicit table (IANA special-purpose registries for IPv4 and IPv6, plus the metadata
services of cloud providers that lie outside the link-local block), and every address in which an IPv4 address is
embedded is judged by that one too. What no line allows is refused.
"""

from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address


class Zone(Enum):
    """PUBLIC: the internet. PRIVATE: this machine and its networks. NEVER: nothing that an upstream can be."""

    PUBLIC = "public"
    PRIVATE = "private"
    NEVER = "never"


# First match decides. Anything that no line names is an ordinary public address.
_V4: tuple[tuple[IPv4Network, Zone, str], ...] = tuple(
    (IPv4Network(network), zone, reason)
    for network, zone, reason in (
        ("168.63.129.16/32", Zone.NEVER, "a cloud metadata address"),  # Azure wire server
        ("100.100.100.200/32", Zone.NEVER, "a cloud metadata address"),  # Alibaba Cloud
        ("192.0.0.192/32", Zone.NEVER, "a cloud metadata address"),  # Oracle Cloud
        ("169.254.0.0/16", Zone.NEVER, "link-local, where cloud metadata lives"),
        ("127.0.0.0/8", Zone.PRIVATE, "loopback"),
        ("10.0.0.0/8", Zone.PRIVATE, "private"),
        ("172.16.0.0/12", Zone.PRIVATE, "private"),
        ("192.168.0.0/16", Zone.PRIVATE, "private"),
        ("0.0.0.0/32", Zone.NEVER, "unspecified"),
        ("0.0.0.0/8", Zone.NEVER, "reserved (this network)"),
        ("100.64.0.0/10", Zone.NEVER, "carrier-grade NAT"),
        ("192.0.0.0/24", Zone.NEVER, "reserved (protocol assignments)"),
        ("192.0.2.0/24", Zone.NEVER, "reserved (documentation)"),
        ("192.31.196.0/24", Zone.NEVER, "reserved (AS112)"),
        ("192.52.193.0/24", Zone.NEVER, "reserved (AMT)"),
        ("192.88.99.0/24", Zone.NEVER, "reserved (6to4 relay)"),
        ("192.175.48.0/24", Zone.NEVER, "reserved (AS112)"),
        ("198.18.0.0/15", Zone.NEVER, "reserved (benchmarking)"),
        ("198.51.100.0/24", Zone.NEVER, "reserved (documentation)"),
        ("203.0.113.0/24", Zone.NEVER, "reserved (documentation)"),
        ("224.0.0.0/4", Zone.NEVER, "multicast"),
        ("255.255.255.255/32", Zone.NEVER, "broadcast"),
        ("240.0.0.0/4", Zone.NEVER, "reserved"),
    )
)

# First match decides, and the last line catches all: outside 2000::/3 nothing is public.
_V6: tuple[tuple[IPv6Network, Zone, str], ...] = tuple(
    (IPv6Network(network), zone, reason)
    for network, zone, reason in (
        ("::1/128", Zone.PRIVATE, "loopback"),
        ("::/128", Zone.NEVER, "unspecified"),
        ("fd00:ec2::/32", Zone.NEVER, "a cloud metadata address"),  # AWS: metadata, pod identity, DNS, time
        ("fd20:ce::/32", Zone.NEVER, "a cloud metadata address"),  # Google Cloud
        ("fd00:c1::a9fe:a9fe/128", Zone.NEVER, "a cloud metadata address"),  # Oracle Cloud
        ("fd00:42::42/128", Zone.NEVER, "a cloud metadata address"),  # Scaleway
        ("fc00::/7", Zone.PRIVATE, "private"),
        ("fe80::/10", Zone.NEVER, "link-local"),
        ("fec0::/10", Zone.NEVER, "site-local (withdrawn)"),
        ("ff00::/8", Zone.NEVER, "multicast"),
        ("2001::/32", Zone.NEVER, "a Teredo tunnel"),
        ("2001::/23", Zone.NEVER, "reserved (protocol assignments)"),
        ("2001:db8::/32", Zone.NEVER, "reserved (documentation)"),
        ("2002::/16", Zone.NEVER, "a 6to4 tunnel"),
        ("2620:4f:8000::/48", Zone.NEVER, "reserved (AS112)"),
        ("3fff::/20", Zone.NEVER, "reserved (documentation)"),
        ("2000::/3", Zone.PUBLIC, "public"),
        ("::/0", Zone.NEVER, "reserved"),
    )
)

_MAPPED = IPv6Network("::ffff:0:0/96")  # RFC 4291: the kernel itself dials the IPv4 address
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: a translator dials the IPv4 address, which must be public
_ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214: the upper half of the interface id


def refusal(address: str, /, *, private: bool) -> str | None:
    """Why `address` (an IP address as text, without a port) may not be dialled; None when it may.

    `private` allows addresses of this machine and its networks: loopback, 10/8, 172.16/12, 192.168/16, fc00::/7.
    Link-local, metadata, multicast, unspecified and reserved addresses are refused for everybody.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return "not an IP address"
    if isinstance(parsed, IPv6Address) and parsed.scope_id is not None:
        return "bound to one network interface"
    zone, reason = _judge(parsed)
    if zone is Zone.PUBLIC or (zone is Zone.PRIVATE and private):
        return None
    return reason


def _judge(address: IPv4Address | IPv6Address) -> tuple[Zone, str]:
    if isinstance(address, IPv4Address):
        for network, zone, reason in _V4:
            if address in network:
                return zone, reason
        return Zone.PUBLIC, "public"
    number = int(address)
    inner = IPv4Address(number & 0xFFFFFFFF)
    if address in _MAPPED:
        return _judge(inner)
    if address in _NAT64:
        zone, reason = _judge(inner)
        return (Zone.PUBLIC, reason) if zone is Zone.PUBLIC else (Zone.NEVER, f"NAT64 of {inner}, which is {reason}")
    zone, reason = next((zone, reason) for network, zone, reason in _V6 if address in network)
    if zone is not Zone.NEVER and (number >> 32) & 0xFFFFFFFF in _ISATAP:
        return _stricter((zone, reason), _judge(inner))
    return zone, reason


def _stricter(outer: tuple[Zone, str], inner: tuple[Zone, str]) -> tuple[Zone, str]:
    order = (Zone.PUBLIC, Zone.PRIVATE, Zone.NEVER)
    return max(outer, inner, key=lambda verdict: order.index(verdict[0]))
