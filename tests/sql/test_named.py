"""Named queries: typed values, values bound to the caller, effects, and writes that are undone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.ports.speaking import ALL, body
from tests.sql.places import JANE, Place, Sqlite, called, opened, refused, rows
from toolgate.model.errors import UpstreamFailed
from toolgate.model.identity import Principal
from toolgate.upstreams.sql.settings import Query

JOE = Principal("key:joe", "joe", owner="user:joe")
NOBODY = Principal("key:robot", "robot", owner="service:robot")


def query(sql: str, **more: Any) -> Query:
    return msgspec.convert({"sql": sql, "description": "A test.", **more}, Query)


BY_ID = query(
    "SELECT id, name, joined FROM customers WHERE id = :customer_id",
    parameters={"customer_id": {"type": "integer", "minimum": 1}},
    returns="row",
)
MINE = query("SELECT id FROM orders WHERE rep = :caller_user ORDER BY id")
PAY = query(
    "UPDATE orders SET amount = :amount WHERE id = :order_id",
    parameters={"amount": {"type": "number"}, "order_id": {"type": "integer"}},
    effect="update",
)
EVERY = query("UPDATE orders SET amount = 0", effect="update", max_affected=2)
ADD = query(
    "INSERT INTO orders (id, customer_id, amount, rep) VALUES (:order_id, 1, 5, :caller_user)",
    parameters={"order_id": {"type": "integer"}},
    effect="create",
)
GONE = query("DELETE FROM orders WHERE id = :order_id", parameters={"order_id": {"type": "integer"}}, effect="delete")


def writing(place: Place) -> dict[str, Any]:
    return {} if isinstance(place, Sqlite) else {"writer": place.url("writer")}  # type: ignore[attr-defined]


async def test_a_named_query_is_a_tool_with_a_schema(place: Place):
    async with opened(place, queries={"get_customer_by_id": BY_ID, "pay": PAY, "gone": GONE}) as server:
        found = {offer.name: offer.definition for offer in (await server.discover(ALL)).offers}
        schema = msgspec.json.decode(found["get_customer_by_id"]["inputSchema"])
        assert schema["properties"] == {"customer_id": {"type": "integer", "minimum": 1}}
        assert schema["required"] == ["customer_id"]
        for name, effect, reads, destroys in (
            ("get_customer_by_id", "read", True, False),
            ("pay", "update", False, True),
            ("gone", "delete", False, True),
            ("run_sql_query", "read", True, False),
        ):
            assert msgspec.json.decode(found[name]["_meta"]) == {"toolgate/effect": effect}
            hints = msgspec.json.decode(found[name]["annotations"])
            assert (hints["readOnlyHint"], hints["destructiveHint"]) == (reads, destroys)


async def test_values_are_bound_and_judged(place: Place):
    async with opened(place, queries={"one": BY_ID}) as server:
        told = body(await called(server, "one", customer_id=1))["structuredContent"]
        assert told == {"row": {"id": 1, "name": "Ada", "joined": "2024-01-31"}}
        assert body(await called(server, "one", customer_id=99))["structuredContent"] == {"row": None}
        assert "expected a whole number" in await refused(server, "one", customer_id="1 OR 1=1")
        assert "at least 1" in await refused(server, "one", customer_id=0)
        assert "missing" in await refused(server, "one")
        assert "did you mean `customer_id`" in await refused(server, "one", customer_i=1)


TYPES = {
    "text": ("name = :text", {"type": "string"}, "Ada"),
    "quoted": ("name = :quoted OR '%' = ''", {"type": "string"}, "' OR '1'='1' -- \\' %s %"),
    "number": ("id < :number", {"type": "number"}, 1.5),
    "day": ("joined = :day", {"type": "date"}, "2024-01-31"),
    "moment": ("joined < :moment", {"type": "datetime"}, "2024-02-01T00:00:00Z"),
    "flag": ("id = 1 AND :flag", {"type": "boolean"}, True),
    "kind": ("segment = :kind", {"type": "string", "enum": ["gold", "silver"]}, "gold"),
    "maybe": ("id = COALESCE(:maybe, 1)", {"type": "integer", "optional": True}, None),
    "usual": ("id = :usual", {"type": "integer", "default": 1}, None),
}


@pytest.mark.parametrize("name", TYPES)
async def test_every_type_reaches_the_database(place: Place, name: str):
    condition, parameter, value = TYPES[name]
    asked = query(f"SELECT name FROM customers WHERE {condition} ORDER BY id", parameters={name: parameter})
    async with opened(place, queries={"it": asked}) as server:
        given = {} if value is None else {name: value}
        found = body(await called(server, "it", **given))["structuredContent"]["rows"]
        assert found[:1] == ([] if name == "quoted" else [["Ada"]])


async def test_what_is_bound_to_the_caller_cannot_be_given(place: Place):
    async with opened(place, queries={"mine": MINE}) as server:
        found = {offer.name: offer.definition for offer in (await server.discover(ALL)).offers}
        assert msgspec.json.decode(found["mine"]["inputSchema"])["properties"] == {}
        assert body(await called(server, "mine", JANE))["structuredContent"]["rows"] == [[10], [12]]
        assert body(await called(server, "mine", JOE))["structuredContent"]["rows"] == [[11]]
        assert "no argument 'caller_user'" in await refused(server, "mine", JOE, caller_user="jane")
        assert "key:robot has none" in await refused(server, "mine", NOBODY)
        assert "the caller has none" in await refused(server, "mine", None)


async def test_who_keeps_keys_passes_for_nobody_else_by_naming_them(place: Place):
    """A key's name and its cost centre are chosen by whoever makes it, a program's name by who owns its team."""
    of_user = Principal("key:jane", "jane", owner="user:joe", cost_center="jane")
    of_program = Principal("key:robot", "robot", owner="service:jane")
    of_nobody = Principal("key:jane", "jane", cost_center="jane")
    queries = {
        "name": query("SELECT id FROM orders WHERE rep = :caller_name ORDER BY id"),
        "center": query("SELECT id FROM orders WHERE rep = :caller_cost_center ORDER BY id"),
    }
    async with opened(place, queries=queries) as server:
        assert body(await called(server, "name", of_user))["structuredContent"]["rows"] == [[11]]
        assert "key:robot has none" in await refused(server, "name", of_program)
        assert "key:jane has none" in await refused(server, "center", of_user)
        for name in queries:
            assert body(await called(server, name, of_nobody))["structuredContent"]["rows"] == [[10], [12]]


@pytest.mark.promise("sql.named")
async def test_only_named_queries_write_and_only_so_much(place: Place):
    queries = {"pay": PAY, "every": EVERY, "add": ADD, "gone": GONE}
    async with opened(place, queries=queries, **writing(place)) as server:
        amounts = "SELECT id, amount FROM orders ORDER BY id"
        before = await rows(server, amounts)
        assert body(await called(server, "pay", order_id=10, amount=1.25))["structuredContent"]["affected"] == 1
        assert "touch 3 rows" in await refused(server, "every")
        assert await rows(server, amounts) == [[10, 1.25], *before[1:]]
        assert body(await called(server, "add", order_id=50))["structuredContent"]["affected"] == 1
        assert "the same key" in (said := await refused(server, "add", order_id=50)) or "UNIQUE" in said
        assert await rows(server, "SELECT rep FROM orders WHERE id = 50") == [["jane"]]
        assert body(await called(server, "gone", order_id=50))["structuredContent"]["affected"] == 1
        assert "only queries" in await refused(server, "run_sql_query", sql="DELETE FROM orders")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"sql": "DELETE FROM orders"}, "of effect delete, and read is declared"),
        ({"sql": "UPDATE orders SET amount = 1", "effect": "create"}, "of effect update, and create is declared"),
        ({"sql": "SELECT 1", "effect": "delete"}, "changes nothing"),
        ({"sql": "SELECT 1; SELECT 2"}, "expected one statement"),
        ({"sql": "SELECT :nobody_knows"}, "not declared"),
        ({"sql": "SELECT 1", "parameters": {"x": {"type": "string"}}}, "does not stand in sql"),
        ({"sql": "DROP TABLE orders", "effect": "delete"}, "expected SELECT, INSERT"),
        ({"sql": "SELECT ?"}, "not as ?"),
        ({"sql": "SELECT FROM FROM"}, "cannot be read"),
    ],
)
async def test_a_query_that_does_not_hold_what_it_says_is_not_served(place: Place, more: dict[str, Any], expected: str):
    async with opened(place, queries={"it": query(**more)}) as server:
        with pytest.raises(UpstreamFailed, match=r"queries\.it") as caught:
            await server.discover(ALL)
        assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("place", "sql", "effect"),
    [
        ("sqlite", "INSERT OR REPLACE INTO orders (id, customer_id, amount) VALUES (10, 1, 1)", "update"),
        ("postgres", "WITH d AS (DELETE FROM orders RETURNING id) SELECT * FROM d", "delete"),
        ("postgres", "INSERT INTO orders VALUES (1, 1, 1) ON CONFLICT (id) DO UPDATE SET amount = 2", "update"),
        (
            "mysql",
            "INSERT INTO orders (id, customer_id, amount) VALUES (1, 1, 1) ON DUPLICATE KEY UPDATE id = 2",
            "update",
        ),
    ],
    indirect=["place"],
)
async def test_an_effect_in_disguise_is_seen(place: Place, sql: str, effect: str):
    async with opened(place, queries={"it": query(sql, effect="create")}) as server:
        with pytest.raises(UpstreamFailed, match=f"of effect {effect}, and create is declared"):
            await server.discover(ALL)


@pytest.mark.parametrize("place", ["postgres"], indirect=True)
async def test_a_read_that_writes_after_all_is_stopped_by_the_database(place: Place):
    """The effect says read, the parser sees a read, and the function writes: the transaction still cannot."""
    await place.run("GRANT INSERT ON orders TO reader")
    async with opened(place, queries={"it": query("SELECT touch()")}) as server:
        before = await place.fingerprint()
        assert "reading only" in await refused(server, "it")
        assert await place.fingerprint() == before
