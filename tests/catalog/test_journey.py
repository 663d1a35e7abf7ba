"""Products added through a running gateway, by people with and without rights; a replay stands in the place of GitHub,
and one of our test servers in the place of a vendor's own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.connectors.replay import TOKEN, Play, Replay, Request, playing
from tests.connectors.samples import shop, written
from tests.connectors.serving import fixture
from tests.connectors.test_journey import holding
from tests.journeys.terminal import Said, Terminal, command
from tests.running import ENDPOINT, Log
from tests.servers.launching import launched_script
from toolgate.client.administration import Administration
from toolgate.client.place import Place
from toolgate.model.entities import Binding, Grant, Key, Secret, Server, ServerState, Team, User
from toolgate.model.errors import NotAllowed, Refused
from toolgate.model.products import Adding, Origin, Source
from toolgate.upstreams.connector import reading

WRONG = "wrong-token-9876543210"
SECONDS = 20.0
TEAM = "red"

posix = pytest.mark.skipif(os.name != "posix", reason="terminals of POSIX")


@dataclass(frozen=True)
class Company:
    """A running gateway with an organisation's entries. `otto` owns the team, `mia` is a member, `pia` publishes."""

    terminal: Terminal
    url: str
    keys: Mapping[str, str]
    entries: Path
    log: tuple[Log, Log]

    def api(self, who: str = "local") -> Administration:
        return Administration(Place(self.url, "", self.keys[who]))

    async def run(self, *arguments: str, who: str = "local", typed: str = "", **variables: str) -> Said:
        """A command beside the tests' own servers, which must answer meanwhile."""
        place = {"TOOLGATE_URL": self.url, "TOOLGATE_KEY": self.keys[who]}
        return await asyncio.to_thread(self.terminal.run, *arguments, typed=typed, **place, **variables)

    async def adds(self, product: str, *arguments: str, **how: Any) -> Said:
        return await self.run("catalog", "add", product, *arguments, **how)

    async def refuses(self, adding: Adding, told: str, who: str = "local") -> None:
        async with self.api(who) as api:
            with pytest.raises(Refused) as refused:
                await api.add_product("github", adding)
        assert told in str(refused.value)
        assert not any(secret in str(refused.value) for secret in (TOKEN, WRONG))

    async def names(self, kind: type[Server] | type[Secret]) -> set[str]:
        async with self.api() as api:
            return {one.name async for one in api.each(kind)}

    def logged(self) -> str:
        return "".join(log.text() for log in self.log)


def with_own_entries(folder: Path) -> None:
    """A shop whose key is tried, which has a server of its own, too; and an entry that is broken."""
    made = shop()
    for auth in made["auth"]:
        auth["test"] = "list_by_page"
    made["routes"] = {
        "own_server": {
            "title": "The shop's own server",
            "url": "{address}",
            "variables": {"address": {"help": "Where it is", "pattern": "http://127\\.0\\.0\\.1:[0-9]+/mcp"}},
            "auth": [{"id": "t", "title": "T", "fields": {"t": {"help": "T"}}, "headers": {"X-Shop": "Shop {t}"}}],
        }
    }
    written(folder, made)
    (folder / "broken").mkdir()
    (folder / "broken" / reading.FILE).write_text("connector: v1\n", encoding="utf-8")


async def _settled(api: Administration) -> dict[str, str]:
    """People with the roles that the tests need; their keys."""
    for name in ("otto", "mia", "pia", "nobody"):
        await api.create(User(name=name))
    await api.create(Team(name=TEAM, members=("user:mia", "user:otto"), owners=("user:otto",)))
    await api.create(Binding(name="pia-publishes", subject="user:pia", role="publisher"))
    await api.create(Grant(name="all", subject="everyone", servers=("*",), tools=("*",)))
    keys = {}
    for name in ("otto", "mia", "pia", "nobody"):
        keys[name] = (await api.mint(Key(name=f"{name}-key", digest="", owner=f"user:{name}"))).clear
    return keys


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Generator[Company]:
    home = tmp_path_factory.mktemp("company")
    with_own_entries(home / "entries")
    terminal = Terminal(home)
    flags = ("--port", "0", "--data-dir", str(home / "data"), "--catalog", str(home / "entries"))
    with terminal.start("up", *flags) as up:
        url = up.out.wait(ENDPOINT)["url"]
        local = (home / "data" / "local.key").read_text(encoding="utf-8").strip()

        async def settle() -> dict[str, str]:
            async with Administration(Place(url, "", local)) as api:
                return await _settled(api)

        keys = {**asyncio.run(settle()), "local": local}
        yield Company(terminal, url, keys, home / "entries", (up.out, up.err))
        up.process.terminate()
        assert up.process.wait(SECONDS) == 0


@asynccontextmanager
async def github(*answers: Play) -> AsyncGenerator[Replay]:
    """GitHub, which takes one token; what it answers to it is `get_me`, as often as it is asked."""
    exchange = fixture("github", "get_me.json")["exchanges"][0]

    def judge(request: Request) -> str | None:
        return None if request.all("authorization") == [f"Bearer {TOKEN}"] else "it is not the token"

    replay = Replay([exchange] * 3, None if answers else judge)
    replay.plays.extend(answers)
    async with playing(replay):
        yield replay


def here(replay: Replay) -> list[str]:
    return ["--variable", f"base_url={replay.url}", "--private"]


@pytest.mark.promise("catalog.tried")
async def test_a_product_is_added_in_one_command_and_its_tools_are_live(company: Company):
    async with github() as replay:
        narrow = ("--read-only", "--tools", "get_*", "--allow", "repositories=octocat/*")
        began = time.monotonic()
        said = await company.adds(
            "github", "--name", "gh", "--credential", "token=env:THE_TOKEN", *here(replay), *narrow, THE_TOKEN=TOKEN
        )
        called = await company.run("call", "gh", "get_me")
        assert time.monotonic() - began < 60
        assert said.code == 0, said.err
        assert "gh is live with 7 tools of GitHub" in said.err
        assert "its credential was tried, and works" in said.err
        assert "toolgate grant add gh" in said.err
        assert json.loads(called.out)["login"] == fixture("github", "get_me.json")["expect"]["login"]
        outside = await company.run("call", "gh", "get_issue", "--args", '{"owner": "a", "repo": "b", "number": 1}')
        assert "is not among the repositories" in outside.out + outside.err
        assert (len(replay.seen), replay.complaints) == (2, [])
    shown = await company.run("server", "show", "gh", "-o", "json")
    settings = json.loads(shown.out)["settings"]
    assert settings["credentials"] == {"token": "store:gh-token"}
    for text in (said.out, said.err, called.out, shown.out, company.logged()):
        assert TOKEN not in text
    assert holding(company.terminal.folder, TOKEN) == []


@pytest.mark.promise("catalog.tried")
async def test_a_credential_that_does_not_work_is_saved_nowhere(company: Company):
    before = (await company.names(Server), await company.names(Secret))
    async with github(Play(401, {"message": f"Bad credentials {WRONG}"})) as replay:
        said = await company.adds("github", "--name", "bad", "--credential", "token=-", *here(replay), typed=WRONG)
        assert len(replay.seen) == 1
    assert said.code == 2
    assert said.err.startswith("credentials: get_me: unauthorized (status 401): Bad credentials ***")
    assert "nothing was saved" in said.err
    assert WRONG not in said.out + said.err
    adding = Adding(name="bad", secrets={"token": WRONG}, variables={"base_url": replay.url}, private=True)
    live = msgspec.structs.replace(adding, state=ServerState.LIVE)
    for status, wanted in ((403, adding), (500, live)):
        async with github(*[Play(status, {"message": f"no, {WRONG}"})] * 3) as replay:
            here_now = msgspec.structs.replace(wanted, variables={"base_url": replay.url})
            await company.refuses(here_now, f"status {status}")
    await company.refuses(adding, "cannot connect")  # nobody is there any more
    assert (await company.names(Server), await company.names(Secret)) == before
    assert WRONG not in company.logged()
    assert holding(company.terminal.folder, WRONG) == []


@pytest.mark.promise("catalog.tried")
async def test_what_is_missing_or_wrong_is_told(company: Company):
    said = await company.adds("github", "--name", "bad", "--route", "remote_mcp", "--auth", "oauth")
    assert (said.code, said.out) == (2, "")
    assert "needs a sign-in (OAuth) of each person" in said.err
    wished = Adding(name="bad", secrets={"token": WRONG})
    for change, told in (
        ({"secrets": {}}, "is missing: A fine-grained"),
        ({"allow": {"repos": ("x/*",)}}, "cannot be narrowed by it"),
        ({"variables": {"base_url": "ftp://x"}}, "does not have the form"),
        ({"route": "remote"}, "it has api, remote_mcp"),
        ({"secrets": {}, "credentials": {"token": "store:nowhere"}}, "there is no stored secret of this name"),
        ({"owner": "blue"}, "there is no team"),
    ):
        await company.refuses(msgspec.structs.replace(wished, **change), told)


@pytest.mark.promise("catalog.rights")
async def test_a_member_adds_a_draft_that_a_publisher_publishes(company: Company):
    async with company.api("otto") as api:
        await api.put_secret("red-token", TOKEN, owner=TEAM)
    async with github() as replay:
        wanted = ("--name", "red-gh", "--owner", TEAM, "--credential", "token=store:red-token", *here(replay))
        said = await company.adds("github", *wanted, who="mia")
        assert said.code == 0, said.err
        assert "red-gh is a draft" in said.err
        assert "it would be shown the secret red-token, which takes server:publish" in said.err
        assert "toolgate server publish red-gh" in said.err
        assert replay.seen == [], "a member's address is shown no secret of the team"
        denied = await company.run("server", "publish", "red-gh", who="mia")
        assert denied.code == 4
        async with company.api("pia") as api:
            assert (await api.move(Server, "red-gh", "publish")).state is ServerState.LIVE
        await _offered(company, "red-gh")
        assert (await company.run("call", "red-gh", "get_me")).code == 0
        assert replay.complaints == []


@pytest.mark.promise("catalog.rights")
async def test_what_a_person_may_not_do_is_not_done_in_their_name(company: Company):
    before = (await company.names(Server), await company.names(Secret))
    async with github() as replay:
        wished = Adding(
            name="mine", owner=TEAM, secrets={"token": TOKEN}, variables={"base_url": replay.url}, private=True
        )
        machine = msgspec.structs.replace(wished, secrets={}, credentials={"token": "env:PATH"})
        for who, adding, permission in (
            ("mia", wished, "secret:write"),
            ("mia", machine, "server:host"),
            ("nobody", msgspec.structs.replace(wished, owner=None), "secret:write"),
        ):
            async with company.api(who) as api:
                with pytest.raises(NotAllowed) as denied:
                    await api.add_product("github", adding)
            assert denied.value.permission == permission
        async with company.api("mia") as api:
            with pytest.raises(NotAllowed) as denied:  # a folder of the gateway's machine, which an entry may be in
                await api.register(Server(name="mine", kind="connector", owner=TEAM, settings={"path": "/etc"}))
        assert denied.value.permission == "server:host"
        await company.refuses(wished, "in a private network it is looked for only by holders of server:publish", "otto")
        assert (await company.names(Server), await company.names(Secret)) == before
        async with company.api("otto") as api:
            untried = await api.add_product("github", msgspec.structs.replace(wished, test=False))
        assert (untried.server.state, untried.tested) == (ServerState.DRAFT, False)
        assert untried.attempt.unreached == "you asked for no test"
        assert replay.seen == [], "whoever may not publish has nothing asked in a private network"
    assert await company.names(Secret) - before[1] == {"mine-token"}


async def test_everybody_who_is_known_reads_the_catalogue(company: Company):
    listed = await company.run("catalog", "list", "-o", "json", who="nobody")
    page = json.loads(listed.out)
    assert {line["id"] for line in page["items"]} == {*reading.included(), "shop"}
    assert "broken cannot be used: broken/connector.yaml:1: " in listed.err
    shown = await company.run("catalog", "show", "salesforce", who="nobody")
    assert "needs sign-in; an administrator makes a client first" in shown.out
    assert "External Client App Manager" in shown.out
    async with company.api("nobody") as api:
        assert (await api.product("shop")).source == Source(Origin.ORGANISATION, "entries")


@pytest.mark.promise("catalog.own")
async def test_an_entry_of_the_organisation_lives_in_its_record(company: Company):
    async with playing(Replay([], lambda request: None)) as replay:
        replay.plays.append(Play(200, [{"id": 1}]))
        said = await company.adds("shop", "--auth", "token", "--credential", "token=-", *here(replay), typed=TOKEN)
        assert said.code == 0, said.err
        assert "shop is live with 7 tools of Shop" in said.err
        assert "its credential was tried, and works" in said.err
        moved = company.entries.rename(company.entries.with_name("moved"))
        try:
            async with company.api() as api:
                server = await api.get(Server, "shop")
                definition = server.settings["definition"]
                assert definition["id"] == "shop"
                await api.create(Server(name="shop-again", kind="connector", settings=server.settings))
            await _offered(company, "shop-again")
            replay.plays.append(Play(200, {"a": 1}))
            called = await company.run("call", "shop-again", "get_thing", "--arg", "id=1")
            assert called.code == 0, called.err + called.out
        finally:
            moved.rename(company.entries)


@pytest.mark.promise("catalog.vendors", "catalog.own")
async def test_a_vendors_own_server_is_shown_its_header(company: Company):
    with launched_script("sdk_server") as server:
        wanted = ("--name", "vendor", "--route", "own_server", "--variable", f"address={server.url}")
        secret = company.terminal.folder / "secret"
        secret.write_text(TOKEN, encoding="utf-8")
        secret.chmod(0o600)
        said = await company.adds("shop", *wanted, "--credential", "t=file:./secret")
        secret.unlink()
        assert said.code == 0, said.err
        assert "vendor is live with" in said.err
        assert "its credential was tried, and works" in said.err
        await asyncio.to_thread(company.log[1].wait, r"server vendor: \d+ offers?\b")
        received = await company.run("call", "vendor", "received")
        assert json.loads(received.out)["headers"]["x-shop"] == f"Shop {TOKEN}"
    async with company.api() as api:
        record = await api.get(Server, "vendor")
    assert (record.kind, record.settings) == ("streamable_http", {"url": server.url})
    assert record.headers == {"X-Shop": "Shop store:vendor-t"}


@pytest.mark.promise("catalog.tried")
async def test_a_name_that_is_taken_changes_nothing(company: Company):
    async with github() as replay:
        named = ("--name", "twice", "--credential", "token=-", *here(replay))
        assert (await company.adds("github", *named, typed=TOKEN)).code == 0
        async with company.api() as api:
            before = await api.get(Secret, "twice-token")
        again = await company.adds("github", *named, typed=TOKEN)
        assert (again.code, "already" in again.err) == (1, True), again.err
        assert len(replay.seen) == 1, "it was refused before anything was tried"
    async with company.api() as api:
        assert await api.get(Secret, "twice-token") == before


@posix
@pytest.mark.promise("catalog.tried")
async def test_at_a_terminal_what_is_missing_is_asked_for_and_a_secret_is_not_shown(company: Company):
    async with github() as replay:
        arguments = ("catalog", "add", "github", "--name", "asked", *here(replay))
        code, echoed, said = await asyncio.to_thread(_typed, company, arguments, f"{TOKEN}\n")
        assert code == 0, said
        assert "token: A fine-grained personal access token" in said
        assert "asked is live" in said
        assert TOKEN not in echoed + said
        assert replay.complaints == []


def _typed(company: Company, arguments: tuple[str, ...], text: str) -> tuple[int, str, str]:
    """Runs a command at a terminal, and types once it does not echo any more: exit code, what the terminal showed of
    what was typed, and what the command said."""
    termios = pytest.importorskip("termios")
    main, other = os.openpty()
    place = {"TOOLGATE_URL": company.url, "TOOLGATE_KEY": company.keys["local"]}
    process = subprocess.Popen(
        command(*arguments), cwd=company.terminal.folder, env=company.terminal.environment(**place), stdin=other,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        end = time.monotonic() + SECONDS
        while termios.tcgetattr(other)[3] & termios.ECHO:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < end, "it asks for nothing"
        os.write(main, text.encode())
        said, _ = process.communicate(timeout=SECONDS)
        os.set_blocking(main, False)
        try:
            echoed = os.read(main, 4096).decode()
        except OSError:
            echoed = ""
        return process.returncode, echoed, said
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(main)
        os.close(other)


async def _offered(company: Company, server: str) -> None:
    """Until a server that was just published is discovered."""
    end = time.monotonic() + SECONDS
    async with company.api() as api:
        while (await api.health(server)).protocol is None:
            assert time.monotonic() < end, f"{server} is not discovered"
