"""Which file system a path is on. SQLite's locks do not hold across machines, so a network file system is refused."""

import re
import subprocess
import sys
from pathlib import Path

NETWORK = frozenset(
    {
        *("nfs", "nfs3", "nfs4", "cifs", "smb2", "smb3", "smbfs", "ncpfs", "afs", "afpfs", "webdav", "davfs", "coda"),
        *("ceph", "glusterfs", "lustre", "gpfs", "beegfs", "ocfs2", "gfs2", "orangefs", "fuse.sshfs", "fuse.glusterfs"),
        *("fuse.s3fs", "fuse.rclone", "fuse.cephfs", "fuse.juicefs", "fuse.gcsfuse", "fuse.davfs2", "fuse.goofys"),
    }
)

_LINUX = Path("/proc/self/mounts")
_MACOS = ("/sbin/mount",)
_MOUNT_S = 5.0


def network_type(path: Path) -> str | None:
    """The type of the network file system that an existing path is on; None when it is local, or cannot be told."""
    resolved = path.resolve()
    if sys.platform == "win32":
        return "a network share" if resolved.drive.startswith("\\\\") else None
    found = on(resolved, _mounts())
    return found if found in NETWORK else None


def on(path: Path, mounts: list[tuple[Path, str]]) -> str | None:
    """The type of the file system that holds `path`: the one mounted deepest, and of those at one place the last."""
    kind: str | None = None
    depth = 0
    for place, type_ in mounts:
        if len(place.parts) >= depth and path.is_relative_to(place):
            kind, depth = type_, len(place.parts)
    return kind


def from_linux(text: str) -> list[tuple[Path, str]]:
    """/proc/self/mounts (proc(5), fstab(5)): blanks in names are written as octal escapes."""
    rows = [line.split(" ") for line in text.splitlines()]
    return [(Path(_unescaped(row[1])), row[2]) for row in rows if len(row) >= 3]


def from_macos(text: str) -> list[tuple[Path, str]]:
    """The output of mount(8): `//user@server/share on /Volumes/share (smbfs, nodev)`."""
    found = re.findall(r"^.* on (/.*) \(([a-z0-9]+)[,)]", text, re.MULTILINE)
    return [(Path(place), type_) for place, type_ in found]


def _mounts() -> list[tuple[Path, str]]:
    try:
        if sys.platform == "darwin":
            done = subprocess.run(_MACOS, check=True, capture_output=True, text=True, timeout=_MOUNT_S)
            return from_macos(done.stdout)
        return from_linux(_LINUX.read_text(encoding="utf-8", errors="surrogateescape"))
    except (OSError, subprocess.SubprocessError):
        return []


def _unescaped(name: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), name)
