"""From `package.module:name` or `./file.py:name` to a server of the official SDK."""

import hashlib
import importlib.util
import inspect
import pkgutil
import sys
from pathlib import Path
from typing import Any, cast

from mcp.server.lowlevel import Server


class LoadError(Exception):
    """There is no server at that place; the message says why."""


async def load(place: str, folder: str | None) -> Server[Any]:
    """Runs the module's code, and the factory if the name is one. Raises LoadError, or whatever that code raises."""
    module, colon, name = place.rpartition(":")
    if not colon or not module or not name:
        raise LoadError("it must be given as package.module:name, or ./file.py:name")
    if folder is not None:
        _look_in(Path(folder))
    if module.endswith(".py"):
        found: Any = _load_file(Path(folder or ".") / module)
        for part in name.split("."):
            if not hasattr(found, part):
                raise LoadError(f"there is no {name!r} in {module}")
            found = getattr(found, part)
    else:
        found = pkgutil.resolve_name(place)
    server = _server(found)
    if server is None and callable(found):
        made: Any = found()
        server = _server(await made if inspect.isawaitable(made) else made)
    if server is None:
        raise LoadError(f"{place!r} is neither a server of the MCP SDK or FastMCP nor a function that makes one")
    return server


def _server(found: object) -> Server[Any] | None:
    """The SDK's own server: itself, or what `MCPServer` or `FastMCP` wraps."""
    if isinstance(found, Server):
        return cast("Server[Any]", found)
    for attribute in ("_lowlevel_server", "_mcp_server"):
        inner = getattr(found, attribute, None)
        if isinstance(inner, Server) and not isinstance(found, type):
            return cast("Server[Any]", inner)
    return None


def _look_in(folder: Path) -> None:
    """Last, so that no file there takes the place of a module that the gateway needs."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _load_file(path: Path) -> object:
    path = path.resolve()
    if not path.is_file():
        raise LoadError(f"there is no file {str(path)!r}")
    _look_in(path.parent)
    name = f"toolgate_python_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise LoadError(f"{str(path)!r} cannot be loaded as Python")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pydantic look their own module up there.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
