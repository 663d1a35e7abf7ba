"""Records in a SQLite file when something is wrong: a full disk, locks, files that are not what they should be."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import stat
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.databases.fixtures import Place
from toolgate.model.entities import Team
from toolgate.model.errors import ConfigError, StoreFailed
from toolgate.stores.clock import SystemClock
from toolgate.stores.records import Records, filesystems
from toolgate.stores.records.filesystems import from_linux, from_macos, network_type, on
from toolgate.stores.records.sqlite import open_sqlite

ROOT = Path(__file__).resolve().parents[2]
posix_only = pytest.mark.skipif(os.name != "posix", reason="mode bits and limits are POSIX")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place("sqlite", tmp_path, None)


async def put(store: Records, name: str) -> None:
    async with store.transaction("user:jane") as transaction:
        await transaction.put(Team(name=name), expected=0)


async def refused(place: Place) -> str:
    with pytest.raises((StoreFailed, ConfigError)) as caught:
        async with place.open():
            pass
    assert str(place.file) in str(caught.value)
    return str(caught.value)


@posix_only
@pytest.mark.promise("records.recover")
async def test_a_full_disk_refuses_writes_only_and_is_over_when_there_is_room(tmp_path: Path):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.databases.full", str(tmp_path)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    told = json.loads(out)
    for refusal in (told["said"]["full"], told["said"]["again"]):
        assert refusal.startswith(str(tmp_path / "records.db"))
        assert "full" in refusal
        assert "free some space" in refusal
    assert (told["said"]["before"], told["said"]["after"]) == (None, None)
    assert told["meanwhile"] == ["before", "before-small"]
    assert told["names"] == ["after", "after-small", "before", "before-small"]
    assert told["seqs"] == [1, 2, 3, 4]


@posix_only
@pytest.mark.promise("records.safe-file")
async def test_the_file_is_for_its_owner_only(place: Place):
    before = os.umask(0)
    try:
        async with place.open() as store:
            await put(store, "a")
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in place.data.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("records.db", "records.db-wal", "records.db-shm"), 0o600)
    place.file.chmod(0o640)
    assert f"`chmod 600 {place.file}`" in await refused(place)


async def test_writes_are_flushed_to_the_disk_before_they_are_acknowledged(place: Place):
    async with place.open() as store, store.database.engine.connect() as connection:
        found = {
            name: (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "fullfsync", "auto_vacuum")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "fullfsync": 1, "auto_vacuum": 2}


async def test_a_writer_in_another_process_is_waited_for(place: Place):
    async with place.open() as store:
        with closing(sqlite3.connect(place.file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.create_task(put(store, "a"))
            async with asyncio.timeout(5):
                assert await store.load() == (0, ())  # readers do not wait
            assert not waiting.done()
            other.execute("COMMIT")
        async with asyncio.timeout(10):
            await waiting
        assert len((await store.load())[1]) == 1


async def test_a_writer_that_does_not_end_is_told_and_then_over(place: Place):
    async with place.open() as opened:
        store = Records(open_sqlite(place.file, busy_s=0.1), SystemClock(), opened.installation)
        try:
            with closing(sqlite3.connect(place.file, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                with pytest.raises(StoreFailed, match="another process is writing: try again"):
                    await put(store, "a")
            await put(store, "a")
            assert len((await store.load())[1]) == 1
        finally:
            await store.database.close()


@pytest.mark.promise("records.safe-file")
@pytest.mark.parametrize("replacement", [None, b""])
async def test_a_file_that_was_taken_away_takes_no_write(place: Place, replacement: bytes | None):
    async with place.open() as store:
        await put(store, "a")
        away = place.file.rename(place.data / "away.db")
        if replacement is not None:
            place.file.write_bytes(replacement)
        with pytest.raises(StoreFailed, match="removed or replaced while in use"):
            await put(store, "b")
        away.replace(place.file)
        await put(store, "b")
        assert len((await store.load())[1]) == 2


async def test_what_is_no_database_is_told(place: Place):
    place.file.write_bytes(b"no database at all, but long enough to be read as one" * 100)
    place.file.chmod(0o600)
    assert "restore a backup" in await refused(place)


async def test_a_damaged_database_is_told(place: Place):
    async with place.open() as store:
        for n in range(50):
            await put(store, f"team-{n}")
    content = bytearray(place.file.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    place.file.write_bytes(content)
    assert "restore a backup" in await refused(place)


async def test_a_directory_in_the_place_of_the_file_is_told(place: Place):
    place.file.mkdir()
    assert "not a regular file" in await refused(place)


async def test_a_data_directory_that_is_not_there_is_told(tmp_path: Path):
    assert "cannot be made: No such file" in await refused(Place("sqlite", tmp_path / "missing", None))


MOUNTS = """\
overlay / overlay rw,relatime,lowerdir=/a 0 0
server:/export /srv/data nfs4 rw,vers=4.2 0 0
/dev/sda1 /srv/data/local ext4 rw 0 0
//nas/share /mnt/with\\040blank cifs rw 0 0
/dev/sda2 /srv/over ext4 rw 0 0
user@host: /srv/over fuse.sshfs rw 0 0
short
"""
MACOS = """\
/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled, nobrowse)
//user@nas/Team on /Volumes/Team Share (smbfs, nodev, nosuid, mounted by user)
nas:/export on /Volumes/nfs (nfs)
"""


@pytest.mark.promise("records.safe-file")
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/var/lib/toolgate", "overlay"),
        ("/srv/data", "nfs4"),
        ("/srv/data/deep/er", "nfs4"),
        ("/srv/data/local/x", "ext4"),
        ("/srv/database", "overlay"),
        ("/mnt/with blank/x", "cifs"),
        ("/srv/over/x", "fuse.sshfs"),
    ],
)
def test_the_file_system_of_a_path_on_linux(path: str, expected: str):
    assert on(Path(path), from_linux(MOUNTS)) == expected


@pytest.mark.promise("records.safe-file")
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/Applications", "apfs"),
        ("/Volumes/Team Share/data", "smbfs"),
        ("/Volumes/nfs/data", "nfs"),
        ("/Volumes/other", "apfs"),
    ],
)
def test_the_file_system_of_a_path_on_macos(path: str, expected: str):
    assert on(Path(path), from_macos(MACOS)) == expected


def test_network_file_systems_are_known_and_this_one_is_none(tmp_path: Path):
    assert {"nfs", "nfs4", "cifs", "smbfs", "fuse.sshfs", "ceph"} <= filesystems.NETWORK
    assert network_type(tmp_path) is None
