"""The official conformance suite, with every scenario that a revision of the specification requires of a server.

What fails against the everything server itself is the fixture's or the suite's doing, not Toolgate's.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.conformance.suite import SCORED, Revision, run
from tests.npm.toolchain import Toolchain
from tests.servers.launching import launched_script

# Fixtures that give the URL of a server to judge. The suite cannot send a key and calls tools by their plain names.
SUBJECTS = ["everything_url"]


@pytest.fixture(scope="module")
def everything_url() -> Generator[str]:
    """The everything server, with nothing in front."""
    with launched_script("everything") as server:
        yield server.url


@pytest.mark.timeout(300)
@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("revision", SCORED)
def test_a_server_meets_the_requirements(
    request: pytest.FixtureRequest, npm_toolchain: Toolchain, subject: str, revision: Revision, tmp_path: Path
) -> None:
    verdict = run(npm_toolchain, request.getfixturevalue(subject), revision, tmp_path)
    assert len(verdict.scored) == SCORED[revision]
    assert all(scenario.passed for scenario in verdict.scored), verdict.report()
