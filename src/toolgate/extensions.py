"""Finds extensions by file name and entry point, and loads them by name when they are first used. One of the two places
where modules are imported by name."""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import msgspec

import toolgate.upstreams
from toolgate.control.kinds import Kinds, kinds_of
from toolgate.model.errors import ConfigError
from toolgate.ports import Shelf

GROUP = "toolgate.upstreams"
"""The entry point group in which other packages add kinds: `kind = package.module`."""


@cache
def upstream_modules() -> dict[str, str]:
    """Module by kind. A kind of ours is never replaced by another package's."""
    added = {point.name: point.value for point in entry_points(group=GROUP)}
    own = {found.name: f"{GROUP}.{found.name}" for found in pkgutil.iter_modules(toolgate.upstreams.__path__)}
    return {**added, **own}


def upstream_kind(kind: str) -> Any:
    """The module of one kind (ports.UpstreamKind). Raises ConfigError for an unknown one."""
    module = upstream_modules().get(kind)
    if module is None:
        raise ConfigError((f"kind {kind!r} is not known; known are {', '.join(sorted(upstream_modules()))}",))
    return importlib.import_module(module)


def record_store() -> Any:
    """The module of the record store. It brings the database libraries, which are most of a start: a gateway that runs
    from its file alone does not load them."""
    return importlib.import_module("toolgate.stores.records")


def shelf(folders: Sequence[Path]) -> Shelf:
    """The catalogue's entries: those that come with Toolgate, and those in folders of the organisation. It brings the
    connectors' engine, so it is loaded when somebody first looks."""
    return importlib.import_module("toolgate.upstreams.connector.shelf").Shelf(folders)


def kinds() -> Kinds:
    """What the reader of `toolgate.yaml` must know of all kinds; each is loaded when a file first uses it."""
    modules = upstream_modules()
    foreign = frozenset(kind for kind, module in modules.items() if not module.startswith(f"{GROUP}."))
    return kinds_of({kind: _settings_of(kind) for kind in sorted(modules)}, foreign)


def _settings_of(kind: str) -> Callable[[], type[msgspec.Struct]]:
    def load() -> type[msgspec.Struct]:
        return upstream_kind(kind).Settings

    return load
