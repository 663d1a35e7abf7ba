"""From a file or a package to the tools in it."""

import importlib
import inspect
import os
import pkgutil
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from toolgate.functions import definitions
from toolgate.functions.definitions import Findings, Tool
from toolgate.functions.keeping import Keeper

_LEFT_OUT = re.compile(r".*\.(__main__|conftest|tests?|test_[^.]*|[^.]*_test)")
"""Modules of a package that are not imported: what runs it, and what tests it."""

_LONGEST_ABOUT = 4_000


class LoadError(Exception):
    """There are no tools to serve; the message says why, and where."""


def load(path: Path, keeper: Keeper) -> tuple[dict[str, Tool], str]:
    """Runs the code: its tools by name, and what it says of itself, its first docstring. Raises LoadError."""
    if not keeper.is_kept and not path.exists():
        raise LoadError(f"there is no file {str(path)!r}")
    sys.path.insert(0, str(path.parent))
    keeper.install()
    modules = _modules(path, keeper)
    found: dict[str, Tool] = {}
    seen: set[int] = set()
    lines: list[str] = []
    for module in modules:
        for value in tuple(vars(module).values()):
            if not definitions.is_marked(value) or id(value) in seen:
                continue
            seen.add(id(value))
            _add(found, value, lines)
    if lines:
        raise LoadError("; ".join(lines))
    if not found:
        raise LoadError(f"{path.name} has no tools: put `@tool` (from toolgate.functions) before a function")
    return found, inspect.cleandoc(modules[0].__doc__ or "")[:_LONGEST_ABOUT]


def files(path: Path) -> tuple[str, ...]:
    """The names of this file and of those beside it that it has loaded: who changes one changes the tools. None for a
    package, of which every file counts."""
    if path.suffix != ".py":
        return ()
    known = [getattr(module, "__file__", None) for module in tuple(sys.modules.values())]
    beside = [file for file in known if isinstance(file, str) and os.path.dirname(file) == str(path.parent)]
    return tuple(sorted({path.name, *map(os.path.basename, beside)}))


def _add(found: dict[str, Tool], value: Any, lines: list[str]) -> None:
    try:
        tool = definitions.tool(value)
    except Findings as error:
        lines.extend(error.lines)
        return
    if tool.name in found:
        other = found[tool.name].function
        lines.append(
            f"{value.__module__}.{value.__qualname__} and {other.__module__}.{other.__qualname__} are both called "
            f"{tool.name!r}: give one of them another `name`"
        )
    found[tool.name] = tool


def _modules(path: Path, keeper: Keeper) -> list[ModuleType]:
    if path.suffix == ".py" if keeper.is_kept else path.is_file():
        if path.suffix != ".py":
            raise LoadError(f"{path.name} is no Python file")
        return [_imported(path.stem, path)]
    if not keeper.is_kept and not (path / "__init__.py").is_file():
        raise LoadError(f"{path.name} is no package: it has no __init__.py")
    package = _imported(path.name, path / "__init__.py")
    return [package, *_inside(package, path, keeper)]


def _inside(package: ModuleType, path: Path, keeper: Keeper) -> Iterator[ModuleType]:
    """All modules below, in the order of their names. What is left out is not looked into either."""
    there = ((one.name, one.ispkg) for one in pkgutil.iter_modules(package.__path__))
    for last, is_package in keeper.below(package) if keeper.is_kept else there:
        name = f"{package.__name__}.{last}"
        if not _LEFT_OUT.fullmatch(name):
            module = _imported(name, path)
            yield module
            if is_package:
                yield from _inside(module, path, keeper)


def _imported(name: str, path: Path) -> ModuleType:
    if name in sys.modules or name in sys.stdlib_module_names:
        known = sys.modules.get(name)
        if known is None or not str(getattr(known, "__file__", "")).startswith(str(path.parent)):
            raise LoadError(f"{path.name} is called as the module {name!r} that is there already: rename it")
    try:
        return importlib.import_module(name)
    except BaseException as error:  # noqa: BLE001 - their code may raise anything, SystemExit included
        raise LoadError(_place(name, path, error)) from None


def _place(name: str, path: Path, error: BaseException) -> str:
    """What went wrong, with the innermost line of theirs."""
    kind = type(error).__name__
    if isinstance(error, SyntaxError):
        return f"{kind} in {Path(error.filename or name).name}, line {error.lineno}: {error.msg}"
    around = str(path.parent)
    lines = [step for step in traceback.extract_tb(error.__traceback__) if step.filename.startswith(around)]
    where = f" in {Path(lines[-1].filename).name}, line {lines[-1].lineno}" if lines else f" while importing {name}"
    return f"{kind}{where}: {str(error)[:500]}"
