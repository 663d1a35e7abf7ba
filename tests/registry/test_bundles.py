"""Virtual servers carried between two gateways: exported, imported under other names, served as they were."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.journeys.terminal import Said, Terminal
from tests.running import toolgate

SERVER = f"{Path(__file__).resolve().parents[1] / 'servers' / 'sdk_server.py'}:build"
SECRET = "made-up-secret-of-mine"
OFFERS = json.dumps([
    {
        "server": "maths",
        "tools": [{"name": "add", "rename": "add_prices", "description": "Adds two prices."}, {"name": "gre*"}],
        "prompts": [{"name": "*"}],
    },
])  # fmt: skip
OVERRIDES = json.dumps({
    "add": {"title": "Add", "tags": ["numbers"], "risk": "low"},
    "wait": {"description": "Not chosen, and not in the bundle."},
})  # fmt: skip


@dataclass(frozen=True)
class Side:
    """One gateway, and somebody with its bootstrap key."""

    terminal: Terminal

    def does(self, *arguments: str) -> str:
        said = self.terminal.run(*arguments)
        assert said.code == 0, said
        return said.out

    def tries(self, *arguments: str, **variables: str) -> Said:
        return self.terminal.run(*arguments, **variables)

    def lets(self, server: str) -> None:
        """The bootstrap key uses it."""
        self.does("grant", "add", f"use-{server}", "subject=everyone", f"servers={server}", "tools=*", "prompts=*")

    @property
    def folder(self) -> Path:
        return self.terminal.folder


@pytest.fixture
def sides(tmp_path: Path) -> Generator[tuple[Side, Side]]:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    empty: dict[str, Any] = {"servers": {}}
    with toolgate(here, empty) as one, toolgate(there, empty) as other:
        yield (
            Side(Terminal(here, TOOLGATE_DATA_DIR=str(one.data))),
            Side(Terminal(there, TOOLGATE_DATA_DIR=str(other.data))),
        )


def prepared(side: Side) -> None:
    side.does("server", "add", "maths", "--python", SERVER, "-s", f"overrides={OVERRIDES}", "-s", "description=Numbers")
    side.does("virtual", "add", "till", f"offers={OFFERS}", "description=What the till needs", "tags=shop")
    side.lets("till")


@pytest.mark.promise("bundles.round-trip")
def test_a_virtual_server_is_served_by_another_gateway_as_by_the_first(sides: tuple[Side, Side]):
    here, there = sides
    prepared(here)
    file = there.folder / "till.yaml"
    here.does("virtual", "export", "till", "-o", str(file))
    there.does("server", "add", "numbers", "--python", SERVER)
    said = there.tries("virtual", "import", str(file), "--as", "desk", "--map", "maths=numbers", "--overrides")
    assert (said.code, "desk is live" in said.err) == (0, True), said
    there.lets("desk")
    assert there.does("tools", "desk") == here.does("tools", "till")
    assert "add_prices" in there.does("tools", "desk")
    assert there.does("call", "desk", "add_prices", "-a", "a=1", "-a", "b=2") == "3\n"
    tools = yaml.safe_load(there.does("server", "show", "numbers", "-o", "yaml"))["overrides"]
    assert tools["add"]["risk"] == "low"
    assert "wait" not in tools

    other = there.folder / "again.json"
    other.write_text("precious", "utf-8")
    said = there.tries("virtual", "export", "desk", "-o", str(other))
    assert (said.code, said.err) == (2, f"{other}: there is a file already: give --replace to write over it\n")
    assert other.read_text("utf-8") == "precious"
    there.does("virtual", "export", "desk", "-o", str(other), "--replace")
    first = yaml.safe_load(file.read_text("utf-8"))
    again = json.loads(other.read_text("utf-8"))
    again["virtual"]["name"] = "till"
    again["virtual"]["offers"][0]["server"] = "maths"
    assert again["virtual"] == first["virtual"]
    assert again["servers"]["numbers"]["overrides"] == first["servers"]["maths"]["overrides"]


@pytest.mark.promise("bundles.missing")
def test_each_missing_server_is_named_with_the_step_and_nothing_is_made(sides: tuple[Side, Side]):
    here, there = sides
    offers = json.dumps([{"server": "web", "tools": [{"name": "*"}]}, {"server": "prog", "tools": [{"name": "x"}]}])
    headers = json.dumps({"Authorization": "Bearer env:WEB_TOKEN", "X-Region": "eu"})
    settings = json.dumps({"command": ["some-program", "fast run"], "env": {"API_KEY": "env:PROG_KEY", "MODE": "x"}})
    here.does("server", "add", "web", "http://127.0.0.1:9/mcp?region=eu", "-s", f"headers={headers}", "--draft")
    here.does("server", "add", "prog", "--command", "x", "-s", f"settings={settings}", "--draft")
    here.does("virtual", "add", "both", f"offers={offers}", "state=draft")
    bundle = yaml.safe_load(here.does("virtual", "export", "both"))
    assert bundle["servers"]["web"] == {
        "kind": "streamable_http", "url": "http://127.0.0.1:9/mcp", "asks": ["Authorization"],
    }  # fmt: skip
    assert bundle["servers"]["prog"]["asks"] == ["API_KEY"]
    text = yaml.safe_dump(bundle)
    for never in ("WEB_TOKEN", "PROG_KEY", "region", "X-Region", "MODE"):
        assert never not in text
    (there.folder / "both.yaml").write_text(text, "utf-8")
    said = there.tries("virtual", "import", "both.yaml", "--map", "prog=tool")
    assert said.code == 2
    for told in (
        "there is no server 'web' here, or none that you may see: register it: "
        "toolgate server add web http://127.0.0.1:9/mcp (it asks for Authorization), or say --map web=NAME",
        "toolgate server add tool --command 'some-program '\"'\"'fast run'\"'\"''",
    ):
        assert told in said.err, said.err
    assert there.does("virtual", "list", "-o", "json").strip() == "[]"


@pytest.mark.promise("bundles.round-trip")
def test_what_differs_or_is_not_there_is_said(sides: tuple[Side, Side]):
    here, there = sides
    prepared(here)
    bundle = yaml.safe_load(here.does("virtual", "export", "till"))
    bundle["virtual"]["offers"][0]["tools"].append({"name": "none-such"})
    (there.folder / "till.json").write_text(json.dumps(bundle), "utf-8")
    there.does("server", "add", "maths", "--python", SERVER)
    said = there.tries("virtual", "import", "till.json", "--draft")
    assert (said.code, "till is draft" in said.err) == (0, True), said
    assert "note: maths offers no such tools: none-such" in said.err
    assert "note: the bundle says something else of maths's add: --overrides takes that over" in said.err
    assert yaml.safe_load(there.does("server", "show", "maths", "-o", "yaml"))["overrides"] == {}
    again = there.tries("virtual", "import", "till.json")
    assert (again.code, "there is a virtual server named 'till' already" in again.err) == (1, True), again


@pytest.mark.promise("bundles.seen")
def test_nobody_exports_or_learns_what_they_may_not_see(sides: tuple[Side, Side]):
    here, _ = sides
    prepared(here)
    bundle = here.does("virtual", "export", "till")
    (here.folder / "till.yaml").write_text(bundle, "utf-8")
    here.does("user", "add", "bob")
    key = here.does("key", "add", "bob-1", "owner=user:bob").strip()
    hidden = here.tries("virtual", "export", "till", TOOLGATE_KEY=key)
    absent = here.tries("virtual", "export", "tall", TOOLGATE_KEY=key)
    assert hidden.code == absent.code == 1
    assert hidden.err.replace("till", "tall") == absent.err
    for mapped in ("maths", "none"):
        taken = here.tries("virtual", "import", "till.yaml", "--as", "x", "--map", f"maths={mapped}", TOOLGATE_KEY=key)
        assert (taken.code, f"there is no server {mapped!r} here, or none that you may see" in taken.err) == (2, True)

    here.does("team", "add", "shop", "members=user:bob")
    here.does("virtual", "set", "till", "owner=shop")
    of_bob = yaml.safe_load(here.tries("virtual", "export", "till", TOOLGATE_KEY=key).out)
    assert of_bob["servers"] == {"maths": {}}
    assert of_bob["virtual"] == yaml.safe_load(bundle)["virtual"]


@pytest.mark.promise("bundles.round-trip")
def test_a_member_imports_a_draft_for_the_team_and_changes_nothing_that_is_live(sides: tuple[Side, Side]):
    here, _ = sides
    prepared(here)
    bundle = here.does("virtual", "export", "till")
    (here.folder / "till.yaml").write_text(bundle.replace("risk: low", "risk: high"), "utf-8")
    here.does("user", "add", "bob")
    here.does("team", "add", "shop", "members=user:bob")
    here.does("server", "set", "maths", "owner=shop")
    key = here.does("key", "add", "bob-1", "owner=user:bob").strip()

    def takes(name: str, *flags: str) -> Said:
        return here.tries("virtual", "import", "till.yaml", "--as", name, *flags, TOOLGATE_KEY=key)

    alone = takes("one")
    assert (alone.code, "server:write" in alone.err) == (4, True), alone
    over = takes("two", "--owner", "shop", "--overrides")
    assert (over.code, "server:publish" in over.err) == (4, True), over
    mine = takes("three", "--owner", "shop")
    assert (mine.code, "three is draft" in mine.err) == (0, True), mine
    assert [one["name"] for one in json.loads(here.does("virtual", "list", "-o", "json"))] == ["three", "till"]
    assert yaml.safe_load(here.does("server", "show", "maths", "-o", "yaml"))["overrides"]["add"]["risk"] == "low"


WRONG = {
    "version: 1\n": "this is no bundle",
    "bundle: [\n": "broken.yaml:",
    "bundle: 2\nvirtual: {name: x, offers: []}\n": "this Toolgate reads version 1 of bundles, and this one is 2",
    "bundle: 1\nvirtual: {name: x, offers: 7}\n": "bundle.virtual.offers",
    "bundle: 1\nvirtual: {name: x, offers: []}\n": "nothing is chosen",
    "bundle: 1\nvirtual: {name: x, offers: [{server: demo, tools: [{name: b}]}], secret: y}\n": "secret",
}


@pytest.mark.promise("bundles.round-trip")
def test_what_the_file_declares_is_exported_too_and_what_is_no_bundle_is_refused(tmp_path: Path):
    declared = {
        "servers": {"demo": {"kind": "echo"}},
        "virtual": {"desk": {"description": "Desk", "offers": [{"server": "demo", "tools": ["echo"]}]}},
    }
    with toolgate(tmp_path, declared) as gateway:
        side = Side(Terminal(tmp_path, TOOLGATE_DATA_DIR=str(gateway.data)))
        (tmp_path / "desk.yaml").write_text(side.does("virtual", "export", "desk"), "utf-8")
        taken = side.tries("virtual", "import", "desk.yaml", "--as", "second")
        assert (taken.code, "second is live" in taken.err) == (0, True), taken
        for text, said in WRONG.items():
            (tmp_path / "broken.yaml").write_text(text, "utf-8")
            done = side.tries("virtual", "import", "broken.yaml")
            assert (done.code, said in done.err) == (2, True), done


@pytest.mark.promise("bundles.round-trip")
def test_a_bundle_says_nothing_of_tools_that_it_does_not_choose(sides: tuple[Side, Side]):
    """Risk and tags decide which grants name a tool: a stranger's bundle changes them for what it chooses, at most."""
    here, there = sides
    prepared(here)
    bundle = yaml.safe_load(here.does("virtual", "export", "till"))
    bundle["servers"]["maths"]["overrides"]["wait"] = {"risk": "low", "tags": ["harmless"]}
    (there.folder / "till.json").write_text(json.dumps(bundle), "utf-8")
    there.does("server", "add", "maths", "--python", SERVER)
    there.does("virtual", "import", "till.json", "--overrides")
    overrides = yaml.safe_load(there.does("server", "show", "maths", "-o", "yaml"))["overrides"]
    assert overrides["add"]["risk"] == "low"
    assert "wait" not in overrides
