"""What `initialize` settles, sealed into the session's id: read back to the letter, by its owner only, for a while."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.schemas import schemas
from toolgate.model.call import Era, Fields
from toolgate.model.errors import InvalidParams
from toolgate.protocol import handshake
from toolgate.protocol.handshake import LIFETIME, Negotiated
from toolgate.protocol.sealed import Seal
from toolgate.protocol.versions import LATEST_LEGACY, LEGACY_VERSIONS, MODERN

SEAL = Seal(bytes(32), "session")
CLIENT = {"name": "desk", "version": "1.2", "title": "Desk", "icons": [{"src": "https://e.example/i.png"}]}


def params(**members: Any) -> Fields:
    return msgspec.json.decode(json.dumps(members).encode(), type=Fields)


def negotiated(**members: Any) -> Negotiated:
    given_members = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": CLIENT, **members}
    return handshake.negotiated(params(**given_members), uid="u1", principal="key:alice", endpoint="crm", now=1_000.0)


@pytest.mark.parametrize("version", LEGACY_VERSIONS)
def test_a_version_that_is_served_is_kept(version: str):
    assert negotiated(protocolVersion=version).version == version


@pytest.mark.parametrize("version", [MODERN, "2023-01-01", "", "x" * 1_000])
def test_for_any_other_the_latest_is_offered(version: str):
    assert negotiated(protocolVersion=version).version == LATEST_LEGACY


@pytest.mark.parametrize(
    "members",
    [
        {"protocolVersion": 5},
        {"protocolVersion": None},
        {"capabilities": []},
        {"capabilities": None},
        {"clientInfo": "desk"},
        {"clientInfo": []},
    ],
)
def test_malformed_parameters_are_refused(members: dict[str, Any]):
    with pytest.raises(InvalidParams, match="initialize"):
        negotiated(**members)


def test_absent_parameters_are_refused():
    with pytest.raises(InvalidParams, match="protocolVersion"):
        handshake.negotiated({}, uid="u", principal="p", endpoint="", now=0.0)


def test_numbers_without_end_are_no_failure_of_ours():
    raw = {"protocolVersion": msgspec.Raw(b'"2025-06-18"'), "clientInfo": msgspec.Raw(b'{"name":1e999}')}
    with pytest.raises(InvalidParams):
        handshake.negotiated(raw, uid="u", principal="p", endpoint="", now=0.0)


@pytest.mark.promise("sessions.restart")
@given(st.text(max_size=20), st.text(max_size=20), st.sampled_from(LEGACY_VERSIONS))
def test_an_id_says_what_was_settled(principal: str, endpoint: str, version: str):
    session = handshake.negotiated(
        params(
            protocolVersion=version, capabilities={"sampling": {}, "roots": {"listChanged": True}}, clientInfo=CLIENT
        ),
        uid="u1",
        principal=principal,
        endpoint=endpoint,
        now=1_000.0,
    )
    text = handshake.seal_session(SEAL, session)
    opened = handshake.open_session(
        Seal(bytes(32), "session"), text, principal=principal, endpoint=endpoint, now=1_000.0 + LIFETIME
    )
    assert opened is not None
    assert msgspec.json.encode(opened) == msgspec.json.encode(session)
    assert len(text) < 4_096, "it travels in a header"
    envelope = opened.envelope()
    assert (envelope.era, envelope.version, envelope.session, envelope.log_level) == (Era.LEGACY, version, "u1", None)
    assert json.loads(envelope.client or b"") == {"name": "desk", "version": "1.2"}
    assert set(json.loads(envelope.capabilities)) == {"sampling", "roots"}


@pytest.mark.promise("sessions.ended")
@pytest.mark.parametrize(
    "other",
    [{"principal": "key:bob"}, {"endpoint": ""}, {"endpoint": "erp"}, {"now": 1_001.0 + LIFETIME}],
    ids=["principal", "aggregate", "endpoint", "too old"],
)
def test_an_id_serves_its_owner_at_its_place_for_a_while(other: dict[str, Any]):
    text = handshake.seal_session(SEAL, negotiated())
    where: dict[str, Any] = {"principal": "key:alice", "endpoint": "crm", "now": 1_000.0}
    assert handshake.open_session(SEAL, text, **where) is not None
    assert handshake.open_session(SEAL, text, **{**where, **other}) is None
    assert handshake.open_session(Seal(bytes(32), "cursor"), text, **where) is None


@given(st.text(max_size=5_000), st.text(max_size=5_000))
def test_however_much_a_client_says_its_id_stays_small(name: str, version: str):
    client = {"name": name, "version": version, "more": name}
    session = negotiated(clientInfo=client, capabilities={"sampling": {"x": name}, "experimental": {"y": version}})
    assert len(handshake.seal_session(SEAL, session)) < 8_192


@pytest.mark.parametrize("version", LEGACY_VERSIONS)
@pytest.mark.parametrize("instructions", [None, "Be kind."])
def test_the_answer_is_valid(version: str, instructions: str | None):
    server = {"name": "toolgate", "title": "Toolgate", "version": "1"}
    answer = json.loads(handshake.initialize_result(version, {"tools": {"listChanged": True}}, server, instructions))
    schemas(version).check(answer, "InitializeResult")
    assert answer.get("instructions") == instructions
