"""A company from a fresh installation on: people, keys and rights by the command line, felt by the official client."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.databases.fixtures import Place
from tests.journeys.clients import sdk
from tests.journeys.terminal import Said, Terminal
from tests.journeys.test_changes import TOOLS_CHANGED, listening
from tests.journeys.wire import Wire
from tests.running import ENDPOINT

LIVE_SECONDS = 1.0
"""How long a change may take to act, once its command has ended."""


@dataclass(frozen=True)
class Company:
    """A running gateway that knows nobody, and a terminal of whoever has its bootstrap key."""

    terminal: Terminal
    url: str

    def does(self, *arguments: str, typed: str = "") -> str:
        """A command that goes well; its data."""
        said = self.terminal.run(*arguments, typed=typed)
        assert said.code == 0, said
        return said.out

    def tries(self, *arguments: str, **variables: str) -> Said:
        return self.terminal.run(*arguments, **variables)

    def person(self, name: str) -> str:
        """A new person's key."""
        self.does("user", "add", name)
        return self.does("key", "add", f"{name}-laptop", f"owner=user:{name}").strip()


@pytest.fixture(params=["sqlite", "postgres"])
def company(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Company]:
    variables = {"TOOLGATE_DATA_DIR": str(tmp_path / "data")}
    if request.param == "postgres":
        place: Place = request.getfixturevalue("empty_postgres")
        variables |= {"TOOLGATE_DATABASE": "env:RECORDS_URL", "RECORDS_URL": str(place.database)}
    terminal = Terminal(tmp_path, **variables)
    with terminal.start("up", "--port", "0") as up:
        yield Company(terminal, up.out.wait(ENDPOINT)["url"])
        up.process.terminate()
        assert up.process.wait(20) == 0


async def names(client: Any) -> list[str]:
    return [tool.name for tool in (await client.list_tools(cache_mode="bypass")).tools]


async def until(client: Any, wanted: list[str]) -> None:
    """The list is as wanted before the limit is over: it is asked again and again, so that nothing is slept away."""
    end = time.monotonic() + LIVE_SECONDS
    while (found := await names(client)) != wanted:
        assert time.monotonic() < end, f"after {LIVE_SECONDS:g} s the list is still {found}"


@pytest.mark.promise("company.journey")
@pytest.mark.promise("company.revoked")
async def test_from_a_fresh_installation_to_a_right_that_is_taken(company: Company):
    alice = company.person("alice")
    bob = company.person("bob")
    company.does("team", "add", "sales", "description=Sells things")
    company.does("team", "member", "add", "sales", "user:alice")
    company.does("grant", "add", "bob-echo", "subject=user:bob", "servers=demo", "tools=echo")
    endpoint = f"{company.url}/mcp"
    async with httpx2.AsyncClient(timeout=30) as http, sdk(endpoint, alice) as client:
        assert await names(client) == []
        async with listening(Wire(http, endpoint, bob)) as stream:
            await asyncio.to_thread(
                company.does, "grant", "add", "sales-demo", "subject=team:sales", "servers=demo", "tools=echo"
            )
            await until(client, ["demo__echo"])
            assert "hello" in str((await client.call_tool("demo__echo", {"text": "hello"})).content)
            await asyncio.to_thread(company.does, "grant", "remove", "sales-demo")
            await until(client, [])
            with pytest.raises(Exception, match=r"(?i)allow|denied|unknown|no tool"):
                await client.call_tool("demo__echo", {"text": "hello"})
            await asyncio.to_thread(company.does, "grant", "set", "bob-echo", "tools=echo,add")
            await stream.next(TOOLS_CHANGED)


@pytest.mark.promise("company.journey")
def test_what_is_made_is_shown_changed_and_removed(company: Company):
    company.does("team", "add", "sales")
    assert json.loads(company.does("team", "list", "-o", "json"))[0]["name"] == "sales"
    company.does("team", "set", "sales", "description=Sells things")
    assert "Sells things" in company.does("team", "show", "sales")
    company.does("secret", "put", "token", typed="s3cret\n")
    assert "s3cret" not in company.does("secret", "show", "token", "-o", "yaml")
    company.does("user", "add", "alice")
    company.does("team", "member", "add", "sales", "user:alice")
    again = company.tries("team", "member", "add", "sales", "user:alice", "-o", "json")
    assert (again.code, again.err) == (0, "user:alice: in the team sales already; nothing was changed\n")
    assert json.loads(again.out) == json.loads(company.does("team", "show", "sales", "-o", "json"))
    told = company.tries("grant", "add", "later", "subject=team:sales", "servers=demo", "tools=sen*,ec*")
    step = "`toolgate tool list` shows those there are"
    assert (told.code, told.err) == (0, f"note: tools: `sen*` matches no tool of demo at present; {step}\n")
    company.does("grant", "remove", "later")
    used = company.tries("user", "remove", "alice")
    assert (used.code, "team sales" in used.err) == (2, True), used
    company.does("team", "member", "remove", "sales", "user:alice")
    company.does("user", "remove", "alice")
    assert company.tries("user", "show", "alice").code == 1


@pytest.mark.promise("company.journey")
def test_a_key_is_rotated_and_revoked(company: Company):
    alice = company.person("alice")
    company.does("grant", "add", "alice-demo", "subject=user:alice", "servers=demo", "tools=echo")
    url = {"TOOLGATE_URL": company.url}
    assert "echo" in company.tries("tools", "demo", **url, TOOLGATE_KEY=alice).out
    again = company.does("key", "rotate", "alice-laptop").strip()
    assert company.tries("tools", "demo", **url, TOOLGATE_KEY=alice).code == 4
    assert "echo" in company.tries("tools", "demo", **url, TOOLGATE_KEY=again).out
    company.does("key", "revoke", "alice-laptop")
    assert company.tries("tools", "demo", **url, TOOLGATE_KEY=again).code == 4
    denied = company.tries("user", "add", "mallory", **url, TOOLGATE_KEY=company.person("carol"))
    assert (denied.code, "user:write" in denied.err) == (4, True), denied


@pytest.mark.promise("company.server-add")
def test_a_server_is_tried_before_it_is_registered(company: Company):
    (company.terminal.folder / "tools.py").write_text(
        'from mcp.server.mcpserver import MCPServer\n\ntools = MCPServer("t")\n\n\n'
        '@tools.tool()\ndef go(where: str) -> str:\n    """Goes."""\n    return where\n'
    )
    gone = company.tries("server", "add", "gone", "http://127.0.0.1:9/mcp", "--state", "live")
    assert (gone.code, "cannot be reached" in gone.err and "as a draft" in gone.err) == (2, True), gone
    tried = company.tries("server", "add", "gone", "http://127.0.0.1:9/mcp", "--dry-run", "-o", "json")
    assert (json.loads(tried.out)["state"], json.loads(tried.out)["found"]) == ("draft", None)
    company.does("server", "add", "mine", "--python", f"{company.terminal.folder / 'tools.py'}:tools")
    listed = json.loads(company.does("server", "list", "-o", "json"))
    assert [(server["name"], server["state"]) for server in listed] == [("demo", "live"), ("mine", "live")]
    company.does("grant", "add", "me", "subject=key:local", "servers=mine", "tools=*")
    assert "go" in company.does("tools", "mine")
    company.does("server", "pause", "mine")
    called = company.tries("call", "mine", "go", "--arg", "where=on")
    assert (called.code != 0, "paused" in called.err) == (True, True), called


@pytest.mark.promise("up.from-the-file-alone")
def test_up_runs_from_the_file_alone(tmp_path: Path):
    terminal = Terminal(tmp_path, TOOLGATE_DATA_DIR=str(tmp_path / "data"))
    with terminal.start("up", "--port", "0", "--state", "none") as up:
        up.out.wait(ENDPOINT)
        assert terminal.run("team", "list").code == 1
        assert "keys:" in terminal.run("key", "add", "alice").out
        up.process.terminate()
        assert up.process.wait(20) == 0
    assert not (tmp_path / "data" / "records.db").exists()
