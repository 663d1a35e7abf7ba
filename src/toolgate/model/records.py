"""One record per Arrival: what every sink, metric and follower is told, and nothing that is secret."""

import msgspec

from toolgate.model.errors import Outcome

AUDIT_LOG = "toolgate.audit"
"""The logger that says who read the audit, or other callers' records. Whatever log level is chosen, it is heard."""


class CallRecord(msgspec.Struct, frozen=True, gc=False):
    """How one Arrival went. `at` is Unix time in seconds; durations are seconds; `upstream_s` is the time spent waiting
    for the upstream, so that `duration_s - upstream_s` is the gateway's own. `client` is the JSON object with which the
    client names itself (empty: it did not). Arguments and results are not in it."""

    id: str
    at: float
    endpoint: str
    method: str
    server: str
    target: str
    principal: str
    team: str
    era: str
    version: str
    client: bytes
    outcome: Outcome
    error: str
    duration_s: float
    upstream_s: float
    bytes_in: int
    bytes_out: int
