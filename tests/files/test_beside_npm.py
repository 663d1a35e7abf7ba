"""Ordinary work through the npm server and through ours, with the official SDK as the client: the same comes out."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.files.serving import tree
from tests.journeys.terminal import command, surroundings
from tests.npm.servers import filesystem_stdio
from tests.npm.toolchain import Toolchain

pytestmark = pytest.mark.timeout(660)  # the first one installs the packages

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1"
TEXT = "".join(f"line {number}: Gr\u00fc\u00dfe\n" for number in range(1, 41))


@dataclass(frozen=True)
class Side:
    """One server and the directory that it serves."""

    client: Client
    root: Path
    ours: bool

    async def call(self, tool: str, **arguments: Any) -> Any:
        found = await self.client.call_tool(tool, arguments)
        assert not found.is_error, found.content
        return found.content

    async def text(self, tool: str, **arguments: Any) -> str:
        return (await self.call(tool, **arguments))[0].text

    def path(self, *names: str) -> str:
        return str(self.root.joinpath(*names))

    def relative(self, text: str) -> set[str]:
        """Paths of an answer without what leads to the root."""
        return {line.removeprefix(f"{self.root}/") for line in text.splitlines()}


@dataclass(frozen=True)
class Pair:
    ours: Side
    npm: Side

    def __iter__(self) -> Any:
        return iter((self.ours, self.npm))


def _filled(root: Path) -> Path:
    root = root.resolve()
    for path in (
        "src/app.py",
        "src/lib/deep/util.py",
        "docs/guide.md",
        "docs/plan.md",
        "docs/empty/.keep",
        "notes.txt",
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(f"{path}\n{TEXT}", encoding="utf-8")
    (root / "pixel.png").write_bytes(PNG)
    return root


@asynccontextmanager
async def beside(toolchain: Toolchain, folder: Path) -> AsyncGenerator[Pair]:
    """Both servers, each with a directory of its own and the same in it."""
    ours, npm = (_filled(folder / name) for name in ("ours", "npm"))
    mine = command("stdio", "--files", str(ours), "--writable", "--data-dir", str(folder / "data"))
    async with _client(mine, folder) as first, _client(filesystem_stdio(toolchain, npm), folder) as second:
        yield Pair(Side(first, ours, True), Side(second, npm, False))


def _client(line: list[str], home: Path) -> Client:
    parameters = StdioServerParameters(command=line[0], args=line[1:], env=surroundings(home), cwd=home)
    return Client(stdio_client(parameters), mode="legacy")


@pytest.mark.promise("files.as-npm")
async def test_reading(npm_toolchain: Toolchain, tmp_path: Path):
    async with beside(npm_toolchain, tmp_path) as pair:
        whole = [await side.text("read_file", path=side.path("notes.txt")) for side in pair]
        assert whole[0] == whole[1] == f"notes.txt\n{TEXT}"
        first = await pair.ours.text("read_file", path=pair.ours.path("notes.txt"), limit=5)
        assert first == await pair.npm.text("read_text_file", path=pair.npm.path("notes.txt"), head=5)
        paths = "guide.md", "no"
        several = {
            side.ours: await side.call("read_multiple_files", paths=[side.path("docs", name) for name in paths])
            for side in pair
        }
        ours, theirs = "\n".join(block.text for block in several[True]), several[False][0].text
        assert f"docs/guide.md\n{TEXT}" in ours
        assert f"docs/guide.md\n{TEXT}" in theirs
        assert "Error - " in ours
        assert "Error - " in theirs
        images = (
            (await pair.ours.call("read_file", path=pair.ours.path("pixel.png")))[0],
            (await pair.npm.call("read_media_file", path=pair.npm.path("pixel.png")))[0],
        )
        assert images[0] == images[1]


@pytest.mark.promise("files.as-npm")
async def test_finding(npm_toolchain: Toolchain, tmp_path: Path):
    async with beside(npm_toolchain, tmp_path) as pair:
        for names in ((), ("src",), ("docs", "empty")):
            listed = [set((await side.text("list_directory", path=side.path(*names))).splitlines()) for side in pair]
            assert listed[0] == listed[1]
        trees = [_sorted(json.loads(await side.text("directory_tree", path=side.path()))) for side in pair]
        assert trees[0] == trees[1]
        for pattern in ("**/*.py", "*.txt", "**/d*", "docs/*.md", "**/deep/**", "src/{app,lib}*", "nothing"):
            found = [side.relative(await side.text("search_files", path=side.path(), pattern=pattern)) for side in pair]
            assert found[0] == found[1], pattern
        facts = [_facts(await side.text("get_file_info", path=side.path("notes.txt"))) for side in pair]
        assert facts[0]["size"] == facts[1]["size"]
        assert facts[0]["permissions"] == facts[1]["permissions"]
        assert (facts[0]["type"], facts[1]["isFile"]) == ("file", "true")
        for side in pair:
            assert str(side.root) in await side.text("list_allowed_directories")


@pytest.mark.promise("files.as-npm")
async def test_changing(npm_toolchain: Toolchain, tmp_path: Path):
    async with beside(npm_toolchain, tmp_path) as pair:
        for side in pair:
            await side.call("write_file", path=side.path("new.txt"), content=TEXT)
            await side.call("write_file", path=side.path("notes.txt"), content="replaced\n")
            await side.call("create_directory", path=side.path("a", "b", "c"))
            await side.call("move_file", source=side.path("src"), destination=side.path("a", "source"))
            await side.call("move_file", source=side.path("new.txt"), destination=side.path("a", "b", "moved.txt"))
        diffs = [
            await pair.ours.text(
                "edit_file", path=pair.ours.path("docs/plan.md"), edits=_edits("old_text", "new_text")
            ),
            await pair.npm.text("edit_file", path=pair.npm.path("docs/plan.md"), edits=_edits("oldText", "newText")),
        ]
        assert _hunks(diffs[0]) == _hunks(diffs[1]) != []
        dry = await pair.ours.text(
            "edit_file", path=pair.ours.path("docs/guide.md"), edits=_edits("old_text", "new_text"), dry_run=True
        )
        assert _hunks(dry) == _hunks(diffs[0])
        assert tree(pair.ours.root, times=False) == tree(pair.npm.root, times=False)


@pytest.mark.promise("files.as-npm")
async def test_refusing(npm_toolchain: Toolchain, tmp_path: Path):
    """Both refuse; ours does not tell where it was refused."""
    async with beside(npm_toolchain, tmp_path) as pair:
        refused: tuple[tuple[str, dict[str, Any]], ...] = (
            ("read_file", {"path": "{}/../secret"}),
            ("read_file", {"path": "/etc/hostname"}),
            ("read_file", {"path": "{}/missing"}),
            ("move_file", {"source": "{}/notes.txt", "destination": "{}/pixel.png"}),
            ("write_file", {"path": "{}/docs", "content": "x"}),
            ("list_directory", {"path": "{}/notes.txt"}),
        )
        for tool, arguments in refused:
            for side in pair:
                filled = {name: value.replace("{}", str(side.root)) for name, value in arguments.items()}
                found = await side.client.call_tool(tool, filled)
                assert found.is_error, (tool, side.ours)


def _edits(old: str, new: str) -> list[dict[str, str]]:
    return [
        {old: "line 3: Gr\u00fc\u00dfe\nline 4:", new: "line three: Hallo\nline 4:"},
        {old: "line 30:", new: "line thirty:\nand more:"},
    ]


def _hunks(diff: str) -> list[str]:
    """What was removed and added; how much is shown around it differs."""
    return [row for row in diff.splitlines() if re.match(r"[-+]", row) and not row.startswith(("---", "+++"))]


def _sorted(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(
        ({**node, "children": _sorted(node["children"])} if "children" in node else node for node in nodes),
        key=lambda node: node["name"],
    )


def _facts(text: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in text.splitlines())
