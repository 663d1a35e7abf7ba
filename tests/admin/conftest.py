"""One gateway with records for each test."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.admin.site import Site, administered


@pytest.fixture
async def site(tmp_path: Path) -> AsyncGenerator[Site]:
    async with administered(tmp_path) as opened:
        yield opened
