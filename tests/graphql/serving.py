"""The kind opened in this process against the shop, and its tools called as dispatch calls them."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tests.connectors.replay import TOKEN, playing
from tests.connectors.serving import Reply, toolbox
from tests.graphql.shop import SDL, Shop
from tests.ports.speaking import Ear, modern, spec, tool
from toolgate.model.identity import Grant
from toolgate.ports import Upstream
from toolgate.upstreams import graphql

SHOWN = Grant("all", (("Authorization", f"Bearer {TOKEN}"), ("X-Edition", "2027-01")))

ORDERS = """query Orders($filter: OrderFilter, $first: Int! = 10, $after: String) {
  orders(filter: $filter, first: $first, after: $after) {
    nodes { number state note }
    pageInfo { hasNextPage endCursor }
  }
}"""
OPERATIONS: dict[str, dict[str, Any]] = {
    "get_order": {"document": "query GetOrder($number: String!) { order(number: $number) { number state } }"},
    "list_orders": {"document": ORDERS},
    "cancel_order": {
        "document": "mutation ($number: ID!, $reason: Reason) {"
        " cancelOrder(number: $number, reason: $reason) { note } }"
    },
    "get_items": {"document": "query ($number: String!) { order(number: $number) { number items { name broken } } }"},
    "change_order": {"document": "mutation ($change: OrderChange!) { changeOrder(change: $change) }"},
    "list_customers": {"document": "{ customers { name story } }"},
    "echo": {"document": "query ($text: String) { echo(text: $text) }"},
    "secret": {"document": "{ secret }"},
}


@dataclass(frozen=True)
class Serving:
    upstream: Upstream
    shop: Shop

    async def call(self, name: str, /, **arguments: Any) -> Reply:
        result = await self.upstream.call(tool(name, modern(), SHOWN, **arguments), Ear())
        return Reply(result.is_error, json.loads(result.body))

    async def wrong(self, name: str, /, **arguments: Any) -> str:
        """What the model is told of a call that must fail."""
        reply = await self.call(name, **arguments)
        assert reply.failed, reply.result
        return reply.text


def settings(url: str = "https://shop.example/graphql", /, **members: Any) -> graphql.Settings:
    given = {"url": url, "schema": SDL, "operations": OPERATIONS, **members}
    return msgspec.convert({name: value for name, value in given.items() if value is not None}, graphql.Settings)


@asynccontextmanager
async def serving(data: Path, shop: Shop, *, timeout: float = 20.0, **members: Any) -> AsyncGenerator[Serving]:
    """The shop's operations, unless others are given."""
    headers = (("Authorization", "Bearer env:THE_TOKEN"), ("X-Edition", "2027-01"))
    sized = {"max_bytes": members.pop("max_bytes")} if "max_bytes" in members else {}
    known = spec(kind="graphql", timeout=timeout, headers=headers, **sized)
    async with playing(shop):
        chosen = settings(f"{shop.url}/graphql?edition=1", **members)
        async with graphql.open(known, chosen, toolbox(data)) as upstream:
            yield Serving(upstream, shop)


def findings(**members: Any) -> list[tuple[str, str]]:
    """What is wrong with these settings."""
    return list(settings(**members).flaws())
