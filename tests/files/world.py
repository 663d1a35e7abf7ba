"""A served directory full of traps, and beside it what must never be reached."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

CANARY = "CANARY-7f3a91"
PIXEL = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + CANARY.encode()


@dataclass(frozen=True)
class World:
    """`root` is served; `outside` holds everything that is not. `mounted` says that there are mounts in the root."""

    root: Path
    outside: Path
    mounted: bool


@contextmanager
def world(directory: Path) -> Generator[World]:
    """Mounts are part of it where this process may make them."""
    outside, root = directory / "outside", directory / "served" / "root"
    _fill_outside(outside)
    evil = root.parent / "root-evil"  # what a comparison of beginnings takes for the root
    evil.mkdir(parents=True)
    (evil / "secret.txt").write_text(CANARY)
    _fill(root)
    _link(root, outside)
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        here = Path.cwd()
        os.chdir(root)  # a socket's path is short
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
        mounted = _mount(stack, root, outside)
        yield World(root, outside, mounted)


def _fill_outside(outside: Path) -> None:
    (outside / "deep" / "deeper").mkdir(parents=True)
    (outside / "empty").mkdir()
    for name in ("secret.txt", "deep/secret.txt", "deep/deeper/secret.txt", "link-target", "hard.txt", "mounted.txt"):
        (outside / name).write_text(f"{CANARY} of {name}\n")
    (outside / "pixel.png").write_bytes(PIXEL)
    (outside / ".gitignore").write_text(f"{CANARY}\n")


def _fill(root: Path) -> None:
    (root / "sub" / "below").mkdir(parents=True)
    (root / "a.txt").write_text("inside a\n")
    (root / "sub" / "b.txt").write_text("inside b\n")
    (root / "sub" / "below" / "c.txt").write_text("inside c\n")
    os.mkfifo(root / "pipe")


def _link(root: Path, outside: Path) -> None:
    """Each way that a link can lead out."""
    targets = {
        "to-file": "../../outside/secret.txt",
        "to-file-abs": outside / "secret.txt",
        "to-image": "../../outside/pixel.png",
        "to-dir": "../../outside",
        "to-dir-abs": outside,
        "to-parent": "..",
        "to-slash": "/",
        "to-proc-root": "/proc/self/root",
        "to-proc-fd": "/proc/self/fd",
        "to-proc-cwd": "/proc/self/cwd",
        "to-evil": "../root-evil",
        "to-nothing": "../../outside/new.txt",
        "to-nothing-abs": outside / "new-abs.txt",
        "to-self": "to-self",
        "to-sub": "sub",
        "chain-1": "chain-2",
        "chain-2": "to-dir",
        "sub/up-up": "../..",
        "sub/to-link": "../to-dir",
        "sub/round": "../sub/../../root-evil",
        ".gitignore": "../../outside/.gitignore",
    }
    for name, target in targets.items():
        (root / name).symlink_to(target)
    os.link(outside / "hard.txt", root / "hard.txt")


def _mount(stack: ExitStack, root: Path, outside: Path) -> bool:
    """Binds what is outside over names in the root, on the same file system and on another; needs to be root."""
    (root / "mounted").mkdir()
    (root / "mounted.txt").touch()
    (root / "memory").mkdir()
    wanted = [
        ["--bind", str(outside), str(root / "mounted")],
        ["--bind", str(outside / "mounted.txt"), str(root / "mounted.txt")],
        ["-t", "tmpfs", "tmpfs", str(root / "memory")],
    ]
    for arguments in wanted:
        try:
            subprocess.run(["mount", *arguments], check=True, capture_output=True, timeout=10)
        except (OSError, subprocess.SubprocessError):
            return False
        stack.callback(subprocess.run, ["umount", "-l", arguments[-1]], check=True, timeout=10)
    (root / "memory" / "secret.txt").write_text(CANARY)
    return True
