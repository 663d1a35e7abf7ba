"""A real `toolgate up` for tests: its own process, data directory and configuration, on a free port.

    with toolgate(tmp_path, {"servers": {"demo": {"kind": "echo"}}}, keys=("alice",)) as gateway:
        gateway.url, gateway.keys["alice"], gateway.log.wait(r"is in force")

It is ready when it listens and knows what each declared server offers. It is told to stop with SIGTERM and must then
end with exit code 0, within a bound.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import yaml

from toolgate.rules import keys as key_rules
from toolgate.stores.data_dir import make_directory, open_data_dir

START_SECONDS = 60.0
STOP_SECONDS = 20.0
ENDPOINT = r"Endpoint +(?P<url>http\S+)/mcp"
PROGRAM = "import sys; from toolgate.cli.main import main; sys.exit(main())"

ALL = {"servers": ["*"], "tools": ["*"], "prompts": ["*"], "resources": ["*"]}
"""An `allow` for everything."""


class Log:
    """What a process has written to standard output and error, line by line, with a way to wait for a line."""

    def __init__(self, stream: IO[str]) -> None:
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self._stream = stream
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def text(self, since: int = 0) -> str:
        with self._news:
            return "".join(self._lines[since:])

    def mark(self) -> int:
        """Where the log ends now, to wait for what comes after it."""
        with self._news:
            return len(self._lines)

    def wait(self, pattern: str, *, since: int = 0, seconds: float = START_SECONDS) -> re.Match[str]:
        """The first line after `since` in which `pattern` is found. Raises AssertionError, with the log, when there is
        none in time, or the process has ended."""
        until = time.monotonic() + seconds
        wanted = re.compile(pattern)
        at = since
        with self._news:
            while True:
                for line in self._lines[at:]:
                    found = wanted.search(line)
                    if found is not None:
                        return found
                at = len(self._lines)
                left = until - time.monotonic()
                if self._ended or left <= 0:
                    raise AssertionError(f"no line {pattern!r}; the log:\n{''.join(self._lines[-100:])}")
                self._news.wait(left)

    def close(self) -> None:
        self._reader.join(STOP_SECONDS)
        self._stream.close()

    def _read(self) -> None:
        for line in self._stream:
            with self._news:
                self._lines.append(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


@dataclass(frozen=True)
class Gateway:
    """A running Toolgate. `url` has no path; `local` is the bootstrap key, `keys` the declared ones by name."""

    url: str
    local: str
    keys: Mapping[str, str]
    file: Path
    data: Path
    log: Log
    process: subprocess.Popen[str]

    def endpoint(self, server: str | None = None) -> str:
        """The URL of one server (or virtual server), or of everything."""
        return f"{self.url}/mcp" if server is None else f"{self.url}/servers/{server}/mcp"


class Installation:
    """A data directory, keys and a configuration that outlive one process, so that Toolgate can be started again.

    `declared` is toolgate.yaml without `version` and `keys`; `keys` are names, or a mapping from names to the members
    of each (`teams`, ...).
    """

    def __init__(
        self, directory: Path, declared: Mapping[str, Any], keys: Iterable[str] | Mapping[str, Mapping[str, Any]] = ()
    ) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.file = directory / "toolgate.yaml"
        make_directory(self.data)
        opened = open_data_dir(self.data)
        self.local = opened.local_key
        self._members = dict(keys) if isinstance(keys, Mapping) else {name: {} for name in keys}
        self.keys = {name: key_rules.mint(secrets.token_bytes(key_rules.ENTROPY_BYTES)) for name in self._members}
        self._digests = {
            name: key_rules.digest(opened.key_pepper, key.encode()).hex() for name, key in self.keys.items()
        }
        self.declare(declared)

    def declare(self, declared: Mapping[str, Any]) -> None:
        """Writes the configuration anew, in one step; a running Toolgate takes the edit."""
        keys = {name: {"digest": self._digests[name], **members} for name, members in self._members.items()}
        whole = {"version": 1, **declared, **({"keys": keys} if keys else {})}
        self.servers = tuple(declared.get("servers", {}))
        self.write(yaml.safe_dump(whole, sort_keys=False))

    def write(self, text: str) -> None:
        """Any text as the configuration."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(self.file)

    @contextmanager
    def up(self, *flags: str, environment: Mapping[str, str] | None = None) -> Generator[Gateway]:
        """`toolgate up`, for the time of the `with` block. What the block raises is not hidden by how it ended."""
        command = [sys.executable, "-c", PROGRAM, "up", "--config", str(self.file), "--data-dir", str(self.data)]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TOOLGATE_")}
        process = subprocess.Popen(
            [*command, "--port", "0", *flags],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**inherited, **(environment or {})},
        )
        assert process.stdout is not None
        log = Log(process.stdout)
        try:
            url = log.wait(ENDPOINT)["url"]
            for name in self.servers:
                log.wait(rf"server {re.escape(name)}: \d+ offers?\b")
            yield Gateway(url, self.local, self.keys, self.file, self.data, log, process)
        except BaseException:
            _stop(process, log)
            raise
        code = _stop(process, log)
        assert code == 0, f"toolgate ended with exit code {code}; its log:\n{log.text()}"


@contextmanager
def toolgate(
    directory: Path,
    declared: Mapping[str, Any],
    keys: Iterable[str] | Mapping[str, Mapping[str, Any]] = (),
    flags: Sequence[str] = (),
) -> Generator[Gateway]:
    """An installation in an empty directory, and `toolgate up` in it."""
    with Installation(directory, declared, keys).up(*flags) as gateway:
        yield gateway


def _stop(process: subprocess.Popen[str], log: Log) -> int | None:
    """Asks the process to end and waits for it; one that does not is killed, and told of by its exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_SECONDS)
    log.close()
    return process.returncode
