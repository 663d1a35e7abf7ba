"""Lines of one client to the gateway elsewhere, and its messages back."""

import asyncio
from contextlib import AsyncExitStack

import msgspec

from toolgate.cli.bridge.legacy import Legacy
from toolgate.cli.bridge.modern import LISTEN, Modern
from toolgate.cli.bridge.remote import Endpoint, Remote
from toolgate.cli.stopping import Stopping
from toolgate.edge.lines import TOO_LONG, Lines
from toolgate.model.errors import BadRequest, Fault
from toolgate.protocol import envelope, faults, jsonrpc
from toolgate.protocol.jsonrpc import Message

DRAIN = 10.0
"""Seconds that requests under way may take once the client has ended."""

_LAST_WORDS = 2.0


async def forward(remote: Remote, source: int, sink: int, limit: int) -> None:
    """Until the client closes `source`. Raises ConfigError for a remote that cannot be one."""
    endpoint = Endpoint(remote)
    lines = Lines(source, sink, limit)
    with Stopping() as stopping:
        stopping.calls(lines.end_reading, lambda: None)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(lines.close, _LAST_WORDS)
            stack.push_async_callback(endpoint.close)
            await Bridge(endpoint, lines).run()


class Bridge:
    """Tells the eras apart, message by message, as a gateway's own stdio does."""

    def __init__(self, endpoint: Endpoint, lines: Lines) -> None:
        self._lines = lines
        self._modern = Modern(endpoint, lines)
        self._legacy = Legacy(endpoint, lines)
        self._listening: set[bytes] = set()

    async def run(self) -> None:
        while (line := await self._lines.next()) is not None:
            if line.strip():
                await self._take(line)
            await self._lines.room()
        for request_id in self._listening:
            self._modern.cancel(request_id)
        await self._drain({*self._modern.running.values(), *self._legacy.running})
        await self._legacy.end()

    async def _drain(self, running: set["asyncio.Task[None]"]) -> None:
        """Requests under way may end, while there is somebody to be told."""
        if running:
            done = asyncio.ensure_future(asyncio.wait(running))
            lost = asyncio.ensure_future(self._lines.lost.wait())
            await asyncio.wait((done, lost), timeout=DRAIN, return_when=asyncio.FIRST_COMPLETED)
            for task in (done, lost, *running):
                task.cancel()

    async def _take(self, line: bytes) -> None:
        request_id: bytes | None = None
        try:
            if line is TOO_LONG:
                raise BadRequest("the message is too large")
            if line.lstrip()[:1] == b"[":
                self._batch(line)
                return
            message = jsonrpc.decode(line)
            if isinstance(message.method, str):
                request_id = jsonrpc.request_id(message)
            await self._message(line, message, request_id)
        except Fault as fault:
            self._lines.write(jsonrpc.error_response(request_id, faults.wire(fault).code, fault.message))

    async def _message(self, line: bytes, message: Message, request_id: bytes | None) -> None:
        if request_id is None:
            if message.method == "notifications/initialized":
                await self._legacy.initialized(line)
            elif not self._cancels(message):
                self._legacy.notified(line, message)
            return
        method = str(message.method)
        params = jsonrpc.fields(message.params)
        if envelope.claimed_version(params) is not None:
            if request_id in self._modern.running:
                raise BadRequest("this request id is in use by a call that still runs")
            if method == LISTEN:
                self._listening.add(request_id)
            self._modern.begin(line, message, params, request_id)
        elif method == "initialize":
            await self._legacy.initialize(message, request_id)
        else:
            raw = bytes(message.params) if isinstance(message.params, msgspec.Raw) else b""
            self._legacy.remember(method, raw, line)
            self._legacy.begin(line, frozenset((request_id,)), method)

    def _batch(self, line: bytes) -> None:
        """A batch (2025-03-26) goes as it is; whether it may, the gateway says."""
        messages = [jsonrpc.decode(body) for body in jsonrpc.split_batch(line)]
        ids = (jsonrpc.request_id(each) for each in messages if isinstance(each.method, str))
        self._legacy.begin(line, frozenset(each for each in ids if each is not None), "")

    def _cancels(self, message: Message) -> bool:
        """Whether a notification took one of the modern requests back."""
        if message.method != "notifications/cancelled":
            return False
        target = jsonrpc.fields(message.params).get("requestId")
        if target is None:
            return False
        self._listening.discard(bytes(target))
        return self._modern.cancel(bytes(target))
