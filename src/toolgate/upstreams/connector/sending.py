"""Requests to one product, over the one route that was opened to it. Nothing here can reach another host."""

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from toolgate import __version__
from toolgate.model.errors import ConfigError, UpstreamFailed
from toolgate.ports import Clock, HttpRoute
from toolgate.rules import endpoints, globs
from toolgate.upstreams.connector import answers, templates
from toolgate.upstreams.connector.allowance import Allowance
from toolgate.upstreams.connector.answers import Api, Reply
from toolgate.upstreams.connector.building import Built
from toolgate.upstreams.connector.format import Connector
from toolgate.upstreams.connector.trouble import Trouble

MOST_WAIT = 10.0
"""Seconds that a call waits when it is told to come again; beyond it the model is told instead."""

_RETRIES = 2
_REDIRECTS = 3
_MOVED = (301, 302, 303, 307, 308)


class Base(msgspec.Struct, frozen=True):
    """Where a product is: its origin, the path before every path, and the hosts that may be asked."""

    origin: str
    path: str
    hosts: tuple[str, ...]


def base_of(connector: Connector, variables: Mapping[str, str]) -> Base:
    """The base URL with its variables in place, judged. Raises ConfigError."""
    try:
        values = {**variables, **{f"{name}.host": _host(value) for name, value in variables.items()}}
        url = templates.render(connector.http.base_url, values)
        origin, path = endpoints.split(url)
    except ValueError as flaw:
        raise ConfigError((f"variables: the address of the product: {flaw}",)) from None
    hosts = tuple(templates.render(host, values).lower() for host in connector.http.allow_hosts)
    base = Base(origin, path.rstrip("/"), hosts)
    host = _host(origin)
    if "?" in path or not is_allowed(base, host):
        raise ConfigError((f"variables: {host} is not among the hosts that may be asked ({', '.join(hosts)})",))
    if not is_secure(origin):
        raise ConfigError(("variables: a product is asked over https; http is for this machine alone",))
    return base


def is_secure(origin: str) -> bool:
    """Whether a credential may be shown there: over https, or to this machine alone."""
    return urlsplit(origin).scheme == "https" or _host(origin) in ("127.0.0.1", "localhost", "::1")


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def is_allowed(base: Base, host: str) -> bool:
    return any(globs.matches(allowed, host) for allowed in base.hosts)


class Sender:
    """Sends what was built, and again when it is told to come later and that does no harm."""

    def __init__(
        self, server: str, api: Api, base: Base, route: HttpRoute, clock: Clock,
        credential: Sequence[tuple[str, str]], timeout: float,
    ) -> None:  # fmt: skip
        self._server = server
        self._api = api
        self._base = base
        self._route = route
        self._clock = clock
        self._timeout = timeout
        self._allowance = Allowance(api)
        shared = {"User-Agent": f"toolgate/{__version__}", **api.http.headers}
        self._prepared = route.prepare([*shared.items(), *credential])
        self._own_accept = any(name.lower() == "accept" for name in shared)
        self._plain = route.prepare([*((k, v) for k, v in shared.items() if k.lower() != "accept"), *credential])

    async def send(self, built: Built, *, idempotent: bool, deadline: float, patient: bool = True) -> Reply:
        """The answer, whatever its status. `deadline` is in seconds of `time.perf_counter`. Who is not `patient` waits
        for the answer alone. Raises UpstreamFailed, and Trouble where the product takes no calls for some time."""
        for attempt in range(_RETRIES + 1):
            await self._admitted(built.endpoint, deadline if patient else 0.0)
            reply = await self._followed(built, idempotent, deadline)
            self._allowance.heard(built.endpoint, reply, self._clock.now())
            again = idempotent and patient and attempt < _RETRIES
            if not again or not answers.is_limited(self._api, reply):
                return reply
            wait = answers.wait(self._api, reply, self._clock.now())
            if wait is None or wait > MOST_WAIT or wait >= deadline - time.perf_counter():
                return reply
            await asyncio.sleep(wait)
        raise AssertionError

    async def _admitted(self, endpoint: str, deadline: float) -> None:
        """Waits until the product takes a call, and not long. Raises Trouble at once where it would be long."""
        until = min(deadline, time.perf_counter() + MOST_WAIT)
        while (wait := self._allowance.take(endpoint, self._clock.now())) > 0:
            if time.perf_counter() + wait > until:
                hint = f"ask again in {math.ceil(wait)} seconds"
                raise Trouble(f"rate_limited: the product takes no more calls for now, so it was not asked; {hint}")
            await asyncio.sleep(wait)

    async def _followed(self, built: Built, idempotent: bool, deadline: float) -> Reply:
        """Follows where it may: only what reads, only to the same origin, so that the credential stays there."""
        for _ in range(_REDIRECTS):
            reply = await self._once(built, idempotent, deadline)
            location = reply.headers.get("location", "")
            may = self._api.http.redirects == "same_origin" and built.method == "GET"
            if reply.status not in _MOVED or not may or not location:
                return reply
            target = self._same_origin(built.target, location)
            if target is None:
                return reply
            built = msgspec.structs.replace(built, target=target)
        raise Trouble("redirected (too often): what was asked for has been moved in a circle")

    def _same_origin(self, target: str, location: str) -> str | None:
        """Path and query of where a redirect leads; None for another origin, or outside the product's base path."""
        try:
            path = endpoints.follow(self._base.origin + target, location)
        except ValueError:
            return None
        return path if path.startswith(f"{self._base.path}/") else None

    async def _once(self, built: Built, idempotent: bool, deadline: float) -> Reply:
        self._judge(built.target)
        seconds = max(0.0, min(self._timeout, deadline - time.perf_counter()))
        own = any(name.lower() == "accept" for name, _ in built.headers)
        prepared = self._plain if own and self._own_accept else self._prepared
        try:
            async with asyncio.timeout(seconds):
                answer: Any = await self._route.send(
                    built.method, built.target, built.headers, built.body, prepared=prepared, idempotent=idempotent
                )
        except TimeoutError:
            raise UpstreamFailed(f"server {self._server!r}: no answer within {seconds:.3g} s", reached=False) from None
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            answer.close()
            raise UpstreamFailed(f"server {self._server!r}: it answered a stream of events, which no tool expects")
        return Reply(answer.status, answer.headers, answer.body)

    def _judge(self, target: str) -> None:
        """The last look at the whole URL before it goes out. What fails here is a fault of ours or of the connector."""
        url = f"{self._base.origin}{target}"
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        host = (parts.hostname or "").lower()
        dots = any(segment in (".", "..") for segment in parts.path.split("/"))
        if origin != self._base.origin or not is_allowed(self._base, host) or dots or not target.startswith("/"):
            raise Trouble("the address of this request would lead elsewhere")
