"""Pytest fixtures for what comes from npm. A `conftest.py` imports them by name."""

from __future__ import annotations

import pytest

from tests.conftest import require
from tests.npm.toolchain import NpmUnavailableError, Toolchain, install


@pytest.fixture(scope="session")
def npm_toolchain() -> Toolchain:
    """Node and the pinned packages: without them the test is skipped, except in CI, where it fails."""
    try:
        return install()
    except NpmUnavailableError as reason:
        missing = str(reason)
    require(False, missing)
    raise AssertionError("require() returned for a missing part")
