"""The official SDK's client in both eras, through a running gateway, to the shop's API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.replay import TOKEN, playing
from tests.connectors.test_journey import holding
from tests.files.test_journey import serving_up
from tests.graphql.serving import OPERATIONS
from tests.graphql.shop import SDL, Shop
from tests.journeys.clients import sdk


def configured(home: Path, url: str) -> None:
    """The key `local` may read; the token is in a file of its own."""
    secret = home / "token"
    secret.write_text(TOKEN, encoding="utf-8")
    secret.chmod(0o600)
    (home / "shop.graphql").write_text(SDL, encoding="utf-8")
    server = {
        "kind": "graphql",
        "url": f"{url}/graphql",
        "headers": {"Authorization": "Bearer file:./token"},
        "schema_file": "shop.graphql",
        "operations": OPERATIONS,
    }
    grant = {"key": "local", "allow": {"servers": ["shop"], "tools": ["get_*", "list_*", "echo"]}}
    declared = {"version": 1, "servers": {"shop": server}, "grants": [grant]}
    (home / "toolgate.yaml").write_text(json.dumps(declared), encoding="utf-8")


@pytest.mark.promise("graphql.persisted", "graphql.confined")
async def test_an_api_behind_a_key(tmp_path: Path):
    shop = Shop()
    async with playing(shop):
        configured(tmp_path, shop.url)
        with serving_up(tmp_path) as (url, key):
            for mode in ("legacy", "2026-07-28"):
                async with sdk(f"{url}/servers/shop/mcp", key, mode) as client:
                    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
                    assert set(tools) == {"get_order", "get_items", "list_orders", "list_customers", "echo"}
                    assert tools["get_order"].annotations is not None
                    assert tools["get_order"].annotations.read_only_hint
                    found = await client.call_tool("get_order", {"number": "A-17"})
                    assert found.structured_content == {"order": {"number": "A-17", "state": "OPEN"}}
                    told: Any = await client.call_tool("echo", {"text": f"{TOKEN} {{ secret }}"})
                    assert told.structured_content == {"echo": "*** { secret }"}
                    refused: Any = await client.call_tool("get_order", {"number": "A-0"})
                    assert refused.is_error
                    assert refused.content[0].text.startswith("get_order: not_found: there is no order A-0")
                    first: Any = await client.call_tool("list_orders", {"limit": 44})
                    token = first.structured_content["next_page_token"]
                    rest: Any = await client.call_tool("list_orders", {"page_token": token})
                    assert [row["number"] for row in rest.structured_content["orders"]["nodes"]] == ["A-45"]
        assert shop.complaints == []
        assert {body["query"].partition("(")[0] for body in shop.bodies} == {"query GetOrder", "query ", "query Orders"}
    assert holding(tmp_path, TOKEN) == ["token"]
