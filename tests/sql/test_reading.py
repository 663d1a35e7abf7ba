"""What models do with a database, on each kind of it: look, ask, read plans, and be told what to mend."""

from __future__ import annotations

import msgspec
import pytest

from tests.ports.speaking import ALL, Ear, body, modern, out
from tests.sql.places import My, Place, called, opened, refused, rows
from toolgate.model.catalog import OfferKind
from toolgate.model.errors import UpstreamError


@pytest.fixture
def place(shared: Place) -> Place:
    """Nothing here changes rows, so one database serves all."""
    return shared


async def test_tables_are_listed_and_described(place: Place):
    async with opened(place) as server:
        found = await server.discover(ALL)
        names = {kind: [offer.name for offer in found.offers if offer.kind is kind] for kind in OfferKind}
        assert names[OfferKind.TOOL] == ["list_tables", "describe_table", "run_sql_query", "explain_query"]
        listed = body(await called(server, "list_tables"))["structuredContent"]["tables"]
        assert {"customers", "orders", "big_orders"} <= {table["table"] for table in listed}
        told = body(await called(server, "describe_table", table="orders"))["structuredContent"]
        assert [column["name"] for column in told["columns"]] == ["id", "customer_id", "amount", "rep", "ordered"]
        assert told["primary_key"] == ["id"]
        assert [index["columns"] for index in told["indexes"] if index["name"] == "orders_customer"] == [
            ["customer_id"]
        ]
        if place.dialect != "mysql":  # MariaDB of this age ignores REFERENCES beside a column
            assert told["foreign_keys"][0]["columns"] == ["customer_id"]
        if place.dialect == "postgres":
            customers = body(await called(server, "describe_table", table="public.customers"))["structuredContent"]
            assert customers["comment"] == "Who buys"
            assert customers["rows_estimated"] == 3
            assert customers["columns"][5]["comment"] == "gold or silver"


async def test_a_table_that_is_not_there_is_told_with_near_names(place: Place):
    async with opened(place) as server:
        assert "did you mean customers" in await refused(server, "describe_table", table="custmers")
        assert "did you mean orders" in await refused(server, "run_sql_query", sql="SELECT * FROM order_s")


async def test_a_query_gives_its_rows(place: Place):
    async with opened(place) as server:
        told = body(await called(server, "run_sql_query", sql="SELECT id, name, joined FROM customers ORDER BY id"))
        content = told["structuredContent"]
        assert content["columns"] == ["id", "name", "joined"]
        assert content["rows"][0] == [1, "Ada", "2024-01-31"]
        assert content["truncated"] is False
        assert msgspec.json.decode(told["content"][0]["text"]) == content


QUERIES = (
    "SELECT c.name, SUM(o.amount) AS total FROM customers c JOIN orders o ON o.customer_id = c.id"
    " GROUP BY c.name HAVING SUM(o.amount) > 10 ORDER BY total DESC",
    "WITH t AS (SELECT customer_id, COUNT(*) AS n FROM orders GROUP BY customer_id) SELECT * FROM t WHERE n > 1",
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT SUM(i) FROM n",
    "SELECT name, ROW_NUMBER() OVER (PARTITION BY segment ORDER BY id) AS r FROM customers",
    "SELECT CASE WHEN amount > 100 THEN 'big' ELSE 'small' END AS size, COUNT(*) FROM orders GROUP BY 1",
    "SELECT UPPER(name), LENGTH(name), COALESCE(email, 'none'), TRIM(name), ROUND(1.25, 1) FROM customers",
    "SELECT name FROM customers WHERE name LIKE 'A%' AND id IN (SELECT customer_id FROM orders) OR email IS NULL",
    "SELECT id FROM customers UNION SELECT customer_id FROM orders ORDER BY 1 LIMIT 2",
    "SELECT 1 UNION ALL SELECT 2",
    "SELECT DISTINCT segment FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id)",
    "SELECT CAST('12' AS DECIMAL(10,2)) + 1, NULLIF(1, 1), 7 % 3, -5",
    "SELECT customers.* FROM customers LEFT JOIN big_orders ON big_orders.id = customers.id",
    "SELECT name /* a comment */ FROM customers -- and another\n WHERE 'it''s' <> 'a;b'",
)


@pytest.mark.parametrize("query", QUERIES)
async def test_ordinary_queries_are_run(place: Place, query: str):
    async with opened(place) as server:
        assert await rows(server, query)


OWN = {
    "sqlite": (
        "SELECT strftime('%Y', joined), group_concat(name, '; ') FROM customers GROUP BY 1",
        "SELECT json_extract('{\"a\": [1, 2]}', '$.a[1]'), '{\"a\": 1}' ->> '$.a', typeof(id) FROM customers",
        "SELECT julianday('now') - julianday(ordered), total(amount), round(amount, 2) FROM orders",
        "SELECT name FROM customers WHERE name GLOB 'A*'",
    ),
    "postgres": (
        "SELECT date_trunc('month', ordered) AS m, sum(amount) FILTER (WHERE rep = 'jane') FROM orders GROUP BY 1",
        "SELECT name FROM public.customers WHERE name ILIKE 'a%' AND name ~ '^A' ORDER BY name NULLS LAST",
        "SELECT string_agg(name, ', ' ORDER BY name), array_agg(id), jsonb_agg(name) FROM customers",
        "SELECT extract(epoch FROM now() - ordered::timestamp) > 0, to_char(ordered, 'YYYY-MM') FROM orders",
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY amount), stddev(amount) FROM orders",
        "SELECT c.name, x.n FROM customers c CROSS JOIN LATERAL (SELECT count(*) AS n FROM orders o"
        " WHERE o.customer_id = c.id) x",
        "SELECT g, g::text || '!' FROM generate_series(1, 3) AS g WHERE g = ANY(ARRAY[1, 2])",
        "SELECT '{\"a\": {\"b\": 1}}'::jsonb -> 'a' ->> 'b', interval '1 day' + current_date",
        "SELECT customers FROM customers",
    ),
    "mysql": (
        "SELECT DATE_FORMAT(ordered, '%Y') AS m, GROUP_CONCAT(rep ORDER BY rep SEPARATOR ', ') FROM orders GROUP BY m",
        "SELECT IFNULL(email, 'none'), IF(id > 1, 1, 2), YEAR(joined), DATEDIFF('2026-1-2', joined) FROM customers",
        "SELECT `name` FROM `customers` WHERE name REGEXP '^A' AND joined > DATE_SUB('2026-01-01', INTERVAL 9 YEAR)",
        "SELECT JSON_EXTRACT('{\"a\": 1}', '$.a'), CONCAT(name, '%', 'x'), id DIV 2 FROM customers",
        'SELECT COUNT(*) FROM customers WHERE name = "Ada"',
    ),
}


@pytest.mark.parametrize(
    ("shared", "query"), [(dialect, query) for dialect, listed in OWN.items() for query in listed], indirect=["shared"]
)
async def test_what_each_database_has_of_its_own_is_run(shared: Place, query: str):
    async with opened(shared) as server:
        assert await rows(server, query)


async def test_a_long_result_is_cut_and_says_so(place: Place):
    many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i FROM n"
    async with opened(place, max_rows=50) as server:
        told = body(await called(server, "run_sql_query", sql=many, max_rows=7))["structuredContent"]
        assert (len(told["rows"]), told["truncated"]) == (7, True)
        told = body(await called(server, "run_sql_query", sql=many))["structuredContent"]
        assert (len(told["rows"]), told["truncated"]) == (50, True)
        assert "max_rows" in await refused(server, "run_sql_query", sql=many, max_rows=51)
        assert len(await rows(server, "SELECT 1")) == 1


async def test_a_large_result_is_cut_by_its_bytes(place: Place):
    wide = (
        "SELECT a.name || b.name".replace("||", "||") if place.dialect != "mysql" else "SELECT CONCAT(a.name, b.name)"
    )
    text = f"{wide} FROM customers a CROSS JOIN customers b CROSS JOIN customers c CROSS JOIN customers d"
    text += " CROSS JOIN customers e CROSS JOIN customers f"
    async with opened(place, result_bytes=1024, max_rows=1000) as server:
        told = body(await called(server, "run_sql_query", sql=text, max_rows=1000))["structuredContent"]
        assert told["truncated"] is True
        assert 20 < len(told["rows"]) < 200


async def test_a_column_that_is_not_there_is_told_with_near_names(place: Place):
    async with opened(place) as server:
        said = await refused(server, "run_sql_query", sql="SELECT nmae FROM customers")
        assert "nmae" in said
        assert "did you mean customers.name" in said


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT FROM WHERE", "cannot be read"),
        ("SELECT 1; SELECT 2", "exactly one statement"),
        ("SELECTT name", "one begins with SELECT"),
        ("", "sql: expected a text"),
        ("SELECT 'open", "quote"),
        ("SELECT :x", "placeholder"),
        ("DELETE FROM customers", "only queries"),
        ("SELECT nosuchfunction(1)", "function nosuchfunction is not allowed"),
    ],
)
async def test_what_cannot_be_run_is_explained(place: Place, query: str, expected: str):
    async with opened(place) as server:
        assert expected in await refused(server, "run_sql_query", sql=query)


async def test_a_plan_is_read_without_running(place: Place):
    async with opened(place) as server:
        plan = body(await called(server, "explain_query", sql="SELECT * FROM orders WHERE customer_id = 1"))
        assert "orders" in plan["structuredContent"]["plan"]
        assert "only queries" in await refused(server, "explain_query", sql="DELETE FROM orders")


async def test_the_schema_is_there_as_resources(place: Place):
    async with opened(place) as server:
        found = await server.discover(ALL)
        uris = [offer.name for offer in found.offers if offer.kind is OfferKind.RESOURCE]
        assert {"sql://it/tables", "sql://it/tables/customers"} <= set(uris)
        for uri in ("sql://it/tables", "sql://it/tables/customers", "sql://it/tables/CUSTOMERS"):
            read = body(await server.call(out("resources/read", {"uri": uri}, modern()), Ear()))
            assert "customers" in read["contents"][0]["text"]
        with pytest.raises(UpstreamError, match="not found"):
            await server.call(out("resources/read", {"uri": "sql://it/tables/nope"}, modern()), Ear())


async def test_without_free_queries_there_are_no_tools_for_them(place: Place):
    async with opened(place, free_sql=False) as server:
        found = await server.discover(ALL)
        assert [offer.name for offer in found.offers if offer.kind is OfferKind.TOOL] == [
            "list_tables",
            "describe_table",
        ]
        with pytest.raises(UpstreamError, match="unknown tool"):
            await called(server, "run_sql_query", sql="SELECT 1")


async def test_a_new_table_is_found_when_it_is_asked_for(place: Place):
    async with opened(place) as server:
        await server.discover(ALL)
        statements = ["CREATE TABLE fresh (id INTEGER)"]
        if place.dialect == "postgres":
            statements.append("GRANT SELECT ON fresh TO reader")
        if place.dialect == "mysql":
            assert isinstance(place, My)
            statements.append(f"GRANT SELECT ON {place.database}.fresh TO {place.user('reader')}@'%'")
        await place.run(*statements)
        assert await rows(server, "SELECT COUNT(*) FROM fresh") == [[0]]
