"""Fixtures of the control plane's tests."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.control.company import Company, company, settle


@pytest.fixture
async def acme(tmp_path: Path) -> AsyncGenerator[Company]:
    """A settled company."""
    async with company(tmp_path) as found:
        await settle(found)
        yield found
