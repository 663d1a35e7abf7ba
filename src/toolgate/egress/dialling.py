"""Dialling: resolve a host, judge every address, connect to the first allowed one that answers.

What is dialled is the judged address itself, never the name again, so that a name which changes its mind between the
two (DNS rebinding) gains nothing. The name stays in SNI, in the certificate check and in the Host header.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from ipaddress import ip_address

import msgspec

from toolgate.egress.connection import Connection
from toolgate.model.errors import UpstreamFailed
from toolgate.rules.addresses import refusal

TLS_CLOSE = 1.0  # seconds a closing TLS connection may wait for its peer


class Destination(msgspec.Struct, frozen=True):
    """Where one route goes. `context` None is plain HTTP; `timeout` is seconds for all addresses together, name
    resolution and TLS handshake included; `private` as in `rules.addresses.refusal`; `server` is the name in errors."""

    server: str
    host: str
    port: int
    context: ssl.SSLContext | None
    private: bool
    timeout: float


async def dial(to: Destination, make: Callable[[], Connection], /) -> Connection:
    """A connected connection. Raises UpstreamFailed naming the server, the address and what to do."""
    failures: list[str] = []
    try:
        async with asyncio.timeout(to.timeout) as bound:
            addresses = _allowed(to, await _resolve(to))
            for position, address in enumerate(addresses):
                left = (bound.when() or 0.0) - asyncio.get_running_loop().time()
                try:
                    async with asyncio.timeout(left / (len(addresses) - position)):
                        return await _connect(to, address, make)
                except OSError as error:  # so are TimeoutError and ssl.SSLError
                    failures.append(f"{address}: {_reason(error)}")
    except TimeoutError:
        failures.append(f"no connection within {to.timeout:g} s")
    raise UpstreamFailed(
        f"server {to.server!r}: cannot connect to {to.host} port {to.port} ({'; '.join(failures)});"
        " check that it runs and that its URL is right",
        reached=False,
    )


async def _resolve(to: Destination) -> list[str]:
    try:
        return [str(ip_address(to.host))]
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UpstreamFailed(
            f"server {to.server!r}: the host name {to.host!r} cannot be resolved; check the URL and the DNS",
            reached=False,
        ) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _allowed(to: Destination, addresses: list[str]) -> list[str]:
    refusals = [(address, refusal(address, private=to.private)) for address in addresses]
    allowed = [address for address, reason in refusals if reason is None]
    if allowed:
        return allowed
    listed = "; ".join(f"{address} is {reason}" for address, reason in refusals)
    advice = "" if to.private else "; if it is meant to be in your own network, allow private addresses for it"
    raise UpstreamFailed(f"server {to.server!r}: {to.host} may not be dialled ({listed}){advice}", reached=False)


async def _connect(to: Destination, address: str, make: Callable[[], Connection]) -> Connection:
    loop = asyncio.get_running_loop()
    if to.context is None:
        _, connection = await loop.create_connection(make, address, to.port)
    else:
        _, connection = await loop.create_connection(
            make,
            address,
            to.port,
            ssl=to.context,
            server_hostname=to.host,
            ssl_handshake_timeout=to.timeout,
            ssl_shutdown_timeout=TLS_CLOSE,
        )
    return connection


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted, {error.verify_message}; name its authority as ca_file"
    if isinstance(error, ssl.SSLError):
        return f"no TLS ({error.reason or 'handshake failed'})"
    if isinstance(error, TimeoutError):
        return "no answer"
    return os.strerror(error.errno) if error.errno else type(error).__name__
