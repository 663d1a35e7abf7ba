"""Problem details (RFC 9457) of the API as the errors that they were there."""

from typing import Any

import msgspec

from toolgate.admin.paths import HIDDEN
from toolgate.client.place import KEY_VARIABLE, Place
from toolgate.model.entities import Entity
from toolgate.model.errors import (
    Conflict,
    NotAllowed,
    NotFound,
    Refused,
    StoreFailed,
    ToolgateError,
    Unauthenticated,
    UpstreamFailed,
)
from toolgate.ports import HttpAnswer

_REQUEST = frozenset({400, 413, 415, 422, 428})


class _Finding(msgspec.Struct, frozen=True):
    field: str
    reason: str


class _Problem(msgspec.Struct, frozen=True):
    detail: str
    findings: tuple[_Finding, ...] = ()
    current: dict[str, Any] | None = None
    permission: str = ""
    scope: str = ""
    givers: tuple[str, ...] = ()


def error_of(answer: HttpAnswer, place: Place, entity: type[Entity] | None = None) -> ToolgateError:
    """What an answer of 300 and more means. `entity` is the kind that a conflict shows."""
    problem = _read(answer)
    if problem is None:
        hint = ": it serves no API, because it keeps no records" if answer.status == 404 else ""
        return UpstreamFailed(f"{place.origin} answered with HTTP {answer.status}{hint}")
    said = problem.detail
    match answer.status:
        case 401:
            hint = "" if place.key else f" (set {KEY_VARIABLE})"
            return Unauthenticated(f"{place.origin}: {said}{hint}", presented=bool(place.key))
        case 403:
            return NotAllowed(said, permission=problem.permission, scope=problem.scope, givers=problem.givers)
        case 404:
            return NotFound(said)
        case 409 | 412:
            return Conflict(said, _current(problem.current, entity))
        case 503:
            return StoreFailed(said)
        case status if status in _REQUEST:
            findings = tuple((one.field, one.reason) for one in problem.findings)
            return Refused(findings or (("", said),))
        case status:
            return UpstreamFailed(f"{place.origin} answered with HTTP {status}: {said}")


def _read(answer: HttpAnswer) -> _Problem | None:
    if not answer.headers.get("content-type", "").startswith("application/problem+json"):
        return None
    try:
        return msgspec.json.decode(answer.body, type=_Problem)
    except msgspec.MsgspecError:
        return None


def _current(values: dict[str, Any] | None, entity: type[Entity] | None) -> Entity | None:
    """The record as it is now; None where there is none, or its kind cannot be read."""
    if values is None or entity is None:
        return None
    try:
        return msgspec.convert({**values, **dict.fromkeys(HIDDEN.get(entity, ()), "")}, entity)
    except msgspec.ValidationError:
        return None
