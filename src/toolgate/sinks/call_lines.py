"""A call record as one line: JSON for machines, a short form for people.

Most calls differ from one another in their times, ids and sizes alone. The rest of a line is encoded once, so that the
next one costs the event loop about a microsecond.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from toolgate.model.errors import Outcome
from toolgate.model.records import CallRecord
from toolgate.rules.redaction import printable, redacted, safe_json

_MAX_TEXT = 256
_MAX_CLIENT = 4_096
MAX_SHAPES = 1_024

_LEVELS = {
    Outcome.OK: "info",
    Outcome.TOOL_ERROR: "info",
    Outcome.INPUT_REQUIRED: "info",
    Outcome.CANCELLED: "info",
    Outcome.INVALID: "warning",
    Outcome.UNAUTHENTICATED: "warning",
    Outcome.DENIED: "warning",
    Outcome.LIMITED: "warning",
    Outcome.TIMEOUT: "error",
    Outcome.UPSTREAM_ERROR: "error",
}
_COLOURS = {"info": "32", "warning": "33", "error": "31"}


class _Line(msgspec.Struct, omit_defaults=True, gc=False):
    """The line's members, in their order. Durations in milliseconds; what is empty is left out."""

    ts: datetime
    level: str
    event: str
    request_id: str
    method: str
    status: str
    dur_ms: float
    upstream_ms: float = 0.0
    endpoint: str = ""
    server: str = ""
    tool: str = ""
    target: str = ""
    user: str = ""
    team: str = ""
    client: str = ""
    era: str = ""
    protocol_version: str = ""
    error_type: str = msgspec.field(name="error.type", default="")
    bytes_in: int = 0
    bytes_out: int = 0


class _Client(msgspec.Struct):
    name: str = ""
    version: str = ""


_encoder = msgspec.json.Encoder()
_decode_client = msgspec.json.Decoder(_Client).decode


class Lines:
    """Lines of JSON. What records have in common is remembered, within a bound."""

    def __init__(self) -> None:
        self._shapes: dict[tuple[object, ...], str] = {}
        self._second = -1
        self._clock = ""

    def text(self, record: CallRecord) -> str:
        """One line with its break: the members of a `_Line`, in order. Raises ValueError for what is not Unicode."""
        key = (
            record.method, record.outcome, record.endpoint, record.server, record.target, record.principal, record.team,
            record.client, record.era, record.version, record.error,
        )  # fmt: skip
        shape = self._shapes.get(key) or self._shape(key, record)
        at = record.at
        if int(at) != self._second:
            self._second = int(at)
            self._clock = f"{datetime.fromtimestamp(self._second, UTC):%Y-%m-%dT%H:%M:%S}"
        return shape % (
            self._clock, (at - self._second) * 1e6, _id(record.id), record.duration_s * 1e3, record.upstream_s * 1e3,
            record.bytes_in, record.bytes_out,
        )  # fmt: skip

    @property
    def remembered(self) -> int:
        """How many kinds of call are remembered."""
        return len(self._shapes)

    def _shape(self, key: tuple[object, ...], record: CallRecord) -> str:
        if len(self._shapes) >= MAX_SHAPES:
            self._shapes.clear()
        members = msgspec.to_builtins(_line(record, client_name(record.client)))
        shape = (
            '{"ts":"%s.%06dZ"' + _json(members, ("level", "event")) + ',"request_id":%s'
            + _json(members, ("method", "status")) + ',"dur_ms":%.3f,"upstream_ms":%.3f'
            + _json(members, [name for name in members if name not in _ASIDE]) + ',"bytes_in":%d,"bytes_out":%d}\n'
        )  # fmt: skip
        self._shapes[key] = shape
        return shape


_ASIDE = frozenset(
    {"ts", "level", "event", "request_id", "method", "status", "dur_ms", "upstream_ms", "bytes_in", "bytes_out"}
)
"""What has a place of its own in the format of a line; the rest stands between durations and sizes."""


def _json(members: dict[str, Any], names: Iterable[str]) -> str:
    """These members as JSON, each after a comma, for a place in a format."""
    inner = safe_json(_encoder.encode({name: members[name] for name in names})).decode()[1:-1]
    return f",{inner}".replace("%", "%%") if inner else ""


def _id(text: str) -> str:
    if text.isascii() and text.replace("-", "").isalnum() and len(text) <= _MAX_TEXT:
        return f'"{text}"'
    return safe_json(_encoder.encode(text[:_MAX_TEXT])).decode()


def whole(record: CallRecord) -> str:
    """The line of one record, encoded as a whole, with its break. Raises ValueError for text that is not Unicode."""
    return safe_json(_encoder.encode(_line(record, client_name(record.client)))).decode() + "\n"


def pretty(record: CallRecord, *, colour: bool = False) -> str:
    """The record as one line for people, without the line break."""
    return _pretty(_line(record, client_name(record.client)), colour=colour)


def _line(record: CallRecord, client: str) -> _Line:
    outcome, target = record.outcome, record.target[:_MAX_TEXT]
    is_tool = record.method == "tools/call"
    return _Line(
        datetime.fromtimestamp(record.at, UTC),
        _LEVELS.get(outcome, "error"),
        "call",
        record.id[:_MAX_TEXT],
        record.method[:_MAX_TEXT],
        outcome,
        round(record.duration_s * 1e3, 3),
        round(record.upstream_s * 1e3, 3),
        record.endpoint[:_MAX_TEXT],
        record.server,
        target if is_tool else "",
        "" if is_tool else target,
        record.principal,
        record.team,
        client,
        record.era,
        record.version[:_MAX_TEXT],
        record.error or ("tool_error" if outcome is Outcome.TOOL_ERROR else ""),
        record.bytes_in,
        record.bytes_out,
    )


def client_name(raw: bytes) -> str:
    """`name/version` of the client; empty when it did not say, or said it in a way that is not worth reading."""
    if not raw or len(raw) > _MAX_CLIENT:
        return ""
    try:
        client = _decode_client(raw)
    except msgspec.DecodeError:
        return ""
    name, version = client.name[: _MAX_TEXT // 2], client.version[: _MAX_TEXT // 2]
    return f"{name}/{version}" if version else name


def _pretty(line: _Line, *, colour: bool) -> str:
    """One line for people."""
    status = f"{line.status:<15}"
    if colour:
        status = f"\x1b[{_COLOURS[line.level]}m{status}\x1b[0m"
    what = " ".join(part for part in (line.method, line.server, line.tool or line.target) if part)
    took = f"{line.dur_ms:.1f} ms"
    if line.upstream_ms:
        took += f" ({line.upstream_ms:.1f} upstream)"
    rest = "  ".join(part for part in (took, line.user, line.client, line.error_type) if part)
    return f"{line.ts:%H:%M:%S}.{line.ts.microsecond // 1000:03d}Z  {status} {_for_people(what)}  {_for_people(rest)}"


def _for_people(text: str) -> str:
    return printable(redacted(text))
