"""Folders of an organisation: what is found in them, what is wrong with them, and the commit that is checked out."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.connectors.samples import shop, written
from toolgate.model.errors import NotFound, Refused
from toolgate.model.products import Adding, Origin
from toolgate.upstreams.connector import inline, reading
from toolgate.upstreams.connector.checkout import commit_of
from toolgate.upstreams.connector.shelf import Shelf


def entry(parent: Path, id_: str, **members: Any) -> Path:
    """An entry that is right, but for its members."""
    first = written(parent / "first", {**shop(), "id": "shop"})
    place = parent / id_
    first.rename(place)
    text = {**yaml.safe_load((place / reading.FILE).read_text(encoding="utf-8")), "id": id_, **members}
    (place / reading.FILE).write_text(yaml.safe_dump(text, sort_keys=False), encoding="utf-8")
    return place


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false", *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=30)
    return done.stdout.strip()


@pytest.mark.promise("catalog.own")
def test_entries_of_an_organisation_stand_beside_ours_and_broken_ones_are_told(tmp_path: Path):
    folder = tmp_path / "entries"
    folder.mkdir()
    entry(folder, "parts")
    entry(folder, "github")
    (folder / "bad").mkdir()
    (folder / "bad" / reading.FILE).write_text("connector: v1\nid: bad\ntitel: Bad\n", encoding="utf-8")
    (folder / "notes").mkdir()
    shelf = Shelf([folder, tmp_path / "gone", folder / "notes", folder / "parts"])
    page = shelf.page()
    assert [line.id for line in page.items] == sorted([*reading.included(), "parts"])
    (line,) = [line for line in page.items if line.id == "parts"]
    assert (line.source.origin, line.source.folder, line.source.commit) == (Origin.ORGANISATION, "entries", "")
    told = {(broken.id, broken.source.folder): broken.findings for broken in page.broken}
    assert "titel: is not known here (did you mean `title`?)" in told["bad", "entries"][0]
    assert told["github", "entries"] == ("github comes with Toolgate already: give this one another id",)
    assert "cannot be read" in told["gone", "gone"][0]
    assert "no folder with a connector.yaml is in it" in told["notes", "notes"][0]
    assert told["parts", "parts"] == ("parts comes from entries already: give this one another id",)
    assert str(tmp_path) not in repr(page), "how the gateway's machine is laid out is nobody's business"
    assert shelf.product("github").source.origin is Origin.TOOLGATE
    with pytest.raises(Refused, match="titel"):
        shelf.product("bad")
    with pytest.raises(NotFound, match="did you mean `github`"):
        shelf.product("githup")


@pytest.mark.promise("catalog.own")
def test_what_is_changed_in_a_folder_is_there_at_once(tmp_path: Path):
    folder = entry(tmp_path, "parts")
    shelf = Shelf([folder])
    assert shelf.product("parts").title == "Shop"
    text = (folder / reading.FILE).read_text(encoding="utf-8")
    (folder / reading.FILE).write_text(text.replace("title: Shop\n", "title: Parts\n", 1), encoding="utf-8")
    assert shelf.product("parts").title == "Parts"


@pytest.mark.promise("catalog.own")
def test_a_server_made_of_an_entry_holds_all_of_it(tmp_path: Path):
    shelf = Shelf([entry(tmp_path, "parts")])
    recipe = shelf.recipe("parts", Adding(secrets={"token": "a-secret"}))
    shutil.rmtree(tmp_path / "parts")
    definition = recipe.server.settings["definition"]
    assert inline.flaws(definition) == ()
    assert {"routes", "icon"}.isdisjoint(definition)
    assert all("examples" not in tool for tool in definition["tools"])
    assert [tool.name for tool in inline.read(definition).tools] == [tool["name"] for tool in shop()["tools"]]


@pytest.mark.promise("catalog.own")
def test_the_commit_that_is_checked_out(tmp_path: Path):
    if shutil.which("git") is None:
        pytest.skip("there is no git here")
    place = tmp_path / "company"
    place.mkdir()
    assert commit_of(place) == ""
    git(place, "init", "-q", "-b", "main")
    assert commit_of(place) == "", "nothing is committed yet"
    (place / "deep" / "er").mkdir(parents=True)
    git(place, "commit", "-q", "--allow-empty", "-m", "one")
    first = git(place, "rev-parse", "HEAD")
    assert commit_of(place) == commit_of(place / "deep" / "er") == first
    git(place, "pack-refs", "--all")
    assert commit_of(place) == first
    git(place, "worktree", "add", "-q", str(tmp_path / "other"), "-b", "other/branch")
    assert commit_of(tmp_path / "other") == first
    git(place, "commit", "-q", "--allow-empty", "-m", "two")
    second = git(place, "rev-parse", "HEAD")
    assert commit_of(place) == second != first
    assert commit_of(tmp_path / "other") == first
    git(place, "checkout", "-q", "--detach", first)
    assert commit_of(place) == first


@pytest.mark.parametrize(
    "head",
    ["", "nonsense", "ref: refs/../../secret", "ref: /etc/passwd", "ref: refs/heads/gone", "\xff\xfe", "ref:"],
)
def test_what_is_no_checkout_has_no_commit(tmp_path: Path, head: str):
    (tmp_path / ".git" / "refs").mkdir(parents=True)
    (tmp_path / "secret").write_text("0" * 40, encoding="utf-8")
    (tmp_path / ".git" / "HEAD").write_bytes(head.encode("latin-1"))
    assert commit_of(tmp_path) == ""


def test_a_file_that_points_to_git_elsewhere(tmp_path: Path):
    (tmp_path / ".git").write_text("not a pointer", encoding="utf-8")
    assert commit_of(tmp_path) == ""
    (tmp_path / ".git").write_text("gitdir: nowhere", encoding="utf-8")
    assert commit_of(tmp_path) == ""


@pytest.mark.skipif(os.name != "posix", reason="links of POSIX")
def test_a_link_out_of_a_folder_is_not_followed(tmp_path: Path):
    """Who writes to the folder would have other files of the machine shown, by what is wrong with them."""
    (tmp_path / "other.yaml").write_text("the_key_is_hunter2: 1\n", encoding="utf-8")
    folder = tmp_path / "entries"
    entry(folder, "parts")
    (folder / "out").mkdir()
    (folder / "out" / reading.FILE).symlink_to(tmp_path / "other.yaml")
    (folder / "in").mkdir()
    (folder / "in" / reading.FILE).symlink_to(folder / "parts" / reading.FILE)
    told = {broken.id: broken.findings for broken in Shelf([folder]).page().broken}
    assert told["out"] == ("out/connector.yaml: is a link that leads out of entries",)
    assert "must be the name of its folder" in told["in"][0]
