"""The envelope of a modern request: read from callers, stamped for servers, and never one for another."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.schemas import schemas
from toolgate.model.call import Era, Fields
from toolgate.model.errors import InvalidParams, UnsupportedVersion
from toolgate.protocol import envelope, faults
from toolgate.protocol.methods import LOG_LEVELS
from toolgate.protocol.versions import MODERN, SERVED

GOOD: dict[str, Any] = {envelope.VERSION: MODERN, envelope.CAPABILITIES: {}}
CLIENT = {"name": "desk", "version": "1", "icons": []}


def params(meta: Any, **others: Any) -> Fields:
    raw = json.dumps({**others, **({} if meta is ... else {"_meta": meta})}).encode()
    return msgspec.json.decode(raw, type=Fields)


def test_what_a_caller_says_of_itself():
    given_params = params(
        {
            **GOOD,
            envelope.CLIENT_INFO: CLIENT,
            envelope.LOG_LEVEL: "warning",
            "progressToken": "t-1",
            "com.example/x": {"y": [1]},
            "traceparent": "00-1-2-3",
        },
        name="find",
    )
    read = envelope.read(given_params)
    assert list(given_params) == ["name"], "`_meta` is taken out"
    assert (read.era, read.version, read.log_level) == (Era.MODERN, MODERN, "warning")
    assert read.capabilities == b"{}"
    assert json.loads(read.client or b"") == CLIENT
    assert read.progress_token is not None
    assert bytes(read.progress_token) == b'"t-1"'
    assert {name: json.loads(bytes(raw)) for name, raw in read.meta.items()} == {
        "com.example/x": {"y": [1]},
        "traceparent": "00-1-2-3",
    }


@pytest.mark.parametrize(
    "meta",
    [
        ...,
        None,
        [],
        "x",
        {},
        {envelope.VERSION: MODERN},
        {envelope.CAPABILITIES: {}},
        {**GOOD, envelope.VERSION: 20260728},
        {**GOOD, envelope.VERSION: None},
        {**GOOD, envelope.CAPABILITIES: []},
        {**GOOD, envelope.CAPABILITIES: None},
        {**GOOD, envelope.CLIENT_INFO: "desk"},
        {**GOOD, envelope.CLIENT_INFO: {"name": "desk"}},
        {**GOOD, envelope.CLIENT_INFO: None},
        {**GOOD, envelope.LOG_LEVEL: "loud"},
        {**GOOD, envelope.LOG_LEVEL: None},
        {**GOOD, "progressToken": 1.5},
        {**GOOD, "progressToken": None},
        {**GOOD, "progressToken": True},
        {**GOOD, "progressToken": {}},
        {**GOOD, "progressToken": "x" * 2000},
    ],
)
def test_a_malformed_envelope_is_refused(meta: Any):
    for _ in range(2):  # what is remembered is no refusal
        with pytest.raises(InvalidParams, match=r"_meta|clientInfo|logLevel|progressToken"):
            envelope.read(params(meta))


@pytest.mark.parametrize("token", [0, -1, 2**53, "", "a", 'quote"\\', "ü"])
def test_progress_tokens_keep_their_value_and_type(token: Any):
    read = envelope.read(params({**GOOD, "progressToken": token}))
    assert read.progress_token is not None
    assert json.loads(bytes(read.progress_token)) == token


METAS = st.fixed_dictionaries(
    {
        envelope.VERSION: st.sampled_from([MODERN, "2027-01-01"]),
        envelope.CAPABILITIES: st.sampled_from([{}, {"roots": {}}]),
    },
    optional={
        envelope.LOG_LEVEL: st.sampled_from(LOG_LEVELS),
        "progressToken": st.integers(0, 3),
        "com.example/x": st.integers(0, 3),
        envelope.CLIENT_INFO: st.sampled_from([CLIENT, {"name": "other", "version": "2"}]),
    },
)


@given(st.lists(METAS, min_size=2, max_size=6))
def test_nobody_is_taken_for_another(metas: list[dict[str, Any]]):
    """What equal envelopes say is remembered; each is read as if it were the first."""
    for meta in metas:
        read = envelope.read(params(meta))
        assert read.version == meta[envelope.VERSION]
        assert json.loads(read.capabilities) == meta[envelope.CAPABILITIES]
        assert read.log_level == meta.get(envelope.LOG_LEVEL)
        token = meta.get("progressToken")
        assert (None if read.progress_token is None else json.loads(bytes(read.progress_token))) == token
        assert (None if read.client is None else json.loads(read.client)) == meta.get(envelope.CLIENT_INFO)
        assert set(read.meta) == {"com.example/x"} & set(meta)


@pytest.mark.parametrize(
    ("meta", "claims"),
    [(GOOD, True), ({envelope.VERSION: 5}, True), ({"progressToken": 1}, False), ([], False), (..., False)],
)
def test_the_version_makes_a_request_modern(meta: Any, claims: bool):
    assert (envelope.claimed_version(params(meta)) is not None) == claims


def test_other_versions_are_told_what_is_served():
    with pytest.raises(UnsupportedVersion) as refused:
        envelope.check_version(envelope.read(params({**GOOD, envelope.VERSION: "2027-01-01"})))
    assert refused.value.data == {"supported": list(SERVED), "requested": "2027-01-01"}
    error = {"code": faults.wire(refused.value).code, "message": refused.value.message, "data": refused.value.data}
    schemas(MODERN).check({"jsonrpc": "2.0", "id": 1, "error": error}, "UnsupportedProtocolVersionError")


@given(
    st.dictionaries(st.text(max_size=6), st.integers()),
    st.sampled_from([None, *LOG_LEVELS]),
    st.one_of(st.none(), st.integers(0)),
)
def test_what_is_stamped_for_a_server_is_an_envelope(meta: dict[str, int], level: str | None, token: int | None):
    raw = envelope.stamp(
        {name: msgspec.Raw(b"%d" % value) for name, value in meta.items()},
        version=b'"2026-07-28"',
        capabilities=b'{"roots":{}}',
        client=b'{"name":"toolgate","version":"1"}',
        log_level=level,
        progress_token=token,
    )
    stamped = json.loads(raw)
    schemas(MODERN).check(stamped, "RequestMetaObject")
    assert {name: stamped[name] for name in meta} == meta
    assert stamped.get(envelope.LOG_LEVEL) == level
    assert stamped.get("progressToken") == token
