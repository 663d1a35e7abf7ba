"""Lengths of time, moments and amounts of bytes as people write them: `500ms`, `30s`, `2m`, `1h`; `2027-01-31`;
`512KiB`, `8MiB`, `1GB`."""

import re
from datetime import UTC, datetime

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?(ms|s|m|h|d)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"([0-9]{1,15}) ?(B|kB|KB|MB|GB|KiB|MiB|GiB)?")
_BYTES = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}

SECONDS_FORMS = "seconds, as 60 or 500ms or 2m"
BYTES_FORMS = "bytes, as 65536 or 512KiB or 8MiB"
MOMENT_FORMS = "a date or time, as 2027-01-31 or 2027-01-31T12:00:00+01:00"


def seconds(text: str) -> float | None:
    """Seconds; a bare number is one of seconds. None when the text is something else."""
    found = _DURATION.fullmatch(text)
    return None if found is None else float(found[1]) * _SECONDS[found[2] or "s"]


def size(text: str) -> int | None:
    """Bytes; a bare number is one of bytes. None when the text is something else."""
    found = _SIZE.fullmatch(text)
    return None if found is None else int(found[1]) * _BYTES[found[2] or "B"]


def moment(text: str) -> float | None:
    """A date or time of ISO 8601 as Unix time; without an offset it is UTC, and a date is its first second. None when
    the text is something else."""
    try:
        when = datetime.fromisoformat(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
