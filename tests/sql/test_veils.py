"""Masks, hidden columns and row filters: nothing in a query sees more than they show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.ports.speaking import ALL, body
from tests.sql.places import JANE, Place, Sqlite, called, opened, refused, rows
from tests.sql.test_named import JOE, query
from toolgate.model.errors import UpstreamFailed

VEILS: dict[str, Any] = {
    "hide": ("*.password*",),
    "mask": {"customers.card": "partial", "*.email": "redact", "customers.joined": "null"},
    "rows": {"orders": "rep = :caller_user"},
    "tables": ("customers", "orders"),
}
CARDS = [["***4444"], ["***0004"], [None]]


@pytest.fixture
def place(shared: Place) -> Place:
    """Nothing here changes rows, so one database serves all."""
    return shared


@pytest.mark.promise("sql.veils")
async def test_masked_values_are_masked_wherever_they_stand(place: Place):
    async with opened(place, **VEILS) as server:
        assert await rows(server, "SELECT card FROM customers ORDER BY id") == CARDS
        assert await rows(server, "SELECT c.card FROM customers AS c ORDER BY c.id") == CARDS
        assert await rows(server, "WITH t AS (SELECT * FROM customers) SELECT card FROM t ORDER BY id") == CARDS
        assert await rows(server, "SELECT email, joined FROM customers WHERE id = 1") == [["***", None]]
        assert await rows(server, "SELECT id FROM customers WHERE card = '4111222233334444'") == []
        assert await rows(server, "SELECT id FROM customers WHERE card LIKE '4%'") == []
        assert await rows(server, "SELECT MAX(card) FROM customers") == [["***4444"]]
        assert await rows(
            server, "SELECT (SELECT card FROM customers x WHERE x.id = c.id) FROM customers c WHERE id = 1"
        ) == [["***4444"]]


async def test_a_hidden_column_is_not_there(place: Place):
    async with opened(place, **VEILS) as server:
        told = body(await called(server, "run_sql_query", sql="SELECT * FROM customers ORDER BY id"))[
            "structuredContent"
        ]
        assert "password_hash" not in told["columns"]
        assert "hash-of" not in str(told)
        for text in (
            "SELECT password_hash FROM customers",
            "SELECT id FROM customers WHERE password_hash LIKE 'h%'",
            "SELECT id FROM customers ORDER BY password_hash",
        ):
            assert "password_hash" in await refused(server, "run_sql_query", sql=text)
        described = body(await called(server, "describe_table", table="customers"))["structuredContent"]
        assert "password_hash" not in str(described)
        assert {column["name"]: column.get("masked") for column in described["columns"]}["card"] == "partial"


async def test_only_the_callers_rows_are_there(place: Place):
    async with opened(place, **VEILS) as server:
        for principal, ids in ((JANE, [[10], [12]]), (JOE, [[11]])):
            result = await called(server, "run_sql_query", principal, sql="SELECT id FROM orders ORDER BY id")
            assert body(result)["structuredContent"]["rows"] == ids
        counted = await called(
            server, "run_sql_query", JOE, sql="SELECT COUNT(*), SUM(amount) FROM orders WHERE 1 = 1 OR 1 = 1"
        )
        assert body(counted)["structuredContent"]["rows"] == [[1, 250]]
        told = await refused(server, "run_sql_query", None, sql="SELECT id FROM orders")
        assert "bound to the caller" in told


async def test_a_row_that_is_kept_back_cannot_be_felt_through_an_error(place: Place):
    """A division by zero on a row that is filtered away must not happen: whether it fails would tell of the row."""
    failing = "SELECT id FROM orders WHERE 1 / (amount - 250) > 0 ORDER BY id"
    if place.dialect == "postgres":
        failing = "SELECT id FROM orders WHERE 1 / (amount - 250)::int > -5 ORDER BY id"
    async with opened(place, **VEILS) as server:
        result = await called(server, "run_sql_query", JANE, sql=failing)
        assert not result.is_error, body(result)


async def test_other_tables_are_not_there(place: Place):
    async with opened(place, **VEILS) as server:
        listed = body(await called(server, "list_tables"))["structuredContent"]["tables"]
        assert [table["table"] for table in listed] == ["customers", "orders"]
        assert "no table vault" in await refused(server, "run_sql_query", sql="SELECT * FROM vault")
        assert "no table big_orders" in await refused(server, "describe_table", table="big_orders")


async def test_samples_are_masked_as_well(place: Place):
    async with opened(place, **{**VEILS, "samples": 2}) as server:
        told = body(await called(server, "describe_table", table="customers"))["structuredContent"]
        assert len(told["sample"]["rows"]) == 2
        assert "***" in str(told["sample"])
        assert "hash-of" not in str(told)


async def test_named_reads_see_masks_unless_they_say_otherwise(place: Place):
    text = "SELECT card FROM customers ORDER BY id"
    queries = {"masked": query(text), "plain": query(text, unmasked=True)}
    async with opened(place, **VEILS, queries=queries) as server:
        assert body(await called(server, "masked"))["structuredContent"]["rows"] == CARDS
        assert body(await called(server, "plain"))["structuredContent"]["rows"][0] == ["4111222233334444"]


async def test_a_column_that_is_added_later_is_not_shown_before_it_was_judged(tmp_path: Path):
    place = Sqlite(tmp_path, tmp_path, tmp_path / "none")
    place.make()
    async with opened(place, hide=("*.password*",)) as server:
        await server.discover(ALL)
        await place.run("ALTER TABLE orders ADD COLUMN password2 TEXT DEFAULT 'hash-of-all'")
        result = await called(server, "run_sql_query", sql="SELECT * FROM orders")
        assert not result.is_error
        assert "hash-of-all" not in str(body(result))


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"mask": {"customers.emial": "redact"}}, "did you mean customers.email"),
        ({"hide": ("custmers.email",)}, "did you mean customers.email"),
        ({"rows": {"order": "1 = 1"}}, "did you mean orders"),
        ({"tables": ("custmers",)}, "did you mean customers"),
        ({"rows": {"orders": "1 = 1) UNION SELECT (1"}}, "rows: orders"),
        ({"rows": {"orders": "1 = 1 ORDER BY 1"}}, "expected one condition"),
        ({"rows": {"orders": "amount >"}}, "rows: orders"),
    ],
)
async def test_a_veil_that_hides_nothing_is_an_error(place: Place, more: dict[str, Any], expected: str):
    async with opened(place, **more) as server:
        with pytest.raises(UpstreamFailed) as caught:
            await server.discover(ALL)
        assert expected in str(caught.value)


@pytest.mark.promise("sql.veils")
async def test_a_with_of_another_spelling_opens_no_table_that_is_kept_back(place: Place):
    """Where case counts, `VAULT` is the query and `vault` the table: only one of them may be meant."""
    async with opened(place, **VEILS) as server:
        quote = "`" if place.dialect == "mysql" else '"'
        for text in (
            f"WITH {quote}VAULT{quote} AS (SELECT 7 AS secret) SELECT secret FROM vault",
            "WITH VAULT AS (SELECT 7 AS secret) SELECT secret FROM vault",
            f"WITH {quote}Vault{quote} AS (SELECT 7 AS secret) SELECT (SELECT MAX(v.secret) FROM vault v)",
            f"WITH {quote}VAULT{quote} AS (SELECT 7 AS secret) SELECT vault.secret FROM vault",
        ):
            result = body(await called(server, "run_sql_query", sql=text))
            assert "canary" not in str(result)
            assert result["structuredContent"]["rows"] == [[7]], result


async def test_a_named_query_means_the_table_or_the_with_and_says_which(place: Place):
    same = query("WITH orders AS (SELECT * FROM orders WHERE id < 12) SELECT id FROM orders ORDER BY id")
    async with opened(place, **VEILS, queries={"same": same}) as server:
        assert body(await called(server, "same", JANE))["structuredContent"]["rows"] == [[10]]
    other = query("WITH ORDERS AS (SELECT 7 AS id) SELECT id FROM orders")
    async with opened(place, **VEILS, queries={"other": other}) as server:
        with pytest.raises(UpstreamFailed, match="a table is called alike"):
            await server.discover(ALL)


@pytest.mark.promise("sql.veils")
async def test_a_table_after_in_is_not_seen_as_it_is(place: Place):
    """SQLite compares with a whole table that is only named: with everything in it."""
    async with opened(place, **VEILS) as server:
        for text in (
            "SELECT (11, 1, 250, 'joe', '2026-01-20') IN orders",
            "SELECT id FROM customers WHERE (11, 1, 250, 'joe', '2026-01-20') IN main.orders",
        ):
            assert "IN (SELECT column FROM table)" in await refused(server, "run_sql_query", JANE, sql=text)
        found = "SELECT id FROM orders WHERE id IN (SELECT id FROM orders) AND id IN (10, 11)"
        result = await called(server, "run_sql_query", JANE, sql=found)
        assert body(result)["structuredContent"]["rows"] == [[10]]


async def test_what_a_table_says_of_itself_names_nothing_that_is_not_shown(place: Place):
    await place.run("CREATE INDEX customers_secretly ON customers (password_hash)")
    async with opened(place, **{**VEILS, "tables": ("orders",), "hide": ()}) as server:
        assert "customers" not in str(body(await called(server, "describe_table", table="orders")))
    async with opened(place, **VEILS) as server:
        assert "customers (id)" in str(body(await called(server, "describe_table", table="orders")))
        assert "secretly" not in str(body(await called(server, "describe_table", table="customers")))


@pytest.mark.promise("sql.veils")
async def test_a_plan_tells_nothing_of_rows_that_are_kept_back(place: Place):
    """Plans hold estimates, made of all rows there are, and the text of the filter."""
    async with opened(place, **VEILS) as server:
        for text in ("SELECT id FROM orders WHERE rep = 'joe'", "SELECT 1 FROM customers c JOIN orders o ON TRUE"):
            told = await refused(server, "explain_query", JANE, sql=text)
            assert "only some rows of orders are shown" in told
        assert not (await called(server, "explain_query", JANE, sql="SELECT id FROM customers")).is_error
        described = body(await called(server, "describe_table", table="orders"))["structuredContent"]
        assert "rows_estimated" not in described
        listed = body(await called(server, "list_tables"))["structuredContent"]["tables"]
        assert "rows_estimated" not in next(one for one in listed if one["table"] == "orders")
