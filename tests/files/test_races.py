"""Another process exchanges files and directories for links that lead out, while every tool is at work on them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import require
from tests.files.serving import CONFINEMENTS, Serving, serving, tree
from tests.files.world import CANARY
from toolgate.upstreams.filesystem import syscalls

ROUNDS = 150
SWAPPER = Path(__file__).with_name("swapper.py")
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("read_file", {"path": "dir/x.txt"}),
    ("read_file", {"path": "file.txt"}),
    ("read_multiple_files", {"paths": ["home/dir/x.txt", "dir/x.txt"]}),
    ("list_directory", {"path": "dir"}),
    ("directory_tree", {"path": "."}),
    ("search_files", {"path": ".", "text": "e"}),
    ("search_files", {"path": "dir", "pattern": "**/*"}),
    ("get_file_info", {"path": "home/dir/x.txt"}),
    ("write_file", {"path": "dir/new.txt", "content": "written"}),
    ("write_file", {"path": "file.txt", "content": "inside, written"}),
    ("edit_file", {"path": "dir/x.txt", "edits": [{"old_text": "e", "new_text": "E", "replace_all": True}]}),
    ("create_directory", {"path": "home/dir/made"}),
    ("move_file", {"source": "dir/new.txt", "destination": "home/dir/moved.txt"}),
    ("delete_file", {"path": "home/dir/moved.txt"}),
    ("delete_file", {"path": "home/dir/made"}),
)


@contextmanager
def swapping(root: Path, outside: Path) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, str(SWAPPER), str(root), str(outside)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield
        assert process.poll() is None, "the swapper has ended"
    finally:
        process.kill()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


async def _work(server: Serving) -> tuple[int, int]:
    """How many calls went well, and how many did not. Raises AssertionError when anything from outside is seen."""
    well = badly = 0
    for _ in range(ROUNDS):
        for name, arguments in CALLS:
            reply = await server.call(name, **arguments)
            assert CANARY.encode() not in reply.body, (name, reply.body)
            assert b"outside-name" not in reply.body, (name, reply.body)
            well, badly = well + (not reply.failed), badly + reply.failed
        for uri in ("files://root/dir/x.txt", "files://root/file.txt"):
            assert CANARY.encode() not in (await server.read(uri)).body
    return well, badly


@pytest.mark.promise("files.confined")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("links", ["refuse", "inside"])
@pytest.mark.parametrize("way", CONFINEMENTS)
async def test_exchanging_gains_nothing(tmp_path: Path, way: str, links: str):
    require(way != "openat2" or syscalls.has_openat2(), "openat2 (Linux 5.6 or later)")
    root, outside = tmp_path / "root", tmp_path / "outside"
    for directory in (root / "dir", root / "home" / "dir", outside):
        directory.mkdir(parents=True)
        (directory / "x.txt").write_text(CANARY if directory == outside else "inside, for sure")
    (outside / "outside-name").write_text(CANARY)
    (root / "file.txt").write_text("inside, for sure")
    before = tree(outside)
    with swapping(root, outside):
        async with serving(root, data=tmp_path / "data", confinement=way, symlinks=links, delete="yes") as server:
            well, badly = await _work(server)
    assert tree(outside) == before
    assert well > ROUNDS, "hardly anything went well: the race was never run"
    assert badly > ROUNDS, "hardly anything was refused: the race was never run"
