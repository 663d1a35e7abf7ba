"""The end of the fold: what is handed to an upstream, and what of its answer is sealed before the caller holds it."""

import asyncio
import time

import msgspec

from toolgate.model.call import Call, Fields, Outbound, Result
from toolgate.model.catalog import OfferKind
from toolgate.model.errors import Fault, InvalidParams
from toolgate.model.snapshot import Target
from toolgate.ports import Caller, CredentialSource, Upstream
from toolgate.protocol import jsonrpc
from toolgate.protocol.sealed import Seal

STATE_LIFETIME = 600.0
"""Seconds for which an `input_required` result may be answered."""


class _State(msgspec.Struct, frozen=True, array_like=True):
    """A server's `requestState`, bound to the caller and the request that it belongs to (SPEC-DIGEST 2.9, 8)."""

    principal: str
    method: str
    server: str
    name: str
    until: float
    state: str


_decode_state = msgspec.json.Decoder(_State).decode


class Dispatch:
    """The handler that every target of one server ends in."""

    def __init__(self, upstream: Upstream, credentials: CredentialSource, seal: Seal) -> None:
        self._upstream = upstream
        self._credentials = credentials
        self._seal = seal
        self._in_flight = 0
        self._idle: asyncio.Event | None = None

    async def idle(self) -> None:
        """Waits until no call is in flight. Asked once, when the server is about to be closed."""
        self._idle = asyncio.Event()
        if self._in_flight:
            await self._idle.wait()

    async def __call__(self, call: Call, caller: Caller) -> Result:
        grant = await self._credentials.grant(call.principal, call.target)
        params = self._params(call)
        out = Outbound(call.id, call.method, params, call.envelope, call.target, grant, call.deadline, call.principal)
        began = time.perf_counter()
        self._in_flight += 1
        try:
            result = await self._upstream.call(out, caller)
        except Fault as fault:
            fault.upstream_s = time.perf_counter() - began
            raise
        finally:
            self._in_flight -= 1
            if self._idle is not None and not self._in_flight:
                self._idle.set()
        upstream_s = time.perf_counter() - began
        body = self._sealed(result.body, call) if result.input_required else result.body
        return Result(body, result.era, result.is_error, result.input_required, upstream_s)

    def _params(self, call: Call) -> Fields:
        """The parameters under the server's own names, with its own request state."""
        params, target = call.params, call.target
        if call.method in ("tools/call", "prompts/get"):
            if target.name != target.public:
                params = {**params, "name": jsonrpc.encode_raw(target.name)}
        elif call.method == "resources/read":
            if target.pattern is None and target.name != target.public:
                params = {**params, "uri": jsonrpc.encode_raw(target.name)}
        else:
            params = {**params, "ref": _ref(params["ref"], target)}
        if "requestState" in params:
            params = {**params, "requestState": jsonrpc.encode_raw(self._opened(params["requestState"], call))}
        return params

    def _opened(self, raw: msgspec.Raw, call: Call) -> str:
        plain = self._seal.open(jsonrpc.text(raw) or "")
        if plain is not None:
            state = _decode_state(plain)
            bound = (state.principal, state.method, state.server, state.name)
            target = call.target
            if bound == (call.principal.id, call.method, target.server, target.name) and state.until >= time.time():
                return state.state
        raise InvalidParams("Invalid or expired requestState", {"reason": "invalid_request_state"})

    def _sealed(self, body: bytes, call: Call) -> bytes:
        result = jsonrpc.fields(body, "result")
        state = jsonrpc.text(result.get("requestState"))
        if state is None:
            return body
        target = call.target
        bound = _State(call.principal.id, call.method, target.server, target.name, time.time() + STATE_LIFETIME, state)
        result["requestState"] = jsonrpc.encode_raw(self._seal.seal(msgspec.json.encode(bound)))
        return jsonrpc.encode(result)


def _ref(raw: msgspec.Raw, target: Target) -> msgspec.Raw:
    """The reference of a completion under the server's own name. Written anew, so that what was judged is what is sent:
    a member that stood twice stands once."""
    ref = jsonrpc.fields(raw, "ref")
    if target.kind is OfferKind.PROMPT:
        return jsonrpc.encode_raw({**ref, "name": target.name})
    if target.pattern is None or jsonrpc.text(ref.get("uri")) == target.public:
        return jsonrpc.encode_raw({**ref, "uri": target.name})
    return jsonrpc.encode_raw(ref)
