"""Records kept in files: planned, applied and exported on the command line of a running gateway; and a file that `up`
watches, with people in it."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from tests.journeys.terminal import Said, Terminal
from tests.journeys.test_reload import IN_FORCE, REFUSED, edited
from tests.journeys.wire import Wire
from tests.running import ENDPOINT, Installation

PEOPLE = """\
version: 1
teams:
  sales: {description: Sells things, members: ["user:alice", "service:robot"]}
  nightshift: {parent: sales}
users:
  alice: {display: Alice, groups: [engineering]}
services:
  robot: {owner: sales}
roles:
  looks: {permissions: ["server:read", "grant:read"]}
bindings:
  sales-look: {subject: "team:sales", role: looks, scope: "team:sales"}
groups:
  engineering: {teams: [nightshift]}
"""
SERVERS = """\
version: 1
servers:
  files: {kind: echo, owner: sales, tags: [docs], state: live}
virtual:
  desk: {offers: [{server: files, tools: [{name: echo, as: repeat}]}]}
grants:
  - name: sales-files
    team: sales
    allow: {servers: [files], tools: [echo], conditions: [{argument: text, prefix: hello}]}
"""


ECHO = {"allow": {"servers": ["demo"], "tools": ["echo"]}}
ADD = {"everyone": True, "allow": {"servers": ["demo"], "tools": ["add"]}}


@dataclass(frozen=True)
class Repository:
    """A running gateway, a terminal, and a directory of files that declare its records."""

    terminal: Terminal
    url: str

    def write(self, name: str, text: str) -> Path:
        path = self.terminal.folder / "records" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def does(self, *arguments: str, typed: str = "") -> str:
        said = self.terminal.run(*arguments, typed=typed)
        assert said.code == 0, said
        return said.out

    def plans(self, *flags: str, code: int = 2) -> dict[str, Any]:
        """The plan of the directory, whose command must end with this code."""
        said = self.terminal.run("plan", "-f", "records", "-o", "json", *flags)
        assert said.code == code, said
        return json.loads(said.out)

    def steps(self, *flags: str, code: int = 2) -> list[tuple[str, str, str]]:
        return [(one["action"], one["kind"], one["name"]) for one in self.plans(*flags, code=code)["steps"]]

    def applies(self, *flags: str) -> Said:
        return self.terminal.run("apply", "-f", "records", "--yes", *flags)


@pytest.fixture
def repository(tmp_path: Path) -> Generator[Repository]:
    terminal = Terminal(tmp_path, TOOLGATE_DATA_DIR=str(tmp_path / "data"))
    with terminal.start("up", "--port", "0") as up:
        found = Repository(terminal, up.out.wait(ENDPOINT)["url"])
        found.write("people.yaml", PEOPLE)
        found.write("servers.yml", SERVERS)
        yield found
        up.process.terminate()
        assert up.process.wait(20) == 0


@pytest.mark.promise("gitops.commands")
@pytest.mark.promise("gitops.fixed-point")
def test_from_files_to_records_and_back(repository: Repository):
    steps = repository.steps()
    assert [action for action, _, _ in steps] == ["create"] * 10
    asked = repository.terminal.run("apply", "-f", "records")
    assert (asked.code, "--yes" in asked.err) == (2, True), asked
    assert len(repository.steps()) == 10, "nothing was changed"
    assert repository.applies().code == 0
    assert repository.steps(code=0) == []
    alice = repository.does("key", "add", "alice-laptop", "owner=user:alice").strip()
    mine = {"TOOLGATE_URL": repository.url, "TOOLGATE_KEY": alice}
    assert "hello you" in repository.terminal.run("call", "files", "echo", "--arg", "text=hello you", **mine).out
    assert repository.terminal.run("call", "files", "echo", "--arg", "text=bye", **mine).code == 4
    unknown = repository.terminal.run("export", "--label", "defalt")
    said = "--label defalt: no record that you may see carries it (did you mean `default`?)\n"
    assert (unknown.code, unknown.out, unknown.err) == (2, "", said)
    exported = repository.does("export")
    assert yaml.safe_load(exported)["grants"] == [
        {
            "name": "sales-files",
            "team": "sales",
            "allow": {
                "servers": ["files"],
                "tools": ["echo"],
                "conditions": [{"argument": "text", "prefix": "hello"}],
            },
        }
    ]
    for name in ("people.yaml", "servers.yml"):
        (repository.terminal.folder / "records" / name).unlink()
    repository.does("export", "-f", "records")
    assert repository.steps("--prune", code=0) == []
    again = repository.terminal.run("export", "-f", "records")
    assert (again.code, "--replace" in again.err) == (2, True), again
    repository.does("check", "records/toolgate.yaml")


@pytest.mark.promise("gitops.drift")
@pytest.mark.promise("gitops.own-fields")
def test_changes_by_hand_are_refused_left_or_shown(repository: Repository):
    applied = repository.applies()
    assert (applied.code, "applied: 10 created" in applied.err) == (0, True), applied
    repository.write("nothing-said.yaml", "version: 1\nusers: {bob: }\n")
    assert repository.applies().code == 0
    repository.does("user", "set", "bob", "display=Bob")  # that there is a bob is all that the file says
    assert repository.terminal.run("user", "remove", "bob").code == 2
    assert repository.steps(code=0) == []
    refused = repository.terminal.run("team", "set", "sales", "description=Mine")
    assert (refused.code, "declared by apply:default" in refused.err) == (2, True), refused
    repository.does("team", "set", "sales", "cost_center=42")
    assert repository.steps(code=0) == []
    repository.does("server", "pause", "files")
    (step,) = repository.plans()["steps"]
    assert step["fields"] == [{"field": "state", "before": "paused", "after": "live", "drifted": True}]
    assert step["updated_by"] == "key:local"
    table = repository.terminal.run("plan", "-f", "records")
    assert "state: paused -> live  (drift: last changed by key:local" in table.out
    assert repository.applies().code == 0
    assert json.loads(repository.does("server", "show", "files", "-o", "json"))["state"] == "live"
    assert json.loads(repository.does("team", "show", "sales", "-o", "json"))["cost_center"] == "42"


@pytest.mark.promise("gitops.own-only")
def test_only_what_carries_the_label_is_pruned(repository: Repository):
    assert repository.applies().code == 0
    repository.does("team", "add", "by-hand")
    repository.write("servers.yml", "version: 1\n")
    assert repository.steps(code=0) == []
    removed = [
        ("remove", kind, name) for kind, name in (("grant", "sales-files"), ("virtual", "desk"), ("server", "files"))
    ]
    assert repository.steps("--prune") == removed
    assert repository.applies("--prune").code == 0
    names = {team["name"] for team in json.loads(repository.does("team", "list", "-o", "json"))}
    assert names == {"sales", "nightshift", "by-hand"}
    other = repository.terminal.run("plan", "-f", "records", "--label", "other")
    assert (other.code, "made by apply:default" in other.err) == (1, True), other
    repository.write("people.yaml", "version: 1\nteams: {by-hand: }\n")
    hand = repository.terminal.run("plan", "-f", "records")
    assert hand.code == 1
    assert "records/people.yaml:2: teams.by-hand: is there already, made by hand" in hand.err
    assert "--adopt" in hand.err


@pytest.mark.promise("gitops.adopt")
def test_what_was_made_by_hand_is_adopted(repository: Repository):
    repository.does("team", "add", "sales", "cost_center=42")
    assert repository.applies().code == 2
    (sales,) = (step for step in repository.plans("--adopt")["steps"] if step["name"] == "sales")
    assert (sales["action"], sales["adopted_from"]) == ("adopt", "hand")
    assert "> team sales  (adopts: made by hand)" in repository.terminal.run("plan", "-f", "records", "--adopt").out
    assert repository.applies("--adopt").code == 0
    assert repository.steps("--prune", code=0) == []
    shown = json.loads(repository.does("team", "show", "sales", "-o", "json"))
    assert (shown["cost_center"], shown["description"]) == ("42", "Sells things")
    assert shown["stamp"]["managed_by"] == "apply:default"


@pytest.mark.promise("gitops.commands")
@pytest.mark.promise("gitops.one-transaction")
def test_a_plan_that_is_stale_is_refused(repository: Repository):
    seen = repository.plans()["seq"]
    repository.does("user", "add", "bob")
    stale = repository.applies("--seq", str(seen))
    assert (stale.code, "changed since the plan" in stale.err) == (1, True), stale
    assert len(repository.steps()) == 10
    assert repository.applies("--seq", str(repository.plans()["seq"])).code == 0


@pytest.mark.promise("gitops.one-transaction")
def test_two_that_apply_at_once(repository: Repository):
    """Both made the same plan: one carries it out, and the other is told to look again."""
    seen = str(repository.plans()["seq"])
    said: list[Said] = []
    threads = [threading.Thread(target=lambda: said.append(repository.applies("--seq", seen))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    # Whoever planned after the other was done had nothing to do.
    assert sorted(one.code for one in said) in ([0, 0], [0, 1]), said
    assert sum("applied" in one.err for one in said) == 1
    assert repository.steps(code=0) == []


@pytest.mark.promise("gitops.commands")
def test_what_is_wrong_is_told_by_file_line_and_field(repository: Repository):
    repository.write("servers.yml", SERVERS.replace("owner: sales", "owner: sals").replace("prefix:", "prefx:"))
    wrong = repository.terminal.run("plan", "-f", "records")
    assert wrong.code == 1
    assert wrong.err.splitlines() == [
        'records/servers.yml:9: grants[0].allow.conditions[0].prefx: unknown key (did you mean "prefix"?)'
    ]
    repository.write("servers.yml", SERVERS.replace("owner: sales", "owner: sals"))
    wrong = repository.applies()
    assert wrong.code == 2
    assert "records/servers.yml:3: servers.files.owner: there is no team of this name" in wrong.err
    assert repository.does("team", "list", "-o", "json").strip() == "[]"
    repository.write("twice.yaml", "version: 1\nusers: {alice: }\n")
    twice = repository.terminal.run("plan", "-f", "records")
    assert "records/twice.yaml:2: users.alice: is declared in records/people.yaml:6 already" in twice.err
    repository.write("twice.yaml", "version: 1\ngrants: [{everyone: true, allow: {servers: [demo], tools: [echo]}}]\n")
    assert "grants[0]: needs a `name`" in repository.terminal.run("plan", "-f", "records").err


def declared(*, members: list[str], **more: Any) -> dict[str, Any]:
    """`echo` is for the team, and `add` for everybody."""
    return {
        "servers": {"demo": {"kind": "echo"}},
        "teams": {"sales": {"members": members}},
        "users": {"ann": {}},
        "grants": [{"team": "sales", **ECHO}, ADD],
        **more,
    }


@pytest.mark.promise("config.people")
@pytest.mark.parametrize("flags", [(), ("--state", "none")], ids=["records", "alone"])
async def test_a_watched_file_declares_people(tmp_path: Path, http: httpx2.AsyncClient, flags: tuple[str, ...]):
    installation = Installation(tmp_path, declared(members=["user:ann"]), {"laptop": {"owner": "user:ann"}})
    with installation.up(*flags) as gateway:
        wire = Wire(http, gateway.endpoint("demo"), gateway.keys["laptop"])
        assert (await wire.call("echo", {"text": "hi"})).result["content"][0]["text"] == "hi"
        await edited(gateway, installation, declared(members=[]))
        assert (await wire.call("echo", {"text": "hi"})).status == 403
        await edited(gateway, installation, declared(members=["user:nobody"]), REFUSED)
        role = {"bindings": {"b": {"subject": "user:ann", "role": "auditor"}}}
        grants = [{"role": "auditor", **ECHO}, ADD]
        await edited(gateway, installation, {**declared(members=[]), **role, "grants": grants}, IN_FORCE)
        assert (await wire.call("echo", {"text": "hi"})).result["content"][0]["text"] == "hi"
        await edited(gateway, installation, {**declared(members=["user:ann"]), "users": {"ann": {"active": False}}})
        assert (await wire.call("echo", {"text": "hi"})).status == 401


@pytest.mark.promise("config.people")
def test_what_a_file_declares_is_changed_there(tmp_path: Path):
    installation = Installation(tmp_path, declared(members=["user:ann"]))
    with installation.up() as gateway:
        terminal = Terminal(tmp_path, TOOLGATE_DATA_DIR=str(installation.data))
        assert "file:toolgate.yaml" in terminal.run("user", "show", "ann").out
        for words in (("user", "set", "ann", "display=Ann"), ("user", "add", "ann"), ("user", "remove", "ann")):
            said = terminal.run(*words)
            assert (said.code, "toolgate.yaml" in said.err) == (2, True), said
        assert terminal.run("user", "add", "bob").code == 0
        mark = gateway.log.mark()
        installation.declare({**declared(members=[]), "users": {"ann": {}, "bob": {}}})
        gateway.log.wait("toolgate.yaml and the registry both have a user of this name", since=mark)
        assert terminal.run("user", "show", "ann").code == 0
