"""The handshake era's session (SPEC-DIGEST 3): what `initialize` negotiated, sealed into the session id itself.

A session id names a session, it authenticates nobody: it opens only for the principal that made it.
"""

from typing import Any

import msgspec

from toolgate.model.call import Envelope, Era, Fields
from toolgate.model.errors import InvalidParams
from toolgate.protocol import jsonrpc
from toolgate.protocol.capabilities import relayed
from toolgate.protocol.sealed import Seal
from toolgate.protocol.versions import negotiate

_MAX_CLIENT = 512
_MAX_CAPABILITIES = 2048
LIFETIME = 7 * 24 * 3600.0
"""Seconds after which a session id is no longer accepted; the client then initializes anew."""


class Negotiated(msgspec.Struct, frozen=True, array_like=True):
    """What one `initialize` settled. `uid` makes the id unique; `until` is Unix time in seconds."""

    uid: str
    principal: str
    endpoint: str
    version: str
    capabilities: msgspec.Raw
    client: msgspec.Raw
    until: float

    def envelope(self) -> Envelope:
        """The envelope of a request in this session that says nothing of its own."""
        return Envelope(
            era=Era.LEGACY,
            version=self.version,
            capabilities=bytes(self.capabilities),
            client=bytes(self.client),
            session=self.uid,
        )


class _Initialize(msgspec.Struct):
    protocolVersion: str  # noqa: N815 - the wire's names
    capabilities: msgspec.Raw = msgspec.Raw(b"{}")
    clientInfo: msgspec.Raw = msgspec.Raw(b"{}")  # noqa: N815


def negotiated(params: Fields, *, uid: str, principal: str, endpoint: str, now: float) -> Negotiated:
    """Reads the parameters of `initialize`. Raises InvalidParams."""
    try:
        asked = msgspec.json.decode(jsonrpc.encode(params), type=_Initialize)
    except msgspec.DecodeError as error:
        raise InvalidParams(f"initialize: {error}") from None
    if not (jsonrpc.is_object(asked.capabilities) and jsonrpc.is_object(asked.clientInfo)):
        raise InvalidParams("initialize: `capabilities` and `clientInfo` must be objects")
    capabilities = relayed(bytes(asked.capabilities))
    return Negotiated(
        uid=uid,
        principal=principal,
        endpoint=endpoint,
        version=negotiate(asked.protocolVersion),
        capabilities=msgspec.Raw(capabilities if len(capabilities) <= _MAX_CAPABILITIES else b"{}"),
        client=_small_client(asked.clientInfo),
        until=now + LIFETIME,
    )


def _small_client(raw: msgspec.Raw) -> msgspec.Raw:
    """Name and version only: the id travels in a header, and the rest (icons, descriptions) serves nobody here."""
    try:
        info: dict[str, Any] = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise InvalidParams(f"initialize: `clientInfo`: {error}") from None
    small = {name: str(info.get(name, ""))[: _MAX_CLIENT // 2] for name in ("name", "version")}
    return msgspec.Raw(msgspec.json.encode(small))


def seal_session(seal: Seal, session: Negotiated) -> str:
    return seal.seal(msgspec.json.encode(session))


def open_session(seal: Seal, text: str, *, principal: str, endpoint: str, now: float) -> Negotiated | None:
    """The session behind an id; None when it is not ours, not this principal's or endpoint's, or too old."""
    plain = seal.open(text)
    if plain is None:
        return None
    session = msgspec.json.decode(plain, type=Negotiated)
    if session.principal != principal or session.endpoint != endpoint or session.until < now:
        return None
    return session


def initialize_result(version: str, capabilities: Any, server: Any, instructions: str | None) -> bytes:
    """The answer to `initialize`."""
    result: dict[str, Any] = {"protocolVersion": version, "capabilities": capabilities, "serverInfo": server}
    if instructions is not None:
        result["instructions"] = instructions
    return msgspec.json.encode(result)
