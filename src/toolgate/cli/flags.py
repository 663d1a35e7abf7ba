"""The flags of `toolgate up` and its kin: one for each process setting, so that none can be forgotten."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from toolgate.settings import NAMES, Settings

HELP = {
    "host": "The address to listen on.",
    "port": "The port; 0 takes a free one.",
    "data_dir": "The data directory.",
    "config": "What to serve; toolgate.yaml if it is there.",
    "watch": "Whether edits of the configuration are taken while running.",
    "state": "Where records are kept: `records` for the database, `none` to run from the file alone.",
    "database": "PostgreSQL by URL, or a reference to it (env:NAME, file:PATH); a file in the data directory.",
    "open": "Ask for no key. On loopback only.",
    "tls_cert": "The certificate chain, in PEM.",
    "tls_key": "Its private key, in PEM.",
    "behind_proxy": "A proxy before us speaks TLS.",
    "public_url": "The address that clients use.",
    "trusted_proxies": "Addresses or networks whose forwarded headers are believed.",
    "allowed_hosts": "Further names by which clients may address us.",
    "allowed_origins": "Web pages that may call us.",
    "registry_namespace": "What names in the registry API begin with, as com.example.",
    "registry_public": "Servers that the registry API shows without a key, by name or glob.",
    "catalog": "Folders of the organisation's own entries in the catalogue.",
    "log_level": "debug, info, warning or error.",
    "log_format": "json or text; text at a terminal.",
    "max_body": "The largest request body.",
    "max_headers": "The most bytes of a request's headers.",
    "max_connections": "The most connections of clients at a time.",
    "idle_timeout": "How long a connection may be kept without a request.",
    "drain_timeout": "How long calls may go on after a stop was asked for.",
}
SHORTER = {"data_dir": ("--data",), "trusted_proxies": ("--trusted-proxy",), "config": ("-c",)}
"""Further spellings of a flag."""

_FIELDS: Mapping[str, Any] = {name: getattr(Settings, "__annotations__")[name] for name in NAMES}  # noqa: B009


def with_flags(names: tuple[str, ...], **more: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes a command of a function of the flags that were given, by setting. `more` are annotations of flags that are
    no settings; each is a parameter of the function."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        def command(**values: Any) -> Any:
            others = {name: values.pop(name) for name in more}
            return function(given(values), **others)

        command.__name__ = function.__name__
        command.__doc__ = function.__doc__
        parameters = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
            for name, annotation in [*((name, _annotation(name)) for name in names), *more.items()]
        ]
        cast("Any", command).__signature__ = inspect.Signature(parameters)
        return command

    return decorate


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that were given. A list may be given as several flags, or as one with commas."""
    return {
        name: ",".join(cast("list[str]", value)) if isinstance(value, list) else value
        for name, value in values.items()
        if value is not None and value != []
    }


def _annotation(name: str) -> Any:
    flag = f"--{name.replace('_', '-')}"
    spellings = (flag, *SHORTER.get(name, ()))
    kind = _FIELDS[name]
    if kind is bool:
        return Annotated[bool | None, typer.Option(f"{flag}/--no-{name.replace('_', '-')}", help=HELP[name])]
    if kind in (tuple[str, ...], tuple[Path, ...]):
        return Annotated[list[str] | None, typer.Option(*spellings, help=HELP[name], metavar=_metavar(name))]
    return Annotated[str | None, typer.Option(*spellings, help=HELP[name], metavar=_metavar(name))]


def _metavar(name: str) -> str:
    files = ("config", "tls_cert", "tls_key")
    return "FILE" if name in files else "DIR" if name in ("data_dir", "catalog") else "TEXT"
