"""The gateway's own log lines (starts, swaps, upstreams that fail): standard `logging`, in the forms of the call log.

logging.getLogger(__name__).warning("server %s is down", name, extra={"event": "upstream_down", "server": name})
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from toolgate.model.records import AUDIT_LOG
from toolgate.rules.redaction import printable, redacted

Form = Literal["json", "pretty"]

MAX_MESSAGE = 8_192
MAX_TRACEBACK = 16_384
_MAX_VALUE = 512
_STANDARD = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "event", "taskName", "color_message"})


def configure(form: Form, level: str, stream: TextIO) -> "LogHandler":
    """Sends every logger of this process to `stream`, and nowhere else. May be called again. Raises ValueError for an
    unknown level. The handler counts the lines that could not be written."""
    handler = LogHandler(stream)
    handler.setFormatter(JsonFormatter() if form == "json" else PrettyFormatter())
    root = logging.getLogger()
    root.setLevel(level.upper())
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    logging.getLogger(AUDIT_LOG).setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    return handler


class LogHandler(logging.StreamHandler[TextIO]):
    """A stream that is broken loses lines, which are counted, and disturbs nobody."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.lost = 0

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name that logging calls
        self.lost += 1


class JsonFormatter(logging.Formatter):
    """One JSON object per line, in ASCII. What `extra` brings stands beside the fixed members."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "ts": _instant(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": str(getattr(record, "event", "log")),
            "logger": record.name,
            "msg": redacted(record.getMessage()[:MAX_MESSAGE]),
        }
        for name, value in _extra(record).items():
            line.setdefault(name, value)
        traceback = _traceback(self, record)
        if traceback:
            line["traceback"] = traceback
        return json.dumps(line)


class PrettyFormatter(logging.Formatter):
    """One line for people; a traceback follows, indented."""

    def format(self, record: logging.LogRecord) -> str:
        message = printable(redacted(record.getMessage()[:MAX_MESSAGE]))
        line = f"{_instant(record):%H:%M:%S}Z  {record.levelname.lower():<8}  {message}"
        for text in _traceback(self, record).splitlines():
            line += f"\n    {printable(text)}"
        return line


def _instant(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    """Members that the caller of the logger added: numbers as they are, everything else as bounded text."""
    return {
        name: value if isinstance(value, bool | int | float) else redacted(str(value))[:_MAX_VALUE]
        for name, value in vars(record).items()
        if name not in _STANDARD
    }


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """The end of it, where the error stands; empty where there is none."""
    parts: list[str] = []
    if record.exc_info:
        parts.append(formatter.formatException(record.exc_info))
    if record.stack_info:
        parts.append(record.stack_info)
    return redacted("\n".join(parts))[-MAX_TRACEBACK:]
