"""One agent on the official SDK for all tests here: its start is most of what they cost."""

from collections.abc import Generator

import pytest

from tests.servers.launching import launched_script


@pytest.fixture(scope="session")
def agent() -> Generator[str]:
    """The URL below which the agent's cards are; see tests/servers/a2a_agent.py."""
    with launched_script("a2a_agent") as launched:
        yield launched.url
