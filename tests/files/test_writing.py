"""What writing does: whole files or none, edits that say what they replace, nothing where nothing may be changed."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.files.serving import Serving, serving, tree
from toolgate.model.errors import UpstreamError
from toolgate.upstreams.filesystem.diffs import lines_of, unified
from toolgate.upstreams.filesystem.settings import PROTECTED, RootSettings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "notes"
    made.mkdir()
    return made


@pytest.fixture
async def served(root: Path, tmp_path: Path) -> AsyncIterator[Serving]:
    async with serving(root, data=tmp_path / "data", delete="yes") as server:
        yield server


async def test_a_file_is_made_and_replaced(root: Path, served: Serving):
    made = await served.right("write_file", path="a.txt", content="Gr\u00fc\u00dfe\n")
    assert made.structured == {"path": "a.txt", "created": True, "bytes": 8}
    assert (root / "a.txt").read_text() == "Gr\u00fc\u00dfe\n"
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((root / "a.txt").stat().st_mode) == 0o666 & ~umask
    (root / "a.txt").chmod(0o640)
    assert (await served.right("write_file", path="a.txt", content="two")).structured["created"] is False
    assert (root / "a.txt").read_text() == "two"
    assert stat.S_IMODE((root / "a.txt").stat().st_mode) == 0o640
    assert "was not to be replaced" in await served.wrong("write_file", path="a.txt", content="3", overwrite=False)
    assert os.listdir(root) == ["a.txt"]


async def test_encodings_are_written_as_they_are_named(root: Path, served: Serving):
    await served.right("write_file", path="a.txt", content="\u00fc", encoding="latin-1")
    assert (root / "a.txt").read_bytes() == b"\xfc"
    assert "has no" in await served.wrong("write_file", path="a.txt", content="\u20ac", encoding="latin-1")
    assert (root / "a.txt").read_bytes() == b"\xfc"


async def test_what_is_not_written(root: Path, served: Serving, tmp_path: Path):
    (root / "dir").mkdir()
    (root / "locked.txt").write_text("x")
    (root / "locked.txt").chmod(0o444)
    (root / "one.txt").write_text("x")
    os.link(root / "one.txt", tmp_path / "other-name")
    reasons = {
        "dir": "is a directory",
        "locked.txt": "marked read-only",
        "one.txt": "hard links",
        ".": "a served directory itself",
        "none/x.txt": "create_directory makes the directory",
        "a\\b.txt": "backslash",
        "x\u200b.txt": "cannot be seen",
    }
    for path, reason in reasons.items():
        assert reason in await served.wrong("write_file", path=path, content="y"), path
    async with serving(root, data=tmp_path / "data", max_write=1024) as small:
        assert "at most 1,024 are written" in await small.wrong("write_file", path="big.txt", content="x" * 1025)
    assert not (root / "big.txt").exists()


@pytest.mark.promise("files.read-only")
async def test_what_is_protected_or_read_only_stays_as_it_is(root: Path, tmp_path: Path):
    other = tmp_path / "other"
    for directory in (root, other):
        (directory / ".git" / "hooks").mkdir(parents=True)
        (directory / ".git" / "hooks" / "pre-commit").write_text("exit 0")
        (directory / "x.txt").write_text("x")
        (directory / ".env").write_text("x")
    roots = (RootSettings(root, writable=True), RootSettings(other))
    before = tree(root), tree(other)
    async with serving(*roots, data=tmp_path / "data", delete="yes") as server:
        for path in (
            "other/x.txt",
            "other/new.txt",
            "notes/.env",
            "notes/.GIT/hooks/x",
            *(f"notes/{p}" for p in PROTECTED),
        ):
            await server.wrong("write_file", path=path, content="y")
            await server.wrong("create_directory", path=path)
            await server.wrong("delete_file", path=path)
            await server.wrong("move_file", source="notes/x.txt", destination=path)
            await server.wrong("edit_file", path=path, edits=[{"old_text": "x", "new_text": "y"}])
        await server.wrong("move_file", source="notes/.git", destination="notes/git")
        await server.wrong("move_file", source="other/x.txt", destination="notes/y.txt")
    assert (tree(root), tree(other)) == before
    async with serving(root, data=tmp_path / "data", writable=False) as server:
        with pytest.raises(UpstreamError, match="unknown tool"):
            await server.call("write_file", path="x.txt", content="y")


async def test_edits_show_what_they_did(root: Path, served: Serving):
    (root / "a.txt").write_text("one\ntwo\nthree\n")
    edits = [{"old_text": "two", "new_text": "2"}, {"old_text": "2\nthree", "new_text": "2\n3"}]
    dry = await served.right("edit_file", path="a.txt", edits=edits, dry_run=True)
    assert dry.texts[0] == "--- a.txt\n+++ a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n-three\n+2\n+3\n"
    assert "nothing was written" in dry.texts[1]
    assert (root / "a.txt").read_text() == "one\ntwo\nthree\n"
    assert (await served.right("edit_file", path="a.txt", edits=edits)).texts == dry.texts[:1]
    assert (root / "a.txt").read_text() == "one\n2\n3\n"


async def test_edits_that_do_not_fit_change_nothing(root: Path, served: Serving):
    text = "if  x:\n    y\nz\nz\n"
    (root / "a.txt").write_text(text)
    good = {"old_text": "y", "new_text": "Y"}
    for edit, reason in (
        ({"old_text": "nowhere", "new_text": ""}, "edit 2: `old_text` does not occur: read the file again"),
        ({"old_text": "if x:\n  y", "new_text": ""}, "does not occur"),
        ({"old_text": "z", "new_text": "Z"}, "occurs 2 times (lines 3, 4)"),
    ):
        assert reason in await served.wrong("edit_file", path="a.txt", edits=[good, edit])
    told = await served.wrong("edit_file", path="a.txt", edits=[{"old_text": "if x:\n  y", "new_text": ""}])
    assert "line 1 has the same words with other blanks" in told
    assert (root / "a.txt").read_text() == text
    await served.right("edit_file", path="a.txt", edits=[{"old_text": "z", "new_text": "Z", "replace_all": True}])
    assert (root / "a.txt").read_text() == "if  x:\n    y\nZ\nZ\n"


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"])
async def test_edits_keep_line_breaks_and_encodings(root: Path, served: Serving, mark: bytes):
    encoding = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}[mark]
    (root / "w.txt").write_bytes(mark + "eins\r\nzw\u00f6lf\r\n".encode(encoding))
    await served.right("edit_file", path="w.txt", edits=[{"old_text": "eins\nzw\u00f6lf", "new_text": "a\nb\nc"}])
    assert (root / "w.txt").read_bytes() == mark + "a\r\nb\r\nc\r\n".encode(encoding)


async def test_what_is_not_text_is_not_edited(root: Path, served: Serving):
    (root / "b.bin").write_bytes(b"a\0b")
    (root / "old.txt").write_bytes(b"caf\xe9 x")
    edits = [{"old_text": "x", "new_text": "y"}]
    assert "is not text" in await served.wrong("edit_file", path="b.bin", edits=edits)
    assert "name its `encoding`" in await served.wrong("edit_file", path="old.txt", edits=edits)
    await served.right("edit_file", path="old.txt", edits=edits, encoding="latin-1")
    assert (root / "old.txt").read_bytes() == b"caf\xe9 y"


async def test_directories_and_moves(root: Path, served: Serving):
    await served.right("create_directory", path="a/b/c")
    assert "already a directory" in (await served.right("create_directory", path="a/b")).text
    (root / "x.txt").write_text("x")
    (root / "y.txt").write_text("y")
    assert "is there already, and is a file" in await served.wrong("create_directory", path="x.txt/z")
    await served.right("move_file", source="x.txt", destination="a/b/c/moved.txt")
    assert "is not replaced" in await served.wrong("move_file", source="y.txt", destination="a/b/c/moved.txt")
    assert "into itself" in await served.wrong("move_file", source="a", destination="a/b/inside")
    await served.right("move_file", source="a", destination="z")
    assert (root / "z" / "b" / "c" / "moved.txt").read_text() == "x"
    assert (root / "y.txt").read_text() == "y"


async def test_deleting_is_offered_only_where_it_is_set(root: Path, served: Serving, tmp_path: Path):
    (root / "full" / "x").mkdir(parents=True)
    (root / "a.txt").write_text("a")
    await served.right("delete_file", path="a.txt")
    assert "not empty" in await served.wrong("delete_file", path="full")
    await served.right("delete_file", path="full/x")
    assert not (root / "a.txt").exists()
    assert os.listdir(root / "full") == []
    async with serving(root, data=tmp_path / "data") as server:
        assert "delete_file" not in await server.names()


async def test_the_trash_keeps_what_was_deleted(root: Path, tmp_path: Path):
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "sub" / "a.txt").write_text("precious")
    async with serving(root, data=tmp_path / "data", delete="trash") as server:
        told = (await server.right("delete_file", path="sub/a.txt")).text
        await server.right("delete_file", path="sub/deep")
        kept = re.search(r"`(\.toolgate-trash/\S+)`", told)
        assert kept is not None
        assert (root / kept[1]).read_text() == "precious"
        assert kept[1].endswith("/sub/a.txt")
        assert "denied" in await server.wrong("read_file", path=kept[1])
        assert (await server.right("list_directory")).text == "[DIR] sub"


async def test_what_a_killed_process_left_is_hidden_and_swept(root: Path, served: Serving):
    old, new = root / ".toolgate-0123456789abcdef.tmp", root / ".toolgate-fedcba9876543210.tmp"
    for left in (old, new):
        left.write_text("half")
    os.utime(old, (1, 1))
    assert (await served.right("list_directory")).text == "(nothing)"
    assert "denied" in await served.wrong("read_file", path=old.name)
    await served.right("write_file", path="a.txt", content="x")
    assert not old.exists()
    assert new.exists(), "it may belong to a process that is at work"


@given(st.lists(st.sampled_from("abcd"), max_size=40), st.lists(st.sampled_from("abcd"), max_size=40), st.booleans())
def test_a_diff_says_how_one_becomes_the_other(old: list[str], new: list[str], ended: bool):
    before = "".join(f"{line}\n" for line in old)
    after = "\n".join(new) + ("\n" if ended and new else "")
    diff = unified(before, after, "x")
    assert bool(diff) is (before != after)
    assert applied(diff, before) == after


def applied(diff: str, text: str) -> str:
    """What `patch` would make of a text."""
    lines, made, at = lines_of(text), list[str](), 0
    rows: list[Any] = diff.splitlines()[2:]
    for number, row in enumerate(rows):
        if row.startswith("@@"):
            begin, count = re.match(r"@@ -(\d+)(?:,(\d+))?", row).groups()  # type: ignore[union-attr]
            start = int(begin) - (count != "0")
            made += lines[at:start]
            at = start
        elif row[0] in " -":
            assert lines[at].rstrip("\n") == row[1:]
            made += [lines[at]] if row[0] == " " else []
            at += 1
        elif row[0] == "+":
            bare = number + 1 < len(rows) and rows[number + 1].startswith("\\")
            made.append(row[1:] + ("" if bare else "\n"))
    return "".join(made + lines[at:])


@pytest.mark.promise("files.read-only")
async def test_moving_a_directory_changes_no_rule_for_what_lies_in_it(root: Path, tmp_path: Path):
    """Rules about a path name the directory that it lies in: under another name, they would not hold."""
    for path in ("team/private/plan.txt", "team/ci/deploy.yml", "team/notes/x.txt"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x")
    before = tree(root)
    more: dict[str, Any] = {"denied": ("/team/private",), "protected": ("team/**/deploy.yml",)}
    async with serving(root, data=tmp_path / "data", delete="trash", **more) as server:
        assert "denied" in await server.wrong("read_file", path="team/private/plan.txt")
        for path in ("team", "team/ci"):
            assert "protected" in await server.wrong("move_file", source=path, destination="open")
            assert "protected" in await server.wrong("delete_file", path=path)
        assert tree(root) == before
        await server.right("write_file", path="team/notes/x.txt", content="y")
        await server.right("move_file", source="team/notes/x.txt", destination="y.txt")
