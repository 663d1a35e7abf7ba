"""The settings of the kind `filesystem`. Defaults are the safe ones: nothing may be written, no link is followed."""

import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from toolgate.upstreams.filesystem.globs import GlobError, ignoring

DENIED = (
    ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".netrc", ".pgpass", ".git-credentials", ".npmrc",
    ".pypirc", ".env", ".env.*", "!.env.example", "!.env.sample", "!.env.template",
    "*.pem", "*.key", "*.p12", "*.pfx", "*.kdbx", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519",
)  # fmt: skip
"""What often holds secrets: neither listed, read, nor written."""

PROTECTED = (
    ".git", ".hg", ".svn", ".mcp.json", ".vscode", ".cursor", ".claude", ".codex", ".gemini", ".idea", ".envrc",
    "toolgate.yaml", "toolgate.settings.yaml",
)  # fmt: skip
"""What makes programs run other programs: read, but not written, whatever the root says."""

OWN = (".toolgate-*.tmp", ".toolgate-trash")
"""What this server itself puts beside the files; always denied."""

_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_NOT_IN_ALIAS = re.compile(r"[^A-Za-z0-9._-]+")
_MIB = 1024 * 1024

Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Bytes = Annotated[int, msgspec.Meta(ge=1024, le=1024 * _MIB)]


class RootSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One directory that is served. `name` is what its paths begin with where there are several; the directory's own
    name unless given."""

    path: Path
    name: str | None = None
    writable: bool = False

    def __post_init__(self) -> None:
        if not self.path.is_absolute():
            raise ValueError("expected an absolute path, or one relative to the file that it stands in")
        if self.path.parent == self.path:
            raise ValueError("the whole file system is not served: name a directory in it")
        if self.name is not None and not _ALIAS.fullmatch(self.name):
            raise ValueError("a name of a root is 1 to 40 of A-Z, a-z, 0-9, '.', '_' and '-'")

    @property
    def alias(self) -> str:
        return self.name or _NOT_IN_ALIAS.sub("-", self.path.name).strip("-._")[:40] or "root"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sizes are in bytes, times in seconds. Patterns are written as in a `.gitignore`.

    `hard_links` says what is done with files that have several names: `read` refuses to write them, `refuse` to read
    them, too. `symlinks: inside` reads through links that stay within their root. `mounts` enters other file systems.
    `types`, if given, are the only endings of file names that are read and written. `confinement` names the way by
    which paths are confined; `auto` takes the best that the system has. `document_memory` and `document_seconds` are
    what the process that reads one document may take.
    """

    roots: Annotated[tuple[RootSettings, ...], msgspec.Meta(min_length=1, max_length=32)]
    denied: tuple[str, ...] = DENIED
    protected: tuple[str, ...] = PROTECTED
    hard_links: Literal["read", "refuse"] = "read"
    symlinks: Literal["refuse", "inside"] = "refuse"
    mounts: bool = False
    types: tuple[str, ...] | None = None
    delete: Literal["no", "trash", "yes"] = "no"
    show_paths: bool = False
    confinement: Literal["auto", "openat2", "walk"] = "auto"
    max_read: Bytes = _MIB
    max_media: Bytes = 4 * _MIB
    max_write: Bytes = 4 * _MIB
    max_search: Bytes = 8 * _MIB
    max_document: Bytes = 64 * _MIB
    document_memory: Annotated[int, msgspec.Meta(ge=128 * _MIB, le=16 * 1024 * _MIB)] = 512 * _MIB
    document_seconds: Annotated[int, msgspec.Meta(ge=1, le=600)] = 20
    max_files: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    max_entries: Count = 2_000
    max_depth: Annotated[int, msgspec.Meta(ge=1, le=64)] = 16
    max_results: Count = 500
    max_resources: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 100
    search_time: Annotated[float, msgspec.Meta(gt=0, le=600)] = 20.0
    poll: Annotated[float, msgspec.Meta(ge=0.1, le=3600)] = 2.0

    def __post_init__(self) -> None:
        aliases = [root.alias for root in self.roots]
        twice = sorted({alias for alias in aliases if aliases.count(alias) > 1})
        if twice:
            raise ValueError(f"two roots are named {twice[0]!r}: give one of them another `name`")
        for wrong in (kind for kind in self.types or () if not kind.startswith(".") or "/" in kind):
            raise ValueError(f"{wrong!r} is no ending of file names, as '.md'")
        try:
            ignoring([*self.denied, *self.protected])
        except GlobError as error:
            raise ValueError(str(error)) from None
