"""The Arrivals of a handshake-era session: what the modern era says with each request, the session says here."""

import itertools
import os
from typing import Protocol

from toolgate.model.call import Arrival, Envelope, Fields
from toolgate.model.errors import BadRequest
from toolgate.model.identity import Credential, Principal
from toolgate.ports import Sessions
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
    sessions: Sessions,
    session: Negotiated,
    message: Message,
    params: Fields,
    credential: Credential,
    size: int,
    peer: str = "",
) -> Arrival:
    """The Arrival of one request, whose `params` become the Arrival's own. Raises BadRequest for what is none, or may
    not be asked in a session."""
    method = message.method
    if not isinstance(method, str) or method == "initialize":
        raise BadRequest("a session is initialized once, and not in a batch")
    envelope = _envelope(sessions, session, params)
    return Arrival(
        new_id(), needed_id(message), session.endpoint, method, params, envelope, credential, None, size, peer
    )


def initialize_arrival(
    session: Negotiated, message: Message, params: Fields, credential: Credential, size: int, peer: str = ""
) -> Arrival:
    """The Arrival of the handshake itself, once it is negotiated."""
    envelope = session.envelope(log_level=None, progress_token=None, meta={})
    return Arrival(
        new_id(), needed_id(message), session.endpoint, "initialize", params, envelope, credential, None, size, peer
    )


def needed_id(message: Message) -> bytes:
    """The id of a request. Raises BadRequest when it has none."""
    request_id = jsonrpc.request_id(message)
    if request_id is None:
        raise BadRequest("a request needs an id")
    return request_id


def _envelope(sessions: Sessions, session: Negotiated, params: Fields) -> Envelope:
    raw = params.pop("_meta", None)
    meta = jsonrpc.fields(raw, "_meta") if raw is not None else {}
    state = sessions.state(session.uid)
    level = None if state is None else state.log_level
    return session.envelope(log_level=level, progress_token=meta.pop(PROGRESS_TOKEN, None), meta=meta)
