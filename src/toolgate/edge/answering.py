"""From an Arrival to the response message, whatever carries it: through the front door, said in the caller's era."""

import asyncio
import logging
import re
from typing import Any

from toolgate.edge.request import Header
from toolgate.model.call import Arrival, Era, Result
from toolgate.model.errors import Denied, Fault, Limited, Unauthenticated
from toolgate.pipeline.front_door import FrontDoor
from toolgate.ports import Caller
from toolgate.protocol import bridge, faults, jsonrpc

logger = logging.getLogger(__name__)

_UNQUOTABLE = re.compile(r'[^\x20-\x7e]|["\\]')
_REALM = b'Bearer realm="toolgate"'

Answered = tuple[int, bytes, tuple[Header, ...]]
"""HTTP status, response message, headers; a transport without HTTP takes the message alone."""


class Answering:
    """Answers every Arrival; never raises a Fault. `task` is the one that runs the call."""

    def __init__(self, door: FrontDoor) -> None:
        self._door = door

    async def __call__(self, arrival: Arrival, caller: Caller, task: "asyncio.Task[Any]") -> Answered:
        try:
            result = await self._door.handle(arrival, caller, task)
            return 200, jsonrpc.response(arrival.wire_id, _shaped(result, arrival)), ()
        except Fault as fault:
            return fault_answer(fault, arrival.wire_id, arrival.envelope.era)
        except Exception:
            logger.exception("call %s failed unexpectedly", arrival.id)
            return 200, jsonrpc.error_response(arrival.wire_id, faults.INTERNAL, "the gateway failed; see its log"), ()


def fault_answer(fault: Fault, wire_id: bytes | None, era: Era) -> Answered:
    """HTTP status, JSON-RPC error and challenge headers (RFC 6750 section 3, RFC 9110 section 10.2.3) of a fault."""
    row = faults.wire(fault) if era is Era.MODERN else faults.legacy(fault)
    headers: tuple[Header, ...] = ()
    if isinstance(fault, Unauthenticated):
        error = b"invalid_token" if fault.presented else None
        headers = ((b"www-authenticate", _challenge(error, fault.message)),)
    elif isinstance(fault, Denied):
        headers = ((b"www-authenticate", _challenge(b"insufficient_scope", fault.message)),)
    elif isinstance(fault, Limited) and fault.retry_after is not None:
        headers = ((b"retry-after", b"%d" % max(1, round(fault.retry_after))),)
    return row.status, jsonrpc.error_response(wire_id, row.code, fault.message, fault.data), headers


def _challenge(error: bytes | None, why: str) -> bytes:
    """The bearer challenge. Some clients show nothing else of a refusal, so it explains, in the characters that RFC
    6750 section 3 allows: the reason may hold a name that a server chose."""
    if error is None:
        return _REALM
    return b"".join((_REALM, b', error="', error, b'", error_description="', _UNQUOTABLE.sub("'", why).encode(), b'"'))


def _shaped(result: Result, arrival: Arrival) -> bytes:
    if arrival.envelope.era is Era.MODERN:
        return result.body
    return bridge.to_legacy(result, arrival.method, arrival.envelope.version)
