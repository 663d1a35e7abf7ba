"""The shop of tests/servers/grpc_shop.py, one for all tests here."""

from collections.abc import Generator

import pytest

from tests.servers.launching import launched_script


@pytest.fixture(scope="session")
def shop() -> Generator[str]:
    """HOST:PORT of the shop."""
    with launched_script("grpc_shop") as launched:
        yield launched.url
