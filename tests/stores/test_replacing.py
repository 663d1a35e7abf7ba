"""Files of other programs: replaced in one step, kept as they were, brought back exactly."""

import os
import stat
from pathlib import Path

import pytest

from toolgate.model.errors import ConfigError
from toolgate.stores import replacing


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.promise("connect.undo")
@pytest.mark.parametrize("before", [b"", b"old\r\n\xff", None], ids=["empty", "bytes", "absent"])
def test_a_change_is_taken_back_to_the_byte(tmp_path: Path, before: bytes | None):
    file = tmp_path / "deep" / "file"
    if before is not None:
        file.parent.mkdir()
        file.write_bytes(before)
    replacing.change(file, before, b"one")
    replacing.change(file, b"one", b"two")
    assert file.read_bytes() == b"two"
    assert len(names(file.parent)) == 2, "one backup, of what was there first"
    assert replacing.restore(file)
    assert replacing.read(file) == before
    assert names(file.parent) == ([] if before is None else ["file"])
    assert not replacing.restore(file)


@pytest.mark.promise("connect.undo")
def test_what_others_changed_since_is_not_taken_back(tmp_path: Path):
    file = tmp_path / "file"
    file.write_bytes(b"old")
    replacing.change(file, b"old", b"ours")
    file.write_bytes(b"theirs")
    assert not replacing.restore(file)
    assert file.read_bytes() == b"theirs"


def test_a_file_that_changed_in_between_is_refused(tmp_path: Path):
    file = tmp_path / "file"
    file.write_bytes(b"theirs")
    with pytest.raises(ConfigError, match="try again"):
        replacing.change(file, b"old", b"ours")
    assert names(tmp_path) == ["file"]


@pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")
def test_modes_and_links_stay(tmp_path: Path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_bytes(b"old")
    real.chmod(0o640)
    link.symlink_to(real)
    backup = replacing.change(link, b"old", b"new")
    assert link.is_symlink()
    assert (real.read_bytes(), stat.S_IMODE(real.stat().st_mode)) == (b"new", 0o640)
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    replacing.write(tmp_path / "fresh", b"x")
    assert stat.S_IMODE((tmp_path / "fresh").stat().st_mode) == 0o600
    replacing.write(real, b"x", private=True)
    assert stat.S_IMODE(real.stat().st_mode) == 0o600


def test_what_is_no_file_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"cannot be read|not a regular file"):
        replacing.read(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="cannot be written"):
        replacing.write(tmp_path / "file" / "below", b"x")
