"""Results and definitions of one era as the other may see them (SPEC-DIGEST 9). Raw members are never re-encoded."""

from typing import Any

import msgspec

from toolgate.model.call import Envelope, Era, Fields, Outbound, Result
from toolgate.model.errors import BadRequest, Fault, NoWayBack, UpstreamError, UpstreamFailed
from toolgate.protocol import faults, jsonrpc
from toolgate.protocol.envelope import SERVER_INFO
from toolgate.protocol.methods import METHODS
from toolgate.protocol.versions import WITH_URL_ELICITATION, WITHOUT_AUDIO, WITHOUT_RESOURCE_LINKS

_COMPLETE = msgspec.Raw(b'"complete"')
_NO_CONTENT = msgspec.Raw(b"[]")
_MODERN_ONLY = ("resultType", "ttlMs", "cacheScope")


def to_modern(body: bytes, method: str, server_info: bytes | None) -> bytes:
    """A handshake-era result with `resultType`, cache hints where required, and the server's own name in `_meta`."""
    result = jsonrpc.fields(body, "result")
    result["resultType"] = _COMPLETE
    if METHODS[method].hints:
        result.setdefault("ttlMs", msgspec.Raw(b"0"))
        result.setdefault("cacheScope", msgspec.Raw(b'"private"'))
    if server_info is not None:
        raw = result.get("_meta")
        meta = jsonrpc.fields(raw, "_meta") if raw is not None and jsonrpc.is_object(raw) else {}
        meta.setdefault(SERVER_INFO, msgspec.Raw(server_info))
        result["_meta"] = jsonrpc.encode_raw(meta)
    return jsonrpc.encode(result)


def to_legacy(result: Result, method: str, version: str) -> bytes:
    """The result for a handshake-era caller of `version`: modern members stripped, content it cannot know replaced."""
    body = result.body
    downgraded = version in WITHOUT_RESOURCE_LINKS and b'"content"' in body
    if result.era is Era.LEGACY and not downgraded:
        return body
    parts = jsonrpc.fields(body, "result")
    if result.era is Era.MODERN:
        for name in _MODERN_ONLY:
            parts.pop(name, None)
        structured = parts.get("structuredContent")
        if structured is not None and not jsonrpc.is_object(structured):
            del parts["structuredContent"]
    if downgraded and method == "tools/call":
        # The word may have stood deeper than the member: a lying server can leave the member out.
        parts["content"] = _older_content(parts.get("content", _NO_CONTENT), version)
    elif downgraded and method == "prompts/get":
        parts["messages"] = _older_messages(parts.get("messages", _NO_CONTENT), version)
    return jsonrpc.encode(parts)


def _older_content(raw: msgspec.Raw, version: str) -> msgspec.Raw:
    """Content blocks that a revision does not know, said as text (SPEC-DIGEST 9.1, content types for old clients)."""
    try:
        blocks = msgspec.json.decode(raw, type=list[Fields])
    except msgspec.DecodeError:
        return raw
    return jsonrpc.encode_raw([_older_block(block, version) for block in blocks])


def _older_messages(raw: msgspec.Raw, version: str) -> msgspec.Raw:
    """The same for the messages of a prompt, which hold one block each."""
    try:
        messages = msgspec.json.decode(raw, type=list[Fields])
        blocks = [jsonrpc.fields(message["content"], "content") for message in messages]
    except (msgspec.DecodeError, BadRequest, KeyError):
        return raw
    pairs = zip(messages, blocks, strict=True)
    return jsonrpc.encode_raw([{**message, "content": _older_block(block, version)} for message, block in pairs])


def _older_block(block: Fields, version: str) -> dict[str, Any]:
    kind = jsonrpc.text(block.get("type"))
    if kind == "resource_link":
        return {"type": "text", "text": f"Resource: {jsonrpc.text(block.get('uri')) or ''}"}
    if kind == "audio" and version in WITHOUT_AUDIO:
        return {"type": "text", "text": f"[audio, {jsonrpc.text(block.get('mimeType')) or 'unknown type'}]"}
    return block


def translate_error(error: jsonrpc.ErrorBody, out: Outbound, era: Era) -> Fault | Result:
    """The JSON-RPC error of an upstream that was spoken to in `era`, as this caller may see it (SPEC-DIGEST 9.2). A
    Result where the caller's revision has no such error and must be told in words."""
    server, caller = out.target.server, out.envelope.era
    code, data = error.code, None if error.data is msgspec.UNSET else error.data
    if code == faults.LEGACY_RESOURCE_NOT_FOUND and caller is Era.MODERN and out.method == "resources/read":
        return UpstreamError(faults.INVALID_PARAMS, error.message, {"uri": out.params["uri"]})
    if code == faults.INVALID_PARAMS and caller is Era.LEGACY and out.method == "resources/read" and _names_uri(data):
        return UpstreamError(faults.LEGACY_RESOURCE_NOT_FOUND, error.message, data)
    if code == faults.HEADER_MISMATCH:
        return UpstreamFailed(f"server {server!r} refused the mirrored headers of this call: {error.message[:200]}")
    if code == faults.UNSUPPORTED_VERSION:
        return UpstreamFailed(f"server {server!r} no longer serves the protocol version that was spoken to it")
    if code == faults.URL_ELICITATION_REQUIRED and era is Era.LEGACY:
        return _url_elicitation(error, data, out)
    return UpstreamError(code, error.message, data)


def _names_uri(data: Any) -> bool:
    return jsonrpc.is_object(data) and "uri" in jsonrpc.fields(data, "data")


def _url_elicitation(error: jsonrpc.ErrorBody, data: Any, out: Outbound) -> Fault | Result:
    """-32042: the server wants the user to visit a URL first. Only a caller that knows this error may get it."""
    server, caller = out.target.server, out.envelope
    knows_url = _knows_url(caller.capabilities)
    if caller.era is Era.MODERN:
        message = f"server {server!r} asks its user to visit a URL first, which cannot be put to this client"
        if knows_url:
            return NoWayBack(f"{message}: the server speaks an older revision, which is not bridged")
        return UpstreamError(faults.MISSING_CAPABILITY, message, {"requiredCapabilities": {"elicitation": {"url": {}}}})
    if (caller.version in WITH_URL_ELICITATION and knows_url) or out.method != "tools/call":
        return UpstreamError(error.code, error.message, data)
    text = f"{error.message or 'A URL must be visited first.'} (server {server!r} asks for it; this client cannot)"
    return Result(jsonrpc.encode({"content": [{"type": "text", "text": text}], "isError": True}), Era.LEGACY, True)


def _knows_url(capabilities: bytes) -> bool:
    elicitation = jsonrpc.fields(capabilities, "capabilities").get("elicitation")
    return elicitation is not None and jsonrpc.is_object(elicitation) and "url" in jsonrpc.fields(elicitation)


def definition_for_legacy(definition: Fields) -> Fields:
    """A definition as handshake-era clients may see it: an output schema whose root is no object would choke them."""
    schema = definition.get("outputSchema")
    if schema is None:
        return definition
    root = jsonrpc.text(jsonrpc.fields(schema, "outputSchema").get("type")) if jsonrpc.is_object(schema) else None
    if root == "object":
        return definition
    return {name: value for name, value in definition.items() if name != "outputSchema"}


def definition_for_modern(definition: Fields) -> Fields:
    """A definition as modern clients may see it: `execution` (2025-11-25 tasks) is gone from the modern schema."""
    if "execution" not in definition:
        return definition
    return {name: value for name, value in definition.items() if name != "execution"}


def params_for_legacy(params: Fields, method: str, version: str) -> Fields:
    """Parameters for a handshake-era upstream of `version`."""
    if method == "completion/complete" and version in WITHOUT_RESOURCE_LINKS:
        return {name: value for name, value in params.items() if name != "context"}
    return params


def same_era(envelope: Envelope, eras: frozenset[str], forced: str) -> Era:
    """The era to speak towards an upstream that serves `eras`: the caller's where it can, unless `forced` names one."""
    if forced in (Era.MODERN, Era.LEGACY):
        return Era(forced)
    return envelope.era if envelope.era in eras else Era(next(iter(eras)))
