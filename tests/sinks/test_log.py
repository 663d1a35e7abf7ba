"""The call log, into real pipes and files."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.records import record
from toolgate.model.errors import Outcome
from toolgate.rules import keys
from toolgate.sinks import log
from toolgate.sinks.log import CallLog, Config

ROOT = Path(__file__).resolve().parents[2]
KEY = keys.mint(bytes(range(37)))


@contextmanager
def file_log(path: Path, *, pretty: bool = False, colour: bool = False) -> Iterator[CallLog]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    sink = CallLog(Config(descriptor, pretty=pretty, colour=colour))
    os.close(descriptor)
    try:
        yield sink
    finally:
        sink.close()


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in path.read_bytes().splitlines()]


def test_one_line_per_record_with_the_agreed_members(tmp_path: Path):
    with file_log(tmp_path / "calls") as sink:
        sink.write([record()])
    assert lines(tmp_path / "calls") == [
        {
            "ts": "2026-09-21T14:13:20.250000Z",
            "level": "info",
            "event": "call",
            "request_id": "req-1",
            "method": "tools/call",
            "status": "ok",
            "dur_ms": 12.346,
            "upstream_ms": 12.0,
            "server": "files",
            "tool": "read",
            "user": "key:alice",
            "team": "blue",
            "client": "desk/1.2",
            "era": "modern",
            "protocol_version": "2026-07-28",
            "bytes_in": 210,
            "bytes_out": 340,
        }
    ]


def test_what_failed_says_how(tmp_path: Path):
    with file_log(tmp_path / "calls") as sink:
        sink.write(
            [
                record(outcome=Outcome.DENIED, error="Denied"),
                record(outcome=Outcome.TOOL_ERROR),
                record(outcome=Outcome.TIMEOUT, error="TimedOut", method="resources/read", target="file:///a"),
                record(outcome=Outcome.UNAUTHENTICATED, error="Unauthenticated", principal="", server="", target=""),
            ]
        )
    found = lines(tmp_path / "calls")
    assert [(line["level"], line["status"], line["error.type"]) for line in found] == [
        ("warning", "denied", "Denied"),
        ("info", "tool_error", "tool_error"),
        ("error", "timeout", "TimedOut"),
        ("warning", "unauthenticated", "Unauthenticated"),
    ]
    assert "tool" not in found[2]
    assert found[2]["target"] == "file:///a"
    assert "user" not in found[3]


def test_hostile_text_forges_no_line_and_shows_no_key(tmp_path: Path):
    hostile = 'x\n{"event":"call"}\r\x1b[2J\x85\u2028\x9b' + "y" * 10_000
    client = json.dumps({"name": KEY, "version": f"Bearer {KEY}"}).encode()
    with file_log(tmp_path / "calls") as sink:
        sink.write([record(method=hostile, client=client), record(method="b", client=b'{"name":3}')])
    text = (tmp_path / "calls").read_bytes().decode()
    assert len(text.splitlines()) == 2
    assert "\x1b" not in text
    assert KEY.split("_")[2][:8] not in text
    first, second = lines(tmp_path / "calls")
    assert first["client"] == f"tg_{keys.key_id(KEY)}_***/Bearer tg_{keys.key_id(KEY)}_***"
    assert len(str(first["method"])) <= 256
    assert "client" not in second


@pytest.mark.parametrize("colour", [False, True])
def test_the_form_for_people_is_one_line_without_control(tmp_path: Path, colour: bool):
    with file_log(tmp_path / "calls", pretty=True, colour=colour) as sink:
        sink.write([record(target="a\nb\x1b[2J", outcome=Outcome.DENIED, error="Denied")])
    (text,) = (tmp_path / "calls").read_text().splitlines()
    assert text.startswith("14:13:20.250Z  ")
    assert r"tools/call files a\nb\x1b[2J" in text
    assert "12.3 ms (12.0 upstream)" in text
    assert ("\x1b[33mdenied" in text) is colour
    assert text.count("\x1b") == (2 if colour else 0)


def test_text_that_is_not_unicode_costs_its_own_line_only(tmp_path: Path):
    with file_log(tmp_path / "calls") as sink:
        sink.write([record(id="a"), record(id="\ud800"), record(id="c")])
    notice, *calls = lines(tmp_path / "calls")
    assert (notice["event"], notice["count"]) == ("records_lost", 1)
    assert [line["request_id"] for line in calls] == ["a", "c"]
    assert sink.lost == 1


def test_a_reader_that_stalls_holds_up_nobody_and_losses_are_counted_and_told():
    reader, writer = os.pipe()
    sink = CallLog(Config(writer))
    os.close(writer)
    many = [record(id=f"{number:06d}") for number in range(1_000)]
    began = time.perf_counter()
    for _ in range(40):
        sink.write(many)
    assert time.perf_counter() - began < 1.0, "writing waited for the reader"
    assert sink.lost >= 40_000 - log.MAX_WAITING - 1_000
    lost = sink.lost

    got = bytearray()

    def read() -> None:
        while data := os.read(reader, 65_536):
            got.extend(data)

    thread = threading.Thread(target=read)
    thread.start()
    sink.close()
    thread.join(10)
    os.close(reader)
    assert sink.lost == lost
    found = [json.loads(text) for text in bytes(got).splitlines()]
    calls = [line for line in found if line["event"] == "call"]
    assert len(calls) == 40_000 - lost
    assert sum(line["count"] for line in found if line["event"] == "records_lost") == lost


def test_a_broken_pipe_is_counted_and_kills_nothing():
    reader, writer = os.pipe()
    sink = CallLog(Config(writer))
    os.close(writer)
    os.close(reader)
    sink.write([record(), record()])
    sink.write([record()])
    sink.close()
    assert sink.lost == 3
    sink.write([record()])
    assert sink.lost == 4


def test_a_descriptor_that_does_not_block_is_waited_for():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    sink = CallLog(Config(writer))
    sink.write([record(id=f"{number:06d}") for number in range(5_000)])
    got = bytearray()
    while len(got) < 100_000:  # the pipe is full again and again: writes are partial
        got.extend(os.read(reader, 4_096))
    thread = threading.Thread(target=sink.close)
    thread.start()
    os.close(writer)
    while data := os.read(reader, 65_536):
        got.extend(data)
    thread.join(5)
    os.close(reader)
    found = [json.loads(text)["request_id"] for text in bytes(got).splitlines()]
    assert found == [f"{number:06d}" for number in range(5_000)]
    assert sink.lost == 0


FULL_DISK = """
import os, resource, sys, threading
from tests.records import record
from toolgate.sinks.log import CallLog, Config

sink = CallLog(Config(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)))
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
sink.write([record(id="a"), record(id="b")])
for _ in range(1_000):
    if sink.lost == 2:
        break
    threading.Event().wait(0.01)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
sink.write([record(id="c")])
sink.close()
assert sink.lost == 2, sink.lost
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files with setrlimit")
def test_a_line_that_a_full_disk_cut_is_ended_before_the_next(tmp_path: Path):
    command = [sys.executable, "-c", FULL_DISK, tmp_path / "calls"]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    first, cut, notice, last = (tmp_path / "calls").read_bytes().splitlines()
    assert json.loads(first)["request_id"] == "a"
    assert cut.startswith(b'{"ts"')
    assert not cut.endswith(b"}")
    assert (json.loads(notice)["event"], json.loads(notice)["count"]) == ("records_lost", 2)
    assert json.loads(last)["request_id"] == "c"


def test_closing_gives_a_stalled_reader_only_so_long():
    reader, writer = os.pipe()
    sink = CallLog(Config(writer, close_s=0.1))
    os.close(writer)
    sink.write([record() for _ in range(5_000)])
    began = time.monotonic()
    sink.close()
    assert time.monotonic() - began < 2
    assert 0 < sink.lost <= 5_000
    os.close(reader)
