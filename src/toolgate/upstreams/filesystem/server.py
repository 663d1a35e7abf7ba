"""The kind's Upstream: what is asked of it is done in threads, and answered in the form of the modern era."""

import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import msgspec

from toolgate import __version__
from toolgate.model.call import Era, Outbound, Result
from toolgate.model.catalog import Change, Discovery, Offer, OfferKind
from toolgate.model.errors import Cancelled, UpstreamError, UpstreamFailed
from toolgate.model.identity import Grant
from toolgate.pipeline.announcements import Announcements
from toolgate.ports import Caller
from toolgate.protocol import bridge, jsonrpc
from toolgate.protocol.faults import INVALID_PARAMS
from toolgate.protocol.versions import SERVED
from toolgate.upstreams.filesystem import resources
from toolgate.upstreams.filesystem.failures import Failure, Missing, Stopped
from toolgate.upstreams.filesystem.tools import offered
from toolgate.upstreams.filesystem.tools.tool import Desk, Json, Tool, said
from toolgate.upstreams.filesystem.watching import Watching
from toolgate.upstreams.filesystem.workers import Pulse, Workers

_INFO = msgspec.json.encode({"name": "filesystem", "title": "Toolgate's file server", "version": __version__})
_CAPABILITIES = msgspec.json.encode(
    {"tools": {"listChanged": True}, "resources": {"listChanged": True, "subscribe": True}}
)
_DISCOVERY_SECONDS = 30.0


class FileServer:
    def __init__(self, name: str, desk: Desk, workers: Workers) -> None:
        self._name = name
        self._desk = desk
        self._workers = workers
        self._announcements = Announcements()
        self._tools = offered(desk.settings)
        self.watching = Watching(desk, workers, self._announcements)

    async def discover(self, grant: Grant, /) -> Discovery:
        pulse = Pulse(time.perf_counter() + _DISCOVERY_SECONDS)
        found = await self._workers.run(self._resources, pulse, long=True)
        offers = [_offer(OfferKind.TOOL, tool.name, tool.definition()) for tool in self._tools.values()]
        offers += [_offer(OfferKind.RESOURCE, one["uri"], one) for one in found]
        offers.append(_offer(OfferKind.TEMPLATE, resources.TEMPLATE, resources.TEMPLATE_DEFINITION))
        eras = frozenset({Era.MODERN.value, Era.LEGACY.value})
        return Discovery(eras, SERVED, _CAPABILITIES, _INFO, self._instructions(), tuple(offers))

    async def call(self, out: Outbound, caller: Caller, /) -> Result:
        if out.method == "resources/read":
            return await self._read(out)
        name = jsonrpc.text(out.params.get("name")) or ""
        tool = self._tools.get(name) if out.method == "tools/call" else None
        if tool is None:
            raise UpstreamError(INVALID_PARAMS, f"unknown tool: {name[:100]}")
        pulse = Pulse(out.deadline)
        work = partial(_perform, self._desk, tool, out.params.get("arguments"), pulse)
        body, failed = await self._run(work, pulse, long=tool.long)
        return Result(body, Era.MODERN, failed)

    def changes(self, grant: Grant, /) -> AsyncIterator[Change]:
        return self._announcements.follow()

    async def watch(self, uris: frozenset[str], /) -> None:
        await self.watching.watch(uris)

    def close(self) -> None:
        self._announcements.end()

    async def _read(self, out: Outbound) -> Result:
        uri = jsonrpc.text(out.params.get("uri")) or ""
        pulse = Pulse(out.deadline)

        def work() -> bytes:
            return jsonrpc.encode({"resultType": "complete", **resources.read(self._desk, uri, pulse)})

        try:
            return Result(await self._run(work, pulse, long=True), Era.MODERN)
        except Failure as failure:
            data = jsonrpc.encode_raw({"uri": uri}) if isinstance(failure, Missing) else msgspec.UNSET
            fault = bridge.translate_error(jsonrpc.ErrorBody(INVALID_PARAMS, str(failure), data), out, Era.MODERN)
            assert isinstance(fault, UpstreamError)
            raise fault from None

    async def _run(self, work: Any, pulse: Pulse, *, long: bool) -> Any:
        try:
            return await self._workers.run(work, pulse, long=long)
        except Stopped:
            raise Cancelled("the call was taken back") from None

    def _resources(self) -> list[Json]:
        """Raises UpstreamFailed where a root is not there any more."""
        try:
            self._desk.files.refresh()
            return resources.listed(self._desk.files) if self._desk.settings.max_resources else []
        except (OSError, Failure) as error:
            why = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
            raise UpstreamFailed(f"server {self._name!r}: a directory that it serves cannot be read: {why}") from None

    def _instructions(self) -> str:
        roots = self._desk.places.roots
        names = ", ".join(f"{root.alias} ({'writable' if root.writable else 'read-only'})" for root in roots)
        how = "Paths are relative to it" if len(roots) == 1 else "Paths begin with one of these names"
        return f"Files of: {names}. {how}, and are separated by `/`."


def _offer(kind: OfferKind, name: str, definition: Json) -> Offer:
    return Offer(kind, name, {key: jsonrpc.encode_raw(value) for key, value in definition.items()})


def _perform(desk: Desk, tool: Tool, arguments: msgspec.Raw | None, pulse: Pulse) -> tuple[bytes, bool]:
    """One tool call as the body of its result, and whether that is an error."""
    pulse.check()
    try:
        asked = msgspec.json.decode(b"{}" if arguments is None else arguments, type=tool.arguments)
        answer = tool.run(desk, asked, pulse)
    except (Failure, msgspec.DecodeError, UnicodeDecodeError) as error:
        failed = {"resultType": "complete", "content": [said(f"{tool.name}: {error}")], "isError": True}
        return jsonrpc.encode(failed), True
    body: Json = {"resultType": "complete", "content": answer.content}
    if answer.structured is not None:
        body["structuredContent"] = answer.structured
    return jsonrpc.encode(body), False
