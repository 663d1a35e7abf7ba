"""`kill -9` in the middle of a write: the file is the old one or the new one, whole, every time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.pipes import META
from tests.journeys.terminal import command, surroundings

SIZE = 3_000_000
ROUNDS = 6
SECONDS = 30.0
LEFT = re.compile(r"\.toolgate-[0-9a-f]{16}\.tmp")


@contextmanager
def started(root: Path, data: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (root.parent / "log").open("wb") as log:
        process = subprocess.Popen(
            command("stdio", "--files", str(root), "--writable", "--data-dir", str(data)),
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=root.parent,
            env=surroundings(root.parent),
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(SECONDS)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def ask(process: subprocess.Popen[bytes], tool: str, **arguments: Any) -> None:
    params = {"name": tool, "arguments": arguments, "_meta": META}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    assert process.stdin is not None
    rest = memoryview(json.dumps(message).encode() + b"\n")
    while rest:
        rest = rest[os.write(process.stdin.fileno(), rest) :]


def wait_for_bytes(root: Path, least: int, process: subprocess.Popen[bytes]) -> bool:
    """Until somebody has written that much beside the file; False when it was over before that was seen."""
    until = time.monotonic() + SECONDS
    before = (root / "a.txt").stat().st_ino
    while time.monotonic() < until:
        assert process.poll() is None, (root.parent / "log").read_text()
        for name in os.listdir(root):
            if LEFT.fullmatch(name):
                try:
                    if (root / name).stat().st_size >= least:
                        return True
                except FileNotFoundError:
                    return False
        if (root / "a.txt").stat().st_ino != before:
            return False
    raise AssertionError("nothing was written in time")


@pytest.mark.promise("files.whole")
@pytest.mark.timeout(240)
def test_a_killed_write_leaves_the_old_file_or_the_new(tmp_path: Path):
    root = tmp_path / "root"
    root.mkdir()
    file = root / "a.txt"
    file.write_text("0" * SIZE)
    known = "0"
    interrupted = 0
    for number in range(ROUNDS):
        letter = chr(ord("a") + number)
        with started(root, tmp_path / "data") as process:
            if number % 3:
                ask(process, "write_file", path="a.txt", content=letter * SIZE)
            else:
                edit = {"old_text": known, "new_text": letter, "replace_all": True}
                ask(process, "edit_file", path="a.txt", edits=[edit])
            wait_for_bytes(root, number * SIZE // ROUNDS, process)
        content = file.read_text()
        assert content in (known * SIZE, letter * SIZE), f"{len(content)} characters: {sorted(set(content))}"
        interrupted += content[0] == known
        known = content[0]
    assert interrupted, "no write was ever interrupted: nothing was tested"
