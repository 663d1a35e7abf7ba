"""Fixtures: the real documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import require
from tests.openapi.packages import PackagesUnavailableError, documents


@pytest.fixture(scope="session")
def real_documents() -> dict[str, Path]:
    """Without the packages the test is skipped, except in CI, where it fails."""
    try:
        return documents()
    except PackagesUnavailableError as reason:
        missing = str(reason)
    require(False, missing)
    raise AssertionError("require() returned for a missing part")
