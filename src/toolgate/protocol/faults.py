"""How each of our errors looks on the wire: JSON-RPC code and HTTP status (SPEC-DIGEST 2.5, 9.2, 12).

Codes of our own are the positive HTTP numbers: the specification reserves -32768..-32000 and gives no room there.
"""

from typing import Any

import msgspec

from toolgate.model import errors
from toolgate.model.errors import Fault


class Wire(msgspec.Struct, frozen=True):
    """`status` is the HTTP status while it can still be chosen (before an SSE stream is committed)."""

    code: int
    status: int


PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL = -32603
HEADER_MISMATCH = -32020
MISSING_CAPABILITY = -32021
UNSUPPORTED_VERSION = -32022
LEGACY_RESOURCE_NOT_FOUND = -32002
URL_ELICITATION_REQUIRED = -32042

TABLE: dict[type[Fault], Wire] = {
    errors.ParseFailed: Wire(PARSE_ERROR, 400),
    errors.BadRequest: Wire(INVALID_REQUEST, 400),
    errors.UnknownMethod: Wire(METHOD_NOT_FOUND, 404),
    errors.InvalidParams: Wire(INVALID_PARAMS, 400),
    errors.UnknownTarget: Wire(INVALID_PARAMS, 400),
    errors.HeaderMismatch: Wire(HEADER_MISMATCH, 400),
    errors.MissingCapability: Wire(MISSING_CAPABILITY, 400),
    errors.UnsupportedVersion: Wire(UNSUPPORTED_VERSION, 400),
    errors.UnknownEndpoint: Wire(404, 404),
    errors.UnknownSession: Wire(404, 404),
    errors.Unauthenticated: Wire(401, 401),
    errors.Denied: Wire(403, 403),
    errors.Limited: Wire(429, 429),
    errors.TimedOut: Wire(INTERNAL, 200),
    errors.Cancelled: Wire(INTERNAL, 200),
    errors.NoWayBack: Wire(METHOD_NOT_FOUND, 200),
    errors.UpstreamFailed: Wire(INTERNAL, 200),
    errors.UpstreamError: Wire(INTERNAL, 200),
    errors.Invalid: Wire(INVALID_REQUEST, 400),
}

_FROM_UPSTREAM = {METHOD_NOT_FOUND: 404, INVALID_PARAMS: 400, MISSING_CAPABILITY: 400}
"""HTTP status of an upstream's own error code in the modern era; others answer 200."""


def wire(fault: Fault) -> Wire:
    """The row for this fault, as the modern era sees it."""
    if isinstance(fault, errors.UpstreamError):
        return Wire(fault.code, _FROM_UPSTREAM.get(fault.code, 200))
    return TABLE.get(type(fault), Wire(INTERNAL, 200))


def legacy(fault: Fault) -> Wire:
    """The row for this fault, as the handshake era sees it. Its clients read any other status than 200 as a broken
    transport: only authentication, policy, limits, sessions, URLs and unreadable messages keep theirs. A resource that
    is not there has a code of its own."""
    row = wire(fault)
    data: Any = fault.data
    if isinstance(fault, errors.UnknownTarget) and isinstance(data, dict) and "uri" in data:
        return Wire(LEGACY_RESOURCE_NOT_FOUND, 200)
    if isinstance(fault, errors.UpstreamError) or not (row.code in (PARSE_ERROR, INVALID_REQUEST) or row.code > 0):
        return Wire(row.code, 200)
    return row
