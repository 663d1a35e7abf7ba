"""What an API answered, and what it means: data, data with something missing, or an error that a model can act on.

GraphQL answers most failures with status 200 and a list of `errors` (GraphQL specification, section 7.1; GraphQL over
HTTP, section 6.4). Of an error only its message, path and code are shown: what stands in `extensions` beside them, such
as a stack trace, is for the API's makers.
"""

import math
from typing import Any, cast

import msgspec

from toolgate.model.errors import UpstreamFailed
from toolgate.rules.redaction import printable, redacted
from toolgate.upstreams.connector import answers
from toolgate.upstreams.connector.answers import Reply
from toolgate.upstreams.connector.format import Errors, Http, RateLimit
from toolgate.upstreams.connector.trouble import Trouble

_MOST_ERRORS = 3
_LONGEST_MESSAGE = 300
_BAD = (400, 422)
_INTERNAL = "INTERNAL_SERVER_ERROR"

_CODES = {
    "UNAUTHENTICATED": ("unauthorized", "the credential was refused: an administrator must renew it"),
    "UNAUTHORIZED": ("unauthorized", "the credential was refused: an administrator must renew it"),
    "FORBIDDEN": ("forbidden", "the credential may not do this"),
    "INSUFFICIENT_SCOPES": ("forbidden", "the credential may not do this"),
    "ACCESS_DENIED": ("forbidden", "the credential may not do this"),
    "NOT_FOUND": ("not_found", "there is no such thing, or the credential may not see it"),
    "RATE_LIMITED": ("rate_limited", "ask again later"),
    "THROTTLED": ("rate_limited", "ask again later"),
    "TOO_MANY_REQUESTS": ("rate_limited", "ask again later"),
    "MAX_COST_EXCEEDED": ("too_much", "ask for less at once"),
    "TIMEOUT": ("unavailable", "it took too long: ask for less at once, or try again later"),
    _INTERNAL: ("unavailable", "it is not the arguments: try again later"),
    "GRAPHQL_VALIDATION_FAILED": ("outdated", "the API has changed: an administrator must change the operation"),
    "GRAPHQL_PARSE_FAILED": ("outdated", "the API does not take this operation: an administrator must change it"),
}
"""What widely used servers mean by `extensions.code` (some say `type`), and what can be done."""


class Api(msgspec.Struct, frozen=True):
    """How this API is asked (see `connector.answers.Api`)."""

    http: Http
    rate_limit: RateLimit = RateLimit(limited_when='status == `403` && headers."retry-after" != null')
    errors: Errors = Errors(message="errors && join('; ', errors[:3].message) || message || error")


class Outcome(msgspec.Struct, frozen=True):
    """`missing` says what of the data could not be had; empty where all is there."""

    data: dict[str, Any]
    missing: str = ""


def judged(api: Api, reply: Reply, server: str, now: float) -> Outcome:
    """Raises Trouble for an answer without data, UpstreamFailed for what is no answer of GraphQL."""
    body: Any = reply.data
    if not 200 <= reply.status < 300:
        told = _errors(cast("dict[str, Any]", body).get("errors")) if isinstance(body, dict) else []
        if reply.status in _BAD and any(_code(error) in _CODES for error in told):
            raise Trouble(_refusal(api, reply, told, _all(told), now))
        raise Trouble(answers.refusal(api, reply, now))
    if not isinstance(body, dict) or not {"data", "errors"} & set(cast("dict[str, Any]", body)):
        raise UpstreamFailed(f"server {server!r}: its answer is none of GraphQL (neither data nor errors)")
    told = cast("dict[str, Any]", body)
    data, errors = told.get("data"), _errors(told.get("errors"))
    if not errors and isinstance(data, dict):
        return Outcome(cast("dict[str, Any]", data))
    said = _all(errors)
    if not isinstance(data, dict) or all(value is None for value in cast("dict[str, Any]", data).values()):
        raise Trouble(_refusal(api, reply, errors, said, now))
    return Outcome(cast("dict[str, Any]", data), f"a part could not be had: {said}")


def _errors(value: Any) -> list[dict[str, Any]]:
    found = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", one) for one in found if isinstance(one, dict)]


def _all(errors: list[dict[str, Any]]) -> str:
    said = "; ".join(dict.fromkeys(_said(error) for error in errors[:_MOST_ERRORS]))
    return f"{said}; and {len(errors) - _MOST_ERRORS} more errors" if len(errors) > _MOST_ERRORS else said


def _code(error: dict[str, Any]) -> str:
    extensions = error.get("extensions")
    found = cast("dict[str, Any]", extensions).get("code") if isinstance(extensions, dict) else None
    code = found if isinstance(found, str) else error.get("type")
    return code.upper() if isinstance(code, str) else ""


def _said(error: dict[str, Any]) -> str:
    """The message, and the path to what is missing. An internal failure says no more than where."""
    message = error.get("message")
    line = " ".join(message.split()) if isinstance(message, str) and _code(error) != _INTERNAL else "internal error"
    line = redacted(printable(line))[:_LONGEST_MESSAGE].rstrip(".")
    path = error.get("path")
    steps = [str(step)[:60] for step in cast("list[Any]", path)[:12]] if isinstance(path, list) else []
    return f"{line} (at {printable('.'.join(steps))})" if steps else line


def _refusal(api: Api, reply: Reply, errors: list[dict[str, Any]], said: str, now: float) -> str:
    codes = [_code(error) for error in errors]
    known = next((code for code in codes if code in _CODES), None)
    code, hint = _CODES[known] if known is not None else ("refused", "check the arguments")
    if code == "rate_limited":
        seconds = answers.wait(api, reply, now)
        hint = hint if seconds is None else f"ask again in {math.ceil(seconds)} seconds"
    if not errors:
        said = "the answer holds no data, and no error that says why"
    return f"{code}: {said}; {hint}"
