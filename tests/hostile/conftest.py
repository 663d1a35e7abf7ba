"""One Toolgate for the tests of this directory, with one hostile server behind it in many forms."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from tests.hostile.upstream import hostile_upstream, liars, servers
from tests.running import ALL, Gateway, Installation

KEYS: dict[str, dict[str, Any]] = {"alice": {}, "mallory": {}, "nobody": {}}
"""`alice` and `mallory` may use everything but the tools of FORBIDDEN; `nobody` may use nothing."""

FORBIDDEN = "add"
"""A tool of the demo server."""


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gateway]:
    """Nothing of what the tests do may make it end, nor stop it from ending when it is told to."""
    with hostile_upstream() as url, hostile_upstream() as neighbour:
        told = {"demo": {"kind": "echo"}, **servers(url, neighbour)}
        denied = {"servers": ["demo"], "tools": [FORBIDDEN]}
        grants: list[dict[str, Any]] = [{"key": name, "allow": ALL, "deny": denied} for name in ("alice", "mallory")]
        declared = {"servers": {**told, **liars(url)}, "grants": grants}
        installation = Installation(tmp_path_factory.mktemp("hostile"), declared, KEYS)
        installation.servers = tuple(told)
        with installation.up() as running:
            yield running


@pytest.fixture
def alice(gateway: Gateway) -> str:
    return gateway.keys["alice"]


@pytest.fixture(autouse=True)
def nothing_failed_unexpectedly(request: pytest.FixtureRequest) -> Generator[None]:
    """Whatever comes, the gateway's own log holds no traceback, no "unexpectedly", and no key."""
    if "gateway" not in request.fixturenames:
        yield
        return
    running: Gateway = request.getfixturevalue("gateway")
    mark = running.log.mark()
    yield
    assert running.process.poll() is None, running.log.text(mark)[-5000:]
    said = running.log.text(mark)
    flaws = ("Traceback", "unexpected", running.local, *running.keys.values())
    assert [line for line in said.splitlines() if any(flaw in line for flaw in flaws)] == []
