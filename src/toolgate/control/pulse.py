"""How one open server is: asked now and then by the cheapest question that its era has, off the path of calls.

`server/discover` towards a modern server, `ping` in the session of an older one (SPEC-DIGEST 2.14, 3). A server that
answers with an error that says it does not know the question has answered.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable

import msgspec

from toolgate.model.call import Envelope, Era, Notification, Outbound
from toolgate.model.catalog import Discovery
from toolgate.model.declared import ServerSpec
from toolgate.model.errors import Fault, NoWayBack, ToolgateError, UpstreamError, UpstreamFailed
from toolgate.model.health import Health, HealthState
from toolgate.model.identity import Grant
from toolgate.model.snapshot import Target
from toolgate.ports import Handler, Upstream
from toolgate.protocol.faults import INVALID_PARAMS, METHOD_NOT_FOUND
from toolgate.protocol.versions import LATEST_LEGACY, MODERN, SERVED

PROBE_TIMEOUT = 10.0
"""Seconds that a server may take to answer a probe."""

WELL, ILL = 16, 64
"""How many servers are asked at the same time: those that answered last, and those that did not."""

FIRST_PROBE = 5.0
"""Seconds within which a server is first probed once it is discovered; at random, so that not all are at once."""

_ANSWERS = (METHOD_NOT_FOUND, INVALID_PARAMS)
"""Errors by which a server shows that it is there and reads what it is asked. `server/discover` and `ping` have no
parameters that could be wrong, but a kind of another package may look for a tool's name in everything."""

_SMOOTHING = 0.2
_JITTER = 0.1

logger = logging.getLogger(__name__)


class Turns:
    """Bounds what is asked at the same time. Servers in trouble, which keep whoever asks waiting, have turns of their
    own: they hold up nobody else's probe."""

    def __init__(self) -> None:
        self.well = asyncio.Semaphore(WELL)
        self.ill = asyncio.Semaphore(ILL)


class Pulse:
    """What is known of one server's health. `now` is Unix time in seconds."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.health = Health()
        self._now = now

    def answered(self, discovery: Discovery | None = None, latency: float | None = None) -> None:
        """It answered, with this discovery or after so many seconds."""
        known, now = self.health, self._now()
        healthy = known.state is HealthState.HEALTHY
        smoothed = known.smoothed
        if latency is not None:
            smoothed = latency if smoothed is None else smoothed + _SMOOTHING * (latency - smoothed)
        self.health = msgspec.structs.replace(
            known,
            state=HealthState.HEALTHY,
            reason=(known.reason if healthy else "") if discovery is None else discovery.warning or "",
            since=known.since if healthy else now,
            last_seen=now,
            latency=known.latency if latency is None else latency,
            smoothed=smoothed,
            eras=known.eras if discovery is None else tuple(sorted(discovery.eras)),
            protocol=known.protocol if discovery is None else _newest(discovery),
        )

    def failed(self, reason: str, *, reached: bool) -> None:
        """It did not answer as it should; `reached` says whether there was anybody at all."""
        state = HealthState.FAILING if reached else HealthState.UNREACHABLE
        since = self.health.since if self.health.state is state else self._now()
        self.health = msgspec.structs.replace(self.health, state=state, reason=reason, since=since)


class Probe:
    """The question to one server, with the credential that it is discovered by. `run` is what its targets end in."""

    def __init__(self, spec: ServerSpec, upstream: Upstream, run: Handler, grant: Grant) -> None:
        self._spec = spec
        self._upstream = upstream
        self._grant = grant
        self._target = Target(spec.name, 0, spec.name, None, "", "", run, PROBE_TIMEOUT)

    async def failing(self, discovery: Discovery, pulse: Pulse, turns: Turns) -> ToolgateError:
        """Until a probe fails: why. What is known meanwhile goes to the pulse."""
        interval = self._spec.probe_interval
        wait = random.uniform(0, min(FIRST_PROBE, interval))
        while True:
            await asyncio.sleep(wait)
            async with turns.well:
                began = time.perf_counter()
                failure = await self._asked(discovery)
                if failure is not None:
                    return failure
                pulse.answered(latency=time.perf_counter() - began)
            wait = interval * random.uniform(1 - _JITTER, 1 + _JITTER)

    async def _asked(self, discovery: Discovery) -> ToolgateError | None:
        try:
            async with asyncio.timeout(PROBE_TIMEOUT):
                await self._upstream.call(self._question(discovery), _Nobody())
        except TimeoutError:
            return UpstreamFailed(f"it did not answer within {PROBE_TIMEOUT:g} s", reached=False)
        except UpstreamError as error:
            if error.code in _ANSWERS:
                return None
            return UpstreamFailed(f"it answers with an error ({error.code}): {error.message[:200]}")
        except ToolgateError as error:
            return error
        except Exception:
            logger.exception("server %s: the probe failed unexpectedly", self._spec.name)
            return UpstreamFailed("its probe failed unexpectedly (see the log)")
        return None

    def _question(self, discovery: Discovery) -> Outbound:
        modern = Era.MODERN in (discovery.eras if self._spec.era == "auto" else (self._spec.era,))
        method = "server/discover" if modern else "ping"
        envelope = Envelope(Era.MODERN, MODERN) if modern else Envelope(Era.LEGACY, LATEST_LEGACY)
        deadline = time.perf_counter() + PROBE_TIMEOUT
        return Outbound("health", method, {}, envelope, self._target, self._grant, deadline)


class _Nobody:
    """Who asks for a probe: hears nothing, and cannot be asked back."""

    def notify(self, notification: Notification, /) -> None:
        """A probe is about the answer only."""

    async def ask(self, method: str, params: bytes, /) -> bytes:
        raise NoWayBack(f"nobody is there to be asked {method[:100]}: this is a probe")


def was_reached(error: Exception) -> bool:
    """Whether an error of a server says that it was there."""
    return not isinstance(error, TimeoutError) and not (isinstance(error, UpstreamFailed) and not error.reached)


def said(error: Exception) -> str:
    """An error's reason, for people."""
    return error.message if isinstance(error, Fault) else str(error)


def _newest(discovery: Discovery) -> str | None:
    """The newest revision that both speak; what is not ours is told as the server named it."""
    ours = [version for version in SERVED if version in discovery.versions]
    return ours[0] if ours else next(iter(discovery.versions), None)
