"""The handshake era on its way: one session at the gateway, kept alive for the client, begun anew when it is lost."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any

import msgspec

from toolgate.cli.bridge.remote import Endpoint, Header, events, is_json, is_stream, one_line, parsed
from toolgate.edge.lines import Lines
from toolgate.model.errors import Fault, UpstreamFailed
from toolgate.ports import HttpAnswer
from toolgate.protocol import faults, jsonrpc
from toolgate.protocol.jsonrpc import Message
from toolgate.protocol.methods import METHODS

RESUMES = 5
"""How often one broken stream is taken up again before its request is given up."""

FIRST_PAUSE, LAST_PAUSE = 0.5, 30.0
"""Seconds before the stream of news is opened again."""

INITIALIZED = jsonrpc.notification("notifications/initialized", b"{}")
LAST_WORDS = 2.0

Ids = frozenset[bytes]


class Legacy:
    """The session of one client. `running` are its requests under way."""

    def __init__(self, endpoint: Endpoint, lines: Lines) -> None:
        self._endpoint = endpoint
        self._lines = lines
        self._handshake: bytes | None = None
        self._session: str | None = None
        self._version: str | None = None
        self._kept: dict[tuple[str, bytes], bytes] = {}
        self._cancelled: set[bytes] = set()
        self._renewing = asyncio.Lock()
        self._renewals = 0
        self._news: asyncio.Task[None] | None = None
        self.running: set[asyncio.Task[None]] = set()

    async def initialize(self, message: Message, request_id: bytes) -> None:
        """The handshake, as the client makes it."""
        params = message.params if isinstance(message.params, msgspec.Raw) else b"{}"
        self._handshake = bytes(params)
        try:
            answer, body = await self._shake(jsonrpc.encode_raw(msgspec.Raw(request_id)))
        except Fault as fault:
            self._lines.write(jsonrpc.error_response(request_id, faults.INTERNAL, fault.message))
            return
        self._lines.write(one_line(body) if body else self._endpoint.refusal(answer, request_id))

    async def initialized(self, line: bytes) -> None:
        """The end of the handshake, which opens the stream of news. Nothing may overtake it."""
        await self._say(line)
        self._open_news()

    def notified(self, line: bytes, message: Message) -> None:
        """Another notification, or the answer to a question."""
        if message.method == "notifications/cancelled":
            target = jsonrpc.fields(message.params).get("requestId")
            if target is not None:
                self._cancelled.add(bytes(target))
        self._run(self._say(line))

    async def _say(self, line: bytes) -> None:
        with suppress(Fault):
            (await self._post(line)).close()

    def begin(self, line: bytes, ids: Ids, method: str) -> None:
        """Forwards a request, or a batch; the answers are written when they come."""
        self._run(self._forward(line, ids, method))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self.running.add(task)
        task.add_done_callback(self.running.discard)

    def remember(self, method: str, params: bytes, line: bytes) -> None:
        """Keeps what a new session must be told again: its log level, and its subscriptions."""
        if method == "logging/setLevel":
            self._kept["logging/setLevel", b""] = line
        elif method == "resources/subscribe":
            self._kept["resources/subscribe", params] = line
        elif method == "resources/unsubscribe":
            self._kept.pop(("resources/subscribe", params), None)

    async def end(self) -> None:
        """Ends the session at the gateway."""
        if self._news is not None:
            self._news.cancel()
        if self._session is not None:
            with suppress(Fault, TimeoutError):
                async with asyncio.timeout(LAST_WORDS):
                    await self._endpoint.delete(self._headers())

    # One request ----------------------------------------------------------------------------------------------------

    async def _forward(self, line: bytes, ids: Ids, method: str) -> None:
        left = set(ids)
        try:
            known = METHODS.get(method)
            answer = await self._post(line, safe=known is not None and known.safe)
            try:
                await self._relay(answer, left)
            finally:
                answer.close()
        except Fault as fault:
            said = fault.message
            self._fail(left, lambda each: jsonrpc.error_response(each, faults.INTERNAL, said))
        finally:
            self._cancelled -= ids

    async def _relay(self, answer: HttpAnswer, left: set[bytes]) -> None:
        if is_stream(answer):
            await self._stream(answer, left)
        elif answer.status == 200 and is_json(answer):
            left.clear()
            self._lines.write(one_line(answer.body))
        elif answer.status != 202:
            self._fail(left, lambda each: self._endpoint.refusal(answer, each))

    async def _stream(self, answer: HttpAnswer, left: set[bytes]) -> None:
        """Until every response came; a stream that breaks is taken up where it broke."""
        last, pause = None, FIRST_PAUSE
        for _ in range(RESUMES):
            with suppress(UpstreamFailed):
                async for event in events(answer):
                    last = event.id or last
                    pause = pause if event.retry is None else min(event.retry / 1000, LAST_PAUSE)
                    if event.data:
                        self._heard(event.data, left)
                        await self._lines.room()
            if not left - self._cancelled:
                return
            if last is None:
                break
            answer.close()
            await asyncio.sleep(pause)
            answer = await self._endpoint.get([*self._headers(), ("Last-Event-ID", last)])
            if not is_stream(answer):
                break
        raise UpstreamFailed(
            f"{self._endpoint.name} ended the stream before it answered; whether the call was carried out is not known"
        )

    def _heard(self, data: bytes, left: set[bytes]) -> None:
        """One event: written as it is. Responses strike their ids off."""
        if data.lstrip()[:1] == b"[":
            left.clear()
        else:
            message = parsed(data)
            if message is None:
                return
            if not isinstance(message.method, str) and isinstance(message.id, msgspec.Raw):
                left.discard(bytes(message.id))
        self._lines.write(one_line(data))

    def _fail(self, left: Iterable[bytes], error: Callable[[bytes], bytes]) -> None:
        for request_id in sorted(left):
            if request_id not in self._cancelled:
                self._lines.write(error(request_id))

    # The session ----------------------------------------------------------------------------------------------------

    def _headers(self) -> list[Header]:
        headers: list[Header] = []
        if self._session is not None:
            headers.append(("Mcp-Session-Id", self._session))
        if self._version is not None:
            headers.append(("MCP-Protocol-Version", self._version))
        return headers

    async def _post(self, line: bytes, *, safe: bool = False) -> HttpAnswer:
        """Posts within the session; one that the gateway no longer knows is begun anew, and the message sent again:
        a message that met no session was not acted upon."""
        renewals = self._renewals
        answer = await self._endpoint.post(line, self._headers(), safe=safe)
        if answer.status != 404 or self._session is None:
            return answer
        answer.close()
        await self._renew(renewals)
        return await self._endpoint.post(line, self._headers(), safe=safe)

    async def _shake(self, request_id: bytes) -> tuple[HttpAnswer, bytes]:
        """Sends `initialize`. Returns the answer and the response in it, which is empty when there is none."""
        self._session = self._version = None
        line = b"".join((b'{"jsonrpc":"2.0","id":', request_id, b',"method":"initialize","params":'))
        answer = await self._endpoint.post(line + (self._handshake or b"{}") + b"}", ())
        try:
            body = await _response(answer)
        finally:
            answer.close()
        message = parsed(body) if body else None
        if message is not None and isinstance(message.result, msgspec.Raw):
            self._session = answer.headers.get("mcp-session-id")
            self._version = jsonrpc.text(jsonrpc.fields(message.result, "result").get("protocolVersion"))
        return answer, body

    async def _renew(self, seen: int) -> None:
        """Begins the session anew, once for all who found it lost. Raises UpstreamFailed."""
        async with self._renewing:
            if self._renewals != seen:
                return
            former = self._version
            answer, body = await self._shake(b'"bridge-initialize"')
            if self._version is None or self._version != former:
                said = "it no longer speaks the version that was agreed on" if body else f"HTTP {answer.status}"
                raise UpstreamFailed(f"{self._endpoint.name} lost the session, and a new one failed: {said}")
            self._renewals += 1
            for line in (INITIALIZED, *self._kept.values()):
                (await self._endpoint.post(line, self._headers())).close()
            self._open_news()

    # News -----------------------------------------------------------------------------------------------------------

    def _open_news(self) -> None:
        if self._news is None or self._news.done():
            self._news = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        """The stand-alone stream, opened again whenever it ends, from where it ended; until the gateway has none."""
        last: str | None = None
        pause = FIRST_PAUSE
        while True:
            renewals = self._renewals
            with suppress(Fault):
                resume: list[Header] = [] if last is None else [("Last-Event-ID", last)]
                answer = await self._endpoint.get([*self._headers(), *resume])
                try:
                    if answer.status == 404 and self._session is not None:
                        last = None
                        await self._renew(renewals)
                    elif answer.status == 400 and last is not None:
                        last = None
                    elif not is_stream(answer) and answer.status < 500:
                        return
                    async for event in events(answer):
                        pause, last = FIRST_PAUSE, event.id or last
                        if event.data:
                            self._heard(event.data, set())
                            await self._lines.room()
                finally:
                    answer.close()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LAST_PAUSE)


async def _response(answer: HttpAnswer) -> bytes:
    """The response message, alone or at the end of a stream; empty when the answer is something else."""
    if is_stream(answer):
        async for event in events(answer):
            message = parsed(event.data) if event.data else None
            if message is not None and not isinstance(message.method, str):
                return event.data
        return b""
    return answer.body if answer.status == 200 and is_json(answer) else b""
