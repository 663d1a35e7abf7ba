"""The official conformance suite, with every scenario that a revision of the specification requires of a server.

The judged are Toolgate, with the everything server behind it, and that server alone: what fails there, too, is the
fixture's or the suite's doing, not Toolgate's.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.conformance.suite import SCORED, Revision, run
from tests.npm.toolchain import Toolchain
from tests.running import ALL, toolgate
from tests.servers.launching import launched_script

# Fixtures that give the URL of a server to judge. The suite cannot send a key and calls tools by their plain names.
SUBJECTS = ["everything_url", "toolgate_url"]


@pytest.fixture(scope="module")
def everything_url() -> Generator[str]:
    """The everything server, with nothing in front."""
    with launched_script("everything") as server:
        yield server.url


@pytest.fixture(scope="module")
def toolgate_url(everything_url: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """Toolgate in front of it, at the endpoint of that one server, where names are plain."""
    declared = {
        "servers": {"everything": {"kind": "streamable_http", "url": everything_url}},
        "grants": [{"key": "local", "allow": ALL}],
    }
    with toolgate(tmp_path_factory.mktemp("toolgate"), declared, flags=["--open"]) as gateway:
        yield gateway.endpoint("everything")


@pytest.mark.promise("conformance.server")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("revision", SCORED)
def test_a_server_meets_the_requirements(
    request: pytest.FixtureRequest, npm_toolchain: Toolchain, subject: str, revision: Revision, tmp_path: Path
) -> None:
    verdict = run(npm_toolchain, request.getfixturevalue(subject), revision, tmp_path)
    assert len(verdict.scored) == SCORED[revision]
    assert all(scenario.passed for scenario in verdict.scored), verdict.report()
    assert not [scenario.name for scenario in verdict.scenarios if scenario.warnings], verdict.report()
