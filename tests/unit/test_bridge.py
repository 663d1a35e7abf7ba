"""What crosses from one era to the other is valid there by the official schemas, and nothing else of it changes."""

import json
from typing import Any

import msgspec
import pytest

from tests.schemas import RESULTS, schemas
from toolgate.model.call import Envelope, Era, Outbound, Result
from toolgate.model.catalog import OfferKind
from toolgate.model.errors import Fault, NoWayBack, UpstreamError, UpstreamFailed
from toolgate.model.identity import Grant
from toolgate.model.snapshot import Target
from toolgate.protocol import bridge, faults, jsonrpc
from toolgate.protocol.envelope import SERVER_INFO
from toolgate.protocol.versions import LEGACY_VERSIONS, MODERN

TEXT = {"type": "text", "text": "hello", "_meta": {"com.example/x": 1}}
IMAGE = {"type": "image", "data": "AA==", "mimeType": "image/png"}
AUDIO = {"type": "audio", "data": "AA==", "mimeType": "audio/wav"}
LINK = {"type": "resource_link", "uri": "file:///a", "name": "a"}
EMBEDDED = {"type": "resource", "resource": {"uri": "file:///a", "text": "A"}}
BLOCKS = [TEXT, IMAGE, AUDIO, LINK, EMBEDDED]
INFO = b'{"name":"server","version":"1"}'

PLAIN: dict[str, dict[str, Any]] = {
    "tools/call": {"content": BLOCKS, "structuredContent": {"a": 1}, "isError": False, "later": {"x": [1]}},
    "prompts/get": {"description": "d", "messages": [{"role": "user", "content": block} for block in BLOCKS]},
    "resources/read": {"contents": [{"uri": "file:///a", "text": "A"}, {"uri": "file:///b", "blob": "AA=="}]},
    "completion/complete": {"completion": {"values": ["a"], "total": 1, "hasMore": False}},
    "tools/list": {"tools": [{"name": "x", "inputSchema": {"type": "object"}}], "nextCursor": "c"},
    "resources/list": {"resources": [{"uri": "file:///a", "name": "a"}]},
}
"""Results as the latest handshake revision has them."""

MODERN_MEMBERS = {
    "resultType": "complete",
    "ttlMs": 5,
    "cacheScope": "private",
    "_meta": {SERVER_INFO: json.loads(INFO)},
}


@pytest.mark.promise("bridge.schemas")
@pytest.mark.parametrize("method", PLAIN)
def test_results_of_older_servers_are_valid_for_modern_callers(method: str):
    body = json.dumps(PLAIN[method]).encode()
    bridged = json.loads(bridge.to_modern(body, method, INFO))
    schemas(MODERN).check(bridged, RESULTS[method])
    assert bridged["resultType"] == "complete"
    assert bridged["_meta"] == {SERVER_INFO: json.loads(INFO)}
    added = {"resultType", "ttlMs", "cacheScope", "_meta"}
    assert {name: value for name, value in bridged.items() if name not in added} == PLAIN[method]


def test_what_a_server_said_of_itself_stays():
    body = json.dumps({"content": [], "_meta": {"x": 1, SERVER_INFO: {"name": "own", "version": "2"}}}).encode()
    assert json.loads(bridge.to_modern(body, "tools/call", INFO))["_meta"] == {
        "x": 1,
        SERVER_INFO: {"name": "own", "version": "2"},
    }
    assert "_meta" not in json.loads(bridge.to_modern(b"{}", "tools/call", None))


@pytest.mark.promise("bridge.schemas")
@pytest.mark.parametrize("version", LEGACY_VERSIONS)
@pytest.mark.parametrize("method", PLAIN)
@pytest.mark.parametrize("era", Era)
def test_results_are_valid_for_older_callers(method: str, version: str, era: Era):
    said = {**PLAIN[method], **(MODERN_MEMBERS if era is Era.MODERN else {})}
    bridged = json.loads(bridge.to_legacy(Result(json.dumps(said).encode(), era), method, version))
    schemas(version).check(bridged, RESULTS[method])
    assert not {"resultType", "ttlMs", "cacheScope"} & set(bridged)
    untouched = set(PLAIN[method]) - {"content", "messages"}
    assert {name: bridged[name] for name in untouched} == {name: PLAIN[method][name] for name in untouched}


def test_content_that_a_revision_does_not_know_is_said_as_text():
    result = Result(json.dumps(PLAIN["tools/call"]).encode(), Era.LEGACY)
    oldest = json.loads(bridge.to_legacy(result, "tools/call", "2024-11-05"))["content"]
    assert oldest == [
        TEXT,
        IMAGE,
        {"type": "text", "text": "[audio, audio/wav]"},
        {"type": "text", "text": "Resource: file:///a"},
        EMBEDDED,
    ]
    assert json.loads(bridge.to_legacy(result, "tools/call", "2025-03-26"))["content"][2] == AUDIO
    assert bridge.to_legacy(result, "tools/call", "2025-06-18") is result.body


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("tools/call", {"content": 5}),
        ("tools/call", {"x": {"content": []}}),
        ("prompts/get", {"messages": "content"}),
        ("prompts/get", {"messages": [{"role": "user", "content": [1]}]}),
        ("prompts/get", {"messages": [{"role": "user"}], "content": 1}),
        ("resources/read", {"content": 1}),
    ],
)
def test_results_of_lying_servers_cross_all_the_same(method: str, body: dict[str, Any]):
    bridged = json.loads(bridge.to_legacy(Result(json.dumps(body).encode(), Era.LEGACY), method, "2024-11-05"))
    assert {name: bridged[name] for name in body} == body


def test_structured_content_that_older_callers_cannot_read_is_left_out():
    body = json.dumps({**MODERN_MEMBERS, "content": [], "structuredContent": [1]}).encode()
    assert "structuredContent" not in json.loads(bridge.to_legacy(Result(body, Era.MODERN), "tools/call", "2025-11-25"))


# Errors --------------------------------------------------------------------------------------------------------------

URL = msgspec.json.encode({"elicitation": {"url": {}}})


async def run(call: Any, caller: Any) -> None:
    """Nothing is called here."""


def outbound(method: str, era: Era, version: str, capabilities: bytes = b"{}") -> Outbound:
    target = Target("crm", 0, "crm", OfferKind.TOOL, "x", "x", run, 1.0)
    params = {"uri": msgspec.Raw(b'"file:///a"')}
    return Outbound("1", method, params, Envelope(era, version, capabilities), target, Grant("all"), 0.0)


def translated(code: int, out: Outbound, era: Era, data: bytes | None = None) -> Fault | Result:
    raw = msgspec.UNSET if data is None else msgspec.Raw(data)
    return bridge.translate_error(jsonrpc.ErrorBody(code, "said so", raw), out, era)


MODERN_READ = outbound("resources/read", Era.MODERN, MODERN)
LEGACY_READ = outbound("resources/read", Era.LEGACY, "2025-11-25")


def test_a_missing_resource_has_the_code_of_the_callers_era():
    fault = translated(-32002, MODERN_READ, Era.LEGACY)
    assert isinstance(fault, UpstreamError)
    assert (fault.code, fault.message) == (faults.INVALID_PARAMS, "said so")
    assert json.loads(jsonrpc.encode(fault.data)) == {"uri": "file:///a"}
    fault = translated(-32602, LEGACY_READ, Era.MODERN, b'{"uri":"file:///a"}')
    assert isinstance(fault, UpstreamError)
    assert fault.code == faults.LEGACY_RESOURCE_NOT_FOUND
    for out, code in ((LEGACY_READ, -32602), (LEGACY_READ, -32002), (MODERN_READ, -32602)):
        fault = translated(code, out, Era.LEGACY)
        assert isinstance(fault, UpstreamError)
        assert fault.code == code


@pytest.mark.parametrize("code", [-32020, -32022])
@pytest.mark.parametrize("out", [MODERN_READ, LEGACY_READ])
def test_what_is_between_us_and_the_server_is_not_the_callers(code: int, out: Outbound):
    fault = translated(code, out, Era.MODERN)
    assert isinstance(fault, UpstreamFailed)
    assert "'crm'" in fault.message


@pytest.mark.parametrize("code", [-32603, -32601, -32000, 17, -32001])
@pytest.mark.parametrize("era", Era)
def test_other_errors_pass_unharmed(code: int, era: Era):
    fault = translated(code, MODERN_READ, era, b'{"x":[1]}')
    assert isinstance(fault, UpstreamError)
    assert (fault.code, fault.message, bytes(fault.data)) == (code, "said so", b'{"x":[1]}')


def test_a_url_to_visit_reaches_who_knows_the_error_and_is_told_in_words_to_others():
    knows = translated(-32042, outbound("tools/call", Era.LEGACY, "2025-11-25", URL), Era.LEGACY, b"{}")
    assert isinstance(knows, UpstreamError)
    assert knows.code == -32042
    for version, capabilities in (("2025-11-25", b"{}"), ("2025-06-18", URL)):
        told = translated(-32042, outbound("tools/call", Era.LEGACY, version, capabilities), Era.LEGACY)
        assert isinstance(told, Result)
        assert told.is_error
        schemas(version).check(json.loads(told.body), "CallToolResult")
        assert "'crm'" in told.body.decode()
    modern = translated(-32042, outbound("tools/call", Era.MODERN, MODERN), Era.LEGACY)
    assert isinstance(modern, UpstreamError)
    assert modern.code == faults.MISSING_CAPABILITY
    error = {"code": modern.code, "message": modern.message, "data": modern.data}
    schemas(MODERN).check({"jsonrpc": "2.0", "id": 1, "error": error}, "MissingRequiredClientCapabilityError")
    assert isinstance(translated(-32042, outbound("tools/call", Era.MODERN, MODERN, URL), Era.LEGACY), NoWayBack)


# Definitions, parameters, eras ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "kept"), [({"type": "object"}, True), ({"type": "array"}, False), ({"anyOf": []}, False), (5, False)]
)
def test_output_schemas_that_older_clients_choke_on_are_left_out(schema: Any, kept: bool):
    definition = {"name": msgspec.Raw(b'"x"'), "outputSchema": jsonrpc.encode_raw(schema)}
    legacy = bridge.definition_for_legacy(definition)
    assert ("outputSchema" in legacy) == kept
    assert (legacy is definition) == kept


@pytest.mark.parametrize(
    ("caller", "eras", "forced", "expected"),
    [
        (Era.MODERN, {"modern", "legacy"}, "auto", Era.MODERN),
        (Era.LEGACY, {"modern", "legacy"}, "auto", Era.LEGACY),
        (Era.LEGACY, {"modern"}, "auto", Era.MODERN),
        (Era.MODERN, {"legacy"}, "auto", Era.LEGACY),
        (Era.MODERN, {"modern", "legacy"}, "legacy", Era.LEGACY),
        (Era.LEGACY, {"modern", "legacy"}, "modern", Era.MODERN),
    ],
)
def test_the_callers_era_is_spoken_where_the_server_can(caller: Era, eras: set[str], forced: str, expected: Era):
    assert bridge.same_era(Envelope(caller, "x"), frozenset(eras), forced) is expected


def test_completion_context_is_for_revisions_that_know_it():
    params = {"ref": msgspec.Raw(b"{}"), "context": msgspec.Raw(b"{}")}
    assert "context" not in bridge.params_for_legacy(params, "completion/complete", "2025-03-26")
    assert bridge.params_for_legacy(params, "completion/complete", "2025-06-18") is params
    assert bridge.params_for_legacy(params, "tools/call", "2024-11-05") is params
