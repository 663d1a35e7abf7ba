"""Servers to import from a registry, or from a `server.json`: found and read, nothing more."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from toolgate.cli.event_loop import run
from toolgate.client.registry import MOST, Registry
from toolgate.control.importing.from_registry import found_in
from toolgate.control.importing.plan import Source
from toolgate.control.importing.server_json import Listed, NoServerJson, is_server_json, read
from toolgate.model.errors import ConfigError, NotFound
from toolgate.stores import replacing

_LONGEST_KEY = 8192


def from_registry(url: str, names: Sequence[str], search: str, key_file: Path | None) -> Source:
    """The servers that are named (`com.example/desk`, `desk`, `com.example/desk@1.0.2`), those that a word finds, or
    all of them. Raises ConfigError, UpstreamFailed, Unauthenticated, NotFound."""
    key = "" if key_file is None else _key(key_file)
    origin, found = run(_wanted(url, key, names, search))
    return Source("Registry", origin, "braced", [found_in(one) for one in found], stranger=True)


def from_file(path: Path, text: str) -> Source | None:
    """A `server.json`; None where the text is none. Raises ConfigError for one that cannot be read."""
    try:
        value = msgspec.json.decode(text.encode())
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return None
    if not is_server_json(value):
        return None
    try:
        return Source("server.json", str(path), "braced", [found_in(read(value))], stranger=True)
    except NoServerJson as error:
        raise ConfigError((f"{path}: {error}",)) from None


async def _wanted(url: str, key: str, names: Sequence[str], search: str) -> tuple[str, list[Listed]]:
    async with Registry(url, key) as registry:
        if names:
            return registry.origin, [await _named(registry, name) for name in dict.fromkeys(names)]
        found: list[Listed] = []
        async for one in registry.each(search):
            found.append(one)
            if len(found) > MOST:
                raise ConfigError((f"{registry.origin} lists more than {MOST}: say which, or --search WORD",))
        return registry.origin, found


async def _named(registry: Registry, name: str) -> Listed:
    """By its whole name, or by the part after the slash where only one has it."""
    whole, _, version = name.partition("@")
    if "/" in whole:
        return await registry.get(whole, version or "latest")
    found = [one async for one in registry.each(whole) if one.server.own.lower() == whole.lower()]
    if not found:
        raise NotFound(f"{registry.origin}: there is no server named {whole[:100]!r}")
    if len(found) > 1:
        told = ", ".join(one.server.name for one in found[:10])
        raise ConfigError((f"{whole}: several have this name: give one of {told}",))
    return found[0] if not version else await registry.get(found[0].server.name, version)


def _key(path: Path) -> str:
    raw = replacing.read(path)
    if raw is None:
        raise ConfigError((f"{path}: there is no such file",))
    try:
        key = raw[:_LONGEST_KEY].decode("ascii").strip()
    except UnicodeDecodeError:
        key = ""
    if not key or not key.isprintable() or " " in key:
        raise ConfigError((f"{path}: expected a key, and nothing else",))
    return key
