"""Endpoints that become servers by commands, behind a running gateway, with a replay in the place of the API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.connectors.replay import Play, Replay, Request, playing
from tests.connectors.test_journey import holding
from tests.connectors.test_operations import billing
from tests.journeys.clients import sdk
from tests.journeys.terminal import Said, Terminal
from tests.journeys.test_company import until
from tests.running import ENDPOINT
from toolgate.client.administration import Administration
from toolgate.client.place import Place
from toolgate.model.declared import Condition
from toolgate.model.entities import Grant, Key, Secret, Server, ServerState, User

SECRET = "made-up-0123456789-secret"
SECONDS = 20.0
CALL = "call_operation"


@dataclass(frozen=True)
class Office:
    """A running gateway. `pia` calls, and `rob` may do nothing."""

    terminal: Terminal
    url: str
    keys: Mapping[str, str]

    def api(self, who: str = "local") -> Administration:
        return Administration(Place(self.url, "", self.keys[who]))

    async def adds(self, *arguments: str, who: str = "local", typed: str = "") -> Said:
        place = {"TOOLGATE_URL": self.url, "TOOLGATE_KEY": self.keys[who]}
        return await asyncio.to_thread(
            self.terminal.run, "server", "add-endpoint", *arguments, typed=typed, **place
        )  # fmt: skip

    async def names(self, kind: type[Server] | type[Secret]) -> set[str]:
        async with self.api() as api:
            return {one.name async for one in api.each(kind)}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Generator[Office]:
    home = tmp_path_factory.mktemp("office")
    terminal = Terminal(home)
    with terminal.start("up", "--port", "0", "--data-dir", str(home / "data")) as up:
        url = up.out.wait(ENDPOINT)["url"]
        keys = {"local": (home / "data" / "local.key").read_text(encoding="utf-8").strip()}

        async def settle() -> None:
            async with Administration(Place(url, "", keys["local"])) as api:
                for name in ("pia", "rob"):
                    await api.create(User(name=name))
                    keys[name] = (await api.mint(Key(name=f"{name}-key", digest="", owner=f"user:{name}"))).clear

        asyncio.run(settle())
        yield Office(terminal, url, keys)
        up.process.terminate()
        assert up.process.wait(SECONDS) == 0


def signed(request: Request) -> str | None:
    return None if request.all("x-api-key") == [SECRET] else f"signed with {request.all('x-api-key')}"


def pasted(url: str) -> str:
    """As a browser or a page of documentation has it."""
    return f"""curl -X POST '{url}/v1/reports' \\
  -H 'X-Api-Key: {SECRET}' -H 'Content-Type: application/json' -H 'User-Agent: Mozilla' \\
  --data-raw '{{"city": "Oslo", "degrees": 3, "source": "web"}}'"""


@pytest.mark.promise("endpoints.curl", "endpoints.secrets")
async def test_a_pasted_command_becomes_a_tool_and_its_secret_is_sealed(office: Office):
    replay = Replay([{"method": "POST", "path": "/v1/reports", "status": 201, "answer": {"id": 7},
                      "body": {"city": "Rome", "degrees": 22, "source": "web"}}], signed)  # fmt: skip
    about = ("--about", "Files a report about the weather in a city.", "--fixed", "source")
    async with playing(replay):
        said = await office.adds("reports", "--curl", "-", *about, typed=pasted(replay.url))
        assert said.code == 0, said.err
        assert "the secret is sealed in the store: reports names it as store:reports-token" in said.err
        assert "1 tool: create_reports" in said.err
        async with office.api() as api:
            await api.create(Grant(name="reports", subject="user:pia", servers=("reports",), tools=("*",)))
            record = await api.get(Server, "reports")
        assert record.settings["credentials"] == {"token": "store:reports-token"}
        async with sdk(f"{office.url}/servers/reports/mcp", office.keys["pia"]) as client:
            await until(client, ["create_reports"])
            (tool,) = (await client.list_tools(cache_mode="bypass")).tools
            assert set(tool.input_schema["properties"]) == {"city", "degrees"}
            made = await client.call_tool("create_reports", {"city": "Rome", "degrees": 22})
            assert made.structured_content == {"id": 7}
            wrong: Any = await client.call_tool("create_reports", {"city": "Rome", "degrees": "warm"})
            assert wrong.content[0].text.startswith("create_reports: degrees: expected a whole number")
    assert replay.complaints == []
    again = await office.adds("reports", "--curl", "-", *about, typed=pasted(replay.url))
    assert (again.code, "there is a server named 'reports' already" in again.err) == (2, True)
    assert holding(office.terminal.folder, SECRET) == []
    assert SECRET not in said.out + said.err + again.out + again.err


@pytest.mark.promise("endpoints.typed")
async def test_a_method_and_a_url_become_a_tool(office: Office):
    answer = {"method": "GET", "path": "/v1/weather/New%20York%2Fx", "query": {"units": "metric"},
              "status": 200, "answer": {"now": {"degrees": 7}, "more": "x" * 50}}  # fmt: skip
    replay = Replay([answer], lambda request: None)
    async with playing(replay):
        endpoint = f"GET {replay.url}/v1/weather/{{city}}"
        said = await office.adds(
            "weather", endpoint, "--param", "units=metric Metric or imperial", "--param", "city Its name",
            "--result", "now", "--about", "The weather in a city at the moment.",
        )  # fmt: skip
        assert said.code == 0, said.err
        async with office.api() as api:
            await api.create(Grant(name="weather", subject="user:pia", servers=("weather",), tools=("*",)))
        async with sdk(f"{office.url}/servers/weather/mcp", office.keys["pia"]) as client:
            await until(client, ["get_weather"])
            found = await client.call_tool("get_weather", {"city": "New York/x"})
    assert found.structured_content == {"degrees": 7}
    assert replay.complaints == []


@pytest.mark.promise("endpoints.secrets")
async def test_what_cannot_be_registered_leaves_no_secret(office: Office):
    command = pasted("https://api.example.com")
    refused = await office.adds("lost", "--curl", "-", "--set", "owner=nobody", typed=command)
    assert refused.code == 2
    assert "owner: there is no team of this name" in refused.err
    denied = await office.adds("denied", "--curl", "-", who="rob", typed=command)
    assert denied.code != 0
    assert "you may not store secrets here: give it by reference: --credential token=env:NAME" in denied.err
    assert not {"lost", "denied"} & await office.names(Server)
    assert not {"lost-token", "denied-token"} & await office.names(Secret)
    assert SECRET not in refused.err + denied.err


@pytest.mark.promise("endpoints.operations")
@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_grants_allow_single_operations_of_a_large_api(office: Office, mode: str):
    replay = Replay([], lambda request: None)
    async with playing(replay):
        name = f"billing-{mode[:3]}".rstrip("-").replace("202", "new")
        await _billing(office, name, replay.url)
        replay.plays.extend([Play(200, {"no": 1}), Play(201, {"no": 2})])
        async with sdk(f"{office.url}/servers/{name}/mcp", office.keys["pia"], mode) as client:
            await until(client, ["call_operation", "find_operation"])
            found: Any = await client.call_tool("find_operation", {"words": "create invoice"})
            assert found.structured_content["operations"][0]["operation"] == "create_invoice"
            for operation in ("get_invoice", "create_invoice"):
                call = {"operation": operation, "arguments": {"number": 1}}
                assert not (await client.call_tool("call_operation", call)).is_error
            with pytest.raises(Exception, match=r"get_event.*(unknown|not known)|(unknown|no) tool.*get_event"):
                await client.call_tool("get_event", {"number": 1})
            for operation in ("delete_invoice", "create_coupon", " get_invoice"):
                with pytest.raises(Exception, match=r"depends on the call \(its arguments.*see the grants reading-"):
                    await client.call_tool("call_operation", {"operation": operation, "arguments": {"number": 1}})
    assert [(request.method, request.path) for request in replay.seen] == [
        ("GET", "/invoices/1"),
        ("POST", "/invoices/1"),
    ]


async def _billing(office: Office, name: str, url: str) -> None:
    """Pia may find everything, and call what reads, and `create_invoice`."""
    made = billing()
    made["auth"][0]["test"] = "get_event"
    settings = {
        "definition": made, "token": "store:billing", "private": True, "variables": {"base_url": url},
    }  # fmt: skip
    server = Server(name=name, kind="connector", settings=json.loads(json.dumps(settings)), state=ServerState.LIVE)
    reads = Condition(argument="operation", prefix="get_")
    writes = Condition(argument="operation", one_of=("create_invoice",))
    async with office.api() as api:
        if "billing" not in await office.names(Secret):
            await api.put_secret("billing", SECRET)
        await api.register(server)
        granted = {"finding": ("find_operation", ()), "reading": (CALL, (reads,)), "writing": (CALL, (writes,))}
        for purpose, (tool, conditions) in granted.items():
            await api.create(
                Grant(
                    name=f"{purpose}-{name}",
                    subject="user:pia",
                    servers=(name,),
                    tools=(tool,),
                    conditions=conditions,
                )
            )
