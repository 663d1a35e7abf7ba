"""Call records for tests, one that is ordinary in every respect, to be changed where a test needs it; and readings."""

from typing import Any

import msgspec

from toolgate.model.errors import Outcome
from toolgate.model.records import CallRecord
from toolgate.sinks.metrics import Readings

ORDINARY = CallRecord(
    id="req-1",
    at=1_790_000_000.25,
    endpoint="",
    method="tools/call",
    server="files",
    target="read",
    principal="key:alice",
    team="blue",
    era="modern",
    version="2026-07-28",
    client=b'{"name":"desk","version":"1.2"}',
    outcome=Outcome.OK,
    error="",
    duration_s=0.0123456,
    upstream_s=0.012,
    bytes_in=210,
    bytes_out=340,
)


def record(**changes: Any) -> CallRecord:
    return msgspec.structs.replace(ORDINARY, **changes)


READINGS = Readings(
    in_flight=lambda: 3,
    generation=lambda: 7,
    records_dropped=lambda: 11,
    records_lost=lambda: {"log": 5},
    malformed=lambda: {"not_json": 2},
    upstreams_up=lambda: {"files": True, "mail": False},
    upstream_transport=lambda server: "pipe" if server == "files" else "tcp",
)
