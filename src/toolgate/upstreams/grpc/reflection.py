"""What a server says of itself by server reflection (grpc.reflection.v1, and v1alpha where that is not there).

The messages of both are the same; only the names differ. Descriptors are written by a stranger: their number and size
are bounded, and protobuf's own types are our own copies.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import msgspec

from toolgate.model.errors import UpstreamFailed
from toolgate.upstreams.grpc.channel import Channel
from toolgate.upstreams.grpc.library import descriptors, factory, json_format, messages, pools, well_known
from toolgate.upstreams.grpc.trouble import Trouble

logger = logging.getLogger(__name__)

SECONDS = 25.0
"""How long a server may take to describe itself."""

_VERSIONS = ("v1", "v1alpha")
_OWN = "grpc.reflection."
_MOST_SERVICES = 500
_MOST_FILES = 1000


class Described(msgspec.Struct, frozen=True):
    """`services` are descriptors by full name, out of `pool`."""

    pool: Any
    services: dict[str, Any]


class _Missing(Exception):
    """The server has no reflection of this version."""


class _Undescribed(Exception):
    """The server has no answer to this question."""


def _field(name: str, number: int, kind: str, of: str = "", *, many: bool = False) -> dict[str, Any]:
    label = "LABEL_REPEATED" if many else "LABEL_OPTIONAL"
    field = {"name": name, "number": number, "type": f"TYPE_{kind}", "label": label}
    return {**field, "typeName": f".toolgate.reflection.{of}"} if of else field


_FILE: dict[str, Any] = {
    "name": "toolgate/reflection.proto",
    "package": "toolgate.reflection",
    "syntax": "proto3",
    "messageType": [
        {
            "name": "Request",
            "field": [
                _field("file_by_filename", 3, "STRING"),
                _field("file_containing_symbol", 4, "STRING"),
                _field("list_services", 7, "STRING"),
            ],
        },
        {"name": "Files", "field": [_field("file_descriptor_proto", 1, "BYTES", many=True)]},
        {"name": "Service", "field": [_field("name", 1, "STRING")]},
        {"name": "Services", "field": [_field("service", 1, "MESSAGE", "Service", many=True)]},
        {"name": "Error", "field": [_field("error_code", 1, "INT32"), _field("error_message", 2, "STRING")]},
        {
            "name": "Response",
            "field": [
                _field("file_descriptor_response", 4, "MESSAGE", "Files"),
                _field("list_services_response", 6, "MESSAGE", "Services"),
                _field("error_response", 7, "MESSAGE", "Error"),
            ],
        },
    ],
}
"""The members of grpc/reflection/v1/reflection.proto that are used here."""


class Reflection:
    """Asks one server. `most` are the most bytes of all its descriptors together."""

    def __init__(self, server: str, channel: Channel, most: int) -> None:
        self._server = server
        self._channel = channel
        self._most = most
        pool = pools.DescriptorPool()
        pool.Add(json_format.ParseDict(_FILE, descriptors.FileDescriptorProto()))
        self._request = factory.GetMessageClass(pool.FindMessageTypeByName("toolgate.reflection.Request"))
        self._response = factory.GetMessageClass(pool.FindMessageTypeByName("toolgate.reflection.Response"))
        self._version = _VERSIONS[0]

    async def names(self) -> list[str]:
        """The services, without reflection's own. Raises UpstreamFailed or Trouble."""
        return await self._with_version(self._named)

    async def described(self) -> Described:
        """All services, with every type that they use. Raises UpstreamFailed or Trouble."""
        return await self._with_version(self._described)

    async def _with_version(self, ask: Callable[[str], Awaitable[Any]]) -> Any:
        try:
            async with asyncio.timeout(SECONDS):
                for version in (self._version, *(one for one in _VERSIONS if one != self._version)):
                    with suppress(_Missing):
                        found = await ask(f"/{_OWN}{version}.ServerReflection/ServerReflectionInfo")
                        self._version = version
                        return found
        except TimeoutError:
            raise UpstreamFailed(f"server {self._server!r} did not describe itself within {SECONDS:g} s") from None
        raise UpstreamFailed(
            f"server {self._server!r} has no server reflection, by which its methods are found: switch it on there"
        )

    async def _named(self, path: str) -> list[str]:
        try:
            answer = await self._asked(path, list_services="*")
        except _Undescribed:
            raise UpstreamFailed(f"server {self._server!r} does not say which services it has") from None
        names = [service.name for service in answer.list_services_response.service]
        if len(names) > _MOST_SERVICES:
            raise UpstreamFailed(f"server {self._server!r} has {len(names)} services, more than {_MOST_SERVICES}")
        return sorted({name for name in names if not name.startswith(_OWN)})

    async def _described(self, path: str) -> Described:
        names = await self._named(path)
        files = _Files(self._server, self._most)
        for name in names:
            with suppress(_Undescribed):
                answer = await self._asked(path, file_containing_symbol=name)
                files.add(answer.file_descriptor_response.file_descriptor_proto)
        while missing := files.missing():
            before = len(files)
            for name in missing:
                with suppress(_Undescribed):
                    answer = await self._asked(path, file_by_filename=name)
                    files.add(answer.file_descriptor_response.file_descriptor_proto)
            if len(files) == before:
                raise UpstreamFailed(f"server {self._server!r} does not describe {missing[0][:100]!r}, which it uses")
        pool = files.pool()
        services: dict[str, Any] = {}
        for name in names:
            try:
                services[name] = pool.FindServiceByName(name)
            except KeyError:
                logger.info("server %s names the service %s, and does not describe it", self._server, name[:100])
        if names and not services:
            raise UpstreamFailed(f"server {self._server!r} describes none of the services that it names")
        return Described(pool, services)

    async def _asked(self, path: str, **question: str) -> Any:
        """One question. The method is a stream in both directions; a call with one message and one answer is a stream,
        too, and its status is certain."""
        try:
            raw = await self._channel.unary(path, self._request(**question).SerializeToString(), SECONDS)
            answer = self._response.FromString(raw)
        except messages.DecodeError:
            raise UpstreamFailed(f"server {self._server!r} describes itself in no way that can be read") from None
        except Trouble as trouble:
            if trouble.status == "UNIMPLEMENTED":
                raise _Missing from None
            raise
        if answer.HasField("error_response"):
            raise _Undescribed
        return answer


class _Files:
    """Descriptors as they come, by file name. Those of protobuf itself are ours."""

    def __init__(self, server: str, most: int) -> None:
        self._server = server
        self._left = most
        self._files: dict[str, Any] = {}
        self._own = {module.DESCRIPTOR.name: module.DESCRIPTOR.serialized_pb for module in well_known}

    def __len__(self) -> int:
        return len(self._files)

    def add(self, files: Any) -> None:
        for raw in files:
            self._left -= len(raw)
            if self._left < 0 or len(self._files) >= _MOST_FILES:
                raise UpstreamFailed(f"server {self._server!r} describes more than can be taken: see `max_bytes`")
            try:
                file = descriptors.FileDescriptorProto.FromString(raw)
            except messages.DecodeError:
                raise UpstreamFailed(f"server {self._server!r} describes itself in no way that can be read") from None
            if file.name not in self._own:
                self._files.setdefault(file.name, file)

    def missing(self) -> list[str]:
        used = {name for file in self._files.values() for name in file.dependency}
        return sorted(used - self._files.keys() - self._own.keys())

    def pool(self) -> Any:
        """Everything in one pool, each file after those that it uses."""
        pool = pools.DescriptorPool()
        for raw in self._own.values():
            pool.AddSerializedFile(raw)
        waiting = dict(self._files)
        while waiting:
            ready = [name for name, file in waiting.items() if not waiting.keys() & set(file.dependency)]
            if not ready:
                raise UpstreamFailed(f"server {self._server!r} describes types that use each other in a circle")
            for name in ready:
                try:
                    pool.Add(waiting.pop(name))
                except (TypeError, ValueError) as error:
                    raise UpstreamFailed(
                        f"server {self._server!r}: {name[:100]!r} is wrong: {str(error)[:200]}"
                    ) from None
        return pool
