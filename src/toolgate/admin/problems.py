"""Errors as the API says them: RFC 9457 problem details, one row for each class of error."""

import http
import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from toolgate.admin.exchange import Answer, Header
from toolgate.admin.showing import shown
from toolgate.model.entities import Entity
from toolgate.model.errors import (
    ConfigError,
    Conflict,
    Fault,
    NotAllowed,
    NotFound,
    Refused,
    StoreFailed,
    ToolgateError,
    Unauthenticated,
)
from toolgate.protocol import faults
from toolgate.rules.redaction import redacted

logger = logging.getLogger(__name__)

PROBLEM: Header = (b"content-type", b"application/problem+json")
NO_STORE: Header = (b"cache-control", b"no-store")
RETRY_AFTER = 5
"""Seconds after which a database that failed may be asked again."""

MOST_FINDINGS = 100
"""Of one problem that are listed; the last one then says how many more there are."""

_RENAMED = {413: "Content Too Large", 422: "Unprocessable Content"}
TYPES: dict[int, str] = {
    400: "malformed",
    401: "unauthenticated",
    403: "not-allowed",
    404: "not-found",
    405: "no-such-method",
    409: "conflict",
    412: "precondition-failed",
    413: "too-large",
    415: "unsupported-media-type",
    421: "misdirected",
    422: "refused",
    428: "precondition-required",
    429: "limited",
    500: "internal",
    503: "store-failed",
}
"""The end of each problem's `type`, by status."""


class Wrong(ToolgateError):
    """The request itself cannot be served, whoever sent it. `findings` are (field, reason) pairs."""

    def __init__(
        self, status: int, detail: str, findings: tuple[tuple[str, str], ...] = (), headers: tuple[Header, ...] = ()
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.findings = findings
        self.headers = headers


def phrase(status: int) -> str:
    """What RFC 9110 calls it, whatever the version of Python calls it."""
    return _RENAMED.get(status) or http.HTTPStatus(status).phrase


def problem(
    status: int,
    detail: str,
    findings: tuple[tuple[str, str], ...] = (),
    headers: tuple[Header, ...] = (),
    more: Mapping[str, Any] = MappingProxyType({}),
) -> Answer:
    body = {
        "type": f"urn:toolgate:problem:{TYPES[status]}",
        "title": phrase(status),
        "status": status,
        "detail": redacted(detail),
        "findings": [{"field": field, "reason": redacted(reason)} for field, reason in _first(findings)],
        **more,
    }
    return Answer(status, msgspec.json.encode(body), (PROBLEM, NO_STORE, *headers))


def _first(findings: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    left = len(findings) - MOST_FINDINGS
    if left <= 0:
        return findings
    return (*findings[:MOST_FINDINGS], ("", f"and {left} more: mend these first"))


def problem_of(error: Exception, *, creating: bool = False) -> Answer:
    """What an error is to whoever asked. `creating`: a conflict is over the name, not over a version (409, not 412)."""
    match error:
        case Wrong():
            return problem(error.status, error.detail, error.findings, error.headers)
        case NotAllowed():
            more: dict[str, Any] = {"permission": error.permission, "scope": error.scope, "givers": list(error.givers)}
            return problem(403, str(error), more=more)
        case NotFound():
            return problem(404, str(error))
        case Refused():
            return problem(422, "The record was refused, and nothing was changed.", error.findings)
        case ConfigError():
            return problem(422, "The record was refused, and nothing was changed.", _plain(error.findings))
        case Conflict():
            return _conflict(error, creating=creating)
        case StoreFailed():
            logger.warning("the API could not be served: %s", redacted(str(error)))
            return problem(503, str(error), headers=((b"retry-after", b"%d" % RETRY_AFTER),))
        case Fault():
            return _fault(error)
        case _:
            logger.error("a request of the API failed unexpectedly", exc_info=error)
            return problem(500, "The gateway failed; see its log.")


def _conflict(error: Conflict, *, creating: bool) -> Answer:
    """With the record as it is now, so that whoever lost can see the difference."""
    if not isinstance(error.current, Entity):
        return problem(409 if creating else 412, str(error))
    version = (b"etag", b'"%d"' % error.current.stamp.version)
    return problem(409 if creating else 412, str(error), headers=(version,), more={"current": shown(error.current)})


def _fault(error: Fault) -> Answer:
    """A fault of the data plane's authenticators: mostly 401, with the challenge of RFC 6750 section 3."""
    if isinstance(error, Unauthenticated):
        why = b', error="invalid_token"' if error.presented else b""
        return problem(401, error.message, headers=((b"www-authenticate", b'Bearer realm="toolgate"' + why),))
    status = faults.wire(error).status
    return problem(status if status in TYPES else 400, error.message)


def _plain(findings: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple(("", finding) for finding in findings)
