"""What is sent to the API holds nobody up, however large it is."""

from __future__ import annotations

from typing import Any

import msgspec
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


MANY = {f"m{n}": "x" for n in range(100_000)}
NAMES = list(MANY)


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/catalog/github/add", MANY, "and 99980 more members that are not known"),
        ("/catalog/github/add", {"variables": MANY}, "expected a mapping of length <= 100"),
        ("/servers", {"name": "a", "kind": "echo", **MANY}, "and 99980 more members that are not known"),
        ("/servers", {"name": "a", "kind": "echo", "tags": NAMES}, "has 100000 items, more than 1000"),
        ("/teams", {"name": "t", "members": NAMES[:1000]}, "and there is more: mend these first"),
        ("/teams", b'{"name":"t","x":[' + b"1," * 500_000 + b"1]}", "The body holds more than 250000 values."),
    ],
    ids=["members", "variables", "fields", "tags", "subjects", "values"],
)
async def test_what_is_wrong_a_hundred_thousand_times_is_told_a_few_times(site: Site, path: str, body: Any, said: str):
    sent = body if isinstance(body, bytes) else msgspec.json.encode(body)
    async with held() as longest:
        answer = await site.ask("POST", path, sent)
    assert answer.status in (413, 422), answer.body[:300]
    assert said in answer.body.decode()
    assert len(msgspec.json.decode(answer.body)["findings"]) <= 101
    assert longest[0] < LONGEST


async def test_teams_in_a_large_circle_are_refused_beside_others(site: Site):
    circle = [{"record": "team", "name": f"t{n}", "parent": f"t{(n + 1) % 500}"} for n in range(500)]
    async with held() as longest:
        answer = await site.ask("POST", "/plan", {"records": circle})
    assert answer.status == 422
    assert "a team cannot be above itself: t0 > t1 > " in answer.body.decode()
    assert longest[0] < LONGEST
