"""The command line as a person uses it: real processes, with an environment in which nothing is set."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.running import PROGRAM, Log

SECONDS = 30.0


def command(*arguments: str) -> list[str]:
    """`toolgate ARGUMENTS` as a command of this interpreter."""
    return [sys.executable, "-c", PROGRAM, *arguments]


def surroundings(folder: Path, **variables: str) -> dict[str, str]:
    """The environment of somebody whose home is `folder`, with these variables beside."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TOOLGATE_", "XDG_"))}
    return {
        **kept,
        "HOME": str(folder),
        "USERPROFILE": str(folder),
        "LOCALAPPDATA": str(folder),
        "NO_COLOR": "1",
        **variables,
    }


@dataclass(frozen=True)
class Said:
    """What a finished command said, and its exit code."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Started:
    """A command that still runs."""

    process: subprocess.Popen[str]
    out: Log
    err: Log


class Terminal:
    """A person in a folder, whose home it is."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.variables = variables

    def run(self, *arguments: str, typed: str = "", **variables: str) -> Said:
        """Runs a command to its end."""
        done = subprocess.run(
            command(*arguments), cwd=self.folder, env=self.environment(**variables), check=False, input=typed,
            capture_output=True, text=True, encoding="utf-8", timeout=SECONDS,
        )  # fmt: skip
        return Said(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def start(self, *arguments: str, **variables: str) -> Generator[Started]:
        """A command that runs beside; killed when the block is left and it has not ended."""
        process = subprocess.Popen(
            command(*arguments), cwd=self.folder, env=self.environment(**variables), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        started = Started(process, Log(process.stdout), Log(process.stderr))
        try:
            yield started
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(SECONDS)
            started.out.close()
            started.err.close()

    def environment(self, **variables: str) -> dict[str, str]:
        return surroundings(self.folder, **{**self.variables, **variables})


def lines(text: str) -> Sequence[str]:
    return [line for line in text.splitlines() if line.strip()]
