"""What a product answered, and what it means: good, to be asked again later, or an error that a model can act on."""

import math
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

import msgspec

from toolgate.rules.redaction import printable, redacted
from toolgate.upstreams.connector import expressions
from toolgate.upstreams.connector.format import Errors, Http, RateLimit
from toolgate.upstreams.connector.spending import Budget, Overspent

UNTOLD: Any = msgspec.UNSET
_LONGEST_MESSAGE = 300
_BUSY = (429, 503)
_LARGEST_ERROR = 256 * 1024
"""Bytes of an error that is looked into: it is read while others wait. What is larger has nothing to say."""

_CODES = {
    400: ("bad_request", "check the arguments"),
    401: ("unauthorized", "the credential was refused: an administrator must renew it"),
    403: ("forbidden", "the credential may not do this"),
    404: ("not_found", "there is no such thing, or the credential may not see it"),
    409: ("conflict", "it was changed meanwhile, or exists already: read it again"),
    410: ("gone", "it is no longer there"),
    422: ("invalid", "check the arguments"),
    429: ("rate_limited", "ask again later"),
}


class Api(Protocol):
    """What must be known of a product to ask it and to read its answers. A connector is one."""

    @property
    def http(self) -> Http: ...

    @property
    def rate_limit(self) -> RateLimit: ...

    @property
    def errors(self) -> Errors: ...


class Reply:
    """One answer. The body is decoded when somebody first looks into it."""

    __slots__ = ("_decoded", "body", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self._decoded: Any = UNTOLD

    @property
    def data(self) -> Any:
        """The body as JSON; None where it is none, or nests deeper than the decoder goes. How deep it nests is looked
        at in the result, which is small: in a large body that takes five times as long as decoding it."""
        if self._decoded is UNTOLD:
            try:
                told = self.body if 200 <= self.status < 300 or len(self.body) <= _LARGEST_ERROR else b""
                self._decoded = msgspec.json.decode(told) if told else None
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                self._decoded = None
        return self._decoded

    @property
    def is_json(self) -> bool:
        return not self.body or self.data is not None or self.body.strip() == b"null"

    def looked_at(self) -> dict[str, Any]:
        """What the expressions of a connector see."""
        return {"status": self.status, "headers": dict(self.headers), "body": self.data}


def is_good(api: Api, reply: Reply, budget: Budget | None = None) -> bool:
    """Raises Overspent where a budget is given, and that is not enough to know."""
    wanted = api.errors.success_when
    if not 200 <= reply.status < 300 or wanted is None:
        return 200 <= reply.status < 300
    if budget is None:
        return expressions.holds(wanted, reply.looked_at())
    return expressions.found(wanted, reply.looked_at(), budget) is True


def is_limited(api: Api, reply: Reply) -> bool:
    """Whether the product says: not now."""
    if reply.status in _BUSY:
        return True
    when = api.rate_limit.limited_when
    return when is not None and not 200 <= reply.status < 300 and expressions.holds(when, reply.looked_at())


def wait(api: Api, reply: Reply, now: float) -> float | None:
    """Seconds until it may be asked again, as the answer says; None where it does not. RFC 9110 section 10.2.3."""
    said = reply.headers.get("retry-after", "").strip()
    if said:
        return _seconds(said, now)
    reset = api.rate_limit.reset
    moment = None if reset is None else _moment(reply.headers.get(reset.lower(), ""))
    if moment is None:
        return None
    return max(0.0, moment if api.rate_limit.reset_is == "seconds" else moment - now)


def _seconds(said: str, now: float) -> float | None:
    number = _number(said)
    if number is not None:
        return max(0.0, number)
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _moment(said: str) -> float | None:
    """Unix time, as such or in ISO 8601 with its offset."""
    number = _number(said)
    if number is not None:
        return number
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment.timestamp()


def _number(said: str) -> float | None:
    try:
        number = float(said)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def refusal(api: Api, reply: Reply, now: float) -> str:
    """An answer that is not good, for the model: a code, the product's own words as far as they help, what to do."""
    code, hint = _CODES.get(reply.status, ("unavailable", "it is not the arguments: try again later"))
    if 300 <= reply.status < 400:
        code, hint = "redirected", "it leads elsewhere, and that is not followed: what was asked for has been moved"
    elif 200 <= reply.status < 300:
        code, hint = "refused", "check the arguments"
    limited = is_limited(api, reply)
    if limited:
        code, hint = ("rate_limited", "ask again later") if reply.status != 503 else ("unavailable", "ask again later")
        seconds = wait(api, reply, now)
        hint = hint if seconds is None else f"ask again in {math.ceil(seconds)} seconds"
    seen = reply.looked_at()
    rule = next((rule for rule in api.errors.rules if expressions.holds(rule.when, seen)), None)
    if rule is not None and not limited:
        code, hint = rule.code or code, rule.hint or hint
    message = _message(api, reply)
    return f"{code} (status {reply.status}): {message + '; ' if message else ''}{hint}"


def _message(api: Api, reply: Reply) -> str:
    """The product's own words. Not of a failure within it: those are for its makers."""
    if reply.status >= 500:
        return ""
    try:
        said = expressions.found(api.errors.message, reply.data)
    except Overspent:
        return ""
    if not isinstance(said, str):
        return ""
    return redacted(printable(" ".join(said.split())))[:_LONGEST_MESSAGE].rstrip(".")
