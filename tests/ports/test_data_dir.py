"""The data directory with real files and real processes: first start, races, ownership, what is refused."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from toolgate.model.errors import ConfigError
from toolgate.rules import keys
from toolgate.stores import data_dir, ownership
from toolgate.stores.data_dir import KEY_PEPPER, LOCAL_KEY, SEALING_KEY, default_location, open_data_dir
from toolgate.stores.ownership import Running, find_running, own

SOURCE = Path(data_dir.__file__).parents[2]
RUNNING = Running(pid=4711, url="http://127.0.0.1:8484", started=1.0, version="0.1.0")
posix_only = pytest.mark.skipif(os.name != "posix", reason="mode bits are POSIX")


def start(program: str, directory: Path) -> subprocess.Popen[str]:
    """A process of its own that runs `program` with the directory as `path`. It waits for a line on its input."""
    preamble = "import sys; from pathlib import Path; path = Path(sys.argv[1]); sys.stdin.readline()\n"
    return subprocess.Popen(
        [sys.executable, "-c", preamble + program, str(directory)],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def refused(directory: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        open_data_dir(directory)
    return str(caught.value)


@pytest.mark.promise("data.first-start")
def test_the_first_start_makes_everything_and_the_next_finds_it(tmp_path: Path):
    first = open_data_dir(tmp_path / "deep" / "data")
    assert first.first_start
    assert keys.flaw(first.local_key) is None
    assert first.local_key_file.read_text().strip() == first.local_key
    assert len(first.sealing_key) == data_dir.SEALING_BYTES
    assert len(first.key_pepper) == keys.PEPPER_BYTES
    assert sorted(os.listdir(first.path)) == sorted([SEALING_KEY, KEY_PEPPER, LOCAL_KEY])
    again = open_data_dir(first.path)
    assert not again.first_start
    assert (again.sealing_key, again.key_pepper, again.local_key) == (
        first.sealing_key,
        first.key_pepper,
        first.local_key,
    )
    assert data_dir.read_local_key(first.path) == first.local_key
    assert first.local_key not in repr(first)


@posix_only
@pytest.mark.promise("data.first-start")
def test_only_the_owner_can_read(tmp_path: Path):
    before = os.umask(0)
    try:
        directory = open_data_dir(tmp_path / "data").path
    finally:
        os.umask(before)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()} == {0o600}


@pytest.mark.promise("data.first-start")
def test_processes_that_start_together_agree(tmp_path: Path):
    program = (
        "from toolgate.stores.data_dir import open_data_dir\n"
        "found = open_data_dir(path)\n"
        "print(found.sealing_key.hex(), found.key_pepper.hex(), found.local_key)\n"
        "print(found.first_start)\n"
    )
    started = [start(program, tmp_path / "data") for _ in range(6)]
    for process in started:  # all have loaded and wait for this line
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=50) for process in started]
    assert [error for _, error in answers if error] == []
    lines = [answer.split("\n") for answer, _ in answers]
    assert len({line[0] for line in lines}) == 1
    assert sorted(line[1] for line in lines) == ["False"] * 5 + ["True"]
    assert sorted(os.listdir(tmp_path / "data")) == sorted([SEALING_KEY, KEY_PEPPER, LOCAL_KEY])


@posix_only
@pytest.mark.parametrize("name", [SEALING_KEY, KEY_PEPPER, LOCAL_KEY])
def test_a_secret_that_others_can_read_is_refused_with_the_command_to_run(tmp_path: Path, name: str):
    directory = open_data_dir(tmp_path / "a b").path
    (directory / name).chmod(0o640)
    message = refused(directory)
    assert f"`chmod 600 '{directory / name}'`" in message
    (directory / name).chmod(0o600)
    assert not open_data_dir(directory).first_start


@posix_only
def test_a_directory_that_others_can_change_is_refused(tmp_path: Path):
    tmp_path.chmod(0o770)
    assert f"`chmod 700 {tmp_path}`" in refused(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (SEALING_KEY, b"", "holds 0 bytes instead of 32"),
        (KEY_PEPPER, b"x" * 33, "holds 33 bytes instead of 32"),
        (LOCAL_KEY, b"", "does not hold a key"),
        (LOCAL_KEY, b"\xff" * 100, "does not hold a key"),
        (LOCAL_KEY, b"tg_made-up-value\n", "does not hold a key"),
    ],
)
def test_a_damaged_file_is_named_and_not_replaced(tmp_path: Path, name: str, content: bytes, reason: str):
    directory = open_data_dir(tmp_path / "data").path
    (directory / name).write_bytes(content)
    message = refused(directory)
    assert str(directory / name) in message
    assert reason in message
    assert "made-up-value" not in message
    assert (directory / name).read_bytes() == content


@pytest.mark.parametrize("name", [SEALING_KEY, KEY_PEPPER])
def test_a_lost_secret_is_not_made_anew_silently(tmp_path: Path, name: str):
    directory = open_data_dir(tmp_path / "data").path
    (directory / name).unlink()
    assert "missing from a data directory that is in use" in refused(directory)
    assert not (directory / name).exists()


def test_deleting_the_local_key_makes_another_and_keeps_the_rest(tmp_path: Path):
    first = open_data_dir(tmp_path / "data")
    first.local_key_file.unlink()
    second = open_data_dir(first.path)
    assert second.first_start
    assert second.local_key != first.local_key
    assert (second.sealing_key, second.key_pepper) == (first.sealing_key, first.key_pepper)


def test_a_file_in_the_place_of_the_directory_is_told(tmp_path: Path):
    (tmp_path / "data").write_text("")
    assert "cannot be made" in refused(tmp_path / "data")


def test_no_key_before_the_first_start(tmp_path: Path):
    with pytest.raises(ConfigError, match=re.escape("`toolgate up` makes it")):
        data_dir.read_local_key(tmp_path)


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({}, "linux", "home/.local/share/toolgate"),
        ({"XDG_DATA_HOME": "/data"}, "linux", "/data/toolgate"),
        ({"XDG_DATA_HOME": "relative"}, "linux", "home/.local/share/toolgate"),
        ({"XDG_DATA_HOME": "/data"}, "darwin", "home/Library/Application Support/toolgate"),
        ({"LOCALAPPDATA": "local"}, "win32", "local/toolgate"),
        ({}, "win32", "home/AppData/Local/toolgate"),
    ],
)
def test_where_the_data_directory_is(environment: dict[str, str], platform: str, expected: str):
    assert default_location(environment, platform, Path("home")) == Path(expected)


@pytest.mark.promise("data.one-owner")
def test_one_process_owns_the_directory_and_says_where_it_listens(tmp_path: Path):
    assert find_running(tmp_path) is None
    with own(tmp_path) as owned:
        assert find_running(tmp_path) is None  # nothing announced yet
        owned.announce(RUNNING)
        assert find_running(tmp_path) == RUNNING
        with pytest.raises(ConfigError, match=r"process id 4711 at http://127\.0\.0\.1:8484 is using"), own(tmp_path):
            pass
        assert find_running(tmp_path) == RUNNING
    assert find_running(tmp_path) is None
    assert not (tmp_path / ownership.RUNNING).exists()
    with own(tmp_path):
        pass


@pytest.mark.promise("data.one-owner")
def test_the_lock_ends_with_its_process(tmp_path: Path):
    program = (
        "from toolgate.stores.ownership import Running, own\n"
        "with own(path) as owned:\n"
        "    owned.announce(Running(1, 'http://127.0.0.1:1', 1.0, '0'))\n"
        "    print('owned', flush=True)\n"
        "    sys.stdin.readline()\n"
    )
    process = start(program, tmp_path)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "owned\n"
        running = find_running(tmp_path)
        assert running is not None
        assert running.url == "http://127.0.0.1:1"
        with pytest.raises(ConfigError, match="is using this data directory"), own(tmp_path):
            pass
    finally:
        process.kill()
        process.communicate(timeout=10)
    assert (tmp_path / ownership.RUNNING).exists()  # it could not clean up, and that misleads nobody
    assert find_running(tmp_path) is None
    with own(tmp_path):
        assert not (tmp_path / ownership.RUNNING).exists()


@posix_only
def test_where_it_listens_is_for_the_owner_only(tmp_path: Path):
    with own(tmp_path) as owned:
        owned.announce(RUNNING)
        modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in (ownership.RUNNING, ownership.LOCK)}
        assert modes == {0o600}


@pytest.mark.parametrize("content", [b"", b"{}", b"not json", b'{"pid": "x"}'])
def test_a_damaged_announcement_is_none(tmp_path: Path, content: bytes):
    with own(tmp_path):
        (tmp_path / ownership.RUNNING).write_bytes(content)
        assert find_running(tmp_path) is None


def test_a_lock_file_that_is_something_else_is_told(tmp_path: Path):
    (tmp_path / ownership.LOCK).write_bytes(b"something else entirely, and long enough to be read" * 100)
    with pytest.raises(ConfigError, match="not our lock file"), own(tmp_path):
        pass
