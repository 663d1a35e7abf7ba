"""Attempts to leave a served directory, by every tool: no byte from outside is read, and none outside is changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.conftest import require
from tests.files.attempts import PATHS, URIS
from tests.files.serving import CONFINEMENTS, Reply, Serving, serving, tree
from tests.files.world import CANARY, World, world
from toolgate.upstreams.filesystem import syscalls

pytestmark = pytest.mark.asyncio(loop_scope="module")

EDIT = [{"old_text": CANARY, "new_text": "overwritten"}, {"old_text": "inside", "new_text": "changed"}]
READS: dict[str, tuple[dict[str, Any], ...]] = {
    "read_file": ({"path": "{}"}, {"path": "{}", "tail": 3}, {"path": "{}", "encoding": "latin-1"}),
    "read_multiple_files": ({"paths": ["{}", "a.txt"]},),
    "list_directory": ({"path": "{}"},),
    "directory_tree": ({"path": "{}", "include_ignored": True},),
    "search_files": (
        {"path": "{}", "text": "CANARY", "include_ignored": True},
        {"path": ".", "pattern": "{}", "include_ignored": True},
    ),
    "get_file_info": ({"path": "{}"},),
    "read_document": ({"path": "{}"},),
}
WRITES: dict[str, tuple[dict[str, Any], ...]] = {
    "write_file": ({"path": "{}", "content": "overwritten"},),
    "edit_file": ({"path": "{}", "edits": EDIT[:1]}, {"path": "{}", "edits": EDIT[1:]}),
    "create_directory": ({"path": "{}"}, {"path": "{}/made/here"}),
    "move_file": ({"source": "{}", "destination": "stolen"}, {"source": "sub/below/c.txt", "destination": "{}"}),
    "delete_file": ({"path": "{}"},),
}


WAYS = [
    {"confinement": way, "symlinks": links, "hard_links": "refuse", "delete": "yes"}
    for way in CONFINEMENTS
    for links in ("refuse", "inside")
]
LAX = [options for options in WAYS if options["symlinks"] == "inside"]


def _require(way: str) -> None:
    require(way != "openat2" or syscalls.has_openat2(), "openat2 (Linux 5.6 or later, and no sandbox that forbids it)")


async def test_there_are_enough_attempts():
    assert len(PATHS) == len(set(PATHS)) >= 60


@pytest.fixture(scope="module")
def trapped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world").resolve()) as made:
        yield made


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=WAYS, ids=lambda options: "-".join(list(options.values())[:2])
)  # fmt: skip
async def served(
    request: pytest.FixtureRequest, trapped: World, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Serving]:
    _require(request.param["confinement"])
    async with serving(trapped.root, data=tmp_path_factory.mktemp("data"), **request.param) as server:
        yield server


def _filled(value: Any, path: str) -> Any:
    if isinstance(value, str):
        return path if value == "{}" else value.replace("{}", path) if value.startswith("{}/") else value
    if isinstance(value, list):
        return [_filled(item, path) for item in value]
    return {key: _filled(item, path) for key, item in value.items()} if isinstance(value, dict) else value


def _attempts(world: World) -> list[str]:
    return [path.replace("{root}", str(world.root)).replace("{outside}", str(world.outside)) for path in PATHS]


def _told(world: World, reply: Reply, asked: str) -> list[str]:
    """What must not be in an answer: a secret, or a path outside that the caller had not written itself."""
    wrong = [] if CANARY.encode() not in reply.body.replace(asked.encode(), b"") else ["the canary"]
    unsaid = str(world.outside) not in asked and str(world.outside).encode() in reply.body
    return [*wrong, *(["a path outside"] if unsaid else [])]


@pytest.mark.promise("files.confined")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", READS)
async def test_nothing_outside_is_read(served: Serving, trapped: World, name: str):
    before = tree(trapped.outside)
    problems: list[str] = []
    for path in _attempts(trapped):
        for arguments in READS[name]:
            reply = await served.call(name, **_filled(arguments, path))
            asked = path if name != "search_files" else path + "CANARY"
            problems += [f"{name} {path!r}: {wrong}" for wrong in _told(trapped, reply, asked)]
    assert not problems, "\n".join(problems)
    assert tree(trapped.outside) == before


@pytest.mark.promise("files.confined")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("options", LAX, ids=lambda options: "-".join(list(options.values())[:2]))
@pytest.mark.parametrize("name", WRITES)
async def test_nothing_outside_is_written(tmp_path: Path, name: str, options: dict[str, Any]):
    """Whatever the tool did inside, the outside is as it was, and nothing of it came in."""
    _require(options["confinement"])
    problems: list[str] = []
    left = [(path, arguments) for path in (*PATHS, "sub/b.txt") for arguments in WRITES[name]]
    number = 0
    while left:
        number += 1
        with world(tmp_path / f"world-{number}") as fresh:
            async with serving(fresh.root, data=tmp_path / "data", **options) as server:
                problems += await _write_until_changed(server, fresh, name, left)
    assert not problems, "\n".join(problems)
    assert number > 1, "nothing was ever changed inside, so that nothing was tested"


async def _write_until_changed(server: Serving, world: World, name: str, left: list[tuple[str, Any]]) -> list[str]:
    """Takes attempts until one has changed something inside, which is allowed: the next needs all traps in place."""
    beside = world.root.parent / "root-evil"
    outside, evil, inside = tree(world.outside), tree(beside), tree(world.root)
    problems: list[str] = []
    while left:
        path, arguments = left.pop()
        path = path.replace("{root}", str(world.root)).replace("{outside}", str(world.outside))
        reply = await server.call(name, **_filled(arguments, path))
        problems += [f"{name} {path!r}: {wrong}" for wrong in _told(world, reply, path + CANARY)]
        if tree(world.outside) != outside or tree(beside) != evil:
            return [*problems, f"{name} {path!r}: changed something outside"]
        now = tree(world.root)
        if now != inside:
            fresh = [found[3] for place, found in now.items() if place not in inside]
            come_in = [content for content in fresh if isinstance(content, bytes) and CANARY.encode() in content]
            return [*problems, *(f"{name} {path!r}: brought in {content!r}" for content in come_in)]
    return problems


@pytest.mark.promise("files.confined")
@pytest.mark.parametrize("uri", URIS)
async def test_no_uri_leads_out(served: Serving, trapped: World, uri: str):
    uri = uri.replace("{outside}", str(trapped.outside))
    reply = await served.read(uri)
    assert reply.failed, uri
    assert not _told(trapped, reply, uri)


@pytest.mark.promise("files.confined")
async def test_mounts_are_not_entered(served: Serving, trapped: World):
    """Of the same file system, of another one, and of a single file."""
    require(trapped.mounted, "the right to mount (run the tests as root)")
    for path in ("mounted/secret.txt", "mounted.txt", "memory/secret.txt"):
        assert "another file system" in await served.wrong("read_file", path=path)
    assert "another file system" in await served.wrong("list_directory", path="mounted")
    found = await served.right("search_files", pattern="**/secret.txt", include_ignored=True)
    assert found.structured["matches"] == []


async def test_what_is_inside_is_reached(served: Serving):
    """Else nothing above would mean anything."""
    assert "inside" in (await served.right("read_file", path="sub/b.txt")).text
    assert "inside" in (await served.right("read_file", path="sub/../sub/./b.txt")).text


async def test_links_inside_are_followed_only_if_that_is_set(tmp_path: Path):
    (tmp_path / "root" / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "root" / "sub" / "deep" / "x.txt").write_text("inside")
    (tmp_path / "root" / "link").symlink_to("sub/deep/../deep")
    (tmp_path / "root" / "sub" / "deep" / "up").symlink_to("../../link/x.txt")
    for way in CONFINEMENTS:
        async with serving(tmp_path / "root", data=tmp_path / "data", confinement=way) as refusing:
            assert "symbolic link" in await refusing.wrong("read_file", path="link/x.txt")
        async with serving(tmp_path / "root", data=tmp_path / "data", confinement=way, symlinks="inside") as following:
            assert (await following.right("read_file", path="link/x.txt")).text == "inside"
            assert (await following.right("read_file", path="sub/deep/up")).text == "inside"
            assert "[FILE] x.txt" in (await following.right("list_directory", path="link")).text
            assert "symbolic link" in await following.wrong("write_file", path="link/x.txt", content="no")
            assert "symbolic link" in await following.wrong("write_file", path="sub/deep/up", content="no")
