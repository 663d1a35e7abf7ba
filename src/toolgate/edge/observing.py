"""What operators look at over HTTP: health, metrics, and the records of calls. Health is for everybody, the rest asks
for a key: a caller sees its own records, an observer the metrics and everyone's, and who may read the audit sees
everyone's records, too."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Protocol
from urllib.parse import parse_qsl

import msgspec

from toolgate.edge.answering import Answered
from toolgate.edge.endpoint import bearer
from toolgate.edge.exchange import EVENT_STREAM
from toolgate.edge.guards import Guards
from toolgate.edge.health import Health
from toolgate.edge.request import JSON, Header, Request, Responder
from toolgate.model.errors import Denied, Fault
from toolgate.model.identity import Principal
from toolgate.model.records import AUDIT_LOG, CallRecord
from toolgate.pipeline.front_door import FrontDoor
from toolgate.pipeline.visible import outside_networks
from toolgate.protocol import sse
from toolgate.rules.redaction import safe_json

_TEXT: Header = (b"content-type", b"text/plain; charset=utf-8")
_NO_STORE: Header = (b"cache-control", b"no-store")
MOST = 1000
SHOWN = 100
"""Records where nothing was said."""

AGAIN_S = 1.0
"""Seconds after which a follower's permission is looked up again."""

_FIELDS = frozenset({"limit", "follow"})

audit = logging.getLogger(AUDIT_LOG)

SeesAll = Callable[[Principal], Awaitable[bool]]
"""Whether a principal may read every caller's records by what it holds in the control plane."""


class Refusals(Protocol):
    """How the API says no."""

    def fault(self, fault: Fault, /) -> Answered: ...

    def wrong(self, status: int, detail: str, headers: tuple[Header, ...] = (), /) -> Answered: ...


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

    def __init__(
        self,
        door: FrontDoor,
        health: Health,
        metrics: Exposed,
        records: Records,
        refusals: Refusals,
        sees_all: SeesAll,
    ) -> None:
        self._door = door
        self._health = health
        self._metrics = metrics
        self._records = records
        self._refusals = refusals
        self._sees_all = sees_all
        self.guards: Guards | None = None

    async def health(self, request: Request, responder: Responder, query: str) -> None:
        """`/livez`, `/healthz`, `/readyz`; details only for observers."""
        details = False
        if "verbose" in query:
            if self.guards is not None:
                self.guards.place(request)
            try:
                details = (await self._identify(request)).observer
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
            denied = Denied(f"{principal.id} may not read the metrics: declare its key with `observe: true`")
            _reply(responder, self._refusals.fault(denied))
            return
        body, kind = await asyncio.to_thread(self._metrics.expose, request.header(b"accept") or "")
        responder.reply(200, ((b"content-type", kind.encode()),), body)

    async def calls(self, request: Request, responder: Responder, query: str) -> None:
        """`/api/v1/calls`: the last records (`limit`), or with `follow` a stream of them as they come."""
        principal = await self._viewer(request, responder)
        if principal is None:
            return
        if request.method != "GET":
            _reply(responder, self._refusals.wrong(405, "This takes GET.", ((b"allow", b"GET"),)))
            return
        try:
            limit, follow = _asked(query)
        except ValueError as wrong:
            _reply(responder, self._refusals.wrong(400, str(wrong)))
            return
        granted = not principal.observer and await self._sees_all(principal)
        if principal.observer or granted:
            how = "follows" if follow else "reads"
            audit.info("%s %s the records of every caller", principal.id, how, extra={"event": "records_read"})
        if follow:
            try:
                await self._follow(request, responder, limit, granted=granted)
            except Fault as fault:
                _reply(responder, self._refusals.fault(fault))
            return
        calls = [_plain(record) for record in self._records.snapshot(_seeing(principal, granted), limit=limit)]
        responder.reply(200, (JSON, _NO_STORE), safe_json(msgspec.json.encode({"calls": calls})))

    async def _follow(self, request: Request, responder: Responder, backlog: int, *, granted: bool) -> None:
        """Streams until either side ends, or what was granted is taken back. Records wait in the bounded following
        while the client does not read. Raises Limited."""
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        reading = asyncio.Event()
        reading.set()
        judged = loop.time()
        with self._records.follow(lambda: self._still(request, granted), backlog=backlog) as following:
            responder.watch(None if task is None else lambda: _cancel(task), reading.set)
            responder.start(200, EVENT_STREAM)
            responder.write(sse.COMMENT)
            async for batch in following:
                if granted and loop.time() - judged > AGAIN_S:
                    now = self._still(request, granted)
                    if now is None or not await self._sees_all(now):
                        break
                    judged = loop.time()
                for record in batch.records:
                    responder.write(sse.frame(safe_json(msgspec.json.encode(_plain(record)))))
                if batch.missed:
                    responder.write(b": %d records missed\n\n" % batch.missed)
                if responder.paused:
                    reading.clear()
                    await reading.wait()
        responder.end()

    def _still(self, request: Request, granted: bool) -> Principal | None:
        """Who holds this credential by the snapshot of now, if it may be used from there: authenticators answer at
        once, so one step runs them."""
        identify = self._identify(request)
        try:
            identify.send(None)
        except StopIteration as done:
            return _seeing(done.value, granted)
        except Fault:
            return None
        identify.close()
        return None

    async def _identify(self, request: Request) -> Principal:
        """Raises Fault."""
        principal = await self._door.identify(bearer(request))
        outside = outside_networks(principal, request.client)
        if outside is not None:
            raise outside
        return principal

    async def _viewer(self, request: Request, responder: Responder) -> Principal | None:
        refused = None if self.guards is None else self.guards.check(request)
        if refused is not None:
            _reply(responder, self._refusals.wrong(refused.status, refused.reason))
            return None
        if self.guards is not None:
            self.guards.place(request)
        try:
            return await self._identify(request)
        except Fault as fault:
            _reply(responder, self._refusals.fault(fault))
            return None


def _reply(responder: Responder, answered: Answered) -> None:
    status, body, headers = answered
    responder.reply(status, headers, body)


def _seeing(principal: Principal, granted: bool) -> Principal:
    return msgspec.structs.replace(principal, observer=True) if granted else principal


def _cancel(task: "asyncio.Task[object]") -> None:
    task.cancel()


def _plain(record: CallRecord) -> dict[str, object]:
    """A record as JSON has it: the client as the object that it is."""
    fields: dict[str, object] = msgspec.structs.asdict(record)
    fields["client"] = msgspec.Raw(record.client) if record.client else None
    return fields


def _asked(query: str) -> tuple[int, bool]:
    """The limit, and whether to follow. Raises ValueError in words for who asked."""
    pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=len(_FIELDS) + 1)
    found = dict(pairs)
    if len(found) != len(pairs) or not found.keys() <= _FIELDS:
        raise ValueError("This takes `limit` and `follow`, each once.")
    limit = found.get("limit", str(SHOWN))
    if not (limit.isascii() and limit.isdigit() and len(limit) < 9 and int(limit) <= MOST):
        raise ValueError(f"`limit` must be a number from 0 to {MOST}.")
    return int(limit), "follow" in found
