"""The one tree of errors.

ToolgateError
├── ConfigError                 the configuration is wrong; nothing was changed
├── StoreFailed                 the database cannot be reached, is full, or is not ours
├── Conflict                    a write saw another version than there is
├── NotAllowed                  the control plane: this principal may not do that
├── NotFound                    the control plane: there is no such record, or none that this principal may know of
├── Refused                     the control plane: what was to be written is wrong; nothing was changed
└── Fault                       ends one call; `protocol.faults` maps each class to the wire
    ├── Invalid                 the caller's message is wrong
    │   ├── ParseFailed             not JSON
    │   ├── BadRequest              JSON, but not one well-formed message
    │   ├── UnknownMethod           no such method in this revision, or no visible server offers it
    │   ├── InvalidParams           parameters, cursor, or request state are wrong
    │   │   └── UnknownTarget           no such tool, prompt or resource here
    │   ├── HeaderMismatch          mirrored headers disagree with the body
    │   ├── MissingCapability       the server needs a capability that the caller did not declare
    │   ├── UnsupportedVersion      a protocol version that is not served
    │   ├── UnknownEndpoint         no such URL
    │   └── UnknownSession          a session id that is foreign, deleted or expired
    ├── Unauthenticated         no credential, or a bad one
    ├── Denied                  known, but not allowed
    ├── Limited                 too much or too many
    ├── TimedOut                the upstream did not answer before the deadline
    ├── Cancelled               the caller took the call back
    ├── NoWayBack               a server asked the caller something that this caller cannot be asked
    ├── UpstreamFailed          the upstream is down, lying or hostile; names the server
    └── UpstreamError           the upstream answered with a JSON-RPC error of its own, passed on
"""

from enum import StrEnum
from typing import Any, ClassVar


class Outcome(StrEnum):
    """How one Arrival ended (DESIGN section 2)."""

    OK = "ok"
    TOOL_ERROR = "tool_error"
    INPUT_REQUIRED = "input_required"
    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    DENIED = "denied"
    LIMITED = "limited"
    TIMEOUT = "timeout"
    UPSTREAM_ERROR = "upstream_error"
    CANCELLED = "cancelled"


class ToolgateError(Exception):
    """Root of everything that Toolgate raises on purpose."""


class ConfigError(ToolgateError):
    """The configuration is wrong. `findings` holds one line per problem, each with file, line, field and reason."""

    def __init__(self, findings: tuple[str, ...]) -> None:
        super().__init__("\n".join(findings))
        self.findings = findings


class StoreFailed(ToolgateError):
    """The database cannot be reached, is full, or is not ours. Calls go on from the snapshot; writes are refused."""


class Conflict(ToolgateError):
    """A write saw another version than there is. `current` is the record as it is now; None when there is none."""

    def __init__(self, message: str, current: Any = None) -> None:
        super().__init__(message)
        self.current = current


class NotAllowed(ToolgateError):
    """The principal lacks a permission of the control plane. `scope` is where it was needed (`organisation`,
    `team:NAME`, `server:NAME`); `givers` are subjects that could give it, a few of them."""

    def __init__(self, message: str, *, permission: str, scope: str, givers: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.permission = permission
        self.scope = scope
        self.givers = givers


class NotFound(ToolgateError):
    """There is no such record; and what a principal may not read is not there for it either."""


class Refused(ToolgateError):
    """What was to be written is wrong, and nothing was changed. `findings` are (path of the field, reason) pairs; the
    path is empty for the whole, and no reason repeats a secret."""

    def __init__(self, findings: tuple[tuple[str, str], ...]) -> None:
        super().__init__("\n".join(f"{path}: {reason}" if path else reason for path, reason in findings))
        self.findings = findings


class Fault(ToolgateError):
    """Ends one call. `message` goes to the caller, `data` beside it on the wire; neither may hold a secret."""

    outcome: ClassVar[Outcome] = Outcome.UPSTREAM_ERROR

    def __init__(self, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data
        self.upstream_s = 0.0


class Invalid(Fault):
    outcome = Outcome.INVALID


class ParseFailed(Invalid): ...


class BadRequest(Invalid): ...


class UnknownMethod(Invalid): ...


class InvalidParams(Invalid): ...


class UnknownTarget(InvalidParams): ...


class HeaderMismatch(Invalid): ...


class MissingCapability(Invalid): ...


class UnsupportedVersion(Invalid): ...


class UnknownEndpoint(Invalid): ...


class UnknownSession(Invalid): ...


class Unauthenticated(Fault):
    """No credential (`presented` is False) or a bad one (RFC 6750 section 3.1: only then `error="invalid_token"`)."""

    outcome = Outcome.UNAUTHENTICATED

    def __init__(self, message: str, *, presented: bool) -> None:
        super().__init__(message)
        self.presented = presented


class Denied(Fault):
    outcome = Outcome.DENIED


class Limited(Fault):
    """Too much or too many. `retry_after` is in seconds, None when waiting does not help."""

    outcome = Outcome.LIMITED

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TimedOut(Fault):
    outcome = Outcome.TIMEOUT


class Cancelled(Fault):
    outcome = Outcome.CANCELLED


class NoWayBack(Fault): ...


class UpstreamFailed(Fault):
    """`reached` is False where there was nobody to fail: no connection, no start, no answer in time."""

    def __init__(self, message: str, data: Any = None, *, reached: bool = True) -> None:
        super().__init__(message, data)
        self.reached = reached


class UpstreamError(Fault):
    """A JSON-RPC error that the upstream itself answered: its `code`, message and data are passed on unharmed."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message, data)
        self.code = code
