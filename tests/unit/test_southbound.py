"""Requests towards upstreams and what their answers mean, without any upstream."""

import json
from typing import Any

import msgspec
import pytest

from tests.ports.speaking import legacy, modern, out, tool
from toolgate.model.call import Envelope, Era, Result
from toolgate.model.catalog import OfferKind
from toolgate.model.errors import NoWayBack, UpstreamError, UpstreamFailed
from toolgate.pipeline.survey import survey
from toolgate.protocol import jsonrpc, southbound
from toolgate.protocol.offers import MAX_OFFERS
from toolgate.protocol.southbound import Introduction, level_to_set, shown_capabilities

VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
ASKING = b'{"elicitation":{"url":{}},"roots":{},"experimental":{"x":1}}'


def answered(**members: Any) -> jsonrpc.Message:
    return jsonrpc.decode(json.dumps({"jsonrpc": "2.0", "id": 1, **members}).encode())


def failing(code: int, data: Any = None) -> jsonrpc.Message:
    return answered(error={"code": code, "message": "why", **({} if data is None else {"data": data})})


# What we send ---------------------------------------------------------------------------------------------------------


def test_a_modern_request_is_stamped_by_us_alone():
    forged = {VERSION: msgspec.Raw(b'"1999"'), CAPABILITIES: msgspec.Raw(b'{"sampling":{}}')}
    caller = modern(capabilities=ASKING, meta={**forged, "x.example/kept": msgspec.Raw(b"1")}, log_level="info")
    frame = southbound.modern_request(tool("t", caller, a=1), 7, 7)
    for name in (VERSION, CAPABILITIES, "progressToken"):
        assert frame.count(f'"{name}"'.encode()) == 1
    message = json.loads(frame)
    assert (message["id"], message["method"]) == (7, "tools/call")
    assert message["params"]["arguments"] == {"a": 1}
    meta = message["params"]["_meta"]
    assert meta[VERSION] == "2026-07-28"
    assert meta[CAPABILITIES] == {"elicitation": {"url": {}}, "roots": {}}
    assert meta["io.modelcontextprotocol/clientInfo"]["name"] == "toolgate"
    assert meta["io.modelcontextprotocol/logLevel"] == "info"
    assert meta["x.example/kept"] == 1
    assert meta["progressToken"] == 7


def test_a_legacy_request_carries_the_callers_meta_and_our_token():
    caller = legacy(meta={"x.example/kept": msgspec.Raw(b"1"), "progressToken": msgspec.Raw(b'"forged"')})
    params = json.loads(southbound.legacy_request(tool("t", caller), 7, 7, "2025-11-25"))["params"]
    assert params["_meta"] == {"x.example/kept": 1, "progressToken": 7}
    assert "_meta" not in json.loads(southbound.legacy_request(tool("t", legacy()), 8, None, "2025-11-25"))["params"]


def test_capabilities_are_shown_to_servers_of_the_callers_era_only():
    assert shown_capabilities(modern(capabilities=ASKING), Era.LEGACY) == b"{}"
    assert shown_capabilities(legacy(capabilities=ASKING), Era.MODERN) == b"{}"
    other_order = b'{"roots":{},"elicitation":{"url":{}}}'
    shown = {shown_capabilities(legacy(capabilities=each), Era.LEGACY) for each in (ASKING, other_order)}
    assert len(shown) == 1, "equal sets must be one session"


@pytest.mark.parametrize(
    ("current", "wanted", "level"),
    [
        (None, None, None),
        (None, "error", "error"),
        ("error", "debug", "debug"),
        ("debug", "error", None),
        ("info", "info", None),
    ],
)
def test_the_level_is_only_ever_raised(current: str | None, wanted: str | None, level: str | None):
    assert level_to_set(current, wanted, b'{"logging":{}}') == level
    assert level_to_set(current, wanted, b"{}") is None


# Introductions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        failing(-32601),
        failing(-32022, {"supported": ["2025-11-25"]}),
        answered(result={"supportedVersions": ["2025-11-25"], "capabilities": {}}),
        answered(result={"supportedVersions": "2026-07-28"}),
        answered(result=5),
        answered(),
    ],
)
def test_what_shows_no_modern_server(message: jsonrpc.Message):
    assert southbound.discovered(message) is None


def test_a_modern_server_may_name_older_versions_too():
    versions = ["2025-11-25", "2026-07-28"]
    found = southbound.discovered(answered(result={"supportedVersions": versions, "capabilities": {"tools": {}}}))
    assert found is not None
    assert (found.era, found.version, found.eras) == (Era.MODERN, "2026-07-28", {"modern", "legacy"})
    assert json.loads(found.capabilities) == {"tools": {}}


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (failing(-32602), "refused to initialize: why"),
        (answered(result={"protocolVersion": "2099-01-01", "capabilities": {}}), "2099-01-01"),
        (answered(result={"capabilities": {}}), "wants protocol version"),
        (answered(result=[]), "no result"),
        (answered(), "no result"),
    ],
)
def test_a_handshake_that_fails_names_the_server(message: jsonrpc.Message, reason: str):
    with pytest.raises(UpstreamFailed, match=f"server 'it'.*{reason}"):
        southbound.initialized(message, "it")


# Answers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("era", "result", "expected"),
    [
        (Era.LEGACY, {"content": []}, {"content": [], "resultType": "complete"}),
        (Era.MODERN, {"content": []}, {"content": [], "resultType": "complete"}),
        (Era.MODERN, {"content": [], "resultType": "complete"}, {"content": [], "resultType": "complete"}),
    ],
)
def test_a_modern_caller_gets_a_modern_result(era: Era, result: Any, expected: Any):
    got = southbound.outcome(answered(result=result), tool("t", modern()), era)
    assert (json.loads(got.body), got.era, got.is_error) == (expected, Era.MODERN, False)


def test_a_bridged_read_has_cache_hints_and_the_servers_name():
    call = out("resources/read", {"uri": "u://x"}, modern())
    got = southbound.outcome(answered(result={"contents": []}), call, Era.LEGACY, b'{"name":"s","version":"1"}')
    body = json.loads(got.body)
    assert (body["ttlMs"], body["cacheScope"]) == (0, "private")
    assert body["_meta"] == {"io.modelcontextprotocol/serverInfo": {"name": "s", "version": "1"}}


def test_only_a_tool_fails_by_its_flag():
    message = answered(result={"isError": True, "messages": []})
    assert southbound.outcome(message, tool("t", legacy()), Era.LEGACY).is_error
    assert not southbound.outcome(message, out("prompts/get", {"name": "p"}, legacy()), Era.LEGACY).is_error


INPUT = {"resultType": "input_required", "requestState": "s"}


def test_a_question_in_a_result_reaches_a_modern_caller_alone():
    assert southbound.outcome(answered(result=INPUT), tool("t", modern()), Era.MODERN).input_required
    with pytest.raises(NoWayBack, match="server 'it' asks for input"):
        southbound.outcome(answered(result=INPUT), tool("t", legacy()), Era.MODERN)


@pytest.mark.parametrize(
    ("result", "method"),
    [
        (INPUT, "completion/complete"),
        ({"resultType": "task"}, "tools/call"),
        ({"resultType": 5}, "tools/call"),
        ({"isError": "yes"}, "tools/call"),
        (None, "tools/call"),
        ([], "tools/call"),
    ],
)
def test_what_is_no_valid_result_fails(result: Any, method: str):
    with pytest.raises(UpstreamFailed, match="server 'it'"):
        southbound.outcome(answered(result=result), out(method, {"name": "t"}, modern()), Era.MODERN)


URL = {"elicitations": [{"mode": "url", "url": "https://x.example"}]}
READ = ("resources/read", {"uri": "u://x"})
CALL = ("tools/call", {"name": "t"})


@pytest.mark.parametrize(
    ("asked", "caller", "era", "code", "data", "shown"),
    [
        (READ, modern(), Era.LEGACY, -32002, None, (-32602, {"uri": "u://x"})),
        (READ, legacy(), Era.LEGACY, -32002, None, (-32002, None)),
        (READ, legacy(), Era.MODERN, -32602, {"uri": "u://x"}, (-32002, {"uri": "u://x"})),
        (READ, legacy(), Era.MODERN, -32602, None, (-32602, None)),
        (READ, modern(), Era.MODERN, -32602, {"uri": "u://x"}, (-32602, {"uri": "u://x"})),
        (CALL, legacy(), Era.MODERN, -32602, {"uri": "u://x"}, (-32602, {"uri": "u://x"})),
        (CALL, modern(), Era.MODERN, -32021, {"r": 1}, (-32021, {"r": 1})),
        (CALL, legacy(), Era.MODERN, -32021, {"r": 1}, (-32021, {"r": 1})),
        (CALL, legacy(capabilities=ASKING), Era.LEGACY, -32042, URL, (-32042, URL)),
        (CALL, modern(), Era.LEGACY, -32042, URL, (-32021, {"requiredCapabilities": {"elicitation": {"url": {}}}})),
        (CALL, modern(), Era.LEGACY, -31999, {"own": 1}, (-31999, {"own": 1})),
    ],
)
def test_an_error_as_the_callers_era_knows_it(
    asked: tuple[str, Any], caller: Envelope, era: Era, code: int, data: Any, shown: tuple[int, Any]
):
    with pytest.raises(UpstreamError) as caught:
        southbound.outcome(failing(code, data), out(*asked, caller), era)
    assert caught.value.message.startswith(("why", "server 'it' asks its user"))
    raw = caught.value.data
    assert (caught.value.code, None if raw is None else json.loads(jsonrpc.encode(raw))) == shown


@pytest.mark.parametrize("code", [-32020, -32022])
def test_troubles_between_us_and_the_server_are_not_the_callers(code: int):
    with pytest.raises(UpstreamFailed, match="server 'it'"):
        southbound.outcome(failing(code), tool("t", modern()), Era.MODERN)


@pytest.mark.parametrize("caller", [legacy(), legacy("2025-06-18", capabilities=ASKING)])
def test_a_url_to_visit_is_told_in_words_where_the_error_is_unknown(caller: Envelope):
    got = southbound.outcome(failing(-32042, URL), tool("t", caller), Era.LEGACY)
    assert isinstance(got, Result)
    assert got.is_error
    assert "x.example" not in json.loads(got.body)["content"][0]["text"], "a URL must not be opened by itself"


# Listing --------------------------------------------------------------------------------------------------------------

FOUND = Introduction(Era.MODERN, "2026-07-28", ("2026-07-28",), b'{"tools":{}}', None, None)


async def surveyed(pages: Any, capabilities: bytes = b'{"tools":{}}') -> tuple[Any, list[str]]:
    asked: list[str] = []

    async def ask(method: str, params: dict[str, msgspec.Raw]) -> bytes:
        asked.append(method)
        return json.dumps(pages(method, jsonrpc.text(params.get("cursor")))).encode()

    found = msgspec.structs.replace(FOUND, capabilities=capabilities)
    return await survey(ask, found, frozenset({"modern"}), server="it", max_bytes=100_000), asked


async def test_pages_are_followed_and_the_first_of_a_name_counts():
    def pages(method: str, cursor: str | None) -> Any:
        if cursor is None:
            return {"tools": [{"name": "b"}, {"name": "a", "x": {"kept": 1}}, {"title": "nameless"}], "nextCursor": "2"}
        return {"tools": [{"name": "a", "x": 2}, {"name": "c"}]}

    found, asked = await surveyed(pages)
    assert [offer.name for offer in found.offers] == ["b", "a", "c"]
    assert bytes(found.offers[1].definition["x"]) == b'{"kept": 1}'
    assert asked == ["tools/list"] * 2


async def test_only_what_is_promised_is_asked_for_and_a_missing_list_is_empty():
    def pages(method: str, cursor: str | None) -> Any:
        if method == "resources/templates/list":
            raise UpstreamError(-32601, "none here")
        return {"resources": [{"uri": "u://x", "name": "x"}]}

    found, asked = await surveyed(pages, b'{"resources":{}}')
    assert [(offer.kind, offer.name) for offer in found.offers] == [(OfferKind.RESOURCE, "u://x")]
    assert sorted(asked) == ["resources/list", "resources/templates/list"]


@pytest.mark.parametrize(
    ("pages", "reason"),
    [
        (lambda _, __: {"tools": [], "nextCursor": "same"}, "repeats a page"),
        (lambda _, cursor: {"tools": [], "nextCursor": str(int(cursor or 0) + 1)}, "does not end"),
        (lambda _, cursor: {"tools": [{"name": "n" * 60_000}], "nextCursor": str(int(cursor or 0) + 1)}, "lists more"),
        (lambda _, __: {"tools": [{"name": str(i)} for i in range(MAX_OFFERS + 1)]}, "lists more"),
        (lambda _, __: {"tools": 5}, "without a list"),
        (lambda _, __: {}, "without a list"),
        (lambda _, __: {"tools": [1]}, "without a list"),
    ],
)
async def test_a_server_that_lies_about_its_lists_is_refused(pages: Any, reason: str):
    with pytest.raises(UpstreamFailed, match=f"server 'it'.*{reason}"):
        await surveyed(pages)
