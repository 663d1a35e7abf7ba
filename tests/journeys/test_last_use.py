"""When a key was last used, and whose pepper it is: over restarts of a real gateway."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import httpx2
import pytest

from tests.journeys.test_health import administering, gateway
from tests.journeys.wire import MODERN, Wire
from toolgate.client.administration import Administration
from toolgate.model.entities import Key
from toolgate.rules.keys import PEPPER_BYTES


async def used_at(api: Administration, name: str) -> float | None:
    return (await api.get(Key, name)).stamp.used_at


@pytest.mark.promise("keys.last-use")
@pytest.mark.promise("keys.one-pepper")
async def test_last_use_outlives_a_restart_and_a_wrong_pepper_is_told(tmp_path: Path):
    with gateway(tmp_path) as (terminal, url):
        async with administering(tmp_path, url) as api, httpx2.AsyncClient(timeout=20) as http:
            made = await api.mint(Key(name="laptop", digest=""))
            await api.mint(Key(name="unused", digest=""))
            assert await used_at(api, "laptop") is None
            began = time.time()
            assert (await Wire(http, f"{url}/mcp", made.clear, MODERN).ask("tools/list")).status == 200
            first = await used_at(api, "laptop")
            assert first is not None
            assert began <= first <= time.time()
            # The API is a use, too, and no refusal is needed to see it.
            async with administering(tmp_path, url, made.clear) as own:
                await own.me()
            second = await used_at(api, "laptop")
            assert second is not None
            assert second > first
            assert (await api.get(Key, "laptop")).stamp.version == 1
            said = await asyncio.to_thread(terminal.run, "key", "list")
            rows = {line.split()[0]: line for line in said.out.splitlines()}
            assert "s ago" in rows["laptop"]
            assert "never" in rows["unused"]
    with gateway(tmp_path) as (_, url):
        async with administering(tmp_path, url) as api:
            page, _ = await api.list(Key)
            told = {key.name: key.stamp.used_at for key in page}
            assert told == {"laptop": pytest.approx(second, abs=1e-3), "unused": None}
    pepper = tmp_path / "data" / "key.pepper"
    right = pepper.read_bytes()
    pepper.write_bytes(os.urandom(PEPPER_BYTES))
    refused = await asyncio.to_thread(terminal.run, "up", "--port", "0")
    assert refused.code == 2
    assert "key.pepper: is another than the one" in refused.err
    assert "adopt-pepper" in refused.err
    pepper.write_bytes(right)
    said = await asyncio.to_thread(terminal.run, "db", "adopt-pepper")
    assert (said.code, "right one already" in said.err) == (0, True)
    pepper.write_bytes(os.urandom(PEPPER_BYTES))
    said = await asyncio.to_thread(terminal.run, "db", "adopt-pepper")
    assert "refused until they are rotated" in said.err
