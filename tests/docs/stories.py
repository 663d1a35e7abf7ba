"""Runs a story of a documentation page: its steps, in order, in one empty folder, with no settings of this machine."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from tests.docs.pages import Block
from tests.free_port import free_port

USUAL_PORT = re.compile(r"\b8484\b")
OTHER_PORT = re.compile(r"\b9999\b")
STEP_SECONDS = 60.0
STOP_SECONDS = 10.0


def surroundings(folder: Path, port: str) -> dict[str, str]:
    """The environment of a reader who has just installed Toolgate and set nothing."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TOOLGATE_", "XDG_", "PYTEST_"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    own = {"HOME": str(folder), "PATH": path, "TOOLGATE_PORT": port}
    return kept | own | {"NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


class Served:
    """A process that keeps running beside the next steps, and what it has printed so far."""

    def __init__(self, command: Sequence[str], folder: Path, port: str) -> None:
        self._printed: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=surroundings(folder, port),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                with self._news:
                    self._printed.append(line)
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    @property
    def output(self) -> str:
        with self._news:
            return "".join(self._printed)

    def wait_for(self, text: str) -> None:
        """Until a line holds `text`. Raises AssertionError when the process ends, or stays silent, before that."""
        self._wait(lambda: None if any(text in line for line in self._printed) else text)

    def wait_for_lines(self, expected: str) -> None:
        """The same, until `missing` finds nothing missing."""
        self._wait(lambda: missing(expected, "".join(self._printed)))

    def _wait(self, lacking: Callable[[], str | None]) -> None:
        told = self._told(lambda: self._ended or lacking() is None)
        with self._news:
            lacks = lacking()
        assert told, f"did not print {lacks!r} within {STEP_SECONDS} s:\n{self.output}"
        assert lacks is None, f"ended without printing {lacks!r}:\n{self.output}"

    def _told(self, condition: Callable[[], bool]) -> bool:
        with self._news:
            return self._news.wait_for(condition, STEP_SECONDS)

    def stop(self) -> None:
        """As Ctrl-C does, and by force if that does not help. Raises AssertionError when force was needed."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired as problem:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(STOP_SECONDS)
            raise AssertionError(f"did not stop on Ctrl-C within {STOP_SECONDS} s:\n{self.output}") from problem
        finally:
            self._reader.join(STOP_SECONDS)


class Story:
    """The folder of one story, and the processes that its steps left running: leaving the story stops them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = str(free_port())
        self._other = str(free_port())
        self._served: list[Served] = []
        self._last: Callable[[], str] = str

    def __enter__(self) -> "Story":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        problems: list[Exception] = []
        for served in reversed(self._served):
            try:
                served.stop()
            except AssertionError as problem:
                problems.append(problem)
        if problems and value is None:
            raise ExceptionGroup("processes of the story did not stop", problems)

    def tell(self, block: Block) -> None:
        """Does what one block says. Raises AssertionError, with the block's place and all output, when it fails."""
        if "expect" in block.words:
            found = missing(self._text(block), self._last())
            assert not found, f"{block.place}: not printed by the step before: {found!r}; that was:\n{self._last()}"
        elif "said" in block.words:
            assert self._served, f"{block.place}: nothing is served that could have said this"
            self._served[-1].wait_for_lines(self._text(block))
        elif "serve" in block.words:
            served = Served(self._command(block), self._folder, self._port)
            self._served.append(served)
            self._last = lambda: served.output
            served.wait_for(block.words["until"])
        elif "file" in block.words or "check" in block.words:
            path = self._folder / block.words.get("file", "toolgate.yaml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._text(block), encoding="utf-8")
            if "check" in block.words:
                self._run(block, ["toolgate", "check", str(path)])
        else:
            self._run(block, self._command(block))

    def _command(self, block: Block) -> list[str]:
        if block.language == "python":
            return [sys.executable, "-c", self._text(block)]
        return ["bash", "-euo", "pipefail", "-c", self._text(block)]

    def _text(self, block: Block) -> str:
        return OTHER_PORT.sub(self._other, USUAL_PORT.sub(self._port, block.text))

    def _run(self, block: Block, command: Sequence[str]) -> None:
        done = subprocess.run(
            command,
            cwd=self._folder,
            env=surroundings(self._folder, self._port),
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=STEP_SECONDS,
        )
        others = "".join(f"\n--- served beside it:\n{served.output}" for served in self._served)
        assert done.returncode == int(block.words.get("exit", "0")), (
            f"{block.place}: exit code {done.returncode}:\n{done.stdout}{others}"
        )
        self._last = lambda: done.stdout


def missing(expected: str, printed: str) -> str | None:
    """The first expected line that does not occur, in order, in what was printed; `...` stands for anything."""
    rest = iter(printed.splitlines())
    for line in filter(str.strip, expected.splitlines()):
        pattern = re.compile(".*".join(map(re.escape, line.strip().split("..."))))
        if not any(pattern.search(candidate) for candidate in rest):
            return line
    return None
