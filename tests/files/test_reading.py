"""What reading gives: text by lines, encodings, images and sounds, lists, trees, searches."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from mcp import types

from tests.files.serving import Serving, lines, serving
from tests.ports.speaking import ALL, legacy
from toolgate.model.catalog import OfferKind
from toolgate.protocol import jsonrpc
from toolgate.upstreams.filesystem.settings import RootSettings

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1"
WAV = b"RIFF\x24\0\0\0WAVEfmt \0"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "notes"
    made.mkdir()
    return made


@pytest.fixture
async def served(root: Path, tmp_path: Path) -> AsyncIterator[Serving]:
    async with serving(root, data=tmp_path / "data", writable=False) as server:
        yield server


async def test_every_offer_is_one_that_the_sdk_knows(root: Path, tmp_path: Path):
    (root / "a.txt").write_text("x")
    async with serving(root, data=tmp_path / "data", delete="trash") as server:
        found = await server.upstream.discover(ALL)
    shapes = {
        OfferKind.TOOL: types.Tool,
        OfferKind.RESOURCE: types.Resource,
        OfferKind.TEMPLATE: types.ResourceTemplate,
    }
    assert {offer.kind for offer in found.offers} == set(shapes)
    for offer in found.offers:
        shapes[offer.kind].model_validate_json(jsonrpc.encode(offer.definition))
        if offer.kind is OfferKind.TOOL:
            definition = json.loads(jsonrpc.encode(offer.definition))
            Draft202012Validator.check_schema(definition["inputSchema"])
            Draft202012Validator.check_schema(definition.get("outputSchema", {}))
            assert "$ref" not in json.dumps(definition)
            hints = definition["annotations"]
            writes = offer.name in {"write_file", "edit_file", "create_directory", "move_file", "delete_file"}
            assert hints["readOnlyHint"] is not writes
            assert hints["destructiveHint"] is (writes and offer.name != "create_directory")


@pytest.mark.promise("files.read-only")
async def test_nothing_that_writes_is_offered_read_only(served: Serving):
    names = await served.names()
    assert "read_file" in names
    assert not names & {"write_file", "edit_file", "create_directory", "move_file", "delete_file"}


async def test_structured_answers_are_as_their_schema_says(root: Path, served: Serving):
    (root / "a.txt").write_text("one\n")
    schemas = {
        offer.name: json.loads(bytes(offer.definition["outputSchema"]))
        for offer in (await served.upstream.discover(ALL)).offers
        if "outputSchema" in offer.definition
    }
    calls: dict[str, dict[str, Any]] = {
        "list_directory": {}, "search_files": {"text": "one"}, "get_file_info": {"path": "a.txt"},
        "list_allowed_directories": {},
    }  # fmt: skip
    assert calls.keys() == schemas.keys()
    for name, arguments in calls.items():
        Draft202012Validator(schemas[name]).validate((await served.right(name, **arguments)).structured)


@pytest.mark.parametrize(
    ("asked", "text", "note"),
    [
        ({}, "1\n2\n3\n4\n", None),
        ({"offset": 2}, "2\n3\n4", "(lines 2 to 4, the last one)"),
        ({"offset": 2, "limit": 2}, "2\n3", "(lines 2 to 3; the file goes on, next is offset=4)"),
        ({"limit": 1}, "1", "(lines 1 to 1; the file goes on, next is offset=2)"),
        ({"offset": 4, "limit": 9}, "4", "(lines 4 to 4, the last one)"),
        ({"tail": 2}, "3\n4", "(the last 2 lines)"),
        ({"tail": 99}, "1\n2\n3\n4", "(the last 4 lines)"),
    ],
)
async def test_lines(root: Path, served: Serving, asked: Any, text: str, note: str | None):
    (root / "n.txt").write_text("1\n2\n3\n4\n")
    assert (await served.right("read_file", path="n.txt", **asked)).texts == [text, *([note] if note else [])]


@pytest.mark.parametrize("text", ["1\n2\n3", "1\n2\n3\n"])
async def test_beyond_the_end(root: Path, served: Serving, text: str):
    (root / "n.txt").write_text(text)
    assert "has 3 lines: there is no line 5" in await served.wrong("read_file", path="n.txt", offset=5)
    assert "stands alone" in await served.wrong("read_file", path="n.txt", tail=1, limit=1)


async def test_a_long_file_comes_in_parts_that_are_the_whole(root: Path, tmp_path: Path):
    text = "".join(f"line {number} \u00e4\u20ac\n" for number in range(2_000))
    (root / "long.txt").write_text(text)
    async with serving(root, data=tmp_path / "data", writable=False, max_read=4096) as server:
        parts: list[str] = []
        offset = 1
        while True:
            part, note = (await server.right("read_file", path="long.txt", offset=offset)).texts
            assert len(part.encode()) <= 4096
            parts.append(part)
            if "the last one" in note:
                break
            offset = int(note.partition("offset=")[2].rstrip(")"))
    assert "\n".join(parts) + "\n" == text


async def test_a_line_that_is_too_far_is_not_looked_for(root: Path, served: Serving):
    (root / "log").write_text("text\n" * 2_000)
    os.truncate(root / "log", 600 * 1024 * 1024)
    assert "which is too far" in await served.wrong("read_file", path="log", offset=5_000)


async def test_a_tree_is_cut(root: Path, tmp_path: Path):
    for number in range(30):
        (root / f"{number}").mkdir()
    async with serving(root, data=tmp_path / "data", max_entries=10, max_depth=1) as server:
        tree, note = (await server.right("directory_tree")).texts
    assert len(json.loads(tree)) == 10
    assert "cut after 10 entries" in note


async def test_a_line_that_is_too_long_is_cut_between_characters(root: Path, tmp_path: Path):
    (root / "long.txt").write_text("\u20ac" * 5000)
    async with serving(root, data=tmp_path / "data", max_read=1024) as server:
        part, note = (await server.right("read_file", path="long.txt")).texts
    assert set(part) == {"\u20ac"}
    assert len(part) in (341, 342)
    assert "the beginning of line 1" in note


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
async def test_a_byte_order_mark_is_believed(root: Path, served: Serving, encoding: str):
    (root / "m.txt").write_bytes("Gr\u00fc\u00dfe\nzwei\ndrei\n".encode(encoding))
    assert (await served.right("read_file", path="m.txt")).texts == ["Gr\u00fc\u00dfe\nzwei\ndrei\n"]
    assert (await served.right("read_file", path="m.txt", offset=2, limit=1)).text == "zwei"
    assert (await served.right("read_file", path="m.txt", tail=1)).text == "drei"


async def test_what_is_not_utf_8_is_said_to_be_a_guess(root: Path, served: Serving):
    (root / "old.txt").write_bytes("Gr\u00fc\u00dfe".encode("windows-1252"))
    text, note = (await served.right("read_file", path="old.txt")).texts
    assert text == "Gr\u00fc\u00dfe"
    assert "not UTF-8 from byte 2 on" in note
    assert (await served.right("read_file", path="old.txt", encoding="latin-1")).texts == ["Gr\u00fc\u00dfe"]
    assert "cannot be read as that" in await served.wrong("read_file", path="old.txt", encoding="ascii")
    assert "`encoding` is one of" in await served.wrong("read_file", path="old.txt", encoding="rot13")


async def test_images_sounds_and_the_rest(root: Path, served: Serving):
    (root / "p.bin").write_bytes(PNG)
    (root / "s.wav").write_bytes(WAV)
    (root / "z.zip").write_bytes(b"PK\3\4\0\0\0")
    image = (await served.right("read_file", path="p.bin")).result["content"][0]
    assert (image["type"], image["mimeType"]) == ("image", "image/png")
    assert (await served.right("read_file", path="s.wav")).result["content"][0]["type"] == "audio"
    assert "is not text" in await served.wrong("read_file", path="z.zip")


async def test_several_files_and_one_that_is_not_there(root: Path, served: Serving):
    (root / "a.txt").write_text("A")
    (root / "p.png").write_bytes(PNG)
    reply = await served.right("read_multiple_files", paths=["a.txt", "missing.txt", "p.png"])
    assert reply.texts[0] == "a.txt:\nA"
    assert "missing.txt: Error - `missing.txt` does not exist" in reply.texts[1]
    assert reply.result["content"][-1]["type"] == "image"
    assert "at most 20 files" in await served.wrong("read_multiple_files", paths=["a.txt"] * 21)


async def test_lists_come_in_pages(root: Path, tmp_path: Path):
    for number in range(25):
        (root / f"{number:02}.txt").touch()
    async with serving(root, data=tmp_path / "data", max_entries=10) as server:
        first = await server.right("list_directory")
        last = await server.right("list_directory", offset=20)
        details = await server.right("list_directory", details=True)
    assert lines(first)[0] == "[FILE] 00.txt"
    assert re.fullmatch(r"\[FILE\] 00\.txt  \(0 bytes, 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\)", lines(details)[0])
    assert details.structured["entries"][0]["size"] == 0
    assert (first.structured["total"], first.structured["next_offset"]) == (25, 10)
    assert "next is offset=10" in first.texts[1]
    assert [entry["name"] for entry in last.structured["entries"]] == [f"{number}.txt" for number in range(20, 25)]
    assert "next_offset" not in last.structured


async def test_names_that_are_no_text_are_shown_and_never_break_an_answer(root: Path, served: Serving):
    try:
        os.close(os.open(os.fsencode(root) + b"/caf\xe9.txt", os.O_CREAT | os.O_WRONLY))
    except OSError:
        pytest.skip("this file system takes only names that are text")
    assert "[FILE] caf\\xe9.txt" in (await served.right("list_directory")).text
    assert "caf" in (await served.right("directory_tree")).text
    assert (await served.right("search_files", pattern="**/*.txt")).text == "No matches found"


async def test_trees_and_searches_leave_out_what_is_ignored(root: Path, served: Serving):
    for path in ("src/a.py", "src/gen/b.py", "node_modules/x/c.py", ".git/config.py", "logs/keep.log", "logs/drop.log"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(f"needle in {path}\n")
    (root / ".gitignore").write_text("node_modules/\n*.log\n!keep.log\n# comment\n[\n")
    (root / "src" / ".gitignore").write_text("/gen\n")
    found = await served.right("search_files", text="needle")
    assert {match["path"] for match in found.structured["matches"]} == {"src/a.py", "logs/keep.log"}
    tree = (await served.right("directory_tree")).text
    assert "keep.log" in tree
    assert not [name for name in ("node_modules", "gen", '.git"', "drop.log") if f'"{name}' in tree]
    below = await served.right("search_files", path="src", text="needle")
    assert [match["path"] for match in below.structured["matches"]] == ["src/a.py"]
    everything = await served.right("search_files", text="needle", include_ignored=True)
    assert len(everything.structured["matches"]) == 6


async def test_searches(root: Path, served: Serving):
    (root / "a.md").write_text("One\ntwo one\r\nThree\n")
    (root / "b.txt").write_text("one" + " long" * 500)
    (root / "c.bin").write_bytes(b"one\0")
    assert lines(await served.right("search_files", text="ONE", pattern="*.md")) == ["a.md:1: One", "a.md:2: two one"]
    exact = await served.right("search_files", text="one", pattern="*.md", case_sensitive=True)
    assert lines(exact) == ["a.md:2: two one"]
    assert lines(await served.right("search_files", text="^T.*e", regex=True, case_sensitive=True)) == ["a.md:3: Three"]
    assert lines(await served.right("search_files", pattern="*.{md,txt}")) == ["a.md", "b.txt"]
    found = await served.right("search_files", text="one", max_results=1)
    assert len(found.structured["matches"]) == 1
    assert found.structured["complete"] is False
    assert "is no RE2 pattern" in await served.wrong("search_files", text="(?=x)", regex=True)
    assert len((await served.right("search_files", text="one long")).structured["matches"][0]["text"]) == 300


async def test_what_is_denied_is_not_there(root: Path, served: Serving):
    for path in (".env", ".ENV.local", ".env.example", "sub/.ssh/id_rsa", "key.pem"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("needle")
    for path in (".env", ".ENV.local", "sub/.ssh/id_rsa", "sub/.ssh", "key.pem", "sub/.SSH/id_rsa"):
        assert "denied" in await served.wrong("read_file", path=path), path
    assert (await served.right("list_directory")).text == "[FILE] .env.example\n[DIR] sub"
    found = await served.right("search_files", text="needle", include_ignored=True)
    assert [match["path"] for match in found.structured["matches"]] == [".env.example"]
    assert ".ssh" not in (await served.right("directory_tree")).text


async def test_the_gateways_own_keys_are_denied(tmp_path: Path):
    data = tmp_path / "home" / ".local" / "share" / "toolgate"
    data.mkdir(parents=True)
    (data / "local.key").write_text("needle")
    async with serving(tmp_path / "home", data=data) as server:
        assert "denied" in await server.wrong("read_file", path=".local/share/toolgate/local.key")
        assert "protected" in await server.wrong("move_file", source=".local", destination="elsewhere")
        assert (await server.right("search_files", text="needle", include_ignored=True)).structured["matches"] == []


async def test_several_roots_have_names(tmp_path: Path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.txt").write_text(name)
    roots = (tmp_path / "one", RootSettings(tmp_path / "two", name="second", writable=False))
    async with serving(*roots, data=tmp_path / "data") as server:
        assert (await server.right("read_file", path="second/x.txt")).text == "two"
        assert (await server.right("list_directory")).text == "[DIR] one\n[DIR] second"
        assert (await server.right("search_files", pattern="*.txt")).text == "one/x.txt\nsecond/x.txt"
        assert '"children"' in (await server.right("directory_tree")).text
        assert "begins with the name of a root here: `one`, `second`" in await server.wrong("read_file", path="x.txt")
        told = await server.wrong("write_file", path="second/x.txt", content="no")
        assert "`second/x.txt` is served read-only; these may be written: `one`" in told
        assert (await server.read("files://second/x.txt")).result["contents"][0]["text"] == "two"


async def test_what_may_be_meant_is_said(root: Path, served: Serving):
    (root / "sub").mkdir()
    (root / "sub" / "report.md").touch()
    assert "did you mean `sub/report.md`?" in await served.wrong("read_file", path="sub/reprot.md")
    assert "did you mean `sub`?" in await served.wrong("read_file", path="subb/report.md")
    assert str(root) not in await served.wrong("read_file", path="sub/nothing-like-it")


async def test_types_and_links_that_are_refused(root: Path, tmp_path: Path):
    (root / "a.md").write_text("x")
    (root / "a.sh").write_text("needle")
    os.link(root / "a.md", root / "again.md")
    async with serving(root, data=tmp_path / "data", types=(".md",), hard_links="refuse") as server:
        assert "only files of these types" in await server.wrong("read_file", path="a.sh")
        assert "only files of these types" in await server.wrong("write_file", path="b.sh", content="x")
        assert "hard links" in await server.wrong("read_file", path="a.md")
        assert (await server.right("search_files", text="needle")).structured["searched"] == 0
        assert (await server.read("files://notes/a.sh")).failed


async def test_resources_are_files(root: Path, served: Serving):
    (root / "a b.md").write_text("x")
    (root / "p.png").write_bytes(PNG)
    assert "files://notes/a%20b.md" in await served.names()
    text = (await served.read("files://notes/a%20b.md")).result["contents"][0]
    assert (text["text"], text["mimeType"]) == ("x", "text/markdown")
    assert (await served.read("files://notes/p.png")).result["contents"][0]["mimeType"] == "image/png"
    missing = await served.read("files://notes/none.md", legacy())
    assert missing.failed


@given(
    st.lists(st.text(alphabet="ab\u00e4\n \u20ac", max_size=20), max_size=30), st.integers(1, 12), st.integers(1, 12)
)
async def test_any_range_is_what_split_says(tmp_path_factory: Any, parts: list[str], first: int, count: int):
    directory = tmp_path_factory.mktemp("any")
    text = "\n".join(parts)
    (directory / "x.txt").write_bytes(text.encode())
    all_lines = text.split("\n")
    if all_lines[-1] == "":
        all_lines.pop()
    async with serving(directory, data=directory / "data") as server:
        reply = await server.call("read_file", path="x.txt", offset=first, limit=count)
        last = await server.call("read_file", path="x.txt", tail=count)
    wanted = all_lines[first - 1 : first - 1 + count]
    if first > max(1, len(all_lines)):
        assert reply.failed
    else:
        assert reply.text == "\n".join(wanted)
    assert last.text == "\n".join(all_lines[-count:])
