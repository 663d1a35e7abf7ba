"""The official SDK's client in both eras, through a running gateway, to a real gRPC server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.clients import MODES, sdk
from tests.ports.speaking import BOUND
from tests.running import toolgate

SECRET = "shops-token-0123456789"


@pytest.mark.promise("grpc.methods", "grpc.confined")
async def test_a_shop_behind_a_key(shop: str, tmp_path: Path):
    (tmp_path / "token").write_text(SECRET, encoding="utf-8")
    (tmp_path / "token").chmod(0o600)
    server = {
        "kind": "grpc", "target": shop, "tls": False, "methods": ["shop.v1.Catalog/*"],
        "metadata": {"authorization": "Bearer file:./token"},
    }  # fmt: skip
    allow = {"servers": ["shop"], "tools": ["get_*", "metadata", "wait"]}
    declared = {"servers": {"shop": {**server, "timeout": 1}}, "grants": [{"key": "ann", "allow": allow}]}
    with toolgate(tmp_path, declared, keys=("ann",)) as gateway:
        for mode in MODES.values():
            async with asyncio.timeout(BOUND), sdk(gateway.endpoint("shop"), gateway.keys["ann"], mode) as client:
                tools = {tool.name: tool for tool in (await client.list_tools()).tools}
                assert sorted(tools) == ["get_product", "metadata", "wait"]
                found: Any = await client.call_tool("get_product", {"productId": "p1"})
                assert found.structured_content == {"productId": "p1", "title": "Lamp", "cents": str(2**60)}
                missing: Any = await client.call_tool("get_product", {"productId": "p9"})
                assert missing.is_error
                assert "not_found: no product 'p9'" in missing.content[0].text
                told: Any = await client.call_tool("metadata", {})
                assert told.structured_content["authorization"] == "Bearer ***"
        assert SECRET not in gateway.log.text()
