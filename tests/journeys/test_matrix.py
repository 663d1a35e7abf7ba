"""Every client uses every server, through the endpoint of all and through the server's own; and is refused plainly."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from tests.journeys.clients import Kind, Seen, visit
from tests.journeys.peers import PEERS, Behind, Peer
from tests.journeys.wire import LEGACY, MODERN, Wire
from tests.npm.client import NpmReport, Visit, visits
from tests.npm.toolchain import Toolchain
from tests.running import Gateway

KINDS: tuple[Kind, ...] = get_args(Kind)
NPM = ("npm-legacy", "npm-modern")
CLIENTS = (*KINDS, *NPM)
BESIDE = {"chosen", "newer", "older", "asks", "asks-newer", "asks-older"}
"""What else the shared Toolgate serves."""

UNKNOWN = "no-such-tool"
NOBODYS_KEY = "tg_0000001_0123456789012345678901234567890123456789012_000000"

clients = pytest.mark.parametrize("client", CLIENTS)
peers = pytest.mark.parametrize("peer", PEERS, ids=[peer.name for peer in PEERS])
endpoints = pytest.mark.parametrize("merged", [True, False], ids=["merged", "own"])


class Visits:
    """What each client sees. Those from npm run in one process for the whole matrix, once."""

    def __init__(self, gateway: Gateway, behind: Behind, toolchain: Toolchain) -> None:
        self._gateway = gateway
        self._behind = behind
        self._toolchain = toolchain
        self._npm: dict[tuple[str, str, str | None, str], Seen] = {}

    def url(self, peer: Peer, *, merged: bool) -> str:
        return self._gateway.endpoint(None if merged else peer.name)

    async def see(
        self, client: str, peer: Peer, tool: str, *, merged: bool, key: str | None = None, url: str | None = None
    ) -> Seen:
        name = peer.public(tool, merged=merged)
        place = url or self.url(peer, merged=merged)
        arguments = self._behind.arguments(peer) if tool == peer.tool else {}
        if client not in NPM:
            return await visit(client, place, key, name, arguments)  # type: ignore[arg-type]
        if not self._npm:
            self._visit_all()
        return self._npm[client, place, key, name]

    def _visit_all(self) -> None:
        wanted = [self._npm_visit(*asked) for asked in self._npm_asked()]
        for one, report in zip(wanted, visits(self._toolchain, wanted), strict=True):
            self._npm[f"npm-{one.era}", one.url, one.key, one.tool or ""] = _seen(report)

    def _npm_asked(self) -> Any:
        """(era, peer, tool, merged, key, url) of everything that the tests below ask of the clients from npm."""
        alice = self._gateway.keys["alice"]
        for era in ("legacy", "modern"):
            for merged in (True, False):
                for peer in PEERS:
                    yield era, peer, peer.tool, merged, alice, None
                    if not merged:
                        yield era, peer, peer.denied, merged, alice, None
                for key in (None, NOBODYS_KEY):
                    yield era, PEERS[0], PEERS[0].tool, merged, key, None
            yield era, PEERS[0], PEERS[0].tool, False, alice, self._gateway.endpoint("nowhere")

    def _npm_visit(self, era: Any, peer: Peer, tool: str, merged: bool, key: str | None, url: str | None) -> Visit:
        arguments = self._behind.arguments(peer) if tool == peer.tool else {}
        return Visit(url or self.url(peer, merged=merged), era, key, peer.public(tool, merged=merged), arguments)


def _seen(report: NpmReport) -> Seen:
    text = None if report.result is None else report.result["content"][0]["text"]
    error = None if report.error is None else report.error["message"]
    return Seen(None if report.tools is None else report.names, text, error)


@pytest.fixture(scope="session")
def matrix(gateway: Gateway, behind: Behind, npm_toolchain: Toolchain) -> Visits:
    return Visits(gateway, behind, npm_toolchain)


@pytest.fixture
def alice(gateway: Gateway) -> str:
    return gateway.keys["alice"]


@pytest.mark.promise("journeys.matrix")
@endpoints
@peers
@clients
async def test_every_client_calls_every_server(matrix: Visits, alice: str, client: str, peer: Peer, merged: bool):
    seen = await matrix.see(client, peer, peer.tool, merged=merged, key=alice)
    assert seen.error is None
    assert seen.text == peer.text
    assert seen.names is not None
    assert peer.public(peer.tool, merged=merged) in seen.names
    assert peer.public(peer.denied, merged=merged) not in seen.names
    if merged:
        assert {name.partition("__")[0] for name in seen.names} == {other.name for other in PEERS} | BESIDE


@pytest.mark.promise("policy.denied")
@peers
@clients
async def test_a_denied_tool_is_refused_and_explained(matrix: Visits, alice: str, client: str, peer: Peer):
    seen = await matrix.see(client, peer, peer.denied, merged=False, key=alice)
    assert seen.text is None
    assert seen.error is not None
    assert f"key:alice may not use tool '{peer.denied}' of server '{peer.name}'" in seen.error


@endpoints
@peers
@pytest.mark.parametrize("client", KINDS)
async def test_an_unknown_tool_is_named(matrix: Visits, alice: str, client: str, peer: Peer, merged: bool):
    seen = await matrix.see(client, peer, UNKNOWN, merged=merged, key=alice)
    assert seen.error is not None
    assert f"unknown tool: {peer.public(UNKNOWN, merged=merged)}" in seen.error


@pytest.mark.promise("auth.refusals")
@endpoints
@clients
async def test_no_key_and_a_wrong_key_let_nobody_in(matrix: Visits, client: str, merged: bool):
    for key in (None, NOBODYS_KEY):
        seen = await matrix.see(client, PEERS[0], PEERS[0].tool, merged=merged, key=key)
        assert seen.names is None
        assert seen.error is not None
        assert key is None or key not in seen.error


@clients
async def test_an_unknown_endpoint_is_named(matrix: Visits, gateway: Gateway, alice: str, client: str):
    url = gateway.endpoint("nowhere")
    seen = await matrix.see(client, PEERS[0], PEERS[0].tool, merged=False, key=alice, url=url)
    assert seen.names is None
    assert seen.error is not None
    if client != "npm-modern":  # it says what failed in its own words alone
        assert "there is no server 'nowhere' here" in seen.error


@pytest.mark.promise("auth.refusals")
@pytest.mark.parametrize("version", [*LEGACY, MODERN])
@pytest.mark.parametrize("server", [None, *(peer.name for peer in PEERS), "chosen", "nowhere"])
async def test_refusals_have_their_status_everywhere(connect: Any, server: str | None, version: str):
    for key, error in ((None, None), (NOBODYS_KEY, "invalid_token"), ("Basic nonsense", "invalid_token")):
        answer = await first_answer(await connect(server, key=key, version=version, begin=False))
        assert answer.status == 401
        challenge = answer.headers["www-authenticate"]
        assert challenge.startswith('Bearer realm="toolgate"')
        assert (f'error="{error}"' in challenge) == (error is not None)


@pytest.mark.promise("policy.denied")
@pytest.mark.parametrize("version", [*LEGACY, MODERN])
@peers
async def test_a_denied_tool_is_403_on_the_wire(connect: Any, peer: Peer, version: str):
    for merged in (True, False):
        wire: Wire = await connect(None if merged else peer.name, key="alice", version=version)
        answer = await wire.call(peer.public(peer.denied, merged=merged))
        assert answer.status == 403
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
        assert answer.error["code"] == 403


@pytest.mark.parametrize("version", [*LEGACY, MODERN])
async def test_unknown_things_have_their_status(connect: Any, version: str):
    nowhere = await first_answer(await connect("nowhere", version=version, begin=False))
    assert (nowhere.status, nowhere.error["code"]) == (404, 404)
    wire: Wire = await connect("sdk", version=version)
    unknown = await wire.call(UNKNOWN)
    assert (unknown.status, unknown.error["code"]) == (400 if wire.modern else 200, -32602)
    method = await wire.ask("tools/nonsense")
    assert (method.status, method.error["code"]) == (404 if wire.modern else 200, -32601)


@pytest.mark.promise("policy.denied")
async def test_who_is_granted_nothing_sees_nothing(connect: Any):
    wire: Wire = await connect(key="nobody")
    assert (await wire.ask("tools/list")).result["tools"] == []
    assert (await wire.ask("resources/list")).result["resources"] == []
    for tool in ("demo__echo", "nowhere__echo"):
        answer = await wire.call(tool, {"text": "hi"})
        assert (answer.status, answer.error["message"]) == (400, f"unknown tool: {tool}")
    for uri in ("demo://about", "nowhere://about"):
        assert (await wire.ask("resources/read", {"uri": uri})).error["message"] == f"resource not found: {uri}"
    for server in ("demo", "nowhere"):
        answer = await first_answer(await connect(server, key="nobody", begin=False))
        assert (answer.status, answer.error["message"]) == (404, f"there is no server {server!r} here")


async def first_answer(wire: Wire) -> Any:
    """The first request of a client of this era."""
    if wire.modern:
        return await wire.ask("server/discover")
    params = {"protocolVersion": wire.version, "capabilities": {}, "clientInfo": {"name": "wire", "version": "1"}}
    return await wire.ask("initialize", params)
