"""Search and tools on the command line of a fresh installation."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.journeys.terminal import Said, Terminal
from tests.running import ENDPOINT

SECONDS = 10.0


@dataclass(frozen=True)
class Desk:
    """A terminal beside a running gateway."""

    terminal: Terminal

    def does(self, *arguments: str) -> str:
        """A command that goes well; its data."""
        said = self.terminal.run(*arguments)
        assert said.code == 0, said
        return said.out

    def tries(self, *arguments: str) -> Said:
        return self.terminal.run(*arguments)

    def until(self, *arguments: str, holds: str) -> str:
        """The command's data once it holds this: a change acts within a second."""
        end = time.monotonic() + SECONDS
        while holds not in (out := self.does(*arguments)):
            assert time.monotonic() < end, out
        return out


@pytest.fixture
def desk(tmp_path: Path) -> Generator[Desk]:
    terminal = Terminal(tmp_path, TOOLGATE_DATA_DIR=str(tmp_path / "data"))
    with terminal.start("up", "--port", "0") as up:
        up.out.wait(ENDPOINT)
        yield Desk(terminal)
        up.process.terminate()
        assert up.process.wait(20) == 0


@pytest.mark.promise("search.commands")
def test_words_find_servers_and_tools(desk: Desk):
    desk.does("server", "add", "birds", "--python", f"{written(desk)}:tools", "--set", "description=All about birds")
    out = desk.until("search", "feathers", holds="birds/moult")
    assert out.splitlines()[0].split() == ["ACCESS", "KIND", "NAME", "WHAT", "IT", "IS"]
    assert "requestable" in out
    found = json.loads(desk.does("search", "feathers", "-o", "json"))
    assert [(hit["server"], hit["name"], hit["access"]) for hit in found["items"]] == [
        ("birds", "moult", "requestable")
    ]
    assert json.loads(desk.does("search", "birds", "--kind", "server", "-o", "json"))["total"] == 1
    near = desk.tries("search", "fethers")
    assert (near.code, "birds/moult" in near.out, "nothing has `fether`" in near.err) == (0, True, True), near
    nothing = desk.tries("search", "zzyzx")
    assert (nothing.code, nothing.out) == (0, "")
    assert desk.tries("search", "!?").code == 2
    desk.does("grant", "add", "me", "subject=key:local", "servers=birds", "tools=moult")
    desk.until("search", "feathers", holds="callable")


@pytest.mark.promise("search.commands")
def test_tools_are_listed_shown_described_and_paused(desk: Desk):
    desk.does("server", "add", "birds", "--python", f"{written(desk)}:tools")
    assert "moult" in desk.until("tool", "list", "--server", "birds", holds="moult")
    desk.does("tool", "set", "birds", "moult", "title=Moulting", "tags=feather,season", "risk=low")
    shown = json.loads(desk.does("tool", "show", "birds", "moult", "-o", "json"))
    assert (shown["tool"]["title"], shown["tool"]["tags"], shown["tool"]["risk"]) == (
        "Moulting",
        ["feather", "season"],
        "low",
    )
    desk.until("tool", "list", "-f", "tag=season", holds="moult")
    desk.does("grant", "add", "me", "subject=key:local", "servers=birds", "tools=*")
    desk.until("tools", "birds", holds="moult")
    desk.does("tool", "pause", "birds", "moult")
    desk.until("tool", "list", "--server", "birds", "-f", "hidden=true", holds="moult")
    end = time.monotonic() + SECONDS
    while (called := desk.tries("call", "birds", "moult")).code == 0:
        assert time.monotonic() < end, called
    desk.does("tool", "resume", "birds", "moult")
    desk.until("tools", "birds", holds="moult")
    desk.does("tool", "reset", "birds", "moult")
    assert "Moulting" not in desk.does("tool", "show", "birds", "moult")
    for arguments, code, reason in (
        (("set", "birds", "moult", "colour=red"), 2, "no such field"),
        (("set", "birds", "moult", "hidden=perhaps"), 2, "true or false"),
        (("set", "birds", "mould", "risk=low"), 1, "did you mean"),
        (("set", "demo", "echo", "risk=low"), 2, "how `toolgate up` was started"),
        (("show", "nowhere", "moult"), 1, "no server named"),
    ):
        said = desk.tries("tool", *arguments)
        assert (said.code, reason in said.err) == (code, True), said


def written(desk: Desk) -> Path:
    """A server of one tool."""
    file = desk.terminal.folder / "tools.py"
    file.write_text(
        'from mcp.server.mcpserver import MCPServer\n\ntools = MCPServer("t")\n\n\n'
        '@tools.tool()\ndef moult() -> str:\n    """Loses feathers, and grows others."""\n    return "done"\n'
    )
    return file
