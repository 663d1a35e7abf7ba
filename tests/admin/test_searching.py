"""Search and tools over the API of a running gateway: real servers, real keys, real records."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.running import Gateway, Installation, toolgate
from tests.servers.launching import SERVERS
from toolgate.client.administration import Administration
from toolgate.client.place import Place
from toolgate.egress.client import HttpClient
from toolgate.model.entities import Grant, Server, ServerState
from toolgate.model.errors import Conflict, NotAllowed, NotFound, Refused
from toolgate.model.found import Hits

ECHO: dict[str, Any] = {"kind": "echo"}
SDK: dict[str, Any] = {"kind": "python", "object": "sdk_server:build", "path": str(SERVERS)}
DECLARED: dict[str, Any] = {
    "servers": {"demo": ECHO, "red-sdk": SDK},
    "teams": {"blue": {}, "red": {}},
    "grants": [
        {"team": "blue", "allow": {"servers": ["demo"], "tools": ["echo", "add"]}},
        {"team": "red", "allow": {"servers": ["red-sdk"], "tools": ["*"]}},
    ],
}
KEYS = {"ann": {"teams": ["blue"]}, "rob": {"teams": ["red"]}}
SECONDS = 10.0


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gateway]:
    with toolgate(tmp_path_factory.mktemp("search"), DECLARED, KEYS) as running:
        yield running


@asynccontextmanager
async def api(gateway: Gateway, who: str | None = None) -> AsyncGenerator[Administration]:
    key = gateway.local if who is None else gateway.keys[who]
    async with Administration(Place(gateway.url, "", key)) as reached:
        yield reached


async def raw(gateway: Gateway, path: str, who: str | None = None) -> tuple[int, str]:
    """One plain answer: status and body."""
    key = gateway.local if who is None else gateway.keys[who]
    route = HttpClient().route(gateway.url, server="toolgate", limit=64 * 1024 * 1024)
    try:
        answer = await route.send("GET", f"/api/v1{path}", [("Authorization", f"Bearer {key}")], b"")
        return answer.status, answer.body.decode()
    finally:
        await route.close()


async def until(reached: Administration, words: str, holds: Callable[[Hits], bool]) -> Hits:
    """The first answer for which it holds; asked again and again, so that nothing is slept away."""
    end = time.monotonic() + SECONDS
    while not holds(hits := await reached.search(words)):
        assert time.monotonic() < end, hits
    return hits


@pytest.mark.promise("search.seen")
async def test_each_finds_what_is_theirs(gateway: Gateway):
    async with api(gateway, "ann") as ann, api(gateway, "rob") as rob, api(gateway) as owner:
        found = await ann.search("add numbers")
        assert [(hit.server, hit.name, hit.access.value) for hit in found.items][:1] == [("demo", "add", "callable")]
        assert {hit.server for hit in found.items} == {"demo"}
        theirs = {hit.server for hit in (await rob.search("add numbers")).items}
        assert ("red-sdk" in theirs, "demo" in theirs) == (True, False)
        seen = (await owner.search("add numbers")).items
        assert {hit.server for hit in seen} >= {"demo", "red-sdk"}
        assert {hit.access.value for hit in seen} == {"requestable"}, "no grant is the owner's"
        nothing = await ann.search("zzyzx")
        assert (nothing.items, nothing.total) == ((), 0)


@pytest.mark.promise("search.seen")
async def test_a_grant_acts_on_the_next_searches(gateway: Gateway):
    async with api(gateway, "ann") as ann, api(gateway) as owner:
        await owner.create(Grant(name="now", subject="key:ann", servers=("demo",), tools=("now",)))
        found = await until(ann, "present date", lambda hits: hits.total > 0)
        assert (found.items[0].name, found.items[0].public) == ("now", "demo__now")
        await owner.remove(Grant, "now", version=1)
        await until(ann, "present date", lambda hits: hits.total == 0)


async def test_pages_of_hits_and_of_tools(gateway: Gateway):
    async with api(gateway) as owner:
        whole = await owner.search("a note or text", limit=100)
        pages: list[Any] = []
        after = None
        while True:
            page = await owner.search("a note or text", limit=2, after=after)
            assert page.total == whole.total
            pages += page.items
            after = page.next
            if after is None:
                break
        assert tuple(pages) == whole.items
        tools = [tool async for tool in owner.each_tool()]
        assert tools == sorted(tools, key=lambda tool: (tool.server, tool.name))
        page = await owner.tools(limit=3)
        following = await owner.tools(limit=1000, after=page.next)
        assert [*page.items, *following.items] == tools
        assert {tool.server for tool in (await owner.tools({"server": "red-*"})).items} == {"red-sdk"}


@pytest.mark.promise("tools.discovered")
async def test_what_was_discovered_is_answered_word_for_word(gateway: Gateway):
    async with api(gateway) as owner, api(gateway, "ann") as ann:
        page = await owner.offered("red-sdk", "tools")
        assert (page.server, page.note) == ("red-sdk", "")
        assert page.eras
        assert page.versions
        add = next(one for one in page.items if one.name == "add")
        assert set(add.definition["inputSchema"]["properties"]) == {"a", "b"}
        resources = await owner.offered("red-sdk", "resources")
        names = [one.name for one in resources.items]
        assert "notes://today" in names
        assert any("{" in name for name in names), "templates are among them"
        prompts = await owner.offered("red-sdk", "prompts", limit=1)
        assert len(prompts.items) == 1
        for server in ("red-sdk", "demo", "none"):
            with pytest.raises(NotFound):
                await ann.offered(server, "tools")
            with pytest.raises(NotFound):
                await ann.tool(server, "add")
        assert [tool async for tool in ann.each_tool()] == []


@pytest.mark.promise("tools.described")
async def test_a_tool_is_described_labelled_and_paused(gateway: Gateway):
    async with api(gateway) as owner, api(gateway, "rob") as rob:
        made, _ = await owner.register(Server(name="own", kind="echo"), state=ServerState.LIVE)
        await owner.create(Grant(name="own", subject="key:rob", servers=("own",), tools=("*",)))
        await until(rob, "echo", lambda hits: any(hit.server == "own" for hit in hits.items))
        text = "Repeats what a parrot was told"
        changed = await owner.change_tool(
            "own", "echo", {"description": text, "tags": ["birds"], "risk": "low"}, version=made.stamp.version
        )
        assert (changed.tool.description, changed.tool.tags, changed.tool.risk) == (text, ("birds",), "low")
        assert changed.definition["description"] != text, "the server's own word is kept beside ours"
        assert [grant.name for grant in changed.grants] == ["own"]
        assert [hit.name for hit in (await until(rob, "parrots", lambda hits: hits.total > 0)).items] == ["echo"]
        assert [tool.name for tool in (await owner.tools({"server": "own", "tag": "birds", "risk": "low"})).items] == [
            "echo"
        ]
        with pytest.raises(Conflict):
            await owner.change_tool("own", "echo", {"hidden": True}, version=made.stamp.version)
        hidden = await owner.change_tool("own", "echo", {"hidden": True}, version=changed.version)
        await until(rob, "parrots", lambda hits: hits.total == 0)
        assert [tool.name for tool in (await owner.tools({"server": "own", "hidden": "true"})).items] == ["echo"]
        named = await owner.change_tool("own", "echo", {"parameters": {"text": "In Klingon"}}, version=hidden.version)
        more = await owner.change_tool("own", "echo", {"parameters": {"other": "Gone"}}, version=named.version)
        assert more.override.parameters == {"text": "In Klingon", "other": "Gone"}
        less = await owner.change_tool(
            "own", "echo", {"hidden": None, "parameters": {"other": None}}, version=more.version
        )
        assert less.override.parameters == {"text": "In Klingon"}
        assert [hit.name for hit in (await until(rob, "klingon", lambda hits: hits.total > 0)).items] == ["echo"]
        again = await owner.change_tool(
            "own", "echo", dict.fromkeys(("parameters", "description", "tags", "risk")), version=less.version
        )
        assert again.override.description is None
        assert (await owner.get(Server, "own")).overrides == {}
        await until(rob, "echo", lambda hits: any(hit.server == "own" and hit.kind == "tool" for hit in hits.items))


@pytest.mark.promise("tools.described")
async def test_what_a_tool_cannot_be_is_refused(gateway: Gateway):
    async with api(gateway) as owner, api(gateway, "rob") as rob:
        with pytest.raises(Refused, match=r"declared in toolgate\.yaml"):
            await owner.change_tool("demo", "echo", {"risk": "low"}, version=1)
        made, _ = await owner.register(Server(name="refusing", kind="echo"), state=ServerState.LIVE)
        version = made.stamp.version
        with pytest.raises(NotFound):
            await rob.change_tool("refusing", "echo", {"risk": "low"}, version=version)
        for patch, field in (
            ({"colour": "red"}, "colour"),
            ({"tags": "one"}, "tags"),
            ({"hidden": "yes"}, "hidden"),
            ({"risk": "Not A Label"}, "overrides.echo.risk"),
            ({"parameters": {"text": 3}}, "parameters[...]"),
            ({"parameters": "text"}, "parameters"),
        ):
            with pytest.raises(Refused) as raised:
                await owner.change_tool("refusing", "echo", patch, version=version)
            assert [name for name, _ in raised.value.findings] == [field]
        await until(
            owner,
            "refusing echo",
            lambda hits: any(hit.kind == "tool" for hit in hits.items if hit.server == "refusing"),
        )
        with pytest.raises(NotFound, match="did you mean"):
            await owner.change_tool("refusing", "ecko", {"risk": "low"}, version=version)
        assert (await owner.get(Server, "refusing")).stamp.version == version


@pytest.mark.promise("tools.described")
async def test_changing_a_tool_needs_what_changing_its_server_needs(gateway: Gateway):
    """Members describe tools of their team's drafts, and may see those of what is live."""
    async with api(gateway) as owner, api(gateway, "rob") as rob:
        draft, _ = await owner.register(Server(name="draft", kind="echo", owner="red"), state=ServerState.DRAFT)
        changed = await owner.change_tool("draft", "echo", {"risk": "low"}, version=draft.stamp.version)
        assert (changed.definition, changed.tool.risk) == (None, "low"), "nobody has asked it yet what it offers"
        changed = await rob.change_tool("draft", "echo", {"tags": ["birds"]}, version=changed.version)
        assert (changed.tool.tags, changed.tool.risk) == (("birds",), "low")
        live = await owner.move(Server, "draft", "publish", version=changed.version)
        with pytest.raises(NotAllowed, match="server:publish"):
            await rob.change_tool("draft", "echo", {"risk": "high"}, version=live.stamp.version)
        await until(
            owner, "draft echo", lambda hits: any(hit.kind == "tool" for hit in hits.items if hit.server == "draft")
        )
        assert (await rob.tool("draft", "echo")).tool.risk == "low"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/search", 422),
        ("/search?q=", 422),
        ("/search?q=x&kind=prompt", 422),
        ("/search?q=x&limit=0", 400),
        ("/search?q=x&limit=101", 400),
        ("/search?q=x&colour=red", 400),
        ("/search?q=x&after=y", 422),
        ("/search?q=x&q=y", 400),
        ("/search?q=" + "a" * 300, 422),
        ("/tools?colour=red", 422),
        ("/servers/demo/tools?limit=0", 400),
        ("/servers/demo/tools?colour=red", 400),
        ("/servers/demo/tools/", 404),
        ("/servers/demo/tools/none", 404),
        ("/servers/demo/tools/no/such/tool", 404),
        ("/servers/none/tools", 404),
        ("/servers/demo/prompts", 200),
    ],
)
async def test_bad_requests_are_problems(gateway: Gateway, path: str, status: int):
    answered, body = await raw(gateway, path)
    assert answered == status, body
    if status != 200:
        assert json.loads(body)["status"] == status


BLUE: dict[str, Any] = {"blue-demo": ECHO, "blue-down": {"kind": "streamable_http", "url": "http://127.0.0.1:9/mcp"}}
RED: dict[str, Any] = {"red-sdk": SDK, "red-demo": ECHO}
WORDS = (
    "echo",
    "add",
    "note",
    "notes today",
    "revieuw",
    "sdk",
    "red",
    "blue",
    "demo tools",
    "ehco",
    "text number",
    "a",
)


def company(servers: dict[str, Any]) -> dict[str, Any]:
    """Each team may use what bears its name."""
    allow = {"tools": ["*"], "prompts": ["*"], "resources": ["*"]}
    grants = [{"team": team, "allow": {**allow, "servers": [f"{team}-*"]}} for team in ("blue", "red")]
    found = [grant for grant in grants if any(name.startswith(grant["team"]) for name in servers)]
    return {"servers": servers, "teams": {"blue": {}, "red": {}}, "grants": found}


async def everything(gateway: Gateway) -> list[tuple[str, int, str]]:
    """Whatever Ann is told by search, by its pages, and by the routes of tools."""
    paths = ["/tools", "/tools?server=red-sdk", "/me"]
    for server in ("blue-demo", "red-sdk", "red-none"):
        paths += [f"/servers/{server}/{what}" for what in ("tools", "resources", "prompts", "tools/add", "tools/none")]
    told = [(path, *await raw(gateway, path, "ann")) for path in paths]
    for words in WORDS:
        for narrowed in ("", "&kind=server", "&kind=tool", "&limit=1", "&limit=3"):
            after = ""
            while True:
                path = f"/search?q={quote(words)}{narrowed}{after}"
                answer = await raw(gateway, path, "ann")
                told.append((path, *answer))
                following = json.loads(answer[1]).get("next")
                if following is None:
                    break
                after = f"&after={quote(following)}"
    return told


@pytest.mark.promise("search.no-leak")
async def test_a_team_is_told_the_same_whether_the_other_exists_or_not(tmp_path: Path):
    installation = Installation(tmp_path, company(BLUE), KEYS)
    seen: list[list[tuple[str, int, str]]] = []
    for servers in (BLUE, {**BLUE, **RED}):
        installation.declare(company(servers))
        installation.servers = tuple(name for name in servers if name != "blue-down")
        with installation.up() as gateway:
            async with asyncio.timeout(60):
                async with api(gateway, "ann") as ann:
                    await until(ann, "echo", lambda hits: any(hit.kind == "tool" for hit in hits.items))
                seen.append(await everything(gateway))
    alone, beside = seen
    for one, other in zip(alone, beside, strict=True):
        assert one == other
    assert sum(status == 200 for _, status, _ in alone) > 60
    assert any('"total":0' not in body for path, _, body in alone if path.startswith("/search"))
