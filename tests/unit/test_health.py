"""Health answers: who is ready, who says why, and to whom."""

import json

import pytest

from toolgate.edge.health import Health


def health(*, loaded: str | None = None, upstreams: dict[str, bool] | None = None) -> Health:
    return Health({"config": lambda: loaded, "draining": lambda: None}, lambda: upstreams or {})


@pytest.mark.parametrize("path", ["/livez", "/healthz"])
def test_live_whatever_the_checks_say(path: str):
    answer = health(loaded="no snapshot yet").answer(path)
    assert answer is not None
    assert (answer.status, answer.body) == (200, b"ok\n")


def test_ready_when_every_check_holds_even_with_every_upstream_down():
    answer = health(upstreams={"files": False, "mail": False}).answer("/readyz")
    assert answer is not None
    assert (answer.status, answer.body) == (200, b"ok\n")
    assert ("cache-control", "no-store") in answer.headers


def test_not_ready_names_the_check():
    answer = health(loaded="no snapshot yet").answer("/readyz")
    assert answer is not None
    assert (answer.status, answer.body) == (503, b"not ready: config\n")


def test_verbose_tells_strangers_neither_reasons_nor_servers():
    answer = health(loaded="/srv/x is broken", upstreams={"files": False, "mail": True}).answer("/readyz", "verbose")
    assert answer is not None
    assert answer.status == 503
    assert json.loads(answer.body) == {
        "status": "not ready",
        "checks": [{"name": "config", "ok": False}, {"name": "draining", "ok": True}],
        "warnings": [],
        "upstreams": {"total": 2, "down": 1, "affects_readiness": False},
    }


def test_verbose_tells_observers():
    answer = health(loaded="no file", upstreams={"files": False}).answer("/readyz", "verbose=1", details=True)
    assert answer is not None
    report = json.loads(answer.body)
    assert report["checks"][0] == {"name": "config", "ok": False, "reason": "no file"}
    assert report["upstreams"]["names_down"] == ["files"]


@pytest.mark.parametrize("details", [False, True])
def test_a_warning_is_told_and_makes_nobody_unready(details: bool):
    warned = Health({}, dict, {"records": lambda: "the database is away", "disk": lambda: None})
    answer = warned.answer("/readyz", "verbose", details=details)
    assert answer is not None
    assert answer.status == 200
    told = {"reason": "the database is away"} if details else {}
    assert json.loads(answer.body)["warnings"] == [{"name": "records", **told}]


def test_a_check_that_breaks_has_not_held():
    def broken() -> str | None:
        raise RuntimeError("the secret is 42")

    answer = Health({"store": broken}, dict).answer("/readyz", "verbose", details=True)
    assert answer is not None
    assert answer.status == 503
    assert b"RuntimeError" in answer.body
    assert b"42" not in answer.body


def test_other_paths_are_not_about_health():
    assert health().answer("/mcp") is None
    assert health().answer("/readyz/") is None
