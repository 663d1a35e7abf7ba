"""The official SDK's client in both eras: one command for a database of its own, and a sales schema in PostgreSQL
behind keys, where a query is bound to whoever calls and a write is refused with the reason."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from tests.files.test_journey import over_stdio, serving_up
from tests.journeys.clients import sdk
from tests.journeys.terminal import command, surroundings
from tests.running import ALL, toolgate
from tests.sql.places import PASSWORD, Pg, Place, Sqlite

MODES = ["legacy", "2026-07-28"]


async def _said(client: Client, tool: str, *, error: bool = False, **arguments: Any) -> Any:
    found = await client.call_tool(tool, arguments)
    assert bool(found.is_error) is error, found.content
    block: Any = found.content[0]
    return block.text if error else found.structured_content


async def _asked(client: Client) -> None:
    names = {tool.name for tool in (await client.list_tools()).tools}
    assert names == {"list_tables", "describe_table", "run_sql_query", "explain_query"}
    told = await _said(client, "describe_table", table="orders")
    assert told["primary_key"] == ["id"]
    found = await _said(client, "run_sql_query", sql="SELECT COUNT(*) AS n FROM orders")
    assert found == {"columns": ["n"], "rows": [[3]], "truncated": False}
    assert "DELETE" in await _said(client, "run_sql_query", error=True, sql="DELETE FROM orders")
    read = await client.read_resource("sql://db/tables/orders")
    contents: Any = read.contents[0]
    assert "customer_id" in contents.text


@pytest.mark.promise("sql.alone")
@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
@pytest.mark.parametrize("mode", MODES)
async def test_one_command_over_stdio(place: Place, tmp_path: Path, mode: str):
    assert isinstance(place, Sqlite)
    before = await place.fingerprint()
    async with over_stdio(tmp_path, mode, "--db", str(place.file)) as client:
        await _asked(client)
    assert await place.fingerprint() == before


@pytest.mark.promise("sql.alone")
@pytest.mark.parametrize("place", ["postgres", "mysql"], indirect=True)
@pytest.mark.parametrize("mode", MODES)
async def test_one_command_over_http(place: Place, tmp_path: Path, mode: str):
    before = await place.fingerprint()
    with serving_up(tmp_path, "--db", place.url("reader")) as (url, key):  # type: ignore[attr-defined]
        async with sdk(f"{url}/servers/db/mcp", key, mode) as client:
            await _asked(client)
    assert await place.fingerprint() == before


def _sales(place: Pg) -> dict[str, Any]:
    return {
        "kind": "sql",
        "database": place.url("reader"),
        "writer": place.url("writer"),
        "hide": ["*.password*"],
        "mask": {"customers.card": "partial"},
        "queries": {
            "my_orders": {
                "description": "The orders of whoever asks.",
                "sql": "SELECT id, amount FROM orders WHERE rep = :caller_name AND ordered >= :since ORDER BY id",
                "parameters": {"since": {"type": "date", "default": "2026-01-01"}},
            },
            "set_amount": {
                "description": "Corrects an amount.",
                "sql": "UPDATE orders SET amount = :amount WHERE id = :order_id",
                "parameters": {"amount": {"type": "number"}, "order_id": {"type": "integer"}},
                "effect": "update",
            },
        },
    }


@pytest.mark.promise("sql.named", "sql.veils")
@pytest.mark.parametrize("place", ["postgres"], indirect=True)
@pytest.mark.parametrize("mode", MODES)
async def test_a_sales_schema_behind_keys(place: Place, tmp_path: Path, mode: str):
    assert isinstance(place, Pg)
    chosen = {"server": "sales", "tools": ["describe_table", "run_sql_query", "my_orders", "set_amount"]}
    grants = [
        {"key": "jane", "allow": {"servers": ["desk"], "tools": ["*"]}},
        {
            "key": "joe",
            "allow": {"servers": ["desk"], "tools": ["*"]},
            "deny": {"servers": ["*"], "tools": ["set_amount"]},
        },
        {"key": "local", "allow": ALL},
    ]
    declared = {"servers": {"sales": _sales(place)}, "virtual": {"desk": {"offers": [chosen]}}, "grants": grants}
    with toolgate(tmp_path, declared, ("jane", "joe")) as gateway:
        async with sdk(gateway.endpoint("desk"), gateway.keys["jane"], mode) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert set(tools) == {"describe_table", "run_sql_query", "my_orders", "set_amount"}
            assert list(tools["my_orders"].input_schema["properties"]) == ["since"]
            assert tools["set_amount"].annotations is not None
            assert tools["set_amount"].annotations.destructive_hint is True
            mine = await _said(client, "my_orders", since="2026-01-10")
            assert mine["rows"] == [[12, 1000.01]]
            cards = await _said(client, "run_sql_query", sql="SELECT card FROM customers ORDER BY id LIMIT 1")
            assert cards["rows"] == [["***4444"]]
            assert (await _said(client, "set_amount", order_id=12, amount=5))["affected"] == 1
            said = await _said(client, "run_sql_query", error=True, sql="UPDATE orders SET amount = 0")
            assert "only queries" in said
        async with sdk(gateway.endpoint("desk"), gateway.keys["joe"], mode) as client:
            assert (await _said(client, "my_orders"))["rows"] == [[11, 250]]
            assert "set_amount" not in {tool.name for tool in (await client.list_tools()).tools}
    assert await place.run("SELECT amount::text FROM orders ORDER BY id") == [("99.50",), ("250.00",), ("5.00",)]
    assert PASSWORD not in gateway.log.text()


@pytest.mark.promise("sql.alone")
@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("postgresql://reader:secret-word@127.0.0.1/sales", "--db: holds a password"),
        ("mysql://127.0.0.1/sales?password=secret-word", "--db: holds a password"),
        ("nowhere.db", "--db: there is no file nowhere.db"),
        ("sqlite:///nowhere.db", "--db: there is no file nowhere.db"),
        ("env:NO_SUCH_VARIABLE_HERE", "is not set"),
        ("file:no-such-file", "does not exist"),
    ],
)
@pytest.mark.parametrize("name", ["up", "stdio"])
def test_wrong_usage_is_explained(tmp_path: Path, name: str, given: str, reason: str):
    done = subprocess.run(
        command(name, "--db", given, "--data-dir", str(tmp_path / "data")),
        cwd=tmp_path, env=surroundings(tmp_path), capture_output=True, text=True, timeout=60, check=False, input="",
    )  # fmt: skip
    assert done.returncode == 2
    assert reason in done.stderr
    assert "secret-word" not in done.stderr + done.stdout
