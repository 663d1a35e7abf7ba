"""The Arrivals of a handshake-era session: what the modern era says with each request, the session says here."""

import itertools
import os
from typing import Protocol

import msgspec

from toolgate.model.call import Arrival, Envelope, Fields
from toolgate.model.errors import BadRequest
from toolgate.model.identity import Credential, Principal
from toolgate.ports import SessionState
from toolgate.protocol import jsonrpc
from toolgate.protocol.envelope import PROGRESS_TOKEN
from toolgate.protocol.handshake import Negotiated
from toolgate.protocol.jsonrpc import Message

_START = os.urandom(6).hex()
_COUNT = itertools.count(1)


class Subscriber(Protocol):
    """Whoever passes resource updates on to sessions."""

    def subscribe(self, session_uid: str, principal: Principal, endpoint: str, uri: str, /) -> bool:
        """Whether updates of this resource will be heard by the session. Raises Limited when there are too many."""
        ...

    def unsubscribe(self, session_uid: str, uri: str, /) -> None: ...


def new_id() -> str:
    """An id for one Arrival, unique over processes and restarts."""
    return f"{_START}-{next(_COUNT):x}"


def session_arrival(
    endpoint: str,
    envelope: Envelope,
    state: SessionState | None,
    message: Message,
    params: Fields,
    credential: Credential,
    size: int,
    peer: str = "",
) -> Arrival:
    """The Arrival of one request of the session whose bare envelope and state these are; `params` become the Arrival's
    own. Raises BadRequest for what is none, or may not be asked in a session."""
    method = message.method
    if not isinstance(method, str) or method == "initialize":
        raise BadRequest("a session is initialized once, and not in a batch")
    level = None if state is None else state.log_level
    raw = params.pop("_meta", None)
    if raw is not None or level is not None:
        meta = {} if raw is None else jsonrpc.fields(raw, "_meta")
        token = meta.pop(PROGRESS_TOKEN, None)
        envelope = msgspec.structs.replace(envelope, log_level=level, progress_token=token, meta=meta)
    return Arrival(new_id(), needed_id(message), endpoint, method, params, envelope, credential, None, size, peer)


def initialize_arrival(
    session: Negotiated, message: Message, params: Fields, credential: Credential, size: int, peer: str = ""
) -> Arrival:
    """The Arrival of the handshake itself, once it is negotiated."""
    request_id = needed_id(message)
    return Arrival(
        new_id(), request_id, session.endpoint, "initialize", params, session.envelope(), credential, None, size, peer
    )


def needed_id(message: Message) -> bytes:
    """The id of a request. Raises BadRequest when it has none."""
    request_id = jsonrpc.request_id(message)
    if request_id is None:
        raise BadRequest("a request needs an id")
    return request_id
