"""`import` and `connect` as a person uses them: real processes, in a home of their own, against a real gateway."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.journeys.terminal import SECONDS, Terminal, command
from tests.running import ALL, Gateway, Installation
from tests.servers.launching import script
from toolgate.control.clients.table import CLIENTS

SECRET = "made-up-secret-of-mine"
posix = pytest.mark.skipif(os.name != "posix", reason="needs the places and modes of POSIX")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with two clients, which know one server under two names."""
    program, *arguments = script("sdk_server", "--stdio")
    entry = {"command": program, "args": arguments, "env": {"SDK_API_KEY": SECRET}}
    put(tmp_path / ".cursor" / "mcp.json", {"mcpServers": {"SDK": entry}})
    put(tmp_path / ".lmstudio" / "mcp.json", {"mcpServers": {"same": entry, "web": {"url": "https://web.example/mcp"}}})
    return tmp_path


def put(file: Path, value: Any) -> bytes:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value, indent=2), "utf-8")
    return file.read_bytes()


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.promise("import.asks", "import.secrets")
def test_without_a_yes_there_is_a_plan_and_nothing_else(home: Path):
    before = tree(home)
    said = Terminal(home, TOOLGATE_DATA_DIR=str(home / "data")).run("import")
    assert said.code == 2
    assert "+ sdk" in said.out
    assert "= sdk" in said.out
    assert "moves 1 secret: SDK_API_KEY" in said.out
    assert "nothing was written: give --yes to take 2 servers and 1 secret into toolgate.yaml" in said.err
    assert SECRET not in said.out + said.err
    assert tree(home) == before


@pytest.mark.promise("import.plan", "import.secrets", "import.keeps")
def test_what_is_imported_works_and_a_second_import_finds_nothing_new(home: Path):
    terminal = Terminal(home, TOOLGATE_DATA_DIR=str(home / "data"))
    (home / "toolgate.yaml").write_text("version: 1  # mine\n\nservers:\n  demo: {kind: echo}  # stays\n", "utf-8")
    clients = {name: content for name, content in tree(home).items() if name.startswith(".")}
    said = terminal.run("import", "--yes", "--grant", "--from", "cursor", "--from", "lm-studio")
    assert (said.code, SECRET in said.out + said.err) == (0, False), said
    text = (home / "toolgate.yaml").read_text("utf-8")
    assert text.startswith("version: 1  # mine\n\nservers:\n  demo: {kind: echo}  # stays\n  sdk:\n")
    assert (home / "toolgate.yaml.before-import").read_text("utf-8").endswith("# stays\n")
    held = home / "data" / "secrets" / "sdk.SDK_API_KEY"
    assert held.read_text("ascii") == f"{SECRET}\n"
    assert SECRET not in text
    if os.name == "posix":
        assert stat.S_IMODE(held.stat().st_mode) == 0o600
    assert {name: content for name, content in tree(home).items() if name in clients} == clients
    assert terminal.run("check").out == "ok: 3 servers, 0 virtual servers, 0 teams, 0 keys, 1 grant\n"

    again = terminal.run("import", "--yes")
    assert (again.code, again.out.count("declared already")) == (0, 3)
    assert (home / "toolgate.yaml").read_text("utf-8") == text

    declared = yaml.safe_load(text)
    declared["servers"].pop("web")  # there is no such machine
    declared["grants"][0]["allow"]["servers"].remove("web")
    installation = Installation(home / "run", {name: declared[name] for name in ("servers", "grants")})
    with installation.up() as gateway:
        called = terminal.run("call", "sdk", "add", "-a", "a=1", "-a", "b=2", TOOLGATE_DATA_DIR=str(gateway.data))
        assert (called.code, called.out) == (0, "3\n"), called


@pytest.mark.promise("import.keeps")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: 1\nservers: {a: {kind: echo}}\n", "written in one line"),
        ("version: 1\nserver:\n", "unknown key"),
        ("version: 1\nx: &x\n", "unknown key"),
        ("version: 1\nservers: &all\n  a: {kind: echo}\nvirtual: {}\nteams: *all\n", "unknown key"),
    ],
)
def test_a_file_that_cannot_be_added_to_is_refused_and_left_alone(home: Path, text: str, said: str):
    (home / "toolgate.yaml").write_text(text, "utf-8")
    before = tree(home)
    done = Terminal(home, TOOLGATE_DATA_DIR=str(home / "data")).run("import", "--yes")
    assert done.code == 2
    assert said in done.err
    assert tree(home) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("import", "nowhere.json"), "there is no such file"),
        (("import", "--from", "cursr"), 'did you mean "cursor"?'),
        (("import", "servers.json", "--only", "demmo"), "--only demmo: no server that was found has this name (did"),
        (("import", "--from", "windsurf"), "there is no such file"),
        (("import", "broken.json"), "broken.json: line 1: not JSON"),
        (("connect", "cursor", "--url", "http://gw.example"), "use https"),
        (("connect", "cursor", "--url", "https://me:made-up@gw.example"), "expected the gateway's URL"),
        (("connect", "lm-studio", "--url", "https://gw.example"), "give --key-file FILE"),
        (("connect", "cursor", "--url", "https://gw.example", "--variable", "tg-made-up"), "not a key"),
        (("connect", "cursor", "--url", "https://gw.example", "--key-file", "nowhere"), "there is no such file"),
    ],
)
def test_wrong_usage_changes_nothing(home: Path, arguments: tuple[str, ...], said: str):
    (home / "broken.json").write_text('{"mcpServers": ' + SECRET, "utf-8")
    put(home / "servers.json", {"mcpServers": {"demo": {"url": "https://gw.example/mcp"}}})
    before = tree(home)
    done = Terminal(home, TOOLGATE_DATA_DIR=str(home / "data")).run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "made-up" not in done.err.replace("tg-made-up", "")
    assert tree(home) == before


@posix
@pytest.mark.promise("import.asks")
def test_a_person_at_a_terminal_is_asked(home: Path):
    import_ = command("import", "--from", "lm-studio")
    for typed, written in (("n\n", False), ("y\n", True)):
        main, other = os.openpty()
        try:
            os.write(main, typed.encode())
            environment = Terminal(home, TOOLGATE_DATA_DIR=str(home / "data")).environment()
            done = subprocess.run(
                import_,
                cwd=home,
                env=environment,
                stdin=other,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        finally:
            os.close(main)
            os.close(other)
        assert done.returncode == 0, done.stderr
        assert "Take 2 servers and 1 secret into toolgate.yaml?" in done.stderr
        assert (home / "toolgate.yaml").exists() is written


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gateway]:
    declared = {"servers": {"demo": {"kind": "echo"}}, "grants": [{"key": "local", "allow": ALL}]}
    with Installation(tmp_path_factory.mktemp("gateway"), declared).up() as running:
        yield running


@pytest.mark.promise("connect.undo", "connect.no-key", "connect.files")
def test_every_client_is_connected_and_brought_back_to_the_byte(home: Path, gateway: Gateway):
    put(home / ".gemini" / "settings.json", {"theme": "x"})
    (home / ".codex").mkdir()
    (home / ".codex" / "config.toml").write_bytes(b'model = "x" # keep\r\n')
    before = tree(home)
    (home / "shop").mkdir()  # beside the home, because some clients have a file in each
    user = {"HOME": str(home), "USERPROFILE": str(home), "LOCALAPPDATA": str(home)}
    terminal = Terminal(home / "shop", TOOLGATE_DATA_DIR=str(gateway.data), **user)
    said = terminal.run("connect", *CLIENTS)
    assert said.code == 0, said
    after = tree(home)
    changed = [name for name in after if after[name] != before.get(name) and ".toolgate-" not in name]
    assert len(changed) == len(CLIENTS)
    for content in (*after.values(), said.out.encode(), said.err.encode()):
        assert gateway.local.encode() not in content
    assert "TOOLGATE_KEY" in said.err

    again = terminal.run("connect", *CLIENTS)
    assert again.out.count("is connected already") == len(CLIENTS)
    assert tree(home) == after
    assert terminal.run("connect", "--undo", *CLIENTS).out.count("as it was before") == len(CLIENTS)
    assert tree(home) == before
    assert terminal.run("connect", "--undo", *CLIENTS).out.count("nothing to undo") == len(CLIENTS)


@pytest.mark.promise("connect.undo")
def test_what_the_client_wrote_since_is_kept(home: Path, gateway: Gateway):
    terminal = Terminal(home, TOOLGATE_DATA_DIR=str(gateway.data))
    file = home / ".claude.json"
    put(file, {"mcpServers": {}, "numStartups": 1})
    terminal.run("connect", "claude-code")
    file.write_text(file.read_text("utf-8").replace('"numStartups": 1', '"numStartups": 2'), "utf-8")
    assert "was changed since" in terminal.run("connect", "claude-code", "--undo").out
    assert json.loads(file.read_text("utf-8")) == {"mcpServers": {}, "numStartups": 2}


def test_print_shows_the_entry_and_touches_nothing(home: Path, gateway: Gateway):
    before = tree(home)
    said = Terminal(home, TOOLGATE_DATA_DIR=str(gateway.data)).run("connect", "cursor", "--print", "--name", "work")
    headers = {"Authorization": "Bearer ${env:TOOLGATE_KEY}"}
    assert json.loads(said.out) == {"mcpServers": {"work": {"url": gateway.endpoint(), "headers": headers}}}
    assert tree(home) == before


def test_where_no_gateway_runs_it_is_said(home: Path):
    done = Terminal(home, TOOLGATE_DATA_DIR=str(home / "data")).run("connect", "cursor")
    assert (done.code, done.out) == (3, "")
    assert "toolgate up" in done.err


@pytest.mark.promise("connect.no-key", "connect.files")
def test_what_is_written_for_a_client_that_starts_programs_works(home: Path, gateway: Gateway):
    """As the client would: the command of its file, with an environment in which nothing of ours is set."""
    terminal = Terminal(home, TOOLGATE_DATA_DIR=str(gateway.data))
    terminal.run("connect", "lm-studio")
    entry = json.loads((home / ".lmstudio" / "mcp.json").read_text("utf-8"))["mcpServers"]["toolgate"]
    assert Path(entry["command"]).is_absolute()
    assert gateway.local not in " ".join(entry["args"])
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
    done = subprocess.run(
        [entry["command"], *entry["args"]], input=json.dumps(asked) + "\n", env=Terminal(home).environment(),
        capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert "demo__echo" in done.stdout, done.stderr


@pytest.mark.promise("connect.files")
def test_a_client_is_waited_for(home: Path, gateway: Gateway):
    terminal = Terminal(home, TOOLGATE_DATA_DIR=str(gateway.data))
    nobody = terminal.run("connect", "cursor", "--verify", "0.2")
    assert (nobody.code, "nobody has called" in nobody.err) == (1, True)
    with terminal.start("connect", "cursor", "--verify", "30") as waiting:
        waiting.err.wait("waiting up to 30 s")
        program = (
            "import asyncio, sys, httpx2\nfrom mcp import Client\n"
            "from mcp.client.streamable_http import streamable_http_client\n"
            "async def main():\n"
            "    headers = {'Authorization': 'Bearer ' + open(sys.argv[2]).read().strip()}\n"
            "    async with httpx2.AsyncClient(headers=headers) as http:\n"
            "        while True:\n"
            "            async with Client(streamable_http_client(sys.argv[1], http_client=http)) as client:\n"
            "                await client.call_tool('demo__echo', {'text': 'x'})\n"
            "asyncio.run(main())\n"
        )
        calling = subprocess.Popen([sys.executable, "-c", program, gateway.endpoint(), str(gateway.data / "local.key")])
        try:
            waiting.err.wait("has called: ")
        finally:
            calling.kill()
            calling.wait(SECONDS)
