"""The MCP endpoints over HTTP: what a request must show before its body counts, its era, and its answer."""

import asyncio
import logging
from collections.abc import Callable

import msgspec

from toolgate.edge import modern
from toolgate.edge.answering import Answered, Answering, fault_answer
from toolgate.edge.exchange import Exchange
from toolgate.edge.guards import Guards
from toolgate.edge.legacy import SESSION, Answer, Legacy
from toolgate.edge.request import JSON, Header, Request, Responder
from toolgate.edge.silence import Silence
from toolgate.model.call import Era, Fields
from toolgate.model.errors import BadRequest, Fault, Unauthenticated
from toolgate.model.identity import NO_CREDENTIAL, Credential
from toolgate.pipeline.front_door import FrontDoor
from toolgate.protocol import faults, jsonrpc
from toolgate.protocol.envelope import CAPABILITIES, VERSION
from toolgate.protocol.jsonrpc import Message

Task = asyncio.Task[None]
logger = logging.getLogger(__name__)

AGGREGATE_PATH = "/mcp"
_SERVERS = "/servers/"
_MCP = "/mcp"
_TEXT: Header = (b"content-type", b"text/plain; charset=utf-8")
_METHODS = frozenset({"POST", "GET", "DELETE"})
_NO_METHOD = (405, (_TEXT, (b"allow", b"POST")), b"POST JSON-RPC messages here.\n")
_ACCEPTED: dict[bytes, bool] = {}


def endpoint_of(path: str) -> str | None:
    """The endpoint that a path names: empty for the aggregate, a server's name, or None for any other path."""
    if path == AGGREGATE_PATH:
        return ""
    if path.startswith(_SERVERS) and path.endswith(_MCP):
        name = path[len(_SERVERS) : -len(_MCP)]
        return name if name and "/" not in name else None
    return None


class McpEndpoints:
    """Serves `/mcp` and `/servers/{name}/mcp`. `malformed` counts what never became an Arrival."""

    def __init__(
        self, door: FrontDoor, guards: Guards, silence: Silence, *, make_legacy: Callable[[Answer], Legacy]
    ) -> None:
        self._door = door
        self._guards = guards
        self._silence = silence
        self._answer = Answering(door)
        self.legacy = make_legacy(self._answer)
        self.malformed = 0

    async def serve(self, request: Request, responder: Responder, endpoint: str, task: Task) -> None:
        """Answers one request. Never raises but for cancellation. `task` is the one that runs this."""
        credential = bearer(request)
        try:
            refused = self._guards.check(request)
            self._guards.place(request)
            if refused is not None:
                self.malformed += 1
                responder.reply(refused.status, (_TEXT,), refused.reason.encode() + b"\n")
            elif request.method not in _METHODS:
                responder.reply(*_NO_METHOD)
            elif request.method == "POST":
                await self._post(request, responder, endpoint, credential, task)
            else:
                await self._other(request, responder, endpoint, credential)
        except Fault as fault:
            self.malformed += 1
            await self._early(responder, credential, fault)
        except Exception:
            logger.exception("an MCP request failed unexpectedly")
            message = jsonrpc.error_response(None, faults.INTERNAL, "the gateway failed; see its log")
            responder.reply(500, (JSON,), message)

    def refusal(self, request: Request) -> Answered | None:
        """Why nothing more may be read from whoever sends this, judged by the head alone; None when it may go on.
        Authenticators answer at once, so that one step runs them; one that would not is asked later, as ever."""
        refused = self._guards.check(request)
        if refused is not None:
            self.malformed += 1
            return refused.status, refused.reason.encode() + b"\n", (_TEXT,)
        if request.method not in _METHODS:
            status, headers, reason = _NO_METHOD
            return status, reason, headers
        identify = self._door.identify(bearer(request))
        try:
            identify.send(None)
        except StopIteration:
            return None
        except Fault as fault:
            self.malformed += 1
            status, body, headers = fault_answer(fault, None, Era.MODERN)
            return status, body, (JSON, *headers)
        identify.close()
        return None

    async def _post(
        self, request: Request, responder: Responder, endpoint: str, credential: Credential, task: Task
    ) -> None:
        refused = _media(request)
        if refused is not None:
            status, reason = refused
            await self._door.identify(credential)
            responder.reply(status, (_TEXT,), reason)
            return
        if request.body.lstrip()[:1] == b"[":
            await self._batch(request, responder, endpoint, credential)
            return
        message = jsonrpc.decode(request.body)
        params = jsonrpc.fields(message.params)
        if not modern.is_modern(request, params):
            await self._legacy(request, responder, message, params, endpoint, credential, task)
            return
        request_id = _request_id(message)
        if request_id is None:
            await self._door.identify(credential)
            responder.reply(202, (), b"")
            return
        try:
            arrival = modern.arrival(request, message, request_id, params, endpoint, credential)
        except Fault as fault:
            await self._early(responder, credential, fault, request_id)
            return
        exchange = Exchange(responder, self._silence, task)
        exchange.finish(*await self._answer(arrival, exchange, task))

    async def _batch(self, request: Request, responder: Responder, endpoint: str, credential: Credential) -> None:
        principal = await self._door.identify(credential)
        bodies = jsonrpc.split_batch(request.body)
        if request.header(SESSION) is None:
            raise BadRequest("one message per request: batches exist only in sessions of 2025-03-26")
        await self.legacy.batch(request, responder, bodies, principal, endpoint, credential)

    async def _legacy(
        self, request: Request, responder: Responder, message: Message, params: Fields, endpoint: str,
        credential: Credential, task: Task,
    ) -> None:  # fmt: skip
        principal = await self._door.identify(credential)
        if message.method == "initialize":
            await self.legacy.initialize(request, responder, message, params, endpoint, principal, credential, task)
            return
        try:
            if principal.ceiling is not None:
                self._door.enter(principal, endpoint, request.client)
            await self.legacy.message(request, responder, message, params, principal, endpoint, credential, task)
        except Fault as fault:
            self.malformed += 1
            request_id = bytes(message.id) if isinstance(message.id, msgspec.Raw) else None
            status, body, headers = fault_answer(_guided(fault), request_id, Era.LEGACY)
            responder.reply(status, (JSON, *headers), body)

    async def _other(self, request: Request, responder: Responder, endpoint: str, credential: Credential) -> None:
        """GET and DELETE exist for sessions only (SPEC-DIGEST 2.3)."""
        principal = await self._door.identify(credential)
        if request.header(SESSION) is None:
            responder.reply(*_NO_METHOD)
        elif request.method == "DELETE":
            self.legacy.delete(request, responder, principal, endpoint)
        elif "text/event-stream" not in (request.header(b"accept") or ""):
            responder.reply(406, (_TEXT,), b"Accept must list text/event-stream.\n")
        else:
            self._door.enter(principal, endpoint, request.client)
            self.legacy.get(request, responder, principal, endpoint)

    async def _early(
        self, responder: Responder, credential: Credential, fault: Fault, request_id: bytes | None = None
    ) -> None:
        """A fault before there was an Arrival. Who shows no good credential hears of that, and of nothing else."""
        try:
            await self._door.identify(credential)
        except Unauthenticated as unauthenticated:
            fault = unauthenticated
        status, body, headers = fault_answer(fault, request_id, Era.MODERN)
        responder.reply(status, (JSON, *headers), body)


def bearer(request: Request) -> Credential:
    """The credential of the Authorization header (RFC 6750 section 2.1); never one from a URL or body."""
    value = request.headers.get(b"authorization")
    if value is None:
        return NO_CREDENTIAL
    if b"authorization" in request.repeated:  # whoever looked before us may have looked at the other one
        return Credential("repeated")
    if value.startswith(b"Bearer "):
        return Credential("bearer", value[7:].strip())
    scheme, _, secret = value.partition(b" ")
    return Credential(scheme.lower().decode("latin-1"), secret.strip())


def _request_id(message: Message) -> bytes | None:
    if not isinstance(message.method, str):
        raise BadRequest("a modern client posts requests, not responses")
    return jsonrpc.request_id(message)


def _guided(fault: Fault) -> Fault:
    """A request without a session that is no handshake either: most likely a modern client that forgot its envelope."""
    if isinstance(fault, BadRequest) and "Mcp-Session-Id" in fault.message:
        return BadRequest(f"{fault.message}, or put {VERSION} and {CAPABILITIES} into `_meta` of each request")
    return fault


def _media(request: Request) -> tuple[int, bytes] | None:
    """406 or 415 unless the client sends JSON and takes both JSON and event streams. Answers are remembered."""
    content = request.headers.get(b"content-type", b"")
    if content != b"application/json" and content.partition(b";")[0].strip().lower() != b"application/json":
        return 415, b"Content-Type must be application/json.\n"
    accept = request.headers.get(b"accept", b"")
    known = _ACCEPTED.get(accept)
    if known is None:
        known = _accepts(accept)
        if len(_ACCEPTED) < 256 and len(accept) < 256:
            _ACCEPTED[accept] = known
    return None if known else (406, b"Accept must list application/json and text/event-stream.\n")


def _accepts(accept: bytes) -> bool:
    types = {part.partition(b";")[0].strip().lower() for part in accept.split(b",")}
    if b"*/*" in types:
        return True
    return bool(types & {b"application/json", b"application/*"}) and bool(types & {b"text/event-stream", b"text/*"})
