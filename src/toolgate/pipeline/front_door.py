"""The straight line: bytes became an Arrival; here it is identified, routed, judged, answered, and recorded exactly
once."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from toolgate.model.call import Arrival, Call, Era, Result
from toolgate.model.errors import Cancelled, Fault, Outcome, TimedOut, Unauthenticated, UnknownMethod
from toolgate.model.identity import Credential, Principal
from toolgate.model.records import CallRecord
from toolgate.model.snapshot import Endpoint, Row, Snapshot, Target
from toolgate.pipeline import route, visible
from toolgate.pipeline.gates import Gate
from toolgate.pipeline.ring import Ring
from toolgate.pipeline.visible import NO_RIGHTS
from toolgate.pipeline.wheel import Wheel
from toolgate.ports import Authenticator, Caller
from toolgate.protocol.methods import METHODS, Way

MOST_TEXT = 128
MOST_CLIENT = 512
"""Characters of a caller's own words that a record keeps; a client that names itself at more length stays unnamed."""


class FrontDoor:
    """Takes Arrivals from every edge. `own` holds the targets that the gateway answers itself, by method."""

    def __init__(
        self,
        *,
        current: Callable[[], Snapshot],
        authenticators: Sequence[Authenticator],
        gates: Sequence[Gate],
        own: Mapping[str, Target],
        ring: Ring,
        wheel: Wheel,
    ) -> None:
        self._current = current
        self._authenticators = authenticators
        self._gates = gates
        self._own = own
        self._ring = ring
        self._wheel = wheel
        self._identified: tuple[Credential, Snapshot, Principal] | None = None
        self.in_flight = 0

    async def identify(self, credential: Credential) -> Principal:
        """Who showed this credential. Raises Unauthenticated."""
        snapshot = self._current()
        # An edge that had to know the caller before there was an Arrival asks twice, with the very same object.
        known = self._identified
        if known is not None and known[0] is credential and known[1] is snapshot:
            return known[2]
        for authenticator in self._authenticators:
            principal = await authenticator.identify(snapshot, credential)
            if principal is not None:
                self._identified = (credential, snapshot, principal)
                return principal
        raise Unauthenticated("a bearer key is required", presented=credential.scheme != "none")

    def enter(self, principal: Principal, endpoint: str, peer: str) -> None:
        """For what is no call. Raises UnknownEndpoint or Denied unless the principal may be at this endpoint."""
        snapshot = self._current()
        visible.endpoint(snapshot, endpoint, snapshot.rows.get(principal.id, NO_RIGHTS))
        refusal = visible.outside(principal, endpoint, peer)
        if refusal is not None:
            raise refusal

    async def handle(self, arrival: Arrival, caller: Caller, task: "asyncio.Task[Any]") -> Result:
        """The answer. Raises a Fault for everything else, and records either. `task` is the one that runs this call:
        its deadline cancels it."""
        began = time.perf_counter()
        self.in_flight += 1
        principal: Principal | None = None
        target: Target | None = None
        result: Result | None = None
        fault: Fault | None = None
        bug = ""
        deadline: _Deadline | None = None
        try:
            principal = await self.identify(arrival.credential)
            call = self._call(arrival, principal)
            target = call.target
            for gate in self._gates:
                refusal = gate(call)
                if refusal is not None:
                    raise refusal
            if target.timeout > 0:
                deadline = _Deadline(task, self._wheel, target.timeout)
            answer: Result = await target.run(call, caller)
            result = answer
            return answer
        except Fault as caught:
            fault = caught
            raise
        except asyncio.CancelledError:
            if target is not None and deadline is not None and deadline.spent():
                fault = TimedOut(f"server {target.server!r} did not answer within {target.timeout:g} s")
                raise fault from None
            fault = Cancelled("the caller took the call back")
            raise
        except Exception as unexpected:
            bug = type(unexpected).__name__
            raise
        finally:
            if deadline is not None:
                deadline.timer.cancel()
            self.in_flight -= 1
            self._ring.append(_record(arrival, began, principal, target, result, fault, bug))
            fault = None  # its traceback holds this very frame

    def _call(self, arrival: Arrival, principal: Principal) -> Call:
        """The complete Call: route and rights come from one snapshot, which the call keeps."""
        snapshot = self._current()
        row = snapshot.rows.get(principal.id, NO_RIGHTS)
        name = arrival.endpoint
        endpoint = snapshot.endpoints.get(name)
        if endpoint is None or (name and name not in row.sees):
            raise visible.no_endpoint(name)
        target = self._target(arrival, endpoint, snapshot, row)
        return Call(
            arrival.id,
            arrival.wire_id,
            endpoint,
            arrival.method,
            arrival.params,
            arrival.envelope,
            principal,
            row,
            target,
            snapshot,
            time.perf_counter() + target.timeout,
            arrival.headers,
            arrival.peer,
        )

    def _target(self, arrival: Arrival, endpoint: Endpoint, snapshot: Snapshot, row: Row) -> Target:
        method = METHODS.get(arrival.method)
        served = method is not None and (method.modern if arrival.envelope.era is Era.MODERN else method.legacy)
        if method is None or not served:
            raise UnknownMethod(f"unknown method: {arrival.method[:100]}")
        if method.capability is not None and (
            method.capability not in endpoint.capabilities
            or (method.kind is None and method.capability not in visible.capabilities(endpoint, row))
        ):
            raise UnknownMethod(f"no server here offers {method.capability}: {arrival.method}")
        if method.way is Way.TARGET:
            return route.find(arrival, endpoint, snapshot, row)
        return self._own[arrival.method]


class _Deadline:
    """Cancels a call's task when its time is up."""

    __slots__ = ("_expired", "_task", "timer")

    def __init__(self, task: "asyncio.Task[Any]", wheel: Wheel, seconds: float) -> None:
        self._task = task
        self._expired = False
        self.timer = wheel.after(seconds, self._expire)

    def spent(self) -> bool:
        """Whether the cancellation was ours alone; then it is taken back."""
        return self._expired and self._task.uncancel() == 0

    def _expire(self) -> None:
        self._expired = True
        self._task.cancel()


def _record(
    arrival: Arrival,
    began: float,
    principal: Principal | None,
    target: Target | None,
    result: Result | None,
    fault: Fault | None,
    bug: str,
) -> CallRecord:
    envelope = arrival.envelope
    if result is not None:
        outcome = Outcome.OK
        if result.is_error:
            outcome = Outcome.TOOL_ERROR
        elif result.input_required:
            outcome = Outcome.INPUT_REQUIRED
        error, upstream_s, size = "", result.upstream_s, len(result.body)
    else:
        outcome = Outcome.UPSTREAM_ERROR if fault is None else fault.outcome
        error = bug if fault is None else type(fault).__name__
        upstream_s, size = (0.0 if fault is None else fault.upstream_s), 0
    return CallRecord(
        arrival.id,
        time.time(),
        arrival.endpoint[:MOST_TEXT],
        arrival.method[:MOST_TEXT],
        "" if target is None else target.server,
        "" if target is None else target.name,
        "" if principal is None else principal.id,
        "" if principal is None or not principal.teams else principal.teams[0],
        envelope.era,
        envelope.version[:MOST_TEXT],
        b"" if envelope.client is None or len(envelope.client) > MOST_CLIENT else envelope.client,
        outcome,
        error,
        time.perf_counter() - began,
        upstream_s,
        arrival.size,
        size,
    )
