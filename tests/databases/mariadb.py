"""A real MariaDB: the programs of Debian's package `mariadb-server`, started and stopped by us, in their own folder.

Run as root it gives the server to the user `nobody`. It listens on a socket in its folder and on loopback; `root` has
no password, and is let in over the socket only.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiomysql

from tests.databases.readiness import await_line, end
from tests.free_port import free_port

START_S = 60
STOP_S = 30
READY = "ready for connections"


def programs() -> tuple[str, str] | None:
    """The server and the program that makes its first tables; None where they are not installed."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    server, install = shutil.which("mariadbd", path=path), shutil.which("mariadb-install-db", path=path)
    return None if server is None or install is None else (server, install)


class MariaDB:
    """One server."""

    def __init__(self, server: str, install: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tgmy-"))  # short: a socket's path may have 107 bytes
        self.socket = self.folder / "s"
        self.port = free_port()
        self._server = server
        self._install = install
        self._data = self.folder / "data"
        self._identity: dict[str, Any] = {}
        self._process: subprocess.Popen[str] | None = None
        if os.geteuid() == 0:
            shutil.chown(self.folder, "nobody")
            group = "nogroup" if Path("/etc/debian_version").exists() else "nobody"
            self._identity = {"user": "nobody", "group": group, "extra_groups": ()}

    def make(self) -> None:
        """The first tables, then start. Raises AssertionError with what it said."""
        done = subprocess.run(
            [
                self._install, "--no-defaults", f"--datadir={self._data}", "--auth-root-authentication-method=normal",
                "--skip-test-db", "--skip-name-resolve",
            ],
            check=False, capture_output=True, text=True, timeout=START_S, cwd=self.folder, **self._identity,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        self.start()

    def start(self) -> None:
        """Returns when it takes connections. Raises AssertionError with its log when it does not."""
        process = subprocess.Popen(
            [
                self._server, "--no-defaults", f"--datadir={self._data}", f"--socket={self.socket}",
                f"--port={self.port}", "--bind-address=127.0.0.1", "--skip-name-resolve",
                "--innodb-buffer-pool-size=16M",
                "--innodb-flush-log-at-trx-commit=0", "--key-buffer-size=1M", "--secure-file-priv=",
                f"--pid-file={self.folder / 'pid'}", "--max-connections=40", "--performance-schema=OFF",
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
            cwd=self.folder, **self._identity,
        )  # fmt: skip
        self._process = process
        await_line(process, READY, START_S, "MariaDB")

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            end(process, signal.SIGTERM, STOP_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str, user: str, password: str) -> str:
        return f"mysql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    async def run(self, *statements: str, database: str | None = None) -> list[Sequence[Any]]:
        """Runs statements as root; the rows of the last one."""
        connection = await aiomysql.connect(
            unix_socket=str(self.socket), user="root", db=database, autocommit=True, charset="utf8mb4"
        )
        try:
            rows: list[Sequence[Any]] = []
            async with connection.cursor() as cursor:
                for statement in statements:
                    await cursor.execute(statement)
                    rows = list(await cursor.fetchall()) if cursor.description else []
            return rows
        finally:
            connection.close()
