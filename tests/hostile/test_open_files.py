"""More connections than a process may have files: clients wait, servers are told of, and it passes."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.hostile.raw import Raw, ask, head
from tests.running import Gateway, toolgate

resource = pytest.importorskip("resource")

DEMO = {"servers": {"demo": {"kind": "echo"}}}


def limits(gateway: Gateway) -> str:
    text = Path(f"/proc/{gateway.process.pid}/limits").read_text(encoding="utf-8")
    return next(line for line in text.splitlines() if line.startswith("Max open files"))


@pytest.fixture
def few_files():
    """This process may have few open files, and so may those that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.promise("wire.floods")
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_limit_is_raised_for_the_connections_that_were_declared(few_files: None, tmp_path: Path):
    with toolgate(tmp_path, DEMO, flags=("--max-connections", "600")) as gateway:
        assert limits(gateway).split()[3] == "1624"
        host = gateway.url.removeprefix("http://")
        with ExitStack() as stack:
            for _ in range(300):
                stack.enter_context(Raw(gateway.url))
            assert ask(gateway.url, head("GET", "/livez", host)).status == 200


@pytest.mark.promise("wire.floods")
def test_more_connections_than_declared_are_refused(tmp_path: Path):
    with toolgate(tmp_path, DEMO, flags=("--max-connections", "20")) as gateway:
        host = gateway.url.removeprefix("http://")
        with ExitStack() as stack:
            for _ in range(20):
                stack.enter_context(Raw(gateway.url))
            assert ask(gateway.url, head("GET", "/livez", host)).status == 503
        while (answer := ask(gateway.url, head("GET", "/livez", host))).status == 503:
            pass  # the ends of connections are noticed one look of the loop later
        assert answer.status == 200
