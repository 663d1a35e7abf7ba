"""What is sent to the API holds nobody up, however large it is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.admin.site import Site
from tests.holding import held

pytestmark = pytest.mark.promise("api.holding")

LONGEST = 0.25
"""Seconds of the processor in one turn of the loop."""


def graphql(name: str, **settings: Any) -> dict[str, Any]:
    return {"name": name, "kind": "graphql", "settings": {"url": "https://shop.example/graphql", **settings}}


async def test_documents_and_a_schema_are_judged_beside_others(site: Site):
    fields = " ".join(["s"] * 10 + ["q { s }"] * 5)
    operations = {f"op_{n}": {"document": f"query op_{n} {{ q {{ {fields} }} }}"} for n in range(140)}
    schema = "type Query { s: String q: Query " + " ".join(f"f{n}(a: Int): Query" for n in range(700)) + " }"
    async with held() as longest:
        answer = await site.ask("POST", "/servers", graphql("shop", operations=operations, schema=schema))
        refused = await site.ask("POST", "/servers", graphql("shop2", operations=operations, schema="type Query {"))
    assert answer.status == 201, answer.body[:500]
    assert refused.status == 422
    assert longest[0] < LONGEST


async def test_a_schema_is_bounded_by_its_setting(site: Site):
    one = {"get": {"document": "{ s }"}}
    schema = "type Query { s: String } #" + "x" * 2000
    answer = await site.ask("POST", "/servers", graphql("shop", operations=one, schema=schema, schema_bytes=1024))
    assert answer.status == 422
    assert b"settings.schema" in answer.body
    assert b"has 2026 bytes, at most 1024 are allowed (`schema_bytes`)" in answer.body
    large = await site.ask("POST", "/servers", graphql("shop", operations=one, schema=schema + "x" * 600_000))
    assert large.status == 422
    assert b"give `schema_file`" in large.body
