"""The code as it was when it was loaded. A worker says what it read, and one that is started later can be given that
instead of the files: so what was edited since, and does not load, is in nobody's way.

Of modules beside the code and in its package; what else is installed, and data files, are read from where they are.
"""

import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

MOST_BYTES = 4 * 1024 * 1024
"""Of all files together. Of more nothing is kept."""


class Keeper:
    """Finds modules in a folder. `kept` are files by their path in it; without any, they are on disk. `seen` are those
    that were loaded."""

    def __init__(self, folder: str, kept: Mapping[str, bytes]) -> None:
        self._folder = folder
        self._kept = kept
        self._seen: dict[str, bytes] = {}

    def install(self) -> None:
        """Before whatever looks through `sys.path`."""
        known: list[Any] = sys.meta_path
        known.insert(known.index(PathFinder) if PathFinder in known else len(known), self)

    @property
    def seen(self) -> dict[str, bytes]:
        return self._seen if sum(map(len, self._seen.values())) <= MOST_BYTES else {}

    @property
    def is_kept(self) -> bool:
        return bool(self._kept)

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> Any:
        """See `importlib.abc.MetaPathFinder`."""
        above, _, last = name.rpartition(".")
        if above and not isinstance(getattr(sys.modules.get(above), "__loader__", None), _Loader):
            return None
        for place in (self._folder,) if path is None else path:
            for file in (os.path.join(place, last, "__init__.py"), os.path.join(place, f"{last}.py")):
                if self._is_there(file):
                    return self._spec(name, file)
        return None

    def below(self, package: ModuleType) -> Iterator[tuple[str, bool]]:
        """Of what is kept: the modules in a package by their names, and whether each is a package."""
        start = self._name(os.path.dirname(str(package.__file__))) + "/"
        found: dict[str, bool] = {}
        for file in self._kept:
            first, *rest = file.removeprefix(start).split("/")
            if file.startswith(start) and rest == ["__init__.py"]:
                found[first] = True
            elif file.startswith(start) and not rest and first != "__init__.py":
                found.setdefault(first.removesuffix(".py"), False)
        yield from sorted(found.items())

    def read(self, file: str) -> bytes:
        name = self._name(file)
        if self._kept:
            data = self._kept[name]
        else:
            with open(file, "rb") as opened:
                data = opened.read()
        self._seen[name] = data
        return data

    def _is_there(self, file: str) -> bool:
        return self._name(file) in self._kept if self._kept else os.path.isfile(file)

    def _name(self, file: str) -> str:
        return os.path.relpath(file, self._folder).replace(os.sep, "/")

    def _spec(self, name: str, file: str) -> ModuleSpec | None:
        inside = [os.path.dirname(file)] if os.path.basename(file) == "__init__.py" else None
        return importlib.util.spec_from_file_location(
            name, file, loader=_Loader(name, file, self), submodule_search_locations=inside
        )


class _Loader(SourceFileLoader):
    """Compiles what the keeper has read, and keeps nothing compiled: its age counts in seconds."""

    def __init__(self, name: str, file: str, keeper: Keeper) -> None:
        super().__init__(name, file)
        self._keeper = keeper

    def get_code(self, fullname: str) -> CodeType | None:
        return self.source_to_code(self._keeper.read(self.path), self.path)


def differs(folder: str, kept: Mapping[str, bytes]) -> bool:
    """Whether a file is another one now than it was, or gone."""
    for name, data in kept.items():
        try:
            with open(os.path.join(folder, name), "rb") as opened:
                if opened.read(len(data) + 1) != data:
                    return True
        except OSError:
            return True
    return False
