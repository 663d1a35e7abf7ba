"""A gRPC server as a server: its unary methods are tools."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, cast

import msgspec

from toolgate import __version__
from toolgate.model.call import Era, Outbound, Result
from toolgate.model.catalog import Change, Discovery
from toolgate.model.declared import ServerSpec
from toolgate.model.errors import ParseFailed, UpstreamError, UpstreamFailed
from toolgate.model.identity import Grant
from toolgate.pipeline.announcements import Announcements
from toolgate.ports import Caller
from toolgate.protocol import jsonrpc
from toolgate.protocol.faults import INVALID_PARAMS, METHOD_NOT_FOUND
from toolgate.protocol.versions import SERVED
from toolgate.rules.redaction import printable
from toolgate.upstreams.grpc import methods, results, schemas
from toolgate.upstreams.grpc.channel import Channel
from toolgate.upstreams.grpc.library import factory, json_format, messages
from toolgate.upstreams.grpc.methods import Method
from toolgate.upstreams.grpc.reflection import Reflection
from toolgate.upstreams.grpc.results import Scrub
from toolgate.upstreams.grpc.settings import Settings
from toolgate.upstreams.grpc.trouble import Trouble

_LARGE = 256 * 1024
"""Bytes of an answer from which on it is read in a thread: other calls go on meanwhile."""


class Known(msgspec.Struct, frozen=True):
    """What was found last: the chosen methods by tool name, and the pool of their types."""

    pool: Any
    tools: dict[str, Method]


class GrpcServer:
    """Answers in the form of the modern era, which the edges turn into the older ones."""

    def __init__(self, spec: ServerSpec, settings: Settings, channel: Channel, scrub: Scrub) -> None:
        self._spec = spec
        self._settings = settings
        self._channel = channel
        self._scrub = scrub
        self._reflection = Reflection(spec.name, channel, spec.max_bytes)
        self._announcements = Announcements()
        self._known: Known | None = None
        self._finding = asyncio.Lock()

    async def discover(self, grant: Grant, /) -> Discovery:
        """Asks the server to describe itself anew."""
        known = self._known = await self._found()
        eras = frozenset({Era.MODERN.value, Era.LEGACY.value})
        info = jsonrpc.encode({"name": "grpc", "title": self._settings.target, "version": __version__})
        offers = methods.offers(known.tools, self._settings)
        return Discovery(eras, SERVED, b'{"tools":{}}', info, None, offers)

    async def call(self, out: Outbound, caller: Caller, /) -> Result:
        if out.method in ("server/discover", "ping"):
            await self._probed()
            return Result(b'{"resultType":"complete"}', Era.MODERN)
        if out.method != "tools/call":
            raise UpstreamError(METHOD_NOT_FOUND, f"a gRPC server has no {out.method[:100]}")
        async with self._finding:
            known = self._known = self._known or await self._found()
        name = jsonrpc.text(out.params.get("name")) or ""
        method = known.tools.get(name)
        if method is None:
            raise UpstreamError(INVALID_PARAMS, f"unknown tool: {name[:100]}")
        try:
            return results.structured(await self._told(known.pool, method, out), self._scrub)
        except Trouble as trouble:
            return results.refused(f"{name}: {trouble.message}", self._scrub)

    def changes(self, grant: Grant, /) -> AsyncIterator[Change]:
        """A gRPC server announces nothing: it is asked now and then."""
        return self._announcements.follow()

    async def watch(self, uris: frozenset[str], /) -> None:
        """There are no resources."""

    async def close(self) -> None:
        self._announcements.end()
        await self._channel.close()

    async def _found(self) -> Known:
        try:
            described = await self._reflection.described()
        except Trouble as trouble:
            raise UpstreamFailed(f"server {self._spec.name!r}: {trouble.message}") from None
        return Known(described.pool, methods.chosen(described, self._settings, self._spec.name))

    async def _probed(self) -> None:
        try:
            await self._reflection.names()
        except Trouble as trouble:
            raise UpstreamFailed(f"server {self._spec.name!r}: {trouble.message}") from None

    async def _told(self, pool: Any, method: Method, out: Outbound) -> dict[str, Any]:
        request = _written(pool, method, out.params.get("arguments", msgspec.Raw(b"{}")))
        seconds = max(0.01, min(self._spec.timeout, out.deadline - time.perf_counter()))
        answer = await self._channel.unary(method.path, request, seconds)
        if len(answer) > _LARGE:
            return await asyncio.to_thread(self._shown, pool, method, answer)
        return self._shown(pool, method, answer)

    def _shown(self, pool: Any, method: Method, answer: bytes) -> dict[str, Any]:
        try:
            message = factory.GetMessageClass(method.answers).FromString(answer)
            told: Any = json_format.MessageToDict(message, descriptor_pool=pool)
        except messages.DecodeError:
            raise UpstreamFailed(f"server {self._spec.name!r} answered {method.full} with another message") from None
        except (json_format.Error, ValueError, TypeError, RecursionError) as error:
            raise Trouble(f"its answer has no form in JSON: {printable(str(error))[:200]}") from None
        members = {schemas.VALUE: told} if schemas.is_value(method.answers) else cast("dict[str, Any]", told)
        return results.capped(members, self._settings.result_bytes)


def _written(pool: Any, method: Method, raw: msgspec.Raw) -> bytes:
    """The request as protobuf. Raises Trouble for arguments that do not fit."""
    try:
        jsonrpc.check_depth(bytes(raw))
        given = msgspec.json.decode(raw, type=dict[str, Any])
        value = given.get(schemas.VALUE) if schemas.is_value(method.given) else given
        message = factory.GetMessageClass(method.given)()
        return json_format.ParseDict(value, message, descriptor_pool=pool).SerializeToString()
    except (msgspec.DecodeError, ParseFailed):
        raise Trouble("arguments: expected an object") from None
    except messages.EncodeError as error:
        raise Trouble(f"arguments: {printable(str(error))[:300]}") from None
    except (json_format.Error, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Trouble(f"arguments: {printable(' '.join(str(error).split()))[:300]}") from None
