"""What ends a tool call with a text that the model can act on; and what a status of gRPC means."""

from toolgate.model.errors import UpstreamFailed
from toolgate.rules.redaction import printable, redacted

_LONGEST_MESSAGE = 600

_HINTS = {
    "INVALID_ARGUMENT": "check the arguments",
    "OUT_OF_RANGE": "check the arguments",
    "NOT_FOUND": "there is no such thing, or the credential may not see it",
    "ALREADY_EXISTS": "it exists already: read it, or choose another name",
    "PERMISSION_DENIED": "the credential may not do this",
    "UNAUTHENTICATED": "the credential was refused: an administrator must set `metadata` of this server",
    "FAILED_PRECONDITION": "something else must be done first: read how it is now",
    "ABORTED": "it was changed meanwhile: read it again, and try again",
    "RESOURCE_EXHAUSTED": "too much was asked for, or too often: ask for less, or later",
    "UNIMPLEMENTED": "the server does not have this method (any more)",
    "DEADLINE_EXCEEDED": "it took too long: ask for less, or try again later",
    "CANCELLED": "the server broke the call off: try again later",
}
_TLS = {
    "WRONG_VERSION_NUMBER": "it seems to speak without TLS: set `tls: false` (--plaintext)",
    "CERTIFICATE_VERIFY_FAILED": "its certificate is not trusted: name its authority as `ca_file`",
}
"""What the library says of a connection that fails, and what to do."""

_WITHIN = ("UNKNOWN", "INTERNAL", "DATA_LOSS")
"""Failures inside the server: what they say is for its makers."""


class Trouble(Exception):
    """`message` goes to the model and to records: it holds no secret. `status` is that of gRPC, where there is one."""

    def __init__(self, message: str, status: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.status = status


def refusal(status: str, details: str, server: str) -> Trouble | UpstreamFailed:
    """What a call that ended with this status (`NOT_FOUND`) means."""
    said = redacted(printable(" ".join(details.split())))[:_LONGEST_MESSAGE].rstrip(".")
    if status == "UNAVAILABLE":
        hint = next((f"; {told}" for sign, told in _TLS.items() if sign in details), "")
        return UpstreamFailed(f"server {server!r} is not available: {said or 'no reason given'}{hint}", reached=False)
    if status in _WITHIN:
        return Trouble(f"{status.lower()}: the server failed; it is not the arguments: try again later", status)
    hint = _HINTS.get(status, "try again later")
    return Trouble(f"{status.lower()}: {said}; {hint}" if said else f"{status.lower()}: {hint}", status)
