"""Servers that the command line itself names, and that are served alone: `--files DIR`, without a toolgate.yaml."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from toolgate import extensions
from toolgate.model.declared import LOCAL_KEY, Declared, GrantSpec, ServerSpec
from toolgate.model.errors import ConfigError

FilesFlag = Annotated[
    list[str] | None,
    typer.Option("--files", metavar="DIR", help="Serve this directory alone, read-only; may be given several times."),
]
WritableFlag = Annotated[bool | None, typer.Option("--writable", help="The directories of --files may be written.")]

FILES = "files"
"""The name, and the URL's last part, of the server that `--files` makes."""


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


def _name(path: Path, place: int, given: Sequence[str]) -> dict[str, str]:
    """A name of its own for a directory that is called as one before it."""
    earlier = [Path(os.path.abspath(Path(text).expanduser())).name for text in given[:place]]
    return {"name": f"{path.name[:36]}-{place + 1}"} if path.name in earlier else {}
