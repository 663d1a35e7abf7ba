"""`toolgate up`: the first minute, later starts, and everything that may stand in the way of one."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import sys
from collections.abc import Generator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.journeys.terminal import SECONDS, Started, Terminal
from tests.running import ENDPOINT
from tests.servers.launching import script
from toolgate.cli.flags import HELP
from toolgate.settings import NAMES
from toolgate.stores.data_dir import default_location

KEY = re.compile(r"tg_[0-9A-Za-z]{7}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}")
posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


def stopped(started: Started, number: int = signal.SIGTERM) -> int:
    """Stops it, and its exit code."""
    started.process.send_signal(number)
    return started.process.wait(SECONDS)


def data_of(terminal: Terminal) -> Path:
    return default_location({"LOCALAPPDATA": str(terminal.folder)}, sys.platform, terminal.folder)


@pytest.mark.promise("start.key-once")
def test_the_first_start_prints_its_key_once_and_later_ones_where_it_is(terminal: Terminal):
    with terminal.start("up", "--port", "0") as up:
        up.out.wait("Ctrl-C stops")
        printed = KEY.findall(up.out.text())
        file = data_of(terminal) / "local.key"
        assert printed == [file.read_text("ascii").strip()]
        if os.name == "posix":
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert terminal.run("call", "demo", "echo", "--arg", "text=hello").out == "hello\n"
        assert stopped(up) == 0
    assert not KEY.search(up.err.text())
    with terminal.start("up", "--port", "0") as again:
        again.out.wait("Ctrl-C stops")
        assert "local.key" in again.out.text()
        stopped(again)
    assert not KEY.search(again.out.text() + again.err.text())


def test_it_says_where_it_is_what_it_serves_and_how_to_connect(terminal: Terminal):
    with terminal.start("--port", "0") as up:  # `up` is what is run when no command is named
        up.out.wait("Ctrl-C stops")
        said = up.out.text()
        url = re.search(ENDPOINT, said)
        assert url is not None
        for part in ("demo (echo)  3 tools", "claude mcp add --transport http", "toolgate bridge", "toolgate stdio"):
            assert part in said
        assert str(data_of(terminal)).removeprefix(str(terminal.folder)) in said
        stopped(up)


def test_calls_are_lines_of_json_after_the_banner_or_alone(terminal: Terminal):
    for flags in ((), ("--log-format", "json")):
        with terminal.start("up", "--port", "0", *flags) as up:
            (up.err if flags else up.out).wait("Ctrl-C stops")
            assert terminal.run("call", "demo", "add", "-a", "a=1", "-a", "b=2").out == "3\n"
            up.out.wait('"tool":"add"')
            stopped(up)
        written = [line for line in up.out.text().splitlines() if line.startswith("{") or flags]
        assert [json.loads(line)["method"] for line in written] == ["tools/list", "tools/call"]


def test_the_usual_port_gives_way_to_the_next_when_nobody_chose_it(terminal: Terminal):
    with closing(socket.socket()) as taken:
        with suppress(OSError):  # somebody else has it: as good
            taken.bind(("127.0.0.1", 8484))
        taken.listen()
        with terminal.start("up") as up:
            port = int(up.out.wait(r"Endpoint +http://127\.0\.0\.1:(\d+)/mcp")[1])
            up.out.wait("port 8484 is taken")
            stopped(up)
    assert 8484 < port < 8504


def test_a_chosen_port_does_not_give_way(terminal: Terminal):
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = terminal.run("up", "--port", str(port))
    assert said.code == 2
    assert f"127.0.0.1:{port} cannot be listened on" in said.err


@pytest.mark.promise("data.one-owner")
def test_a_second_up_is_refused_and_told_who_is_there(terminal: Terminal):
    with terminal.start("up", "--port", "0") as up:
        url = up.out.wait(ENDPOINT)["url"]
        said = terminal.run("up", "--port", "0")
        assert (said.code, said.out) == (3, f"{url}\n")
        assert f"process id {up.process.pid} at {url}" in said.err
        stopped(up)
    with terminal.start("up", "--port", "0") as next_up:
        next_up.out.wait(ENDPOINT)
        stopped(next_up)


def test_what_is_wrong_is_said_line_by_line(terminal: Terminal):
    said = terminal.run("up", "--port", "high", "--host", "0.0.0.0", "--data", "d")
    assert said.code == 2
    assert re.search(r"^--port: ", said.err, re.MULTILINE)
    (terminal.folder / "toolgate.yaml").write_text("version: 1\nserves: {}\n", "utf-8")
    said = terminal.run("up", "--port", "0")
    assert (said.code, said.out) == (2, "")
    assert said.err == 'toolgate.yaml:2: serves: unknown key (did you mean "servers"?)\n'


def test_a_configuration_that_grants_the_bootstrap_key_nothing_is_pointed_out(terminal: Terminal):
    (terminal.folder / "toolgate.yaml").write_text("version: 1\nservers: {a: {kind: echo}}\n", "utf-8")
    with terminal.start("up", "--port", "0") as up:
        up.out.wait("`local` is granted nothing")
        up.out.wait("Ctrl-C stops")
        assert terminal.run("tools").out.split() == ["TOOL", "WHAT", "IT", "DOES"]
        stopped(up)


def test_open_asks_for_no_key_and_only_on_this_machine(terminal: Terminal):
    with terminal.start("up", "--port", "0", "--open") as up:
        url = up.out.wait(ENDPOINT)["url"]
        up.out.wait("none is asked for")
        said = terminal.run("tools", "-o", "json", TOOLGATE_URL=url, TOOLGATE_DATA_DIR=str(terminal.folder / "other"))
        assert [tool["name"] for tool in json.loads(said.out)] == ["demo__add", "demo__echo", "demo__now"]
        stopped(up)
    said = terminal.run("up", "--port", "0", "--open", "--host", "0.0.0.0")
    assert said.code == 2
    assert "--open" in said.err


@pytest.fixture
def patient(terminal: Terminal) -> Generator[Started]:
    """An `up` before the SDK's server, one of whose tools waits to be released, and one of which never answers."""
    config = {
        "version": 1,
        "servers": {"sdk": {"kind": "stdio", "command": script("sdk_server", "--stdio"), "sharing": "all"}},
        "grants": [{"key": "local", "allow": {"servers": ["*"], "tools": ["*"]}}],
    }
    (terminal.folder / "toolgate.yaml").write_text(json.dumps(config), "utf-8")
    with terminal.start("up", "--port", "0") as up:
        up.out.wait("Ctrl-C stops")
        up.err.wait(r"server sdk: \d+ offers")  # what is printed does not wait for a slow server
        yield up


@posix
@pytest.mark.promise("stop.drains")
def test_a_call_under_way_ends_well_when_up_is_told_to_stop(terminal: Terminal, patient: Started):
    with terminal.start("call", "sdk", "slow", "-a", "steps=2", "-a", "seconds=2") as call:
        call.err.wait("1 of 2  step 1")
        assert stopped(patient) == 0
        call.out.wait("^took 2 steps$")
        assert call.process.wait(SECONDS) == 0


@posix
def test_a_second_signal_does_not_wait_for_calls(terminal: Terminal, patient: Started):
    with terminal.start("call", "sdk", "hang", "-a", "name=x") as call:
        call.err.wait("waiting")
        patient.process.send_signal(signal.SIGINT)
        patient.err.wait("told to stop")
        patient.process.send_signal(signal.SIGINT)
        patient.process.wait(8)
        assert call.process.wait(SECONDS) == 1


def test_each_setting_has_a_flag_with_words():
    assert set(HELP) == set(NAMES)
