"""The values of the data plane, in the order in which a request becomes them: Arrival, Call, Outbound, Result."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from toolgate.model.identity import Credential, Grant, Principal
from toolgate.model.snapshot import Endpoint, Row, Snapshot, Target

Fields = dict[str, msgspec.Raw]
"""One JSON object, decoded one level deep: what we do not understand stays raw bytes and survives."""


class Era(StrEnum):
    """The two ways of speaking MCP: per-request metadata (2026-07-28 and later), or the `initialize` handshake."""

    MODERN = "modern"
    LEGACY = "legacy"


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """What a caller says about itself with each request (SPEC-DIGEST 2.1). A legacy caller's comes from its session.

    `meta` is the rest of `_meta`, passed on unharmed; `capabilities` and `client` are JSON objects.
    """

    era: Era
    version: str
    capabilities: bytes = b"{}"
    client: bytes | None = None
    log_level: str | None = None
    progress_token: msgspec.Raw | None = None
    meta: Fields = {}
    session: str | None = None


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """A well-formed request from someone not yet identified. `wire_id` is its JSON-RPC id, byte for byte; `headers` are
    all of them by lower-case name, None where the transport has no header layer. `size` is the body's bytes; `peer` the
    client's address, empty where it is not known."""

    id: str
    wire_id: bytes
    endpoint: str
    method: str
    params: Fields
    envelope: Envelope
    credential: Credential
    headers: Mapping[bytes, bytes] | None = None
    size: int = 0
    peer: str = ""

    def __repr__(self) -> str:
        """Without arguments and headers: both may hold secrets."""
        return f"Arrival({self.id!r}, {self.endpoint!r}, {self.method!r})"


class Call(msgspec.Struct, frozen=True, gc=False):
    """A request by a known principal for a known target: complete when born. `deadline` is in seconds of
    `time.perf_counter`."""

    id: str
    wire_id: bytes
    endpoint: Endpoint
    method: str
    params: Fields
    envelope: Envelope
    principal: Principal
    row: Row
    target: Target
    snapshot: Snapshot
    deadline: float
    headers: Mapping[bytes, bytes] | None = None
    peer: str = ""

    def __repr__(self) -> str:
        """Without arguments and headers: both may hold secrets."""
        return f"Call({self.id!r}, {self.method!r}, {self.principal.id!r})"


class Outbound(msgspec.Struct, frozen=True, gc=False):
    """What an Upstream is given. `params` carry the upstream's own names and no `_meta`. `principal` is who calls, for
    kinds that bind values to the caller; None where nobody in particular does, and then nothing is bound."""

    id: str
    method: str
    params: Fields
    envelope: Envelope
    target: Target
    grant: Grant
    deadline: float
    principal: Principal | None = None


class Result(msgspec.Struct, frozen=True, gc=False):
    """One JSON result object as bytes, in the shape of `era` (modern results carry `resultType`).

    `upstream_s` is how many seconds the upstream took; 0 where none was asked.
    """

    body: bytes
    era: Era
    is_error: bool = False
    input_required: bool = False
    upstream_s: float = 0.0


class Notification(msgspec.Struct, frozen=True, gc=False):
    """A notification on its way to the caller. `params` is a JSON object."""

    method: str
    params: bytes
