"""Functions as a server: which tools there are, calls to them, and newer code taking the place of older."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from toolgate import __version__
from toolgate.functions import keeping, wire
from toolgate.model.call import Era, Notification, Outbound, Result
from toolgate.model.catalog import Change, ChangeKind, Discovery, Offer, OfferKind
from toolgate.model.errors import BadRequest, UpstreamError, UpstreamFailed
from toolgate.model.identity import Grant, Principal
from toolgate.pipeline.announcements import Announcements
from toolgate.ports import Caller
from toolgate.protocol import jsonrpc, relay
from toolgate.protocol.faults import INVALID_PARAMS, METHOD_NOT_FOUND
from toolgate.protocol.versions import SERVED
from toolgate.rules import callers
from toolgate.upstreams.functions.crew import Crew
from toolgate.upstreams.functions.process import Heard, Lost, Program, Worker

log = logging.getLogger(__name__)

_ERAS = frozenset({Era.MODERN.value, Era.LEGACY.value})
_INFO = msgspec.json.encode({"name": "functions", "title": "Python functions", "version": __version__})
_ALIVE = b'{"resultType":"complete"}'
_NOBODY = wire.Who()


class FunctionServer:
    """Answers in the form of the modern era, which the edges turn into the older ones."""

    def __init__(self, name: str, program: Program, size: int, *, watched: bool) -> None:
        """`watched` says that `reload` is called when files change."""
        self._name = name
        self._program = program
        self._size = size
        self._announcements = Announcements()
        self._crew: Crew | None = None
        self._former: dict[Crew, asyncio.Task[None]] = {}
        self._starting = asyncio.Lock()
        self._tools: dict[str, wire.Tool] = {}
        self._files: frozenset[str] = frozenset()
        self._about = ""
        self._refused: str | None = None
        self._watched = watched
        self._kept: dict[str, bytes] = {}

    # The port --------------------------------------------------------------------------------------------------------

    async def discover(self, grant: Grant, /) -> Discovery:
        """Raises UpstreamFailed while the code does not load."""
        crew = await self._begun()
        if not crew.serving and crew.failure is not None:
            raise crew.failure
        offers = tuple(
            Offer(OfferKind.TOOL, tool.name, jsonrpc.fields(tool.definition)) for tool in self._tools.values()
        )
        capabilities = b'{"tools":{"listChanged":true},"logging":{}}'
        return Discovery(_ERAS, SERVED, capabilities, _INFO, self._about or None, offers, warning=self._refused)

    async def call(self, out: Outbound, caller: Caller, /) -> Result:
        crew = await self._begun()
        if out.method == "server/discover":  # a probe, which asks whether it is there
            if not crew.serving and crew.failure is not None:
                raise crew.failure
            return Result(_ALIVE, Era.MODERN)
        if out.method != "tools/call":
            raise UpstreamError(METHOD_NOT_FOUND, f"functions have no {out.method[:100]}")
        name = jsonrpc.text(out.params.get("name")) or ""
        tool = self._tools.get(name)
        if tool is None:
            raise UpstreamError(INVALID_PARAMS, f"unknown tool: {name[:100]}")
        try:
            return await self._called(tool, out, caller)
        except Lost as lost:
            if not tool.repeatable:
                raise UpstreamFailed(self._told(name, lost)) from None
        log.info("server %r: %s is called again, because its worker ended under it", self._name, name)
        try:
            return await self._called(tool, out, caller)
        except Lost as lost:
            raise UpstreamFailed(self._told(name, lost)) from None

    def changes(self, grant: Grant, /) -> AsyncIterator[Change]:
        return self._announcements.follow()

    async def watch(self, uris: frozenset[str], /) -> None:
        """There are no resources."""

    # Newer code ------------------------------------------------------------------------------------------------------

    def concerns(self, file: str) -> bool:
        """Whether a change of a file of this name, beside the code, is one of the tools. While the code does not load,
        any may mend it."""
        return not self._files or self._refused is not None or file in self._files

    async def reload(self) -> None:
        """Loads the code anew. What does not load changes nothing: the former goes on, and it is said why."""
        async with self._starting:
            former = self._crew
            try:
                worker = await Worker.start(self._program)
            except UpstreamFailed as failure:
                if former is None:
                    log.warning("%s", failure.message)
                    return
                self._refuse(failure)
                return
            self._take(worker)
            self._accept()
            log.info("server %r: the changed code is in force", self._name)
            if former is not None:
                self._former[former] = task = asyncio.create_task(former.retire(), name=f"former {self._name}")
                task.add_done_callback(lambda _: self._former.pop(former, None))

    async def close(self) -> None:
        self._announcements.end()
        for task in list(self._former.values()):
            task.cancel()
        crews = [*self._former, *([] if self._crew is None else [self._crew])]
        await asyncio.gather(*(crew.close() for crew in crews))

    async def _begun(self) -> Crew:
        if self._crew is not None:
            return self._crew
        async with self._starting:
            if self._crew is None:
                self._take(await Worker.start(self._program))
            assert self._crew is not None
            return self._crew

    def _take(self, worker: Worker) -> None:
        assert worker.ready is not None
        self._kept = worker.ready.sources
        crew: Crew

        def loaded(ready: wire.Ready) -> None:
            if self._crew is crew:
                self._learn(ready)

        self._crew = crew = Crew(self._name, worker, self._again, self._size, self._program.start.concurrency, loaded)
        self._learn(worker.ready)

    async def _again(self) -> Worker:
        """A worker in the place of one that ended: of the former code, while changed code is refused. Raises
        UpstreamFailed."""
        folder = self._program.cwd
        if self._refused is None or not self._watched or not self._kept:
            try:
                worker = await Worker.start(self._program)
            except UpstreamFailed as failure:
                if not self._kept or not await asyncio.to_thread(keeping.differs, folder, self._kept):
                    raise
                self._refuse(failure)
            else:
                self._accept()
                return worker
        start = msgspec.structs.replace(self._program.start, sources=self._kept)
        return await Worker.start(msgspec.structs.replace(self._program, start=start))

    def _refuse(self, failure: UpstreamFailed) -> None:
        why = failure.message.removeprefix(f"server {self._name!r}: ")
        refused = f"changed code is refused, the former goes on: {why}"
        if refused == self._refused:
            return
        self._refused = refused
        log.error("server %r: %s", self._name, refused)
        self._announcements.announce(Change(ChangeKind.LISTS))

    def _accept(self) -> None:
        if self._refused is not None:
            self._refused = None
            self._announcements.announce(Change(ChangeKind.LISTS))

    def _learn(self, ready: wire.Ready) -> None:
        tools = {tool.name: tool for tool in ready.tools}
        self._files = frozenset(ready.files)
        if (tools, ready.about) != (self._tools, self._about):
            self._tools, self._about = tools, ready.about
            self._announcements.announce(Change(ChangeKind.LISTS))

    # Calls -----------------------------------------------------------------------------------------------------------

    async def _called(self, tool: wire.Tool, out: Outbound, caller: Caller) -> Result:
        assert self._crew is not None
        arguments = bytes(out.params.get("arguments", b"{}"))
        token = out.envelope.progress_token
        heard = _heard(out, caller)
        worker = await self._crew.take()
        answer = await worker.call(tool, arguments, out.id, _who(out.principal), heard, progress=token is not None)
        try:
            jsonrpc.fields(answer.body)
        except BadRequest:
            raise UpstreamFailed(f"server {self._name!r}: what {tool.name} answered is no JSON object") from None
        return Result(answer.body, Era.MODERN, answer.failed)

    def _told(self, name: str, lost: Lost) -> str:
        return f"server {self._name!r}: the worker {lost} while it ran {name}: it is not known how much of it was done"


def _who(principal: Principal | None) -> wire.Who:
    if principal is None:
        return _NOBODY
    known = callers.certain(principal)
    return wire.Who(
        known["id"], known["name"], known["owner"], known["user"], known["team"], principal.teams, known["cost_center"]
    )


def _heard(out: Outbound, caller: Caller) -> Heard:
    envelope = out.envelope

    def hear(message: wire.Progress | wire.Note) -> None:
        if isinstance(message, wire.Progress):
            if envelope.progress_token is None:
                return
            told: dict[str, Any] = {"progressToken": envelope.progress_token, "progress": message.done}
            if message.total is not None:
                told["total"] = message.total
            if message.message is not None:
                told["message"] = message.message
            caller.notify(Notification(relay.PROGRESS, jsonrpc.encode(told)))
            return
        fields = {"level": jsonrpc.encode_raw(message.level), "data": jsonrpc.encode_raw(message.text)}
        if relay.wanted(fields, envelope):
            caller.notify(Notification(relay.MESSAGE, jsonrpc.encode(fields)))

    return hear
