"""The envelope of a modern request: `params._meta` (SPEC-DIGEST 2.1), read from callers and stamped for upstreams."""

import re
from collections.abc import Mapping

import msgspec

from toolgate.model.call import Envelope, Era, Fields
from toolgate.model.errors import InvalidParams, UnsupportedVersion
from toolgate.protocol import jsonrpc
from toolgate.protocol.methods import LOG_LEVELS
from toolgate.protocol.versions import MODERN_VERSIONS, SERVED

VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
CLIENT_INFO = "io.modelcontextprotocol/clientInfo"
LOG_LEVEL = "io.modelcontextprotocol/logLevel"
SERVER_INFO = "io.modelcontextprotocol/serverInfo"
SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId"
PROGRESS_TOKEN = "progressToken"


_KEPT = 4096
_KEPT_BYTES = 1024
_read: dict[bytes, Envelope] = {}

_TOKEN = re.compile(rb'-?[0-9]{1,18}|"(?:[^"\\]|\\.){0,1024}"')


class _ClientInfo(msgspec.Struct):
    name: str
    version: str


_check_client = msgspec.json.Decoder(_ClientInfo).decode


def claimed_version(params: Fields) -> msgspec.Raw | None:
    """The protocol version member of `_meta`, if there is one at all: its presence makes a request modern."""
    meta = params.get("_meta")
    if meta is None or not jsonrpc.is_object(meta):
        return None
    return jsonrpc.fields(meta, "_meta").get(VERSION)


def read(params: Fields) -> Envelope:
    """Takes `_meta` out of `params`. Raises InvalidParams when a required key is missing or any key is malformed.

    Most clients send the very same `_meta` with each request, so what it says is remembered, within a bound.
    """
    raw = params.pop("_meta", None)
    if raw is None:
        raise InvalidParams(f"`_meta` must hold {VERSION} and {CAPABILITIES}")
    known = bytes(raw)
    envelope = _read.get(known)
    if envelope is None:
        envelope = _envelope(raw)
        if envelope.progress_token is None and len(known) <= _KEPT_BYTES:
            if len(_read) >= _KEPT:
                _read.clear()
            _read[known] = envelope
    return envelope


def _envelope(raw: msgspec.Raw) -> Envelope:
    if not jsonrpc.is_object(raw):
        raise InvalidParams(f"`_meta` must be an object that holds {VERSION} and {CAPABILITIES}")
    meta = jsonrpc.fields(raw, "_meta")
    version = jsonrpc.text(meta.pop(VERSION, None))
    if version is None:
        raise InvalidParams(f"`_meta` lacks {VERSION}, a string")
    capabilities = meta.pop(CAPABILITIES, None)
    if capabilities is None or not jsonrpc.is_object(capabilities):
        raise InvalidParams(f"`_meta` lacks {CAPABILITIES}, an object")
    client = meta.pop(CLIENT_INFO, None)
    if client is not None:
        try:
            _check_client(client)
        except msgspec.DecodeError:
            raise InvalidParams(f"{CLIENT_INFO} must have a name and a version") from None
    token = meta.pop(PROGRESS_TOKEN, None)
    if token is not None and not _TOKEN.fullmatch(bytes(token)):
        raise InvalidParams("progressToken must be a string or an integer")
    level = meta.pop(LOG_LEVEL, None)
    return Envelope(
        era=Era.MODERN,
        version=version,
        capabilities=bytes(capabilities),
        client=None if client is None else bytes(client),
        log_level=None if level is None else _level(level),
        progress_token=None if token is None else msgspec.Raw(bytes(token)),
        meta={name: msgspec.Raw(bytes(value)) for name, value in meta.items()},
    )


def _level(raw: msgspec.Raw) -> str:
    level = jsonrpc.text(raw)
    if level not in LOG_LEVELS:
        raise InvalidParams(f"{LOG_LEVEL} must be one of {', '.join(LOG_LEVELS)}")
    return level


def check_version(envelope: Envelope) -> None:
    """Raises UnsupportedVersion for a modern request in a version that is not served (SPEC-DIGEST 2.5, -32022)."""
    if envelope.version not in MODERN_VERSIONS:
        raise UnsupportedVersion(
            f"protocol version {envelope.version[:40]!r} is not served in this form",
            {"supported": list(SERVED), "requested": envelope.version[:100]},
        )


def stamp(
    meta: Mapping[str, msgspec.Raw],
    *,
    version: bytes,
    capabilities: bytes,
    client: bytes,
    log_level: str | None,
    progress_token: int | None,
) -> bytes:
    """The `_meta` object of a request to a modern upstream. `version` and `client` are JSON."""
    parts = [b'{"', VERSION.encode(), b'":', version, b',"', CAPABILITIES.encode(), b'":', capabilities]
    parts += [b',"', CLIENT_INFO.encode(), b'":', client]
    if log_level is not None:
        parts += [b',"', LOG_LEVEL.encode(), b'":"', log_level.encode(), b'"']
    if progress_token is not None:
        parts += [b',"progressToken":', b"%d" % progress_token]
    for key, value in meta.items():
        parts += [b",", jsonrpc.encode(key), b":", value]
    parts.append(b"}")
    return b"".join(parts)
