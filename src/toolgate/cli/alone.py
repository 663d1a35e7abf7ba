"""Servers that the command line itself names, and that are served alone: `--files DIR`, `--db URL` and
`--functions FILE`, without a toolgate.yaml."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, unquote, urlsplit

import typer

from toolgate import extensions
from toolgate.credentials.references import References
from toolgate.model.declared import LOCAL_KEY, Declared, GrantSpec, ServerSpec
from toolgate.model.errors import ConfigError
from toolgate.rules import plaintext, references

FilesFlag = Annotated[
    list[str] | None,
    typer.Option("--files", metavar="DIR", help="Serve this directory alone, read-only; may be given several times."),
]
WritableFlag = Annotated[bool | None, typer.Option("--writable", help="The directories of --files may be written.")]
DbFlag = Annotated[
    str | None,
    typer.Option("--db", metavar="URL", help="Serve this database alone: a file, a URL without password, env:NAME."),
]
FunctionsFlag = Annotated[
    str | None,
    typer.Option("--functions", metavar="FILE", help="Serve the @tool functions of this file or package alone."),
]

FILES = "files"
"""The name, and the URL's last part, of the server that `--files` makes."""

DB = "db"
"""The same of the server that `--db` makes."""

FUNCTIONS = "functions"
"""The same of the server that `--functions` makes."""


def declared(servers: Sequence[ServerSpec], *, config: bool) -> Declared | None:
    """These servers, and all that they offer for the bootstrap key; None where there are none. `config` says that a
    file was named, too. Raises ConfigError."""
    if not servers:
        return None
    if config:
        flags = " and ".join(f"--{server.name}" for server in servers)
        raise ConfigError(
            (f"{flags}: served alone, so it cannot be given with --config: name it in that file instead",)
        )
    names = tuple(server.name for server in servers)
    everything = GrantSpec(f"key:{LOCAL_KEY}", "allow", names, tools=("*",), prompts=("*",), resources=("*",))
    return Declared(servers=tuple(servers), grants=(everything,))


def directories(given: Sequence[str], *, writable: bool) -> list[ServerSpec]:
    """The server for the directories that were given; none where none was. Raises ConfigError."""
    if not given:
        if writable:
            raise ConfigError(("--writable: says of the directories of --files that they may be written: give one",))
        return []
    roots: list[dict[str, object]] = []
    for text in given:
        path = Path(os.path.abspath(Path(text).expanduser()))
        if not path.is_dir():
            raise ConfigError((f"--files {text}: there is no such directory",))
        roots.append({"path": str(path), "writable": writable, **_name(path, len(roots), given)})
    settings = {"roots": roots, "show_paths": True}
    flaws = extensions.kinds().validate("filesystem", settings)
    if flaws:
        raise ConfigError(tuple(f"--files: {reason}" for _, reason in flaws))
    return [ServerSpec(name=FILES, kind="filesystem", settings=settings)]


def databases(given: str | None) -> list[ServerSpec]:
    """The server for the database that was given; none where none was. Raises ConfigError."""
    if not given:
        return []
    settings = _database(given)
    flaws = extensions.kinds().validate("sql", settings)
    if flaws:
        raise ConfigError(tuple(f"--db: {reason}" for _, reason in flaws))
    return [ServerSpec(name=DB, kind="sql", settings=settings)]


def functions(given: str | None) -> list[ServerSpec]:
    """The server for the file or package that was given; none where none was. Raises ConfigError."""
    if not given:
        return []
    path = Path(os.path.abspath(Path(given).expanduser()))
    if not (path.is_dir() or (path.is_file() and path.suffix == ".py")):
        raise ConfigError((f"--functions {given}: there is no such Python file, and no such package",))
    return [ServerSpec(name=FUNCTIONS, kind="functions", settings={"path": str(path)})]


def _database(given: str) -> dict[str, object]:
    reference = references.find(given)
    if reference is not None:
        References(os.environ, Path.cwd()).resolve(given)
        if reference.source == "file":
            return {"database": f"file:{os.path.abspath(Path(reference.name).expanduser())}"}
        return {"database": given}
    try:
        parts = urlsplit(given)
        _ = parts.port if parts.netloc else None
    except ValueError:
        raise ConfigError(("--db: this is not a URL",)) from None
    if "://" in given and parts.scheme != "sqlite":
        if parts.password or any(plaintext.is_secret_name(name) for name, _ in parse_qsl(parts.query)):
            raise ConfigError(
                (
                    "--db: holds a password, and everybody on this machine can read a program's arguments: put the URL "
                    "into a variable or a file, and give --db env:NAME or --db file:PATH",
                )
            )
        return {"database": given}
    path = Path(os.path.abspath(Path(unquote(parts.path[1:]) if "://" in given else given).expanduser()))
    if not path.is_file():
        raise ConfigError((f"--db: there is no file {path.name} in {path.parent}",))
    return {"path": str(path)}


def _name(path: Path, place: int, given: Sequence[str]) -> dict[str, str]:
    """A name of its own for a directory that is called as one before it."""
    earlier = [Path(os.path.abspath(Path(text).expanduser())).name for text in given[:place]]
    return {"name": f"{path.name[:36]}-{place + 1}"} if path.name in earlier else {}
