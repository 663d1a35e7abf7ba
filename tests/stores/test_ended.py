"""The file of ended sessions: crashes, damage, full disks, growth."""

import logging
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from toolgate.model.errors import ConfigError
from toolgate.ports import Toolbox
from toolgate.stores import sessions
from toolgate.stores.clock import SystemClock
from toolgate.stores.ended import EndedSessions

ROOT = Path(__file__).resolve().parents[2]
NOW = 1_790_000_000.0

ENDS_AND_IS_KILLED = """
import sys, time
from pathlib import Path
from toolgate.stores.ended import EndedSessions

ended = EndedSessions(Path(sys.argv[1]), 0)
for number in range(100):
    ended.add(f"s{number}", 2e9, 0)
print("done", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL")
def test_what_was_ended_survives_kill_9(tmp_path: Path):
    process = subprocess.Popen(
        [sys.executable, "-c", ENDS_AND_IS_KILLED, tmp_path / "ended"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    ended = EndedSessions(tmp_path / "ended", NOW)
    assert all(f"s{number}" in ended for number in range(100))
    ended.close()


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_torn_last_line_costs_only_itself(tmp_path: Path, cut: int):
    path = tmp_path / "ended"
    ended = EndedSessions(path, NOW)
    ended.add("first", NOW + 10, NOW)
    ended.add("torn", NOW + 10, NOW)
    ended.close()
    path.write_bytes(path.read_bytes()[:-cut])
    ended = EndedSessions(path, NOW)
    ended.add("next", NOW + 10, NOW)
    ended.close()
    ended = EndedSessions(path, NOW)
    assert "first" in ended
    assert "next" in ended
    assert ("torn" in ended) is (cut == 1), "without its line break it is still whole"
    ended.close()


def test_damage_is_passed_over_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = tmp_path / "ended"
    whole = b'["%s",1.9e9]\n'
    path.write_bytes(
        whole % b"a" + b"\x00\xff garbage\n" + b'["no number","x"]\n' + b"[" * 9_000 + b"\n" + whole % b"b"
    )
    with caplog.at_level(logging.WARNING):
        ended = EndedSessions(path, NOW)
    assert ("a" in ended, "b" in ended, len(ended)) == (True, True, 2)
    assert "damaged" in caplog.text
    assert path.read_bytes() == b'["a",1900000000.0]\n["b",1900000000.0]\n', "the file was put in order"
    ended.close()


def test_the_file_is_private_and_does_not_grow_without_end(tmp_path: Path):
    path = tmp_path / "ended"
    ended = EndedSessions(path, NOW, limit=20)
    for number in range(1_000):
        ended.add(f"session{number:04d}", NOW + 10, NOW)
        assert len(ended) <= 20
        assert path.stat().st_size < 3 * 20 * 40
    assert "session0999" in ended
    assert "session0500" not in ended
    ended.close()
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["ended"]


def test_a_disk_that_fails_is_said_and_the_session_is_ended_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    folder = tmp_path / "data"
    folder.mkdir()
    ended = EndedSessions(folder / "ended", NOW, limit=2)
    (folder / "ended").unlink()
    folder.rmdir()  # the next time the file is rewritten there is nowhere to put it
    with caplog.at_level(logging.ERROR):
        for number in range(10):
            ended.add(f"s{number}", NOW + 10, NOW)
    assert "s9" in ended
    assert "cannot be written" in caplog.text
    folder.mkdir()
    ended.add("later", NOW + 10, NOW)
    ended.close()
    assert b"later" in (folder / "ended").read_bytes()


async def test_a_data_directory_that_cannot_be_written_is_a_clear_error(tmp_path: Path):
    (tmp_path / "data").write_text("a file where the directory should be")
    toolbox = Toolbox(None, None, SystemClock(), tmp_path / "data")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="data directory must be writable"):
        async with sessions.open(sessions.Config(), toolbox):
            pass
