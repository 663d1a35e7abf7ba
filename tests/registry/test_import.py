"""`toolgate import` of a registry and of a `server.json`: real commands, a real gateway, and bad registries."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from tests.journeys.terminal import Terminal
from tests.registry.false_registry import page, registry
from tests.registry.test_api import BLUE, RED, TEAMS, company
from tests.running import ENDPOINT, toolgate

MARK = "touched"
EVIL = {
    "name": "com.example/weather",
    "description": "x",
    "version": "1.0.0",
    "packages": [
        {"registryType": "npm", "identifier": "@acme/weather", "version": "1.0.0", "transport": {"type": "stdio"}}
    ],
}
OTHER = {**EVIL, "name": "org.example/weather"}


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """Somebody whose PATH has an npx that leaves a mark when it is started."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("npx", "uvx", "docker"):
        (programs / name).write_text(f"#!/bin/sh\ntouch {tmp_path / MARK}\n", "utf-8")
        (programs / name).chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)])
    return Terminal(tmp_path, TOOLGATE_DATA_DIR=str(tmp_path / "data"), PATH=path)


@pytest.mark.promise("registries.asks", "listings.shape")
def test_what_one_gateway_lists_another_imports_and_uses(tmp_path: Path):
    mine = tmp_path / "mine"
    mine.mkdir()
    terminal = Terminal(mine, TOOLGATE_DATA_DIR=str(mine / "data"))
    with toolgate(tmp_path, company({**BLUE, **RED}), TEAMS) as theirs:
        (mine / "their.key").write_text(f"{theirs.keys['ann']}\n", "ascii")
        asked = ("import", "--registry", theirs.url, "--key-file", "their.key")
        refused = terminal.run("import", "--registry", theirs.url)
        assert (refused.code, "--key-file FILE" in refused.err) == (4, True), refused

        planned = terminal.run(*asked)
        assert (planned.code, "give --yes to take 3 servers" in planned.err) == (2, True), planned
        assert f"+ blue-desk  {theirs.endpoint('blue-desk')}" in planned.out
        assert "red" not in planned.out
        assert not (mine / "toolgate.yaml").exists()

        done = terminal.run(*asked, "blue-desk", "internal.toolgate/blue-b@1.0.0", "--yes", "--grant")
        assert (done.code, "set before Toolgate starts: MCP_BLUE_B_TOKEN, MCP_BLUE_DESK_TOKEN" in done.err) == (0, True)
        assert theirs.keys["ann"] not in (mine / "toolgate.yaml").read_text("utf-8") + done.out + done.err
        key = theirs.keys["ann"]
        tokens = {"MCP_BLUE_B_TOKEN": key, "MCP_BLUE_DESK_TOKEN": key}
        with terminal.start("up", "--port", "0", **tokens) as up:
            up.out.wait(ENDPOINT)
            up.err.wait(r"server blue-desk: \d+ offers?\b")
            called = terminal.run("call", "blue-desk", "echo", "-a", "text=hello over there")
            assert (called.code, "hello over there" in called.out) == (0, True), called
            up.process.terminate()
            assert up.process.wait(20) == 0


@pytest.mark.promise("registries.asks")
@pytest.mark.skipif(os.name != "posix", reason="the programs that leave a mark are shell scripts")
def test_nothing_is_started_or_written_for_the_plan_and_the_whole_command_is_shown(terminal: Terminal, tmp_path: Path):
    with registry({"/v0.1/servers": page(EVIL)}) as (url, _):
        said = terminal.run("import", "--registry", url, "weather")
        assert said.code == 2
        assert "+ weather  npx -y @acme/weather@1.0.0  com.example/weather 1.0.0; names no source code" in said.out
        assert not (tmp_path / "toolgate.yaml").exists()
        done = terminal.run("import", "--registry", url, "--yes")
        assert done.code == 0, done
        declared = yaml.safe_load((tmp_path / "toolgate.yaml").read_text("utf-8"))
        assert declared["servers"]["weather"]["command"] == ["npx", "-y", "@acme/weather@1.0.0"]
        assert terminal.run("check").code == 0
    assert not (tmp_path / MARK).exists()


@pytest.mark.promise("registries.translated")
def test_a_server_json_is_imported_from_a_file(terminal: Terminal, tmp_path: Path):
    (tmp_path / "server.json").write_text(json.dumps(EVIL), "utf-8")
    done = terminal.run("import", "server.json", "--yes")
    assert (done.code, done.out.splitlines()[0]) == (0, "server.json  server.json")
    assert "weather" in yaml.safe_load((tmp_path / "toolgate.yaml").read_text("utf-8"))["servers"]
    (tmp_path / "server.json").write_text(json.dumps({**EVIL, "name": "weather"}), "utf-8")
    wrong = terminal.run("import", "server.json", "--yes")
    assert (wrong.code, wrong.err) == (2, "server.json: its `name` is not of the form com.example/name\n")


@pytest.mark.promise("registries.bounded")
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, b"<html>hello</html>"), "answered what is no JSON"),
        ((200, b"{}"), "no registry's"),
        ((200, b"[" * 100_000), "answered what is no JSON"),
        ((200, b'{"servers": "x"}'), "no registry's"),
        ((200, b" " * (9 * 1024 * 1024)), "larger"),
        ((302, b""), "is somewhere else (HTTP 302)"),
        ((401, b""), "it asks for a key: give --key-file FILE"),
        ((404, b""), "there is no registry API v0.1 at this URL"),
        ((500, b"boom"), "answered with HTTP 500"),
        (page(*[{**EVIL, "name": f"com.example/w{number}"} for number in range(201)]), "lists more than 200"),
    ],
)
def test_a_bad_registry_is_refused_in_plain_words(
    terminal: Terminal, tmp_path: Path, answer: tuple[int, bytes], said: str
):
    with registry({"*": answer}) as (url, _):
        done = terminal.run("import", "--registry", url, "--yes")
    assert done.code != 0
    assert said in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "toolgate.yaml").exists()


@pytest.mark.promise("registries.bounded")
def test_an_endless_registry_ends(terminal: Terminal):
    class Endless(dict[str, tuple[int, bytes]]):
        """A new cursor with each page."""

        def get(self, key: str, default: object = None) -> tuple[int, bytes]:  # type: ignore[override]
            self["n"] = (self.setdefault("n", (0, b""))[0] + 1, b"")
            return page(cursor=f"c{self['n'][0]}")

    with registry(Endless()) as (url, asked):
        done = terminal.run("import", "--registry", url)
    assert (done.code, "without an end" in done.err) == (1, True), done
    assert len(asked) <= 50


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("weather",), "several have this name: give one of com.example/weather, org.example/weather"),
        (("none",), "there is no server named 'none'"),
        (("com.example/none",), "there is no com.example/none in version latest"),
        (("--from", "cursor"), "give one of them"),
    ],
)
def test_what_cannot_be_meant_is_said(terminal: Terminal, arguments: tuple[str, ...], said: str):
    with registry({"/v0.1/servers": page(EVIL, OTHER)}) as (url, _):
        done = terminal.run("import", "--registry", url, *arguments)
    assert done.code in (1, 2)
    assert said in done.err


def test_a_key_is_not_sent_where_others_could_read_it(terminal: Terminal, tmp_path: Path):
    (tmp_path / "key").write_text("a-made-up-key", "ascii")
    done = terminal.run("import", "--registry", "http://registry.example", "--key-file", "key")
    assert (done.code, "use https" in done.err) == (2, True)
    assert "a-made-up-key" not in done.err
    assert terminal.run("import", "--key-file", "key").err.startswith("--search and --key-file are for a registry")
    link_local = terminal.run("import", "--registry", "http://169.254.169.254")
    assert (link_local.code, "169.254" in link_local.err) == (1, True), link_local
