"""One command, one directory: the official SDK's client over stdio and over HTTP, in both eras, and who subscribes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.files.serving import serving
from tests.journeys.clients import sdk
from tests.journeys.pipes import piped
from tests.journeys.terminal import command, surroundings
from tests.ports.speaking import ALL, BOUND
from tests.running import ENDPOINT, Log
from toolgate.cli import configuration
from toolgate.model.catalog import Change, ChangeKind
from toolgate.model.errors import ConfigError, UpstreamFailed

MODES = ["legacy", "2026-07-28"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "notes"
    (made / "sub").mkdir(parents=True)
    (made / "today.md").write_text("Buy milk.\n")
    return made.resolve()


@asynccontextmanager
async def over_stdio(home: Path, mode: str, *flags: str) -> AsyncGenerator[Client]:
    line = command("stdio", *flags, "--data-dir", str(home / "data"))
    parameters = StdioServerParameters(command=line[0], args=line[1:], env=surroundings(home), cwd=home)
    async with Client(stdio_client(parameters), mode=mode) as client:
        yield client


@contextmanager
def serving_up(home: Path, *flags: str) -> Iterator[tuple[str, str]]:
    """A running `toolgate up` with these flags, as its URL and its key."""
    data = home / "data"
    process = subprocess.Popen(
        command("up", *flags, "--data-dir", str(data), "--port", "0"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=home,
        env=surroundings(home),
    )
    assert process.stdout is not None
    log = Log(process.stdout)
    try:
        url = log.wait(ENDPOINT)["url"]
        yield url, (data / "local.key").read_text().strip()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        assert process.wait(BOUND) == 0, log.text()
        log.close()


async def _text(client: Client, tool: str, **arguments: Any) -> str:
    found = await client.call_tool(tool, arguments)
    assert not found.is_error, found.content
    block: Any = found.content[0]
    return block.text


@pytest.mark.promise("files.alone")
@pytest.mark.parametrize("mode", MODES)
async def test_one_command_over_stdio(root: Path, tmp_path: Path, mode: str):
    async with over_stdio(tmp_path, mode, "--files", str(root)) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert {"read_file", "search_files", "read_multiple_files"} <= names
        assert "write_file" not in names
        assert await _text(client, "read_file", path="today.md") == "Buy milk.\n"
        refused = await client.call_tool("read_file", {"path": "../data/local.key"})
        assert refused.is_error
        found = await client.read_resource("files://notes/today.md")
        contents: Any = found.contents[0]
        assert contents.text == "Buy milk.\n"
        assert str(root) in await _text(client, "list_allowed_directories")


@pytest.mark.promise("files.alone")
@pytest.mark.parametrize("mode", MODES)
async def test_one_command_over_http(root: Path, tmp_path: Path, mode: str):
    other = tmp_path / "other"
    other.mkdir()
    with serving_up(tmp_path, "--files", str(root), "--files", str(other), "--writable") as (url, key):
        async with sdk(f"{url}/servers/files/mcp", key, mode) as client:
            assert await _text(client, "read_file", path="notes/today.md") == "Buy milk.\n"
            await _text(client, "write_file", path="other/made.txt", content="made")
            await _text(client, "move_file", source="other/made.txt", destination="notes/sub/made.txt")
            assert await _text(client, "search_files", text="made") == "notes/sub/made.txt:1: made"
        async with sdk(f"{url}/mcp", key, mode) as client:
            assert await _text(client, "files__read_file", path="notes/sub/made.txt") == "made"
    assert (root / "sub" / "made.txt").read_text() == "made"


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--files", "nowhere"], "--files nowhere: there is no such directory"),
        (["--files", "/"], "the whole file system is not served"),
        (["--writable"], "--writable: says of the directories of --files"),
        (["--files", ".", "--config", "toolgate.yaml"], "cannot be given with --config"),
    ],
)
@pytest.mark.parametrize("name", ["up", "stdio"])
def test_wrong_usage_is_explained(tmp_path: Path, name: str, flags: list[str], reason: str):
    (tmp_path / "toolgate.yaml").write_text("version: 1\n")
    done = subprocess.run(
        command(name, *flags, "--data-dir", str(tmp_path / "data")),
        cwd=tmp_path, env=surroundings(tmp_path), capture_output=True, text=True, timeout=60, check=False, input="",
    )  # fmt: skip
    assert done.returncode == 2
    assert reason in done.stderr
    assert done.stdout == ""


@pytest.mark.promise("files.told")
async def test_who_subscribes_is_told(root: Path, tmp_path: Path):
    """A change, a deletion, a return, a new file at the top; and what does not change is not announced."""
    uri, calm = "files://notes/today.md", "files://notes/sub/calm.md"
    (root / "sub" / "calm.md").write_text("x")
    async with serving(root, data=tmp_path / "data", poll=0.1) as server:
        await server.upstream.watch(frozenset({uri, calm}))
        changes = server.upstream.changes(ALL)

        async def told(kind: ChangeKind) -> Change:
            async with asyncio.timeout(BOUND):
                while True:
                    change = await anext(changes)
                    assert change.uri != calm
                    if change.kind is kind:
                        return change

        (root / "today.md").write_text("Buy bread.\n")
        assert (await told(ChangeKind.RESOURCE)).uri == uri
        (root / "today.md").unlink()
        assert (await told(ChangeKind.RESOURCE)).uri == uri
        os.replace(root / "sub" / "calm.md", root / "sub" / "calm.md")
        (root / "today.md").write_text("Again.\n")
        assert (await told(ChangeKind.RESOURCE)).uri == uri
        (root / "new.md").write_text("new")
        await told(ChangeKind.LISTS)
        assert "files://notes/new.md" in await server.names()
    assert [change async for change in changes if change.uri == calm] == []


@pytest.mark.promise("files.told")
@pytest.mark.parametrize("modern", [False, True], ids=["legacy", "modern"])
async def test_a_client_hears_of_a_change(root: Path, tmp_path: Path, modern: bool):
    """Through the whole line, with the usual pace."""
    uri = "files://notes/today.md"
    async with piped(tmp_path, "stdio", "--files", str(root), "--data-dir", str(tmp_path / "data")) as pipes:
        if modern:
            await pipes.ask_modern("subscriptions/listen", {"notifications": {"resourceSubscriptions": [uri]}})
            await pipes.heard("notifications/subscriptions/acknowledged")
        else:
            await pipes.initialize()
            answer = await pipes.answer(await pipes.ask("resources/subscribe", {"uri": uri}))
            assert answer["result"] == {}
        (root / "today.md").write_text("Buy bread.\n")
        assert (await pipes.heard("notifications/resources/updated"))["uri"] == uri


def test_roots_of_a_file_are_relative_to_it(root: Path, tmp_path: Path):
    file = root.parent / "toolgate.yaml"
    roots = "roots: [{path: notes}, {path: ./notes/sub, writable: true}]"
    file.write_text(f"version: 1\nservers:\n  docs: {{kind: filesystem, {roots}}}\n")
    (spec,) = configuration.reader(file, stored=False)().servers
    assert spec.settings["roots"] == [{"path": str(root)}, {"path": str(root / "sub"), "writable": True}]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ("roots: []", "length"),
        ("roots: [{path: /}]", "the whole file system is not served"),
        ("roots: [{path: notes}, {path: other/notes}]", "two roots are named 'notes'"),
        ("roots: [{path: notes}], denied: ['x[z-a]']", "is no pattern that can be read"),
        ("roots: [{path: notes}], types: [md]", "'md' is no ending of file names"),
        ("roots: [{path: notes, writeable: true}]", "unknown field `writeable`"),
    ],
)
def test_settings_that_are_wrong_are_findings(tmp_path: Path, settings: str, reason: str):
    file = tmp_path / "toolgate.yaml"
    file.write_text(f"version: 1\nservers:\n  docs: {{kind: filesystem, {settings}}}\n")
    with pytest.raises(ConfigError) as caught:
        configuration.reader(file, stored=False)()
    assert any("toolgate.yaml:3: servers.docs" in finding for finding in caught.value.findings)
    assert reason in "\n".join(caught.value.findings)


async def test_a_directory_that_comes_later_is_served_then(root: Path, tmp_path: Path):
    later = tmp_path / "later"
    async with serving(root, later, data=tmp_path / "data", poll=3600) as server:
        with pytest.raises(UpstreamFailed, match="later: No such file or directory"):
            await server.names()
        assert (await server.right("read_file", path="notes/today.md")).text == "Buy milk.\n"
        assert "`later` is not there at the moment" in await server.wrong("read_file", path="later/x.md")
        os.mkdir(later)
        (later / "x.md").write_text("late")
        assert "files://later/x.md" in await server.names()
        assert (await server.right("read_file", path="later/x.md")).text == "late"


async def test_the_gateways_own_directory_is_never_a_root(tmp_path: Path):
    (tmp_path / "data" / "sub").mkdir(parents=True)
    for root in (tmp_path / "data", tmp_path / "data" / "sub"):
        with pytest.raises(UpstreamFailed, match="lies in the gateway's data directory"):
            async with serving(root, data=tmp_path / "data"):
                raise AssertionError("it was opened")
    (tmp_path / "link").mkdir()
    async with serving(tmp_path / "link", data=tmp_path / "data") as server:
        os.rmdir(tmp_path / "link")
        os.symlink(tmp_path / "data", tmp_path / "link")
        (tmp_path / "data" / "local.key").write_text("secret")
        with pytest.raises(UpstreamFailed, match="lies in the gateway's data directory"):
            await server.names()
        assert (await server.call("read_file", path="local.key")).failed


async def test_a_directory_that_is_replaced_is_served_anew(root: Path, tmp_path: Path):
    async with serving(root, data=tmp_path / "data", poll=3600) as server:
        os.rename(root, tmp_path / "away")
        os.mkdir(root)
        (root / "fresh.md").write_text("fresh")
        assert "files://notes/fresh.md" in await server.names()
        assert (await server.right("read_file", path="fresh.md")).text == "fresh"
