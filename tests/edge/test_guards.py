"""Hosts, origins and proxies: what passes is named, and nothing that a header may hold breaks the check."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.edge.guards import Guards
from toolgate.edge.request import Header, Request

LOCAL = Guards((), (), loopback=True)
PUBLIC = Guards(("gate.example.com", "2001:db8::1"), ("https://app.example.com",), loopback=False)


def request(*headers: Header) -> Request:
    return Request("POST", "/mcp", headers, b"", "127.0.0.1", secure=False)


def status(guards: Guards, host: bytes | None, origin: bytes | None = None) -> int:
    headers = [(name, value) for name, value in ((b"host", host), (b"origin", origin)) if value is not None]
    refused = guards.check(request(*headers))
    again = guards.check(request(*headers))
    assert (refused is None) == (again is None), "the same answer again"
    return 200 if refused is None else refused.status


@pytest.mark.promise("wire.rebinding")
@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (b"localhost", 200),
        (b"LOCALHOST:8484", 200),
        (b"127.0.0.1:8484", 200),
        (b"[::1]:8484", 200),
        (b"[::1]", 200),
        (None, 421),
        (b"", 421),
        (b"evil.example", 421),
        (b"localhost.evil.example", 421),
        (b"127.0.0.1.evil.example:8484", 421),
        (b"localhost:8484, evil.example", 421),
        (b"localhost@evil.example", 421),
        (b"localhost:x", 421),
        (b"::1", 421),
        (b"[::1]evil.example", 421),
        (b"gate.example.com", 421),
    ],
)
def test_hosts(host: bytes | None, expected: int):
    assert status(LOCAL, host) == expected


@pytest.mark.promise("wire.rebinding")
@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (b"gate.example.com", 200),
        (b"Gate.Example.Com:443", 200),
        (b"[2001:db8::1]:8484", 200),
        (b"localhost", 421),
        (b"127.0.0.1", 421),
        (b"xgate.example.com", 421),
        (b"gate.example.com.evil.example", 421),
    ],
)
def test_named_hosts(host: bytes, expected: int):
    assert status(PUBLIC, host) == expected


@pytest.mark.promise("wire.rebinding")
@pytest.mark.parametrize(
    ("origin", "local", "public"),
    [
        (None, 200, 200),
        (b"http://localhost:3000", 200, 403),
        (b"https://127.0.0.1", 200, 403),
        (b"http://[::1]:1", 200, 403),
        (b"https://app.example.com", 403, 200),
        (b"HTTPS://APP.example.com", 403, 200),
        (b"http://app.example.com", 403, 403),
        (b"https://app.example.com:8443", 403, 403),
        (b"https://app.example.com.evil.example", 403, 403),
        (b"http://localhost.evil.example", 403, 403),
        (b"http://evil.example#localhost", 403, 403),
        (b"http://localhost@evil.example", 403, 403),
        (b"http://evil.example/localhost", 403, 403),
        (b"null", 403, 403),
        (b"", 403, 403),
        (b"file://", 403, 403),
        (b"localhost", 403, 403),
        (b"chrome-extension://localhost", 403, 403),
        (b"http://[::1", 403, 403),
        (b"http://[", 403, 403),
    ],
)
def test_origins(origin: bytes | None, local: int, public: int):
    assert status(LOCAL, b"localhost", origin) == local
    assert status(PUBLIC, b"gate.example.com", origin) == public


@given(st.binary(max_size=30), st.one_of(st.none(), st.binary(max_size=30)))
def test_nothing_that_a_header_holds_breaks_the_check(host: bytes, origin: bytes | None):
    assert status(PUBLIC, host, origin) in (200, 403, 421)
    assert status(LOCAL, b"localhost", origin) in (200, 403)


@pytest.mark.parametrize("name", [b"host", b"origin"])
def test_a_header_that_stands_twice_is_refused(name: bytes):
    twice = request((b"host", b"localhost"), (b"origin", b"http://localhost"), (name, b"localhost"))
    alone = request((b"host", b"localhost"), (b"origin", b"http://localhost"))
    assert LOCAL.check(alone) is None
    assert LOCAL.check(twice) is not None, "also when the pair was seen before"


@pytest.mark.parametrize(
    ("client", "trusted"),
    [
        ("10.1.2.3", True),
        ("10.2.0.1", False),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("2001:db8::5", True),
        ("2001:db9::5", False),
        ("", False),
        ("unix:", False),
        ("10.1.2.3.evil.example", False),
    ],
)
def test_only_named_proxies_are_believed(client: str, trusted: bool):
    guards = Guards((), (), loopback=False, proxies=("10.1.0.0/16", "192.0.2.7", "2001:db8::/32"))
    assert guards.trusts(client) == trusted
    assert not LOCAL.trusts(client)
