"""Where connections go: which addresses, over which trust, and what is said when they do not come about."""

import asyncio
import socket
import ssl
from pathlib import Path

import pytest
import trustme

from tests.egress.peer import Line, answer, replying, serving
from toolgate.egress.client import HttpClient
from toolgate.model.errors import ConfigError, UpstreamFailed


def authority(folder: Path, *names: str) -> tuple[Path, ssl.SSLContext]:
    """A file of one authority, and the context of a server that it vouches for under these names."""
    ca = trustme.CA()
    path = folder / "ca.pem"
    ca.cert_pem.write_to_path(path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names).configure_cert(context)
    return path, context


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_tls_under_a_given_authority(tmp_path: Path, host: str):
    ca_file, context = authority(tmp_path, "localhost", "127.0.0.1")
    async with serving(replying(answer(b"x" * 200_000)), context) as peer:
        route = HttpClient().route(f"https://{host}:{peer.port}", server="weather", limit=1 << 20, ca_file=ca_file)
        for _ in range(3):
            assert len((await route.send("POST", "/", [], b"{}")).body) == 200_000
        assert peer.connections == 1
        await route.close()


async def test_a_cancelled_call_over_tls_hangs_up(tmp_path: Path):
    async def handler(line: Line) -> None:
        await line.request()
        asked.set()
        await line.hung_up()
        hung_up.set()

    asked, hung_up = asyncio.Event(), asyncio.Event()
    ca_file, context = authority(tmp_path, "127.0.0.1")
    async with serving(handler, context) as peer:
        route = HttpClient().route(f"https://127.0.0.1:{peer.port}", server="weather", limit=1000, ca_file=ca_file)
        task = asyncio.create_task(route.send("POST", "/", [], b"{}"))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await hung_up.wait()
        await route.close()


@pytest.mark.parametrize("case", ["unknown authority", "other authority", "other name"])
async def test_a_certificate_that_cannot_be_trusted_is_refused(tmp_path: Path, case: str):
    ca_file, context = authority(tmp_path, "example.org" if case == "other name" else "127.0.0.1")
    if case == "other authority":
        trustme.CA().cert_pem.write_to_path(ca_file)
    async with serving(replying(answer()), context) as peer:
        route = HttpClient().route(
            f"https://127.0.0.1:{peer.port}",
            server="weather",
            limit=1000,
            ca_file=None if case == "unknown authority" else ca_file,
        )
        with pytest.raises(UpstreamFailed, match=r"'weather': .*its certificate is not trusted.*ca_file"):
            await route.send("POST", "/", [("authorization", "Bearer hush")], b"{}")
        assert peer.requests == []
        await route.close()


async def test_tls_towards_a_server_without_is_an_error():
    async def handler(line: Line) -> None:
        await line.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await line.hung_up()

    async with serving(handler) as peer:
        route = HttpClient().route(f"https://127.0.0.1:{peer.port}", server="weather", limit=1000)
        with pytest.raises(UpstreamFailed, match=r"'weather': cannot connect .*no TLS"):
            await route.send("GET", "/", [])


async def test_a_server_that_does_not_shake_hands_is_given_up():
    async with serving(lambda line: line.hung_up()) as peer:
        route = HttpClient(connect_timeout=0.2).route(f"https://127.0.0.1:{peer.port}", server="weather", limit=1000)
        with pytest.raises(UpstreamFailed, match=r"'weather': cannot connect .*(no answer|within 0\.2 s)"):
            await route.send("GET", "/", [])


async def test_who_refuses_is_named():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    route = HttpClient().route(f"http://127.0.0.1:{port}", server="weather", limit=1000)
    with pytest.raises(
        UpstreamFailed, match=rf"'weather': cannot connect to 127\.0\.0\.1 port {port} .*refused.*check"
    ):
        await route.send("GET", "/", [])


async def test_a_name_that_does_not_exist_is_named():
    route = HttpClient().route("http://no-such-host.invalid", server="weather", limit=1000)
    with pytest.raises(UpstreamFailed, match=r"'weather': the host name 'no-such-host\.invalid' cannot be resolved"):
        await route.send("GET", "/", [])


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Stands in for the DNS: every name has these addresses. What was asked for is in the list that comes back."""
    asked: list[str] = []

    async def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        asked.append(host)
        return [(0, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    return asked


only_asyncio = pytest.mark.asyncio(loop_factories=["asyncio"])  # nothing can be set on a loop of uvloop


@only_asyncio
async def test_the_next_address_is_dialled_when_one_refuses(monkeypatch: pytest.MonkeyPatch):
    asked = resolving(monkeypatch, "127.0.0.2", "127.0.0.1")
    async with serving(replying(answer())) as peer:
        route = HttpClient().route(f"http://weather.example:{peer.port}", server="weather", limit=1000)
        assert (await route.send("GET", "/", [])).status == 200
        assert asked == ["weather.example"]
        assert b"\r\nhost: weather.example:%d\r\n" % peer.port in peer.requests[0]
        await route.close()


@only_asyncio
async def test_of_several_addresses_only_allowed_ones_are_dialled(monkeypatch: pytest.MonkeyPatch):
    resolving(monkeypatch, "169.254.169.254", "127.0.0.1")
    async with serving(replying(answer())) as peer:
        route = HttpClient().route(f"http://weather.example:{peer.port}", server="weather", limit=1000)
        assert (await route.send("GET", "/", [])).status == 200
        await route.close()
        route = HttpClient().route(f"http://weather.example:{peer.port}", server="weather", limit=1000, private=False)
        with pytest.raises(
            UpstreamFailed, match=r"169\.254\.169\.254 is link-local.*; 127\.0\.0\.1 is loopback.*allow"
        ):
            await route.send("GET", "/", [])
        assert peer.connections == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1"])
async def test_no_spelling_of_loopback_is_dialled_where_only_public_is_allowed(host: str):
    async with serving(replying(answer())) as peer:
        route = HttpClient().route(f"http://{host}:{peer.port}", server="weather", limit=1000, private=False)
        with pytest.raises(UpstreamFailed, match=r"'weather'.*(may not be dialled .*loopback|cannot be resolved)"):
            await route.send("GET", "/", [])
        assert peer.connections == 0


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "0.0.0.0", "[::ffff:169.254.169.254]"]
)
async def test_metadata_is_never_dialled(host: str):
    route = HttpClient().route(f"http://{host}", server="weather", limit=1000, private=True)
    with pytest.raises(UpstreamFailed, match=r"'weather': .* may not be dialled"):
        await route.send("GET", "/latest/meta-data", [])


async def test_an_ipv6_literal_is_dialled():
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer())
        await reader.read()
        writer.close()

    seen: list[bytes] = []
    port = listener.getsockname()[1]
    async with await asyncio.start_server(accept, sock=listener):
        route = HttpClient().route(f"http://[::1]:{port}", server="weather", limit=1000)
        assert (await route.send("GET", "/", [])).status == 200
        await route.close()
    assert b"host: [::1]:%d\r\n" % port in seen[0]


@pytest.mark.parametrize(
    ("origin", "why"),
    [
        ("ftp://example.org", "scheme"),
        ("example.org", "scheme"),
        ("http://", "host name"),
        ("http://user:hush@example.org", "user name or password"),
        ("http://example.org/mcp", "path or query"),
        ("http://example.org?x=1", "path or query"),
        ("http://example.org#x", "path or query"),
        ("http://example.org:99999", "malformed"),
        ("http://example.org:0", "port 0"),
        ("http://[::1", "malformed"),
        ("http://[fd00::1%25eth0]", "network interface"),
        ("http://müller.example", "plain ASCII"),
        ("http://exa mple.org", "host name"),
    ],
)
def test_what_is_no_origin_is_refused(origin: str, why: str):
    with pytest.raises(ConfigError, match=why) as caught:
        HttpClient().route(origin, server="weather", limit=1000)
    assert "'weather'" in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_file_of_authorities_that_cannot_be_used_is_refused(tmp_path: Path, content: str | None):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"ca_file .*ca\.pem: .*PEM"):
        HttpClient().route("https://example.org", server="weather", limit=1000, ca_file=path)
