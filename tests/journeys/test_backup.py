"""Backups and databases by the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.terminal import Terminal
from tests.running import ENDPOINT


@pytest.mark.promise("backup.commands")
def test_what_was_backed_up_while_it_ran_serves_elsewhere(tmp_path: Path):
    terminal = Terminal(tmp_path, TOOLGATE_DATA_DIR=str(tmp_path / "data"))
    with terminal.start("up", "--port", "0") as up:
        up.out.wait(ENDPOINT)
        assert terminal.run("team", "add", "sales").code == 0
        assert terminal.run("backup", "kept").code == 0
        in_use = terminal.run("restore", "kept", "--replace")
        assert (in_use.code, in_use.out.startswith("http")) == (3, True), in_use
        up.process.terminate()
        assert up.process.wait(20) == 0
    assert terminal.run("restore", "kept").code == 2
    elsewhere = Terminal(tmp_path, TOOLGATE_DATA_DIR=str(tmp_path / "elsewhere"))
    nothing = elsewhere.run("db", "status")
    said = f"{tmp_path / 'elsewhere' / 'records.db'}: there is no database: `toolgate db migrate` makes one, and so"
    assert (nothing.code, nothing.err.startswith(said)) == (3, True), nothing
    assert not (tmp_path / "elsewhere").exists(), "who looks makes nothing"
    assert elsewhere.run("restore", "kept").code == 0
    copied = elsewhere.run("db", "copy", "--to", f"sqlite:///{tmp_path / 'copy.db'}")
    assert (copied.code, "copied: set `database` to it" in copied.err) == (0, True), copied
    with elsewhere.start("up", "--port", "0", "--database", f"sqlite:///{tmp_path / 'copy.db'}") as up:
        up.out.wait(ENDPOINT)
        assert "sales" in elsewhere.run("team", "list").out
        up.process.terminate()
        assert up.process.wait(20) == 0
