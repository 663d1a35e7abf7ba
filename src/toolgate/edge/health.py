"""Health for orchestrators: `/livez`, `/readyz`, and `/healthz` as another name for `/livez`. No I/O of its own.

Live: the loop turns, or nobody would answer. Ready: every check that the composition root gave holds. A server behind
the gateway that is down makes nobody unready: its calls fail, all others do not. A database that is away does not
either: calls go on, and every replica would be unready at once. `?verbose` says so.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs

import msgspec

Check = Callable[[], str | None]
"""None when all is well, else why not, in words for an operator."""

MAX_REASON = 500
_TEXT = (("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store"))
_JSON = (("content-type", "application/json"), ("cache-control", "no-store"))


class Answer(msgspec.Struct, frozen=True):
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Health:
    """`checks` decide about readiness, by name. `upstreams` tells which servers answer, and `warnings` what else is
    wrong, for information only."""

    def __init__(
        self,
        checks: Mapping[str, Check],
        upstreams: Callable[[], Mapping[str, bool]],
        warnings: Mapping[str, Check] = MappingProxyType({}),
    ) -> None:
        self._checks = dict(checks)
        self._upstreams = upstreams
        self._warnings = dict(warnings)

    def answer(self, path: str, query: str = "", *, details: bool = False) -> Answer | None:
        """The answer to a GET; None for a path that is not about health.

        `details` is for callers who are known (observers): anonymous ones get neither reasons nor the names of servers.
        """
        verbose = "verbose" in parse_qs(query[:100], keep_blank_values=True)
        if path in ("/livez", "/healthz"):
            return Answer(200, _JSON, b'{"status":"ok","checks":[]}') if verbose else Answer(200, _TEXT, b"ok\n")
        if path != "/readyz":
            return None
        reasons = {name: _reason(check) for name, check in self._checks.items()}
        failed = [name for name, reason in reasons.items() if reason is not None]
        status = 503 if failed else 200
        if verbose:
            return Answer(status, _JSON, msgspec.json.encode(self._report(reasons, details=details)))
        return Answer(status, _TEXT, f"not ready: {', '.join(failed)}\n".encode() if failed else b"ok\n")

    def _report(self, reasons: Mapping[str, str | None], *, details: bool) -> dict[str, Any]:
        checks = [{"name": name, "ok": reason is None, **_told(reason, details)} for name, reason in reasons.items()]
        warned = {name: _reason(check) for name, check in self._warnings.items()}
        upstreams = self._upstreams()
        down = sorted(name for name, up in upstreams.items() if not up)
        report: dict[str, Any] = {
            "status": "ok" if all(check["ok"] for check in checks) else "not ready",
            "checks": checks,
            "warnings": [
                {"name": name, **_told(reason, details)} for name, reason in warned.items() if reason is not None
            ],
            "upstreams": {"total": len(upstreams), "down": len(down), "affects_readiness": False},
        }
        if details:
            report["upstreams"]["names_down"] = down
        return report


def _told(reason: str | None, details: bool) -> dict[str, str]:
    return {"reason": reason} if details and reason is not None else {}


def _reason(check: Check) -> str | None:
    """A check that breaks has not held: it must not break the answer."""
    try:
        reason = check()
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in a check is its finding
        reason = f"the check itself failed: {type(error).__name__}"
    return None if reason is None else reason[:MAX_REASON]
