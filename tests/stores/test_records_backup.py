"""Backups of a data directory: made while Toolgate runs, whole, checked before anything is replaced."""

from __future__ import annotations

import io
import json
import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.databases.fixtures import Place
from toolgate.model.entities import Entity, Team
from toolgate.model.errors import ConfigError, StoreFailed
from toolgate.stores import key_ring
from toolgate.stores.data_dir import KEY_PEPPER, LOCAL_KEY, SEALING_KEY, open_data_dir
from toolgate.stores.records import FILE, Records
from toolgate.stores.records.backup import MANIFEST, Manifest, backup, restore

posix_only = pytest.mark.skipif(os.name != "posix", reason="mode bits are POSIX")
SECRET_FILES = {SEALING_KEY, KEY_PEPPER, LOCAL_KEY, key_ring.FILE}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    directory = open_data_dir(tmp_path / "data").path
    key_ring.load(directory)
    return directory


@pytest.fixture
def place(data: Path) -> Place:
    return Place("sqlite", data, None)


async def put(store: Records, name: str) -> Team:
    async with store.transaction("user:jane") as transaction:
        return await transaction.put(Team(name=name), expected=0)


async def loaded(data: Path) -> tuple[int, tuple[Entity, ...]]:
    async with Place("sqlite", data, None).open(migrate=False) as store:
        return await store.load()


def make(data: Path, file: Path, *, with_secrets: bool = True) -> Manifest:
    return backup(data, file, version="0.1.0", now=1_790_000_000.5, with_secrets=with_secrets)


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def only(directory: Path, pattern: str) -> Path:
    (found,) = directory.glob(pattern)
    return found


@pytest.mark.promise("records.backup")
async def test_what_was_backed_up_while_it_ran_is_restored_elsewhere(place: Place, data: Path, tmp_path: Path):
    file = tmp_path / "toolgate.backup"
    async with place.open() as store:
        kept = await put(store, "kept")
        async with store.transaction("user:jane") as transaction:
            await transaction.put(Team(name="not committed"), expected=0)
            manifest = make(data, file)
        await put(store, "later")
        assert manifest.installation == store.installation
    assert (manifest.seq, manifest.holds_secrets, set(manifest.files)) == (1, True, {FILE, *SECRET_FILES})
    elsewhere = tmp_path / "elsewhere"
    assert restore(file, elsewhere) == manifest
    assert set(contents(elsewhere)) == {FILE, *SECRET_FILES}
    assert await loaded(elsewhere) == (1, (kept,))
    again = open_data_dir(elsewhere)
    assert not again.first_start
    assert again.key_pepper == open_data_dir(data).key_pepper


@posix_only
@pytest.mark.promise("records.backup")
async def test_a_backup_and_what_is_restored_are_for_the_owner_only(place: Place, data: Path, tmp_path: Path):
    async with place.open() as store:
        await put(store, "a")
    before = os.umask(0)
    try:
        make(data, tmp_path / "b")
        restore(tmp_path / "b", tmp_path / "elsewhere")
    finally:
        os.umask(before)
    files = [tmp_path / "b", *(tmp_path / "elsewhere").iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "elsewhere").stat().st_mode) == 0o700


async def test_secrets_stay_out_when_asked(place: Place, data: Path, tmp_path: Path):
    async with place.open():
        pass
    manifest = make(data, tmp_path / "b", with_secrets=False)
    assert not manifest.holds_secrets
    content = (tmp_path / "b").read_bytes()
    assert not any((data / name).read_bytes() in content for name in SECRET_FILES)
    restore(tmp_path / "b", tmp_path / "elsewhere")
    assert set(contents(tmp_path / "elsewhere")) == {FILE}


@pytest.mark.promise("records.backup")
async def test_restoring_replaces_only_when_told_and_keeps_what_was_there(place: Place, data: Path, tmp_path: Path):
    async with place.open() as store:
        kept = await put(store, "kept")
    make(data, tmp_path / "b")
    async with place.open() as store:
        await put(store, "later")
    (data / SEALING_KEY).write_bytes(b"x" * 32)
    (data / f"{FILE}-wal").write_bytes(b"a log that was left alone")
    before = contents(data)
    with pytest.raises(ConfigError, match=rf"holds {FILE}, {SEALING_KEY} already: restore elsewhere, or say --replace"):
        restore(tmp_path / "b", data)
    assert contents(data) == before
    restore(tmp_path / "b", data, replace=True)
    assert await loaded(data) == (1, (kept,))
    assert (data / SEALING_KEY).read_bytes() != b"x" * 32
    assert contents(only(data, "before-restore-*")) == {
        name: before[name] for name in (FILE, f"{FILE}-wal", SEALING_KEY)
    }


async def test_secrets_that_change_meanwhile_are_noticed(place: Place, data: Path, tmp_path: Path):
    """Else the backup might hold what is sealed with a key that is not in it."""
    async with place.open():
        pass

    def rotate(_done: int, _of: int) -> None:
        key_ring.RingFile(data).add()

    with pytest.raises(StoreFailed, match="make it again"):
        backup(data, tmp_path / "b", version="0", now=0.0, progress=rotate)
    assert not (tmp_path / "b").exists()


async def test_where_a_backup_cannot_be_written_its_own_name_is_told(place: Place, data: Path, tmp_path: Path):
    async with place.open():
        pass
    with pytest.raises(ConfigError) as refused:
        make(data, tmp_path / "nowhere" / "b")
    assert refused.value.findings == (f"{tmp_path / 'nowhere' / 'b'}: No such file or directory",)


async def test_a_backup_replaces_no_file(place: Place, data: Path, tmp_path: Path):
    async with place.open():
        pass
    (tmp_path / "b").write_text("precious")
    with pytest.raises(ConfigError, match="is there already"):
        make(data, tmp_path / "b")
    assert (tmp_path / "b").read_text() == "precious"


def test_where_nothing_is_there_is_nothing_to_back_up(tmp_path: Path):
    with pytest.raises(ConfigError, match="no such database"):
        make(tmp_path, tmp_path / "b")
    with pytest.raises(ConfigError, match="No such file"):
        restore(tmp_path / "b", tmp_path / "data")
    assert not (tmp_path / "b").exists()


Members = dict[str, bytes]


def edited(change: Callable[[Members], object]) -> Callable[[bytes], bytes]:
    """The archive with other members."""

    def edit(raw: bytes) -> bytes:
        with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
            members = {member.name: (tar.extractfile(member) or io.BytesIO()).read() for member in tar}
        change(members)
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        return out.getvalue()

    return edit


def in_manifest(change: Callable[[dict[str, object]], object]) -> Callable[[bytes], bytes]:
    def edit(members: Members) -> None:
        manifest = json.loads(members[MANIFEST])
        change(manifest)
        members[MANIFEST] = json.dumps(manifest).encode()

    return edited(edit)


@pytest.mark.promise("records.backup")
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda raw: b"", "no backup of Toolgate"),
        (lambda raw: raw[: len(raw) // 2], "no backup of Toolgate, or damaged|is damaged"),
        (lambda raw: os.urandom(4096), "no backup of Toolgate"),
        (edited(lambda members: members.pop(MANIFEST)), "no backup of Toolgate"),
        (edited(lambda members: members.pop(FILE)), "no backup of Toolgate, or damaged"),
        (edited(lambda members: members.update({FILE: members[FILE][:-1] + b"x"})), "not what the manifest says"),
        (in_manifest(lambda manifest: manifest.update(format=2)), "another format"),
        (in_manifest(lambda manifest: manifest.update(installation="other")), "tells of another database"),
        (in_manifest(lambda manifest: manifest["files"].update({"../x": "00"})), r"it names \['../x'\]"),  # type: ignore[attr-defined]
        (in_manifest(lambda manifest: manifest.update(files={})), "it names no database"),
        (in_manifest(lambda manifest: manifest.pop("seq")), "no backup of Toolgate, or damaged"),
    ],
)
async def test_what_is_damaged_or_made_up_changes_nothing(
    place: Place, data: Path, tmp_path: Path, damage: Callable[[bytes], bytes], said: str
):
    async with place.open() as store:
        await put(store, "a")
    make(data, tmp_path / "b")
    (tmp_path / "b").write_bytes(damage((tmp_path / "b").read_bytes()))
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    with pytest.raises((ConfigError, StoreFailed), match=said):
        restore(tmp_path / "b", tmp_path / "elsewhere", replace=True)
    assert names(tmp_path / "elsewhere") == []
    assert names(tmp_path) == ["b", "data", "elsewhere"]


async def test_a_damaged_database_is_not_backed_up(place: Place, data: Path, tmp_path: Path):
    async with place.open() as store:
        for n in range(50):
            await put(store, f"team-{n}")
    content = bytearray(place.file.read_bytes())
    content[8192:] = os.urandom(len(content) - 8192)
    place.file.write_bytes(content)
    with pytest.raises(StoreFailed, match="damaged"):
        make(data, tmp_path / "b")
    assert names(tmp_path) == ["data"]
