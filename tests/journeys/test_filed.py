"""What a toolgate.yaml declares, among the records: seen by those who may, and changed by nobody but the file."""

from __future__ import annotations

import asyncio
from collections.abc import Generator

import httpx2
import pytest

from tests.journeys.terminal import Terminal
from tests.journeys.test_health import administering, gateway
from toolgate.client.administration import Administration, Minted
from toolgate.model.entities import Entity, Grant, Key, Server, Team, User, Virtual
from toolgate.model.errors import NotFound, Refused, ToolgateError

FILE = """\
version: 1

teams:
  sales: {description: Sells}

servers:
  orders:
    kind: echo
    owner: sales
    description: Where orders are
    environment: production
    links: {runbook: "https://wiki.example/orders"}
  stock:
    kind: echo

virtual:
  desk:
    owner: sales
    offers:
      - {server: orders, tools: [echo]}
    links: {runbook: "https://wiki.example/desk"}
    icon: https://wiki.example/desk.png

keys:
  robot: {digest: "%s", teams: [sales]}

grants:
  - team: sales
    allow: {servers: [desk], tools: ["*"]}
  - name: everything
    key: local
    allow: {servers: ["*"], tools: ["*"]}
""" % ("0a" * 32)
LABEL = "file:toolgate.yaml"
LINES: list[tuple[type[Entity], str, int]] = [
    (Team, "sales", 4),
    (Server, "orders", 7),
    (Virtual, "desk", 17),
    (Key, "robot", 25),
    (Grant, "grant-1", 28),
    (Grant, "everything", 30),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Terminal, str]]:
    folder = tmp_path_factory.mktemp("filed")
    (folder / "toolgate.yaml").write_text(FILE, encoding="utf-8")
    with gateway(folder) as (terminal, url):
        yield terminal, url


async def member(api: Administration, name: str, team: str) -> Minted:
    """A key of somebody in a new team below another."""
    await api.create(User(name=name))
    await api.create(Team(name=f"{name}s-team", parent=team, members=(f"user:{name}",)))
    return await api.mint(Key(name=f"{name}-key", owner=f"user:{name}", digest=""))


@pytest.mark.promise("registry.filed")
async def test_it_is_listed_with_its_fields_and_its_label(served: tuple[Terminal, str]):
    terminal, url = served
    async with administering(terminal.folder, url) as api:
        for entity, name, _ in LINES:
            found = {one.name: one async for one in api.each(entity, {"managed_by": LABEL})}
            assert found[name] == await api.get(entity, name)
            assert (found[name].stamp.managed_by, found[name].stamp.version) == (LABEL, 0)
        orders = await api.get(Server, "orders")
        assert (orders.owner, orders.description, orders.environment) == ("sales", "Where orders are", "production")
        assert orders.links == {"runbook": "https://wiki.example/orders"}
        assert (await api.get(Key, "robot")).digest == ""
        assert [one.name async for one in api.each(Server)] == ["orders", "stock"]
        desk = await api.get(Virtual, "desk")
        assert (desk.links, desk.icon) == ({"runbook": "https://wiki.example/desk"}, "https://wiki.example/desk.png")
        (hit, *_) = (await api.search("where orders", kind="server")).items
        assert (hit.name, hit.description) == ("orders", "Where orders are")


async def test_the_registry_tells_what_the_file_says_of_it(served: tuple[Terminal, str]):
    terminal, url = served
    key = (terminal.folder / "data" / "local.key").read_text(encoding="utf-8").strip()
    async with httpx2.AsyncClient(timeout=20, headers={"Authorization": f"Bearer {key}"}) as http:
        page = (await http.get(f"{url}/v0.1/servers")).json()
    entries = {one["server"]["name"].partition("/")[2]: one["server"] for one in page["servers"]}
    assert entries["orders"]["description"] == "Where orders are"
    assert entries["orders"]["websiteUrl"] == "https://wiki.example/orders"
    assert entries["desk"]["icons"] == [{"src": "https://wiki.example/desk.png"}]
    assert entries["desk"]["version"] == "1.0.0"


@pytest.mark.promise("registry.filed")
@pytest.mark.parametrize(("entity", "name", "line"), LINES, ids=lambda value: str(getattr(value, "KIND", value)))
async def test_a_change_is_refused_with_file_and_line(
    served: tuple[Terminal, str], entity: type[Entity], name: str, line: int
):
    terminal, url = served
    told = rf"{entity.noun()} '{name}' is declared in toolgate\.yaml:{line}: change it there"
    async with administering(terminal.folder, url) as api:
        found = await api.get(entity, name)
        with pytest.raises(Refused, match=told):
            await api.patch(entity, name, {"expires": 1.0} if entity in {Key, Grant} else {"owner": None}
                            if entity in {Server, Virtual} else {"description": "x"}, version=0)  # fmt: skip
        with pytest.raises(Refused, match=told):
            await api.remove(entity, name, version=0)
        if entity is not Key:
            with pytest.raises(Refused, match=rf"toolgate\.yaml:{line}: change it there, or take another name"):
                await api.create(found)
        if entity is Server:
            for verb in ("pause", "retire"):
                with pytest.raises(Refused, match=told):
                    await api.move(Server, name, verb)
        if entity is Key:
            with pytest.raises(Refused, match=told):
                await api.revoke(name)
            with pytest.raises(Refused, match=told):
                await api.rotate(name, version=0)
        assert await api.get(entity, name) == found


@pytest.mark.promise("registry.filed")
async def test_who_may_see_it_is_judged_as_for_records(served: tuple[Terminal, str]):
    terminal, url = served
    async with administering(terminal.folder, url) as api:
        await api.create(Team(name="elsewhere"))
        inside = await member(api, "ina", "sales")
        outside = await member(api, "otto", "elsewhere")
    async with administering(terminal.folder, url, inside.clear) as own:
        assert [one.name async for one in own.each(Server)] == ["orders"]
        assert [one.name async for one in own.each(Virtual)] == ["desk"]
        assert [one.name async for one in own.each(Grant)] == ["grant-1"]
        assert (await own.health("orders")).name == "orders"
    async with administering(terminal.folder, url, outside.clear) as other:
        for entity in (Server, Virtual, Grant):
            assert [one.name async for one in other.each(entity)] == []
        for entity, name in ((Server, "orders"), (Virtual, "desk"), (Key, "robot")):
            with pytest.raises(NotFound):
                await other.get(entity, name)
        with pytest.raises(ToolgateError) as refused:
            await other.remove(Server, "orders", version=0)
        assert "toolgate.yaml" not in str(refused.value)


@pytest.mark.promise("registry.filed")
async def test_the_command_line_marks_it(served: tuple[Terminal, str]):
    terminal, _ = served
    listed = await asyncio.to_thread(terminal.run, "server", "list")
    titles = ["NAME", "KIND", "STATE", "OWNER", "ENVIRONMENT", "MANAGED", "BY", "DESCRIPTION"]
    assert listed.out.splitlines()[0].split() == titles
    assert listed.out.count(LABEL) == 2
    refused = await asyncio.to_thread(terminal.run, "server", "set", "stock", "description=Stock")
    assert (refused.code, refused.out) == (2, "")
    assert "the server 'stock' is declared in toolgate.yaml:13: change it there" in refused.err
