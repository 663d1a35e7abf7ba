"""Secrets: whatever implements the port answers the value, or says why not without repeating it."""

import os
from pathlib import Path

import pytest

from toolgate.credentials.references import MOST_BYTES, References
from toolgate.model.errors import ConfigError

VALUE = "made-up-value"


def secrets_at(base: Path, **environment: str) -> References:
    return References(environment, base)


def write(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def refused(secrets: References, reference: str) -> str:
    with pytest.raises(ConfigError) as caught:
        secrets.resolve(reference)
    (finding,) = caught.value.findings
    assert VALUE not in finding
    return finding


def test_a_variable(tmp_path: Path):
    assert secrets_at(tmp_path, TOKEN=VALUE).resolve("env:TOKEN") == VALUE


@pytest.mark.parametrize("content", [VALUE, f"{VALUE}\n", f"{VALUE}\r\n"])
def test_a_file_without_its_last_line_break(tmp_path: Path, content: str):
    file = write(tmp_path / "with a space", content.encode())
    assert secrets_at(tmp_path).resolve("file:with a space") == VALUE
    assert secrets_at(Path("/")).resolve(f"file:{file}") == VALUE


def test_inner_line_breaks_stay(tmp_path: Path):
    write(tmp_path / "pem", b"one\ntwo\n\n")
    assert secrets_at(tmp_path).resolve("file:pem") == "one\ntwo\n"


def test_a_changed_file_is_seen(tmp_path: Path):
    secrets = secrets_at(tmp_path)
    for value in ("first", "second"):
        write(tmp_path / "token", value.encode())
        assert secrets.resolve("file:token") == value


@pytest.mark.promise("config.no-plaintext")
@pytest.mark.parametrize("text", [VALUE, f"Bearer {VALUE}", "", "https://x", "Bearer env:TOKEN"])
def test_what_is_no_reference_is_not_repeated(tmp_path: Path, text: str):
    assert "must be given by reference" in refused(secrets_at(tmp_path, TOKEN=VALUE), text)


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("env:ABSENT", "env:ABSENT is not set"),
        ("env:EMPTY", "env:EMPTY is empty"),
        ("env:NUL", "env:NUL holds a NUL character"),
        ("env:A-B", "name of an environment variable"),
        ("file:absent", "file:absent does not exist"),
        ("file:", "followed by a path"),
        ("file:.", "file:. "),
        ("file:large", "larger than"),
        ("file:binary", "not text in UTF-8"),
        ("file:empty", "file:empty is empty"),
    ],
)
def test_refusals_name_the_reference_and_the_reason(tmp_path: Path, reference: str, reason: str):
    write(tmp_path / "large", b"x" * (MOST_BYTES + 1))
    write(tmp_path / "binary", b"\xff\xfe" + VALUE.encode())
    write(tmp_path / "empty", b"\n")
    assert reason in refused(secrets_at(tmp_path, EMPTY="", NUL=f"{VALUE}\0"), reference)


def test_the_largest_secret_is_taken(tmp_path: Path):
    write(tmp_path / "large", b"x" * MOST_BYTES)
    assert len(secrets_at(tmp_path).resolve("file:large")) == MOST_BYTES


@pytest.mark.skipif(os.name != "posix", reason="mode bits are POSIX")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_can_read_is_refused_with_the_command_to_run(tmp_path: Path, mode: int):
    write(tmp_path / "a b", VALUE.encode(), mode)
    finding = refused(secrets_at(tmp_path), "file:a b")
    assert f"mode {mode:04o}" in finding
    assert "`chmod 600 'a b'`" in finding


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX")
def test_a_pipe_in_the_place_of_a_file_does_not_hold_us(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "not a regular file" in refused(secrets_at(tmp_path), "file:pipe")
