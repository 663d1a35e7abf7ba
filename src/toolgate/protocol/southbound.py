"""Requests towards upstreams, and what their answers mean, in both eras: the part that every transport shares."""

from functools import lru_cache
from typing import Any

import msgspec

from toolgate import __version__
from toolgate.model.call import Envelope, Era, Fields, Outbound, Result
from toolgate.model.errors import BadRequest, NoWayBack, UpstreamFailed
from toolgate.protocol import bridge, envelope, jsonrpc, relay
from toolgate.protocol.capabilities import relayed
from toolgate.protocol.methods import LOG_LEVELS, METHODS
from toolgate.protocol.versions import LATEST_LEGACY, LEGACY_VERSIONS, MODERN, MODERN_VERSIONS

GATEWAY = msgspec.json.encode({"name": "toolgate", "version": __version__})
"""Who we say we are, in either era."""

NO_CAPABILITIES = b"{}"
INITIALIZED = jsonrpc.notification("notifications/initialized", b"{}")

_OURS = frozenset(
    {envelope.VERSION, envelope.CAPABILITIES, envelope.CLIENT_INFO, envelope.LOG_LEVEL, envelope.PROGRESS_TOKEN}
)
_MODERN_JSON = jsonrpc.encode(MODERN)
_CACHED_BYTES = 512
_QUOTED = 200


class Introduction(msgspec.Struct, frozen=True):
    """What a server said of itself when it was first spoken to. `versions` are all that it named; `version` is the one
    to speak. `capabilities` is a JSON object."""

    era: Era
    version: str
    versions: tuple[str, ...]
    capabilities: bytes
    server_info: bytes | None
    instructions: str | None

    @property
    def eras(self) -> frozenset[str]:
        """The eras of the versions that it named (a set of values of `Era`)."""
        found = {Era.MODERN.value if version in MODERN_VERSIONS else Era.LEGACY.value for version in self.versions}
        return frozenset(found | {self.era.value})


# What we send ---------------------------------------------------------------------------------------------------------


def shown_capabilities(caller: Envelope, era: Era) -> bytes:
    """The caller's capabilities that an upstream of `era` is shown: none across eras, because their questions cannot be
    put to the caller there. Equal sets have equal bytes, so they serve as the fingerprint of a session."""
    if caller.era is not era or caller.capabilities == NO_CAPABILITIES:
        return NO_CAPABILITIES
    if len(caller.capabilities) > _CACHED_BYTES:
        return relayed(caller.capabilities)
    return _relayed_again(caller.capabilities)


_relayed_again = lru_cache(maxsize=1024)(relayed)


def modern_request(out: Outbound, request_id: int, token: int | None) -> bytes:
    """The request for a 2026-07-28 server. `token` is our own progress token, given iff the caller gave one."""
    caller = out.envelope
    capabilities = shown_capabilities(caller, Era.MODERN)
    if not caller.meta and caller.log_level is None and token is None and len(capabilities) <= _CACHED_BYTES:
        meta = _bare_stamp(capabilities)
    else:
        meta = envelope.stamp(
            _foreign(caller.meta),
            version=_MODERN_JSON,
            capabilities=capabilities,
            client=GATEWAY,
            log_level=caller.log_level,
            progress_token=token,
        )
    return jsonrpc.request(request_id, out.method, {**out.params, "_meta": msgspec.Raw(meta)})


@lru_cache(maxsize=1024)
def _bare_stamp(capabilities: bytes) -> bytes:
    """The `_meta` of a caller that says nothing but what it can do: most calls carry the very same one."""
    return envelope.stamp(
        {}, version=_MODERN_JSON, capabilities=capabilities, client=GATEWAY, log_level=None, progress_token=None
    )


def legacy_request(out: Outbound, request_id: int, token: int | None, version: str) -> bytes:
    """The request for a handshake-era session of `version`."""
    params = bridge.params_for_legacy(out.params, out.method, version)
    return jsonrpc.request(request_id, out.method, relay.with_meta(params, _foreign(out.envelope.meta), token))


def own_request(request_id: int | str, method: str, params: Fields, era: Era) -> bytes:
    """A request of the gateway itself, on no caller's behalf (discovery, lists, subscriptions)."""
    if era is Era.LEGACY:
        return jsonrpc.request(request_id, method, params)
    return jsonrpc.request(request_id, method, {**params, "_meta": msgspec.Raw(_bare_stamp(NO_CAPABILITIES))})


def _foreign(meta: Fields) -> Fields:
    """The caller's own `_meta` members: what we stamp ourselves must not stand there a second time."""
    return {key: value for key, value in meta.items() if key not in _OURS} if meta else meta


def initialize_params(capabilities: bytes) -> bytes:
    """The parameters of our `initialize`."""
    return b"".join(
        (
            b'{"protocolVersion":', jsonrpc.encode(LATEST_LEGACY),
            b',"capabilities":', capabilities,
            b',"clientInfo":', GATEWAY, b"}",
        )
    )  # fmt: skip


def level_to_set(current: str | None, wanted: str | None, capabilities: bytes) -> str | None:
    """The level to ask a handshake-era session for; None when `current` is verbose enough, or the server has no
    `logging`. A session shared by many stays at the most verbose level that anyone wanted; `relay` filters."""
    if wanted is None or (current is not None and LOG_LEVELS.index(current) <= LOG_LEVELS.index(wanted)):
        return None
    return wanted if "logging" in _object(capabilities) else None


# What they answer -----------------------------------------------------------------------------------------------------


def discovered(message: jsonrpc.Message) -> Introduction | None:
    """The answer to `server/discover`; None when it shows no modern server, so that `initialize` is next
    (SPEC-DIGEST 2.14: any error, and a result without a version that we share)."""
    if not jsonrpc.is_object(message.result):
        return None
    result = jsonrpc.fields(message.result, "result")
    versions = _strings(result.get("supportedVersions"))
    version = next((version for version in MODERN_VERSIONS if version in versions), None)
    if version is None:
        return None
    info = _object(result.get("_meta")).get(envelope.SERVER_INFO)
    return Introduction(
        Era.MODERN,
        version,
        versions,
        jsonrpc.encode(_object(result.get("capabilities"))),
        bytes(info) if jsonrpc.is_object(info) and info is not None else None,
        jsonrpc.text(result.get("instructions")),
    )


def initialized(message: jsonrpc.Message, server: str) -> Introduction:
    """The answer to `initialize`. Raises UpstreamFailed for an error, or a version that we cannot speak."""
    if isinstance(message.error, msgspec.Raw):
        error = jsonrpc.error_of(message.error)
        raise UpstreamFailed(f"server {server!r} refused to initialize: {error.message[:_QUOTED]} (code {error.code})")
    if not jsonrpc.is_object(message.result):
        raise UpstreamFailed(f"server {server!r} answered initialize with something that is no result")
    result = jsonrpc.fields(message.result, "result")
    version = jsonrpc.text(result.get("protocolVersion")) or ""
    if version not in LEGACY_VERSIONS:
        raise UpstreamFailed(f"server {server!r} wants protocol version {version[:40]!r}, which is not spoken here")
    info = result.get("serverInfo")
    return Introduction(
        Era.LEGACY,
        version,
        (version,),
        jsonrpc.encode(_object(result.get("capabilities"))),
        bytes(info) if jsonrpc.is_object(info) and info is not None else None,
        jsonrpc.text(result.get("instructions")),
    )


def outcome(message: jsonrpc.Message, out: Outbound, era: Era, server_info: bytes | None = None) -> Result:
    """What a response of an upstream that was spoken to in `era` means for the caller.

    Raises UpstreamError for the server's own error (translated, SPEC-DIGEST 9.2), UpstreamFailed for what is no valid
    answer, NoWayBack for questions that a caller of the other era cannot be asked.
    """
    if isinstance(message.error, msgspec.Raw):
        fault = bridge.translate_error(jsonrpc.error_of(message.error), out, era)
        if isinstance(fault, Result):
            return fault
        raise fault
    return result(message.result, out, era, server_info)


def result(raw: msgspec.Raw | msgspec.UnsetType, out: Outbound, era: Era, server_info: bytes | None) -> Result:
    """`outcome` for a message that is known to be no error."""
    server = out.target.server
    if not isinstance(raw, msgspec.Raw):
        raise UpstreamFailed(f"server {server!r} answered {out.method} with neither result nor error")
    body = bytes(raw)
    try:
        head = jsonrpc.decode_result_head(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamFailed(f"server {server!r} answered {out.method} with a malformed result") from None
    is_error = head.isError and out.method == "tools/call"
    if era is Era.LEGACY:
        if out.envelope.era is Era.LEGACY:
            return Result(body, Era.LEGACY, is_error)
        return Result(bridge.to_modern(body, out.method, server_info), Era.MODERN, is_error)
    if head.resultType is None:
        # An older modern server: an absent type means complete. Ours must say so.
        return Result(bridge.to_modern(body, out.method, server_info), Era.MODERN, is_error)
    if head.resultType == "complete":
        return Result(body, Era.MODERN, is_error)
    return _unfinished(head.resultType, body, out)


def _unfinished(kind: str, body: bytes, out: Outbound) -> Result:
    server = out.target.server
    if kind != "input_required" or not METHODS[out.method].input_required:
        raise UpstreamFailed(f"server {server!r} answered {out.method} with the result type {kind[:40]!r}")
    if out.envelope.era is Era.LEGACY:
        raise NoWayBack(
            f"server {server!r} asks for input in the form of {MODERN}, which cannot be put to a client of "
            f"{out.envelope.version}: use a {MODERN} client for this"
        )
    return Result(body, Era.MODERN, input_required=True)


def _strings(raw: msgspec.Raw | None) -> tuple[str, ...]:
    try:
        return msgspec.json.decode(raw, type=tuple[str, ...]) if raw is not None else ()
    except msgspec.DecodeError:
        return ()


def _object(raw: Any) -> Fields:
    """A JSON object one level deep; anything else is empty."""
    if raw is None:
        return {}
    try:
        return jsonrpc.fields(raw)
    except BadRequest:
        return {}
