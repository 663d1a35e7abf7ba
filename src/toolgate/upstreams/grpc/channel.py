"""The one connection to a gRPC server. The library would resolve names by itself; so they are resolved here, each
address is judged (rules.addresses), and the library gets the judged address. The name stays in TLS and `:authority`."""

import asyncio
import os
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

import msgspec

from toolgate.model.errors import UpstreamFailed
from toolgate.rules.addresses import refusal as judged
from toolgate.upstreams.grpc import details, trouble
from toolgate.upstreams.grpc.library import grpc

CONNECT_TIMEOUT = 10.0
"""Seconds for all addresses together, name resolution included."""

_CLOSE_SECONDS = 5.0
_HTTPS = 443


class Target(msgspec.Struct, frozen=True):
    """Where a server is. `roots` are PEM certificates, None for those of the library; `private` allows addresses of
    this machine and its networks; `most` are the most bytes of one message. The repr holds no metadata."""

    server: str
    host: str
    port: int
    tls: bool
    roots: bytes | None
    private: bool
    most: int
    metadata: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        return f"Target({self.host}:{self.port})"


class Channel:
    """Opened when it is first needed, and anew when it is lost."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._channel: Any = None
        self._opening = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def unary(self, path: str, request: bytes, seconds: float) -> bytes:
        """One call: the answer's bytes. Raises Trouble or UpstreamFailed."""
        channel = await self.opened()
        call = channel.unary_unary(path)(request, timeout=seconds, metadata=self._target.metadata)
        try:
            return await call
        except grpc.RpcError as error:
            raise self._failed(error, channel) from None

    def _failed(self, error: Any, channel: Any) -> Exception:
        """What an error of the library means. A lost connection is forgotten: the name may lead elsewhere now."""
        lost = channel.get_state() not in (grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.IDLE)
        if lost and channel is self._channel and error.code() is grpc.StatusCode.UNAVAILABLE:
            self._channel = None
            self._close(channel)
        told = "; ".join(filter(None, (error.details(), details.violations(error))))
        return trouble.refusal(error.code().name, told, self._target.server)

    async def opened(self) -> Any:
        """Raises UpstreamFailed."""
        async with self._opening:
            if self._channel is None:
                self._channel = self._made(await self._address())
            return self._channel

    async def close(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            self._close(channel)
        if self._closing:
            await asyncio.wait(self._closing, timeout=_CLOSE_SECONDS)

    def _close(self, channel: Any) -> None:
        closing = asyncio.ensure_future(channel.close(_CLOSE_SECONDS / 2))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def _made(self, address: str) -> Any:
        target = self._target
        place = f"ipv6:[{address}]:{target.port}" if ":" in address else f"ipv4:{address}:{target.port}"
        name = f"[{target.host}]" if ":" in target.host else target.host
        options: list[tuple[str, Any]] = [
            ("grpc.max_receive_message_length", target.most),
            ("grpc.max_send_message_length", target.most),
            ("grpc.enable_http_proxy", 0),
            ("grpc.default_authority", name if target.port == _HTTPS else f"{name}:{target.port}"),
        ]
        if not target.tls:
            return grpc.aio.insecure_channel(place, options)
        return grpc.aio.secure_channel(place, grpc.ssl_channel_credentials(target.roots), options)

    async def _address(self) -> str:
        """The first allowed address that answers. Raises UpstreamFailed naming the server, addresses and what to do."""
        target = self._target
        failures: list[str] = []
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                for address in _allowed(target, await _resolved(target)):
                    try:
                        _, writer = await asyncio.open_connection(address, target.port)
                    except OSError as error:
                        reason = os.strerror(error.errno) if error.errno else type(error).__name__
                        failures.append(f"{address}: {reason}")
                    else:
                        writer.close()
                        return address
        except TimeoutError:
            failures.append(f"no connection within {CONNECT_TIMEOUT:g} s")
        raise UpstreamFailed(
            f"server {target.server!r}: cannot connect to {target.host} port {target.port} ({'; '.join(failures)});"
            " check that it runs and that `target` is right",
            reached=False,
        )


async def _resolved(target: Target) -> list[str]:
    try:
        return [str(ip_address(target.host))]
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UpstreamFailed(
            f"server {target.server!r}: the host name {target.host!r} cannot be resolved; check `target` and the DNS",
            reached=False,
        ) from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _allowed(target: Target, addresses: Sequence[str]) -> list[str]:
    refusals = [(address, judged(address, private=target.private)) for address in addresses]
    allowed = [address for address, reason in refusals if reason is None]
    if allowed:
        return allowed
    listed = "; ".join(f"{address} is {reason}" for address, reason in refusals)
    raise UpstreamFailed(f"server {target.server!r}: {target.host} may not be dialled ({listed})", reached=False)
