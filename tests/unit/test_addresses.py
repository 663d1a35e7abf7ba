"""Which addresses may be dialled: the table, and properties over all addresses."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.rules.addresses import refusal

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.215.14",
    "172.15.255.255",
    "172.32.0.0",
    "2606:4700:4700::1111",
    "2a00:1450::8a",
]
PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "::ffff:127.0.0.1",
    "::ffff:10.1.2.3",
]
NEVER = [
    "169.254.169.254",
    "169.254.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.0.8",
    "0.0.0.0",
    "0.1.2.3",
    "100.64.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "fe80::1",
    "fe80::a9fe:a9fe",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "fd00:c1::a9fe:a9fe",
    "fd00:42::42",
    "::ffff:169.254.169.254",
    "::ffff:0:169.254.169.254",
    "::169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::7f00:1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::a9fe:a9fe",
    "64:ff9b:1::808:808",
    "2002:a9fe:a9fe::",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "100::1",
    "2606:4700::5efe:169.254.169.254",
    "2606:4700::200:5efe:169.254.169.254",
    "fd12::5efe:169.254.169.254",
    "1fff::1",
    "4000::1",
]
# What resolvers and C libraries take for an address, and the strict reading does not.
NONE = ["", "localhost", "2130706433", "0x7f.1", "127.1", "010.0.0.1", "1.1.1.1.", "[::1]", "::1%lo", "fe80::1%eth0"]


@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_dialled(address: str, private: bool):
    assert refusal(address, private=private) is None


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_dialled_only_where_allowed(address: str):
    assert refusal(address, private=True) is None
    assert refusal(address, private=False) in {"loopback", "private"}


@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize("address", NEVER + NONE)
def test_the_rest_is_never_dialled(address: str, private: bool):
    assert refusal(address, private=private)


def test_nat64_is_for_public_addresses_only():
    assert refusal("64:ff9b::808:808", private=True) is None
    assert refusal("64:ff9b::808:808", private=False) is None
    assert refusal("64:ff9b::a9fe:a9fe", private=True) == (
        "NAT64 of 169.254.169.254, which is link-local, where cloud metadata lives"
    )


def test_an_isatap_address_of_a_private_network_is_private():
    assert refusal("2606:4700::5efe:10.0.0.1", private=True) is None
    assert refusal("2606:4700::5efe:10.0.0.1", private=False) == "private"
    assert refusal("2606:4700::5efe:8.8.8.8", private=False) is None


@given(st.ip_addresses())
def test_what_is_public_is_allowed_where_private_is(address: IPv4Address | IPv6Address):
    if refusal(str(address), private=False) is None:
        assert refusal(str(address), private=True) is None


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_judged_as_what_it_maps(address: IPv4Address):
    for private in (True, False):
        assert refusal(f"::ffff:{address}", private=private) == refusal(str(address), private=private)


@given(st.ip_addresses(v=4), st.booleans())
def test_no_translation_opens_more_than_its_inner_address(address: IPv4Address, private: bool):
    """A translator dials the inner address: no form may be allowed where that one is not (::0.0.0.1 is loopback,
    ::1)."""
    high, low = int(address) >> 16, int(address) & 0xFFFF
    forms = [f"64:ff9b::{address}", f"2002:{high:x}:{low:x}::1", f"::{address}", f"2606:4700::5efe:{address}"]
    if refusal(str(address), private=private):
        for form in forms:
            assert form == "::0.0.0.1" or refusal(form, private=private), form


@given(st.ip_addresses(v=6))
def test_nothing_outside_global_unicast_is_public(address: IPv6Address):
    outside = address not in IPv6Network("2000::/3")
    embedded = address in IPv6Network("64:ff9b::/96") or address in IPv6Network("::ffff:0:0/96")
    if outside and not embedded:
        assert refusal(str(address), private=False)


@given(st.ip_addresses(v=4, network=IPv4Network("169.254.0.0/16")), st.booleans())
def test_link_local_is_never_dialled(address: IPv4Address, private: bool):
    assert refusal(str(address), private=private)


@given(st.text(), st.booleans())
def test_any_text_is_judged_without_an_exception(text: str, private: bool):
    verdict = refusal(text, private=private)
    assert verdict is None or isinstance(verdict, str)
