"""Where a process may listen: the start-up matrix, every combination of it."""

import itertools

import pytest

from toolgate.rules.exposure import Listening, is_loopback, problems

HOSTS = ["127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "192.168.1.5", "gateway.example.com"]
FLAGS = list(itertools.product([False, True], repeat=5))


@pytest.mark.promise("listen.safely")
@pytest.mark.parametrize("host", HOSTS)
def test_nothing_listens_unsafely(host: str):
    """Said here a second time, in other words than the rules: what starts is safe, and what is safe starts."""
    for open_, tls, behind_proxy, named, trusted in FLAGS:
        listening = Listening(
            host=host,
            open=open_,
            tls_cert=tls,
            tls_key=tls,
            behind_proxy=behind_proxy,
            public_url="https://mcp.example.com" if named else None,
            trusted_proxies=("10.0.0.0/24",) if trusted else (),
        )
        remote = host not in {"127.0.0.1", "::1", "localhost"}
        plain_text = remote and not tls and not behind_proxy
        nameless = host in {"0.0.0.0", "::"} and tls and not behind_proxy and not named
        keyless = open_ and (remote or behind_proxy or named)
        proxy_unclear = (behind_proxy and not (named and trusted)) or (trusted and not behind_proxy)
        assert bool(problems(listening)) is (plain_text or nameless or keyless or proxy_unclear), listening


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.8.9.1", True),
        ("[::1]", True),
        ("LOCALHOST", True),
        ("", False),
        ("localhost.evil", False),
        ("10.0.0.1", False),
    ],
)
def test_loopback(host: str, expected: bool):
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("trusted_proxies", ("0.0.0.0/0",)),
        ("trusted_proxies", ("::/0",)),
        ("trusted_proxies", ("proxy.local",)),
        ("public_url", "https://mcp.example.com/path"),
        ("public_url", "https://u:p@mcp.example.com"),
        ("public_url", "mcp.example.com"),
        ("public_url", "https://mcp.example.com:port"),
        ("allowed_origins", ("*",)),
        ("allowed_origins", ("https://a.example.com/",)),
    ],
)
def test_values_that_say_nothing_safe(field: str, value: object):
    good: dict[str, object] = {
        "host": "0.0.0.0",
        "behind_proxy": True,
        "public_url": "https://mcp.example.com",
        "trusted_proxies": ("10.0.0.1",),
        "allowed_origins": ("https://a.example.com",),
    }
    assert problems(Listening(**good)) == []  # type: ignore[arg-type]
    assert [name for name, _ in problems(Listening(**{**good, field: value}))] == [field]  # type: ignore[arg-type]


def test_half_of_tls_is_none():
    assert [name for name, _ in problems(Listening(host="::", tls_cert=True))] == ["host", "tls_cert"]
    assert [name for name, _ in problems(Listening(host="::1", tls_key=True))] == ["tls_key"]
