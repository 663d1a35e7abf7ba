"""The methods that the handshake era has beside those of its targets: each a handler like any other."""

from typing import Any

from toolgate.edge.arriving import Subscriber
from toolgate.model.call import Call, Era, Result
from toolgate.model.errors import InvalidParams, UnknownTarget
from toolgate.pipeline.visible import capabilities
from toolgate.ports import Caller, Handler, Sessions
from toolgate.protocol import jsonrpc
from toolgate.protocol.handshake import initialize_result
from toolgate.protocol.methods import LOG_LEVELS

_EMPTY = Result(b"{}", Era.LEGACY)


class SessionMethods:
    """Handlers over one process's sessions. `server_info` is who we say we are."""

    def __init__(self, sessions: Sessions, server_info: dict[str, Any]) -> None:
        self._sessions = sessions
        self._server_info = server_info
        self.subscriber: Subscriber | None = None

    def handlers(self) -> dict[str, Handler]:
        """By method."""
        return {
            "initialize": self.initialize,
            "ping": self.ping,
            "logging/setLevel": self.set_level,
            "resources/subscribe": self.subscribe,
            "resources/unsubscribe": self.unsubscribe,
        }

    async def initialize(self, call: Call, caller: Caller, /) -> Result:
        body = initialize_result(
            call.envelope.version, capabilities(call.endpoint, call.row), self._server_info, call.endpoint.instructions
        )
        return Result(body, Era.LEGACY)

    async def ping(self, call: Call, caller: Caller, /) -> Result:
        return _EMPTY

    async def set_level(self, call: Call, caller: Caller, /) -> Result:
        level = jsonrpc.text(call.params.get("level"))
        if level not in LOG_LEVELS:
            raise InvalidParams(f"logging/setLevel: `level` must be one of {', '.join(LOG_LEVELS)}")
        state = None if call.envelope.session is None else self._sessions.state(call.envelope.session)
        if state is not None:
            state.log_level = level
        return _EMPTY

    async def subscribe(self, call: Call, caller: Caller, /) -> Result:
        uri = _uri(call)
        session = call.envelope.session or ""
        subscriber = self.subscriber
        if subscriber is None or not subscriber.subscribe(session, call.principal, call.endpoint.name, uri):
            raise UnknownTarget(f"resource not found: {uri[:200]}", {"uri": uri[:2000]})
        return _EMPTY

    async def unsubscribe(self, call: Call, caller: Caller, /) -> Result:
        if self.subscriber is not None:
            self.subscriber.unsubscribe(call.envelope.session or "", _uri(call))
        return _EMPTY


def _uri(call: Call) -> str:
    uri = jsonrpc.text(call.params.get("uri"))
    if uri is None:
        raise InvalidParams(f"{call.method}: `uri` must be a string")
    return uri
