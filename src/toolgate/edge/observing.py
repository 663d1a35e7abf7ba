"""What operators look at over HTTP: health, metrics, and the records of calls. Health is for everybody, the rest asks
for a key: a caller sees its own records, an observer the metrics and everyone's."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from typing import Protocol
from urllib.parse import parse_qs

import msgspec

from toolgate.edge.answering import fault_answer
from toolgate.edge.endpoint import bearer
from toolgate.edge.exchange import EVENT_STREAM
from toolgate.edge.guards import Guards
from toolgate.edge.health import Health
from toolgate.edge.request import JSON, Header, Request, Responder
from toolgate.model.call import Era
from toolgate.model.errors import Denied, Fault
from toolgate.model.identity import Credential, Principal
from toolgate.model.records import CallRecord
from toolgate.pipeline.front_door import FrontDoor
from toolgate.pipeline.visible import outside_networks
from toolgate.protocol import sse
from toolgate.rules.redaction import safe_json

_TEXT: Header = (b"content-type", b"text/plain; charset=utf-8")
MOST = 1000


class Exposed(Protocol):
    """The metrics, as text for the given Accept header. Takes some milliseconds, and may be asked on any thread."""

    def expose(self, accept: str = "", /) -> tuple[bytes, str]: ...


class Batch(Protocol):
    """Records, oldest first, and how many before them the follower was too slow for."""

    @property
    def records(self) -> tuple[CallRecord, ...]: ...

    @property
    def missed(self) -> int: ...


class Records(Protocol):
    """The records that were written lately, and those that are still to come, as far as a viewer may see them."""

    def snapshot(self, viewer: Principal, /, *, limit: int) -> tuple[CallRecord, ...]: ...

    def follow(
        self, viewer: Callable[[], Principal | None], /, *, backlog: int
    ) -> AbstractContextManager[AsyncIterator[Batch]]: ...


class Observing:
    """Routes that are no MCP."""

    def __init__(self, door: FrontDoor, health: Health, metrics: Exposed, records: Records) -> None:
        self._door = door
        self._health = health
        self._metrics = metrics
        self._records = records
        self.guards: Guards | None = None

    async def health(self, request: Request, responder: Responder, query: str) -> None:
        """`/livez`, `/healthz`, `/readyz`; details only for observers."""
        details = False
        if "verbose" in query:
            try:
                details = (await self._door.identify(bearer(request))).observer
            except Fault:
                details = False
        answer = self._health.answer(request.path, query, details=details)
        if answer is None or request.method not in ("GET", "HEAD"):
            responder.reply(405, (_TEXT, (b"allow", b"GET")), b"")
            return
        headers = tuple((name.encode(), value.encode()) for name, value in answer.headers)
        responder.reply(answer.status, headers, b"" if request.method == "HEAD" else answer.body)

    async def metrics(self, request: Request, responder: Responder, query: str) -> None:
        """`/metrics`, for observers."""
        principal = await self._viewer(request, responder)
        if principal is None:
            return
        if not principal.observer:
            _refuse(responder, Denied(f"{principal.id} may not read the metrics: declare its key with `observe: true`"))
            return
        body, kind = await asyncio.to_thread(self._metrics.expose, request.header(b"accept") or "")
        responder.reply(200, ((b"content-type", kind.encode()),), body)

    async def calls(self, request: Request, responder: Responder, query: str) -> None:
        """`/api/v1/calls`: the last records (`limit`), or with `follow` a stream of them as they come."""
        principal = await self._viewer(request, responder)
        if principal is None:
            return
        asked = parse_qs(query[:1000], keep_blank_values=True)
        limit = min(MOST, _number(asked.get("limit", ["100"])[-1]))
        if "follow" in asked:
            await self._follow(bearer(request), responder, limit)
            return
        calls = [_plain(record) for record in self._records.snapshot(principal, limit=limit)]
        responder.reply(200, (JSON,), safe_json(msgspec.json.encode({"calls": calls})))

    async def _follow(self, credential: Credential, responder: Responder, backlog: int) -> None:
        """Streams until either side ends. Records wait in the bounded following while the client does not read."""
        task = asyncio.current_task()
        reading = asyncio.Event()
        reading.set()
        responder.watch(None if task is None else lambda: _cancel(task), reading.set)
        with self._records.follow(lambda: self._still(credential), backlog=backlog) as following:
            responder.start(200, EVENT_STREAM)
            responder.write(sse.COMMENT)
            async for batch in following:
                for record in batch.records:
                    responder.write(sse.frame(safe_json(msgspec.json.encode(_plain(record)))))
                if batch.missed:
                    responder.write(b": %d records missed\n\n" % batch.missed)
                if responder.paused:
                    reading.clear()
                    await reading.wait()
        responder.end()

    def _still(self, credential: Credential) -> Principal | None:
        """Who holds this credential by the snapshot of now: authenticators answer at once, so one step runs them."""
        identify = self._door.identify(credential)
        try:
            identify.send(None)
        except StopIteration as done:
            return done.value
        except Fault:
            return None
        identify.close()
        return None

    async def _viewer(self, request: Request, responder: Responder) -> Principal | None:
        refused = None if self.guards is None else self.guards.check(request)
        if refused is not None:
            responder.reply(refused.status, (_TEXT,), refused.reason.encode())
            return None
        try:
            if self.guards is not None:
                self.guards.place(request)
            principal = await self._door.identify(bearer(request))
            outside = outside_networks(principal, request.client)
            if outside is not None:
                raise outside
            return principal
        except Fault as fault:
            _refuse(responder, fault)
            return None


def _refuse(responder: Responder, fault: Fault) -> None:
    status, body, headers = fault_answer(fault, None, Era.MODERN)
    responder.reply(status, (JSON, *headers), body)


def _cancel(task: "asyncio.Task[object]") -> None:
    task.cancel()


def _plain(record: CallRecord) -> dict[str, object]:
    """A record as JSON has it: the client as the object that it is."""
    fields: dict[str, object] = msgspec.structs.asdict(record)
    fields["client"] = msgspec.Raw(record.client) if record.client else None
    return fields


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 100
