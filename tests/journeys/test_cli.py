"""What a person types beside `up`: tools, call, calls, check, doctor, key; and what becomes of an edited file."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from tests.journeys.terminal import Terminal, command, lines
from tests.running import ALL, Gateway, Installation
from tests.servers.launching import script
from toolgate.cli.table import COMMANDS

DECLARED: dict[str, Any] = {
    "servers": {"demo": {"kind": "echo"}, "sdk": {"kind": "stdio", "command": script("sdk_server", "--stdio")}},
    "virtual": {"few": {"offers": [{"server": "demo", "tools": [{"name": "echo", "as": "say"}]}]}},
    "grants": [
        {"key": "local", "allow": ALL, "deny": {"servers": ["sdk"], "tools": ["crash"]}},
        {"key": "alice", "allow": {"servers": ["demo"], "tools": ["add"]}},
    ],
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gateway]:
    with Installation(tmp_path_factory.mktemp("cli"), DECLARED, ("alice",)).up() as running:
        yield running


@pytest.fixture
def terminal(gateway: Gateway, tmp_path: Path) -> Terminal:
    return Terminal(tmp_path, TOOLGATE_DATA_DIR=str(gateway.data))


def test_tools_are_listed_in_every_form(terminal: Terminal):
    table = lines(terminal.run("tools", "demo").out)
    assert [line.split()[0] for line in table] == ["TOOL", "add", "echo", "now"]
    assert "The sum of" in table[1]
    merged = json.loads(terminal.run("tools", "-o", "json").out)
    assert {"demo__add", "sdk__slow"} <= {tool["name"] for tool in merged}
    assert "sdk__crash" not in {tool["name"] for tool in merged}
    virtual = yaml.safe_load(terminal.run("tools", "few", "-o", "yaml").out)
    assert [tool["name"] for tool in virtual] == ["say"]
    assert virtual[0]["inputSchema"]["properties"]["text"]["type"] == "string"


def test_a_key_of_the_environment_goes_before_the_bootstrap_key(terminal: Terminal, gateway: Gateway):
    said = terminal.run("tools", "-o", "json", TOOLGATE_KEY=gateway.keys["alice"])
    assert [tool["name"] for tool in json.loads(said.out)] == ["demo__add"]


def test_a_url_of_the_environment_is_shown_the_bootstrap_key_only_where_it_belongs(
    terminal: Terminal, gateway: Gateway, tmp_path: Path
):
    port = gateway.url.rpartition(":")[2]
    assert terminal.run("tools", TOOLGATE_URL=f"http://localhost:{port}/mcp").code == 0
    said = terminal.run("tools", TOOLGATE_URL=gateway.url, TOOLGATE_DATA_DIR=str(tmp_path / "elsewhere"))
    assert (said.code, said.out) == (4, "")
    assert "TOOLGATE_KEY" in said.err


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        (("--arg", "a=1", "--arg", "b=2"), "3\n"),
        (("--args", '{"a": 1, "b": 40}', "--arg", "b=41"), "42\n"),
        (("--args", "@numbers.json"), "12\n"),
        (("--args", "-"), "14\n"),
    ],
)
def test_arguments_are_given_one_by_one_or_whole(terminal: Terminal, given: tuple[str, ...], answer: str):
    (terminal.folder / "numbers.json").write_text('{"a": 5, "b": 7}', "utf-8")
    assert terminal.run("call", "demo", "add", *given, typed='{"a": 6, "b": 8}').out == answer


def test_arguments_have_the_type_of_the_schema(terminal: Terminal):
    assert terminal.run("call", "demo", "echo", "-a", "text=12").out == "12\n", "a text stays one"
    assert terminal.run("call", "sdk", "echo", "-a", "value=[1, {}]").out == "[1, {}]\n"
    assert terminal.run("call", "sdk", "echo", "-a", "value=a=b").out == '"a=b"\n'
    said = terminal.run("call", "demo", "add", "-a", "a=1", "-a", "b=two")
    assert (said.code, said.out, said.err) == (2, "", "--arg b: expected number\n")


def test_mirrored_arguments_and_progress(terminal: Terminal):
    assert terminal.run("call", "sdk", "place", "-a", "region=Zürich", "-a", "count=2").out == "2 in Zürich\n"
    said = terminal.run("call", "sdk", "slow", "-a", "steps=2", "-a", "seconds=0.02")
    assert said.out == "took 2 steps\n"
    assert lines(said.err) == ["1 of 2  step 1", "2 of 2  step 2"]


def test_the_whole_result_in_json(terminal: Terminal):
    result = json.loads(terminal.run("call", "demo", "add", "-a", "a=1", "-a", "b=2", "-o", "json").out)
    assert result["structuredContent"] == {"sum": 3}
    assert result["content"] == [{"type": "text", "text": "3"}]


@pytest.mark.promise("cli.exit-codes")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("call", "demo", "now", "-a", "zone=Nowhere"), 1, "Nowhere"),
        (("call", "demo", "ech"), 1, "demo has no tool 'ech' (did you mean \"echo\"?)"),
        (("call", "sdk", "crash"), 4, "may not use tool 'crash'"),
        (("call", "nowhere", "echo"), 1, "there is no server 'nowhere' here (`toolgate tools` lists what there is"),
        (("call", "demmo", "echo"), 1, "there is no server 'demmo' here (did you mean \"demo\"?)"),
        (("tools", "skd"), 1, "there is no server 'skd' here (did you mean \"sdk\"?)"),
        (("call", "demo"), 2, "Missing argument"),
        (("call", "demo", "echo", "-a", "text"), 2, "expected name=value"),
        (("call", "demo", "echo", "--args", "[]"), 2, "expected a JSON object"),
        (("tools", "--data-dir", "empty"), 3, "no Toolgate runs with the data directory"),
        (("chek",), 2, "Did you mean 'check'"),
    ],
)
def test_exit_codes(terminal: Terminal, arguments: tuple[str, ...], code: int, said: str):
    done = terminal.run(*arguments)
    assert done.code == code
    assert said in " ".join(f"{done.out} {done.err}".split())
    assert "Traceback" not in done.err


def test_a_key_is_not_told_of_servers_that_it_may_not_see(terminal: Terminal, gateway: Gateway):
    said = terminal.run("tools", "skd", TOOLGATE_KEY=gateway.keys["alice"])
    assert (said.code, "sdk" in said.err) == (1, False)
    assert "there is no server 'skd' here (`toolgate tools`" in said.err


def test_a_gateway_that_cannot_be_reached_is_named_with_what_to_do(terminal: Terminal):
    with socket.socket() as taken:  # bound and not listening: nobody answers at this port
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        for arguments in (("tools",), ("server", "list")):
            said = terminal.run(*arguments, TOOLGATE_URL=f"{url}/gate/mcp", TOOLGATE_KEY="any")
            assert (said.code, said.out) == (1, "")
            assert said.err.startswith(f"the gateway at {url}/gate cannot be reached: cannot connect to 127.0.0.1 port")
            assert said.err.endswith("start it with `toolgate up`, or set TOOLGATE_URL to where it is\n")


def test_a_wrong_key_is_denied_and_not_repeated(terminal: Terminal):
    key = "tg_0000000_" + "0" * 43 + "_000000"
    for arguments in (("tools",), ("call", "demo", "echo"), ("calls",), ("calls", "--follow")):
        said = terminal.run(*arguments, TOOLGATE_KEY=key)
        assert (said.code, said.out) == (4, "")
        assert said.err
        assert key not in said.err


def test_calls_are_shown_and_followed(terminal: Terminal, gateway: Gateway):
    terminal.run("call", "demo", "echo", "-a", "text=before")
    *_, last = (json.loads(line) for line in lines(terminal.run("calls", "-n", "1").out))
    assert (last["method"], last["target"], last["outcome"]) == ("tools/call", "echo", "ok")
    assert last["client"]["name"] == "toolgate-cli"
    with terminal.start("calls", "--follow", "-n", "1") as following:
        following.out.wait('"target":"echo"')
        mark = following.out.mark()
        terminal.run("call", "sdk", "add", "-a", "a=1", "-a", "b=2")
        seen = json.loads(following.out.wait('.*"target":"add".*', since=mark)[0])
        assert (seen["server"], seen["principal"]) == ("sdk", "key:local")
        following.process.send_signal(signal.SIGINT)
        following.process.wait(20)
    assert "Traceback" not in following.err.text()
    pretty = terminal.run("calls", "-n", "2", "-o", "table").out
    assert re.search(r"Z  ok +tools/call sdk add  [\d.]+ ms", pretty)


def test_a_key_sees_its_own_calls_only(terminal: Terminal, gateway: Gateway):
    terminal.run("call", "demo", "add", "-a", "a=1", "-a", "b=1", TOOLGATE_KEY=gateway.keys["alice"])
    own = [json.loads(line) for line in lines(terminal.run("calls", TOOLGATE_KEY=gateway.keys["alice"]).out)]
    assert own
    assert {record["principal"] for record in own} == {"key:alice"}


def test_output_that_nobody_reads_any_more_ends_the_command_quietly(terminal: Terminal):
    terminal.run("tools")
    process = subprocess.Popen(
        command("calls", "--follow", "-n", "1"), cwd=terminal.folder, env=terminal.environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stderr:
        with process.stdout:
            assert json.loads(process.stdout.readline())
        terminal.run("tools")
        assert process.wait(20) == 1
        assert process.stderr.read() == ""


def test_a_configuration_is_checked(terminal: Terminal, gateway: Gateway):
    said = terminal.run("check", str(gateway.file))
    assert (said.code, said.out) == (0, "ok: 2 servers, 1 virtual server, 0 teams, 1 key, 3 grants\n")
    (terminal.folder / "toolgate.yaml").write_text("version: 1\nservers:\n  a: {kind: ekho}\ngrant: []\n", "utf-8")
    said = terminal.run("check")
    assert said.code == 2
    assert [line.split(": ")[0] for line in lines(said.out)] == ["toolgate.yaml:3", "toolgate.yaml:4"]
    assert 'did you mean "echo"?' in said.out
    said = terminal.run("check", "missing.yaml")
    assert (said.code, said.out) == (2, "missing.yaml: cannot be read: No such file or directory\n")


def test_the_doctor_finds_nothing_wrong(terminal: Terminal, gateway: Gateway):
    said = terminal.run("doctor", "--config", str(gateway.file))
    assert said.code == 0, said.out + said.err
    assert "BAD" not in said.out
    for part in (gateway.url, "/readyz answers 200", "server sdk", "server demo", "2026-07-28", "(legacy and modern)"):
        assert part in said.out


def test_the_doctor_finds_what_is_wrong_and_says_what_to_do(terminal: Terminal, tmp_path: Path):
    declared = {
        "version": 1,
        "servers": {
            "gone": {"kind": "streamable_http", "url": "http://127.0.0.1:1/mcp"},
            "mute": {"kind": "stdio", "command": ["no-such-program-anywhere"]},
            "demo": {"kind": "echo"},
        },
        "keys": {"old": {"digest": "0" * 64, "expires": "2026-01-01"}},
    }
    (tmp_path / "toolgate.yaml").write_text(yaml.safe_dump(declared), "utf-8")
    data = tmp_path / "data"
    Terminal(tmp_path).run("key", "add", "--data", str(data))
    (data / "key.pepper").write_bytes(b"short")
    said = terminal.run("doctor", "-o", "json", TOOLGATE_DATA_DIR=str(data))
    assert said.code == 3
    bad = {finding["what"]: finding for finding in json.loads(said.out) if not finding["good"]}
    assert set(bad) == {"data", "key old", "server gone", "server mute"}
    assert all(finding["repair"] for finding in bad.values())
    assert "key.pepper" in bad["data"]["said"]
    assert "127.0.0.1 port 1" in bad["server gone"]["said"]


def test_a_new_key_is_declared_with_what_was_printed(tmp_path: Path):
    installation = Installation(tmp_path, {"servers": {"demo": {"kind": "echo"}}})
    terminal = Terminal(tmp_path, TOOLGATE_DATA_DIR=str(installation.data))
    said = terminal.run("key", "add", "carol", "--team", "sales")
    key, rest = said.out.split("\n", 1)
    assert said.code == 0
    assert key not in said.err + rest
    text = "version: 1\nservers: {demo: {kind: echo}}\nteams: {sales: {}}\n" + rest
    installation.write(text + "grants:\n  - team: sales\n    allow: {servers: [demo], tools: [echo]}\n")
    with installation.up():
        tools = terminal.run("tools", "-o", "json", TOOLGATE_KEY=key)
        assert [tool["name"] for tool in json.loads(tools.out)] == ["demo__echo"]
    assert key.encode() not in b"".join(file.read_bytes() for file in installation.data.iterdir())
    assert terminal.run("key", "add", "Carol!").code == 2


@pytest.mark.promise("reload.broken")
def test_an_edit_is_taken_and_a_broken_one_is_said(tmp_path: Path):
    demo: dict[str, Any] = {"servers": {"demo": {"kind": "echo"}}}
    installation = Installation(tmp_path, {**demo, "grants": [{"key": "local", "allow": ALL}]})
    terminal = Terminal(tmp_path, TOOLGATE_DATA_DIR=str(installation.data))
    with installation.up() as gateway:
        good = installation.file.read_text("utf-8")
        installation.write(good + "surprise: 1\n")
        gateway.log.wait("surprise: unknown key")
        assert terminal.run("call", "demo", "echo", "-a", "text=still").out == "still\n"
        assert httpx2.get(f"{gateway.url}/readyz").status_code == 503
        mark = gateway.log.mark()
        installation.declare({**demo, "grants": [{"key": "local", "allow": {"servers": ["demo"], "tools": ["add"]}}]})
        gateway.log.wait("the changed configuration is in force", since=mark)
        assert httpx2.get(f"{gateway.url}/readyz").status_code == 200
        assert terminal.run("call", "demo", "echo", "-a", "text=still").code == 4


def test_a_field_that_is_typed_as_an_option_is_told_how_it_is_given(terminal: Terminal):
    said = terminal.run("user", "add", "ann", "--display", "Ann")
    assert (said.code, "display=VALUE" in said.err) == (2, True), said
    said = terminal.run("key", "add", "laptop", "--owner=user:ann")
    assert (said.code, "owner=VALUE" in said.err) == (2, True), said
    said = terminal.run("user", "add", "ann", "--nonsense", "x")
    assert (said.code, "No such option: --nonsense" in said.err) == (2, True), said
    assert "subject, effect, servers" in terminal.run("grant", "add", "--help").out


def test_help_names_every_command(terminal: Terminal):
    said = terminal.run("--help")
    assert said.code == 0
    assert all(re.search(rf"^\W*{name}\b", said.out, re.MULTILINE) for name in COMMANDS)
    assert "--arg" in terminal.run("call", "--help").out
    assert terminal.run("--version").out.startswith("toolgate ")
