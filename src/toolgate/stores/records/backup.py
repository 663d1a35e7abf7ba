"""Backups of an installation that keeps its records in SQLite: one file that holds all of it.

The file is a tar archive: `manifest.json`, `records.db`, and, unless that is not wanted, the secrets of the data
directory. Without those a backup cannot give back keys (their digests are keyed) nor sealed secrets, so they are in it;
whoever keeps them elsewhere says so and restores them from there. The file is for its owner only.

A backup may be made while Toolgate runs. Whoever restores must own the data directory (`stores.ownership`).
"""

import hashlib
import os
import secrets
import shutil
import sqlite3
import tarfile
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from toolgate.model.errors import ConfigError, StoreFailed
from toolgate.stores import directories, key_ring
from toolgate.stores.data_dir import KEY_PEPPER, LOCAL_KEY, SEALING_KEY, make_directory
from toolgate.stores.records.migrations import CHAIN
from toolgate.stores.records.sqlite import FILE

MANIFEST = "manifest.json"
FORMAT = 1
SECRETS = (SEALING_KEY, KEY_PEPPER, key_ring.FILE, LOCAL_KEY)
"""In the order in which they are put back: `local.key` says that the others are there."""

_PAGES_AT_ONCE = 1000
_MOST_MANIFEST = 64 * 1024
_CHUNK = 1024 * 1024


class Manifest(msgspec.Struct, frozen=True):
    """What is in a backup. `files` are names and SHA-256 in hexadecimal; `made_at` is Unix time in seconds; `seq` that
    of the last change in it."""

    format: int
    version: str
    made_at: float
    installation: str
    schema: int
    seq: int
    files: dict[str, str]

    @property
    def holds_secrets(self) -> bool:
        return any(name in self.files for name in SECRETS)


def _unheard(_done: int, _of: int) -> None:
    """Nobody asked for the progress."""


def backup(
    data: Path,
    file: Path,
    *,
    version: str,
    now: float,
    with_secrets: bool = True,
    progress: Callable[[int, int], None] = _unheard,
) -> Manifest:
    """Writes a backup of the data directory to `file`, which must not exist; it is whole when it appears. `progress` is
    told pages done, and of how many. Raises ConfigError, StoreFailed."""
    if not (data / FILE).is_file():
        raise ConfigError((f"{data / FILE}: there is no such database to back up",))
    if file.exists():
        raise ConfigError((f"{file}: is there already: a backup replaces nothing, choose another name",))
    with _failures(file), _scratch(file.parent) as scratch:
        taken = _copy_secrets(data, scratch) if with_secrets else []
        _copy_database(data / FILE, scratch / FILE, progress)
        if any(_digest(path) != _digest(data / path.name) for path in taken):
            raise StoreFailed(f"{data}: its secrets were changed during the backup: make it again")
        installation, schema, seq = examine(scratch / FILE)
        taken.append(scratch / FILE)
        manifest = Manifest(
            format=FORMAT,
            version=version,
            made_at=now,
            installation=installation,
            schema=schema,
            seq=seq,
            files={path.name: _digest(path) for path in taken},
        )
        (scratch / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
        archive = scratch / "archive"
        with archive.open("xb") as raw:
            os.chmod(raw.fileno() if os.chmod in os.supports_fd else archive, 0o600)
            with tarfile.open(fileobj=raw, mode="w") as tar:
                for path in (scratch / MANIFEST, *taken):
                    tar.add(path, arcname=path.name, recursive=False, filter=_for_the_owner)
            raw.flush()
            os.fsync(raw.fileno())
        archive.rename(file)
    return manifest


def restore(file: Path, data: Path, *, replace: bool = False) -> Manifest:
    """Puts a backup into a data directory. What is there already is refused, or with `replace` moved aside into a
    folder beside it. Nothing is touched before the whole backup was checked. Raises ConfigError, StoreFailed."""
    with _failures(file):
        make_directory(data)
        with _scratch(data) as scratch:
            manifest = _unpacked(file, scratch)
            installation, schema, _ = examine(scratch / FILE)
            if (installation, schema) != (manifest.installation, manifest.schema):
                raise ConfigError((f"{file}: its manifest tells of another database: it is damaged",))
            held = [name for name in (FILE, *SECRETS) if name in manifest.files and _held(data, name, manifest)]
            if held and not replace:
                there = f"{data}: holds {', '.join(held)} already"
                raise ConfigError((f"{there}: restore elsewhere, or say --replace to move it aside",))
            if held:
                _set_aside(data, held)
            for name in (*SECRETS, FILE):  # the database last: where it is, all is
                if name in manifest.files:
                    (scratch / name).replace(data / name)
            directories.sync(data)
    return manifest


def examine(database: Path) -> tuple[str, int, int]:
    """Checks a database file thoroughly; its installation, schema and `seq`. Raises StoreFailed."""
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            said = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            row = connection.execute("SELECT installation, schema, seq FROM meta").fetchone()
    except sqlite3.Error as error:
        raise StoreFailed(f"{database.name}: is damaged, or no database of Toolgate ({error})") from None
    if said != "ok" or row is None:
        raise StoreFailed(f"{database.name}: is damaged: {said}")
    if row[1] > len(CHAIN):
        raise StoreFailed(f"{database.name}: was made by a newer Toolgate (schema {row[1]}): use that version")
    return row


def _copy_secrets(data: Path, scratch: Path) -> list[Path]:
    copied: list[Path] = []
    for name in SECRETS:
        if (data / name).is_file():
            (scratch / name).write_bytes((data / name).read_bytes())
            copied.append(scratch / name)
    return copied


def _copy_database(source: Path, target: Path, progress: Callable[[int, int], None]) -> None:
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(target)) as there:
            here.backup(there, pages=_PAGES_AT_ONCE, progress=lambda _, left, of: progress(of - left, of))
            there.execute("PRAGMA journal_mode = delete")  # else the copy would need its log beside it
    except sqlite3.Error as error:
        raise StoreFailed(f"{source}: cannot be copied: {error}") from None


def _unpacked(file: Path, scratch: Path) -> Manifest:
    """The members that the manifest names, each checked, and nothing else."""
    with tarfile.open(file, mode="r:") as tar:
        first = tar.next()
        content = None if first is None or first.size > _MOST_MANIFEST else tar.extractfile(first)
        if first is None or content is None or first.name != MANIFEST:
            raise ConfigError((f"{file}: is no backup of Toolgate",))
        manifest = msgspec.json.decode(content.read(), type=Manifest)
        if manifest.format != FORMAT:
            raise ConfigError((f"{file}: is a backup of another format ({manifest.format}): use a newer Toolgate",))
        unknown = set(manifest.files) - {FILE, *SECRETS}
        if unknown or FILE not in manifest.files:
            raise ConfigError((f"{file}: is no backup of Toolgate: it names {sorted(unknown) or 'no database'}",))
        for name, digest in manifest.files.items():
            member = tar.extractfile(name)
            if member is None:
                raise ConfigError((f"{file}: {name} in it is no file: it is damaged",))
            handle = os.open(scratch / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            with os.fdopen(handle, "wb") as opened:
                shutil.copyfileobj(member, opened, _CHUNK)
                opened.flush()
                os.fsync(opened.fileno())
            if _digest(scratch / name) != digest:
                raise ConfigError((f"{file}: {name} in it is not what the manifest says: it is damaged",))
    return manifest


def _held(data: Path, name: str, manifest: Manifest) -> bool:
    """Whether something else than what the backup holds is in the place of this file."""
    if name == FILE:
        return any(path.exists() for path in _database_files(data))
    return (data / name).exists() and _digest(data / name) != manifest.files[name]


def _database_files(data: Path) -> tuple[Path, ...]:
    """The database and its log: a log that stays alone would be replayed into the next database of this name."""
    return data / FILE, data / f"{FILE}-wal", data / f"{FILE}-shm"


def _set_aside(data: Path, names: list[str]) -> None:
    folder = data / f"before-restore-{secrets.token_hex(4)}"
    folder.mkdir(mode=0o700)
    for name in names:
        for path in _database_files(data) if name == FILE else (data / name,):
            if path.exists():
                path.rename(folder / path.name)


@contextmanager
def _scratch(parent: Path) -> Generator[Path]:
    """A folder of our own on the same file system, so that what was made in it can be moved out at once."""
    scratch = parent / f".toolgate-{secrets.token_hex(6)}"
    scratch.mkdir(mode=0o700)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _failures(file: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        # What we made beside the file has a name that says nothing to anybody.
        told = file if error.filename is None or Path(error.filename).parent == file.parent else error.filename
        raise ConfigError((f"{told}: {error.strerror or type(error).__name__}",)) from None
    except (tarfile.TarError, KeyError, msgspec.MsgspecError):
        raise ConfigError((f"{file}: is no backup of Toolgate, or damaged",)) from None


def _for_the_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mode, member.uid, member.gid, member.uname, member.gname = 0o600, 0, 0, "", ""
    return member


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
