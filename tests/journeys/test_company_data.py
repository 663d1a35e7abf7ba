"""A folder of documents and a sales database behind one virtual server, used by the official client."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import mcp
import pytest

from tests.databases.postgres import Postgres
from tests.documents import making
from tests.journeys.clients import sdk
from tests.running import Gateway, Installation
from tests.sql.places import Pg

MODES = ("2026-07-28", "legacy")
PEOPLE = {"jane": {"owner": "user:jane"}, "joe": {"owner": "user:joe"}}
MY_ORDERS = {
    "sql": "SELECT id, amount FROM orders WHERE rep = :caller_user AND amount >= :least ORDER BY id",
    "description": "The orders that the person who asks has sold.",
    "parameters": {"least": {"type": "number", "description": "The smallest amount.", "default": 0}},
}
RAISE = {
    "sql": "UPDATE orders SET amount = amount + :by WHERE id = :id AND rep = :caller_user",
    "description": "Raises one of the caller's own orders.",
    "effect": "update",
    "parameters": {"id": {"type": "integer"}, "by": {"type": "number", "minimum": 0, "maximum": 100}},
}


def fill(folder: Path) -> None:
    folder.mkdir()
    manual = [f"Page {number} of the manual" for number in range(1, 13)]
    manual[2] = "How to return goods\nWithin 30 days, with the receipt."
    (folder / "manual.pdf").write_bytes(making.pdf(manual))
    (folder / "report.docx").write_bytes(making.word(making.headings))
    (folder / "sales.xlsx").write_bytes(making.sheets(making.numbers))
    (folder / "plan.pptx").write_bytes(making.slides(making.bullets))
    (folder / "logs").mkdir()
    (folder / "logs" / "shop.log").write_text("10:00 start\n10:01 ERROR order 11 failed\n10:02 stop\n")


@pytest.fixture
async def database(postgres: Postgres, tmp_path: Path) -> AsyncGenerator[Pg]:
    name = f"t_{secrets.token_hex(6)}"
    await postgres.run(f"CREATE DATABASE {name}")
    place = Pg(postgres, name, tmp_path, tmp_path / "unused")
    await place.make()
    yield place
    await postgres.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def gateway(database: Pg, tmp_path: Path) -> AsyncGenerator[Gateway]:
    fill(tmp_path / "documents")
    declared: dict[str, Any] = {
        "servers": {
            "docs": {"kind": "filesystem", "roots": [{"path": str(tmp_path / "documents")}]},
            "shop": {
                "kind": "sql",
                "database": database.url("reader"),
                "writer": database.url("writer"),
                "queries": {"my_orders": MY_ORDERS, "raise_order": RAISE},
            },
        },
        "virtual": {
            "desk": {
                "description": "What the sales desk works with",
                "offers": [
                    {"server": "docs", "tools": ["search_files", "read_file", "read_document"]},
                    {
                        "server": "shop",
                        "tools": ["list_tables", "describe_table", "run_sql_query", "my_orders", "raise_order"],
                    },
                ],
            }
        },
        "users": {"jane": {}, "joe": {}},
        "grants": [
            {"key": "jane", "allow": {"servers": ["desk"], "tools": ["*"]}},
            {
                "key": "joe",
                "allow": {"servers": ["desk"], "tools": ["*"]},
                "deny": {"servers": ["*"], "tools": ["raise_order"]},
            },
        ],
    }
    with Installation(tmp_path, declared, PEOPLE).up() as running:
        yield running


async def said(client: mcp.Client, tool: str, **arguments: Any) -> str:
    """What a call that goes well answers."""
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer
    return _text(answer)


async def refused(client: mcp.Client, tool: str, **arguments: Any) -> str:
    answer = await client.call_tool(tool, arguments)
    assert answer.is_error, answer
    return _text(answer)


def _text(answer: Any) -> str:
    return "\n".join(block.text for block in answer.content)


@pytest.mark.promise("sql.named")
@pytest.mark.parametrize("mode", MODES)
async def test_documents_and_a_database_in_one_place(gateway: Gateway, database: Pg, mode: str):
    async with sdk(gateway.endpoint("desk"), gateway.keys["jane"], mode) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == {
            "search_files", "read_file", "read_document", "list_tables", "describe_table", "run_sql_query", "my_orders",
            "raise_order",
        }  # fmt: skip
        assert "shop.log" in await said(client, "search_files", text="error order")
        assert "ERROR order 11" in await said(client, "read_file", path="logs/shop.log", offset=2, limit=1)
        page = await said(client, "read_document", path="manual.pdf", pages="3")
        assert "Within 30 days" in page
        assert "Page 4" not in page
        assert "12 percent" in await said(client, "read_document", path="report.docx")
        assert "screws | 1200" in await said(client, "read_document", path="sales.xlsx")

        assert "customers" in await said(client, "list_tables")
        assert "segment" in await said(client, "describe_table", table="customers")
        assert "1349.51" in await said(client, "run_sql_query", sql="SELECT sum(amount) AS total FROM orders")

        mine = await said(client, "my_orders")
        assert "99.5" in mine
        assert "1000.01" in mine
        assert "250" not in mine, "an order of somebody else's"


@pytest.mark.parametrize("mode", MODES)
async def test_what_is_refused_says_why_and_changes_nothing(gateway: Gateway, database: Pg, mode: str):
    before = await database.run("SELECT id, amount FROM orders ORDER BY id")
    async with sdk(gateway.endpoint("desk"), gateway.keys["jane"], mode) as client:
        assert "not DELETE" in await refused(client, "run_sql_query", sql="DELETE FROM orders")
        assert "caller_user" in await refused(client, "my_orders", caller_user="joe")
        assert "amount" in (await refused(client, "run_sql_query", sql="SELECT ammount FROM orders")).replace(
            "ammount", ""
        )
        assert "outside" in await refused(client, "read_document", path="../outside.pdf")
        with pytest.raises(mcp.MCPError, match="write_file"):
            await client.call_tool("write_file", {"path": "logs/shop.log", "content": "gone"})
    async with sdk(gateway.endpoint("desk"), gateway.keys["joe"], mode) as client:
        with pytest.raises(mcp.MCPError, match="raise_order"):
            await client.call_tool("raise_order", {"id": 11, "by": 5})
    assert await database.run("SELECT id, amount FROM orders ORDER BY id") == before


async def test_a_named_query_writes_what_is_the_callers_own(gateway: Gateway, database: Pg):
    async with sdk(gateway.endpoint("desk"), gateway.keys["jane"]) as client:
        await said(client, "raise_order", id=10, by=0.5)
        await client.call_tool("raise_order", {"id": 11, "by": 0.5})
    rows = await database.run("SELECT id, amount::float FROM orders ORDER BY id")
    amounts = {row[0]: row[1] for row in rows}
    assert amounts == {10: 100.0, 11: 250.0, 12: 1000.01}
