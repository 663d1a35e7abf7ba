"""Modern messages on their way: each is one POST with the headers that repeat what it says (SPEC-DIGEST 2.3)."""

import asyncio
from typing import Any

import msgspec

from toolgate.cli.bridge.remote import Endpoint, Header, error_code, events, is_json, is_stream, one_line, parsed
from toolgate.edge.lines import Lines
from toolgate.model.call import Fields
from toolgate.model.errors import Fault, UpstreamFailed
from toolgate.model.snapshot import MirroredParam
from toolgate.ports import HttpAnswer
from toolgate.protocol import envelope, faults, jsonrpc, mirror
from toolgate.protocol.jsonrpc import Message
from toolgate.protocol.methods import METHODS

MOST_PAGES = 1_000
MOST_TOOLS = 20_000
LISTEN = "subscriptions/listen"


class Modern:
    """The modern requests of one client. `running` are those under way, by id."""

    def __init__(self, endpoint: Endpoint, lines: Lines) -> None:
        self._endpoint = endpoint
        self._lines = lines
        self._mirrored: dict[str, tuple[MirroredParam, ...]] = {}
        self.running: dict[bytes, asyncio.Task[None]] = {}

    def begin(self, line: bytes, message: Message, params: Fields, request_id: bytes) -> None:
        """Forwards a request; its answer is written when it comes."""
        task = asyncio.ensure_future(self._forward(line, str(message.method), params, request_id))
        self.running[request_id] = task
        task.add_done_callback(lambda done: self.running.pop(request_id, None))

    def cancel(self, request_id: bytes) -> bool:
        """Takes a request back by closing its POST (SPEC-DIGEST 2.4). Says whether it was one of ours."""
        task = self.running.get(request_id)
        return task is not None and task.cancel()

    async def _forward(self, line: bytes, method: str, params: Fields, request_id: bytes) -> None:
        try:
            answer = await self._post(line, method, params)
            try:
                await self._relay(answer, method, request_id)
            finally:
                answer.close()
        except Fault as fault:
            self._lines.write(jsonrpc.error_response(request_id, faults.INTERNAL, fault.message))
            self._ended(method, request_id)

    async def _post(self, line: bytes, method: str, params: Fields) -> HttpAnswer:
        """Posts the message, and once more if only the mirrored parameters were not known (nothing was done then)."""
        answer = await self._send(line, method, params)
        if method == "tools/call" and answer.status == 400 and error_code(answer) == faults.HEADER_MISMATCH:
            answer.close()
            await self._learn_all(params)
            answer = await self._send(line, method, params)
        return answer

    async def _send(self, line: bytes, method: str, params: Fields) -> HttpAnswer:
        known = METHODS.get(method)
        headers: list[Header] = [
            ("MCP-Protocol-Version", jsonrpc.text(envelope.claimed_version(params)) or ""),
            ("Mcp-Method", mirror.encode_value(method)),
        ]
        named = None if known is None or known.member is None else jsonrpc.text(params.get(known.member))
        if named is not None:
            headers.append(("Mcp-Name", mirror.encode_value(named)))
        if method == "tools/call" and named is not None:
            headers += mirror.headers_for(self._mirrored.get(named, ()), params.get("arguments"))
        return await self._endpoint.post(line, headers, safe=known is not None and known.safe)

    async def _relay(self, answer: HttpAnswer, method: str, request_id: bytes) -> None:
        if is_stream(answer):
            await self._stream(answer, method, request_id)
        elif answer.status == 200 and is_json(answer):
            if method == "tools/list":
                self._learn(answer.body)
            self._lines.write(one_line(answer.body))
        else:
            self._lines.write(self._endpoint.refusal(answer, request_id))
            self._ended(method, request_id)

    async def _stream(self, answer: HttpAnswer, method: str, request_id: bytes) -> None:
        async for event in events(answer):
            if not event.data:
                continue
            message = parsed(event.data)
            if message is None:
                continue
            self._lines.write(one_line(event.data))
            if not isinstance(message.method, str):
                if method == "tools/list":
                    self._learn(event.data)
                self._ended(method, request_id)
                return
            # A client that does not read holds up this stream alone, and through it the gateway's.
            await self._lines.room()
        raise UpstreamFailed(
            f"{self._endpoint.name} ended the stream before it answered; whether the call was carried out is not known"
        )

    def _ended(self, method: str, request_id: bytes) -> None:
        """Over stdio the end of a listen is said by a notification, too (SPEC-DIGEST 12, point 1)."""
        if method == LISTEN:
            told: dict[str, Any] = {"requestId": msgspec.Raw(request_id), "reason": "this subscription has ended"}
            self._lines.write(jsonrpc.notification("notifications/cancelled", jsonrpc.encode(told)))

    # Mirrored parameters --------------------------------------------------------------------------------------------

    async def _learn_all(self, params: Fields) -> None:
        """Lists all tools for their annotations, with what the call itself says of its client."""
        meta = jsonrpc.fields(params.get("_meta", msgspec.Raw(b"{}")), "_meta")
        meta.pop(envelope.PROGRESS_TOKEN, None)
        page: Fields = {"_meta": jsonrpc.encode_raw(meta)}
        for number in range(MOST_PAGES):
            line = jsonrpc.request(f"bridge-{number}", "tools/list", page)
            answer = await self._send(line, "tools/list", page)
            try:
                body = await _whole(answer)
            finally:
                answer.close()
            cursor = self._learn(body)
            if cursor is None:
                return
            page = {**page, "cursor": cursor}

    def _learn(self, body: bytes) -> msgspec.Raw | None:
        """Remembers the annotations of a page of tools. Returns the cursor of the next page."""
        message = parsed(body)
        if message is None or not isinstance(message.result, msgspec.Raw):
            return None
        try:
            page = msgspec.json.decode(message.result, type=_Page)
        except msgspec.DecodeError:
            return None
        for tool in page.tools:
            try:
                found = mirror.annotations(tool.inputSchema)
            except ValueError:
                found = ()
            if found and len(self._mirrored) < MOST_TOOLS:
                self._mirrored[tool.name] = found
            else:
                self._mirrored.pop(tool.name, None)
        return page.nextCursor


class _Tool(msgspec.Struct):
    name: str
    inputSchema: dict[str, Any] = {}  # noqa: N815 - the wire's name


class _Page(msgspec.Struct):
    tools: list[_Tool] = []
    nextCursor: msgspec.Raw | None = None  # noqa: N815 - the wire's name


async def _whole(answer: HttpAnswer) -> bytes:
    """The response, whether it came alone or at the end of a stream."""
    if not is_stream(answer):
        return answer.body
    async for event in events(answer):
        message = parsed(event.data) if event.data else None
        if message is not None and not isinstance(message.method, str):
            return event.data
    return b""
