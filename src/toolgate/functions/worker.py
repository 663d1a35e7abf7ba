"""The program of a worker process. Started by its path, by whichever interpreter: all that this one must have is
msgspec, and what the functions themselves need. Toolgate need not be installed there; its package is found beside this
file."""

import importlib
import importlib.util
import os
import sys


def main() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    # A script's own directory comes first in the path: the names in it are not for others.
    sys.path[:] = [place for place in sys.path if os.path.abspath(place) != here]
    if sys.version_info < (3, 11):  # noqa: UP036 - it is started by whichever interpreter
        sys.exit(f"{sys.executable} is too old: functions need Python 3.11 or newer")
    if importlib.util.find_spec("msgspec") is None:
        sys.exit(f"{sys.executable} has no msgspec, which functions need: {sys.executable} -m pip install msgspec")
    package = os.path.dirname(here)
    spec = importlib.util.spec_from_file_location(
        "toolgate", os.path.join(package, "__init__.py"), submodule_search_locations=[package]
    )
    assert spec is not None
    assert spec.loader is not None
    sys.modules["toolgate"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    importlib.import_module("toolgate.functions.serving").serve()


if __name__ == "__main__":
    main()
