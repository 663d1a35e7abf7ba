"""Forged, changed and foreign things of ours in others' hands: session ids, event ids, cursors, request states."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.raw import Answer, Raw, ask, head, message, modern, post
from tests.running import Gateway

LEGACY = "2025-11-25"
SLOW = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FORMS = ["", " ", "x", "null", "undefined", "../..", "%00", "é", "a" * 9000, "=" * 40, "AAAA" * 20, "[object Object]"]


class Client:
    """One of the handshake era."""

    def __init__(self, gateway: Gateway, key: str = "alice", target: str = "/mcp") -> None:
        self.url, self.key, self.target = gateway.url, gateway.keys.get(key, key), target
        self.host = gateway.url.removeprefix("http://")
        params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
        begun = self.post({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}, None)
        self.id = begun.headers["mcp-session-id"]

    def post(self, sent: dict[str, Any], session: str | None, **changed: str) -> Answer:
        headers = {} if session is None else {"Mcp-Session-Id": session}
        options = {"target": self.target, "key": self.key} | changed
        return ask(self.url, post(self.host, json.dumps(sent).encode(), headers, **options))

    def ping(self, session: str | None = None, **changed: str) -> Answer:
        return self.post(
            {"jsonrpc": "2.0", "id": 1, "method": "ping"}, self.id if session is None else session, **changed
        )

    def stream(self, *headers: tuple[str, str], method: str = "GET") -> Raw:
        """A connection on which the GET stream was asked for."""
        own = [("Accept", "text/event-stream"), ("Authorization", f"Bearer {self.key}"), *headers]
        return Raw(self.url).send(head(method, self.target, self.host, own))


@pytest.fixture
def client(gateway: Gateway) -> Client:
    return Client(gateway)


def changed(text: str, at: int, to: str) -> str:
    return text[:at] + to + text[at + 1 :]


# Sessions -------------------------------------------------------------------------------------------------------------


@pytest.mark.promise("wire.sealed")
def test_a_session_is_its_principals_and_its_endpoints(gateway: Gateway, client: Client):
    assert client.ping().status == 200
    assert client.ping(key=gateway.keys["mallory"]).status == 404
    assert client.ping(key=gateway.keys["nobody"]).status == 404
    assert client.ping(target="/servers/demo/mcp").status == 404
    assert client.ping(key="tg_x").status == 401
    assert client.ping().status == 200


@pytest.mark.promise("wire.sealed")
@pytest.mark.parametrize("text", FORMS)
def test_forged_sessions_are_unknown(client: Client, text: str):
    assert client.ping(text).status == 404
    with client.stream(("Mcp-Session-Id", text)) as raw:
        assert raw.answer().status == 404
    with client.stream(("Mcp-Session-Id", text), method="DELETE") as raw:
        assert raw.answer().status == 404


@pytest.mark.promise("wire.sealed")
@SLOW
@given(at=st.integers(0, 400), to=st.sampled_from("AZaz09-_=.+/"), cut=st.booleans())
def test_changed_sessions_are_unknown(gateway: Gateway, at: int, to: str, cut: bool):
    client = Client(gateway)
    at %= len(client.id)
    other = client.id[:at] if cut else changed(client.id, at, to)
    assert client.ping(other).status == (200 if other == client.id else 404)
    assert client.ping(client.id + to).status == 404


@pytest.mark.promise("wire.sealed")
def test_an_ended_session_stays_ended(client: Client):
    with client.stream(("Mcp-Session-Id", client.id), method="DELETE") as raw:
        assert raw.answer().status == 200
    assert client.ping().status == 404
    with client.stream(("Mcp-Session-Id", client.id)) as raw:
        assert raw.answer().status == 404


@pytest.mark.promise("wire.sealed")
def test_nobody_ends_the_session_of_another(gateway: Gateway, client: Client):
    other = Client(gateway, "mallory")
    with other.stream(("Mcp-Session-Id", client.id), method="DELETE") as raw:
        assert raw.answer().status == 404
    assert client.ping().status == 200


@pytest.mark.promise("wire.sealed")
def test_what_is_sealed_for_one_purpose_opens_for_no_other(gateway: Gateway, client: Client):
    """A session id is no cursor and no request state."""
    for sent in (
        message("tools/list", {"cursor": client.id}),
        message("tools/call", {"name": "demo__echo", "arguments": {"text": "a"}, "requestState": client.id}),
    ):
        answer = ask(gateway.url, modern(client.host, sent, key=client.key))
        assert (answer.status, answer.code) == (400, -32602)


# Events ---------------------------------------------------------------------------------------------------------------


@pytest.mark.promise("wire.sealed")
@pytest.mark.parametrize(
    "event", [*FORMS, "get-0", "get--1", "get-" + "9" * 19, "get-" + "9" * 400, "-1", "1-1", "get-1e3"]
)
def test_unknown_events_are_refused(client: Client, event: str):
    with client.stream(("Mcp-Session-Id", client.id), ("Last-Event-ID", event)) as raw:
        answer = raw.answer()
        assert (answer.status, answer.code) == (400, -32600)


@pytest.mark.promise("wire.sealed")
def test_events_are_their_sessions(gateway: Gateway):
    """The id of an event is no secret, and serves nobody but its session."""

    def call(client: Client) -> Answer:
        params = {"name": "hostile__long_retry", "_meta": {"progressToken": 1}}
        return client.post({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params}, client.id)

    first, second, foreign = Client(gateway), Client(gateway), Client(gateway, "mallory")
    answer = call(first)
    ids = [line[4:].decode() for line in answer.body.split(b"\n") if line.startswith(b"id: ")]
    for client in (second, foreign):
        for event in ids:
            with client.stream(("Mcp-Session-Id", client.id), ("Last-Event-ID", event)) as raw:
                assert raw.answer().status == 400


# Cursors and states ---------------------------------------------------------------------------------------------------


@pytest.mark.promise("wire.sealed")
@pytest.mark.parametrize("cursor", [*FORMS, 7, None, True, [], {}, 1e300])
@pytest.mark.parametrize("method", ["tools/list", "resources/list", "resources/templates/list", "prompts/list"])
def test_forged_cursors_are_refused(gateway: Gateway, alice: str, cursor: Any, method: str):
    sent = message(method, {"cursor": cursor})
    answer = ask(gateway.url, modern(gateway.url.removeprefix("http://"), sent, key=alice))
    assert (answer.status, answer.code) == (400, -32602)


@pytest.mark.promise("wire.sealed")
@pytest.mark.parametrize("state", [*FORMS, 7, None, True, [], {}])
def test_forged_states_are_refused(gateway: Gateway, alice: str, state: Any):
    sent = message("tools/call", {"name": "demo__echo", "arguments": {"text": "a"}, "requestState": state})
    answer = ask(gateway.url, modern(gateway.url.removeprefix("http://"), sent, key=alice))
    assert (answer.status, answer.code) == (400, -32602)
    assert answer.json["error"]["data"] == {"reason": "invalid_request_state"}
